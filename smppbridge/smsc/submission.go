package smsc

import (
	"encoding/hex"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// submission is a message that an ESME submitted, or a part of one. It aliases
// the PDU.
type submission struct {
	systemID     string
	source, dest pdu.Address
	fields       fields
	part         coding.Part
	// eventID is set if it is not the message_id, since several events have that.
	eventID string
}

// fields are what an event says of a message besides its text and addresses. They
// are there for those who pass messages on to a real SMSC.
type fields struct {
	ServiceType          string                 `json:"service_type,omitempty"`
	ESMClass             pdu.ESMClass           `json:"esm_class,omitempty"`
	ProtocolID           uint8                  `json:"protocol_id,omitempty"`
	Priority             uint8                  `json:"priority,omitempty"`
	ScheduleDeliveryTime *time.Time             `json:"schedule_delivery_time,omitempty"`
	ValidityPeriod       *time.Time             `json:"validity_period,omitempty"`
	RegisteredDelivery   pdu.RegisteredDelivery `json:"registered_delivery"`
	ReplaceIfPresent     bool                   `json:"replace_if_present,omitempty"`
	SourcePort           *uint16                `json:"source_port,omitempty"`
	DestinationPort      *uint16                `json:"destination_port,omitempty"`
	UserMessageReference *uint16                `json:"user_message_reference,omitempty"`
	TLVs                 []tlv                  `json:"tlvs,omitempty"`
}

// tlv is an optional parameter that has no field of its own.
type tlv struct {
	Tag string `json:"tag"`
	Hex string `json:"hex"`
}

// maxEventTLVs bounds what an event says of them. A PDU can have thousands.
const maxEventTLVs = 64

// newSubmission reads what submit_sm and data_sm have in common. A status other
// than ESME_ROK says what is wrong.
func newSubmission(systemID string, p pdu.PDU, now time.Time) (*submission, pdu.CommandStatus) {
	s := &submission{systemID: systemID}
	var tlvs pdu.TLVs
	var octets []byte
	var validity, schedule string
	switch p := p.(type) {
	case *pdu.SubmitSM:
		s.source, s.dest, tlvs, octets = p.SourceAddr, p.DestAddr, p.TLVs, p.Message()
		s.part.DataCoding = byte(p.DataCoding)
		validity, schedule = p.ValidityPeriod, p.ScheduleDeliveryTime
		s.fields = fields{
			ServiceType: p.ServiceType, ESMClass: p.ESMClass, ProtocolID: p.ProtocolID, Priority: p.PriorityFlag,
			RegisteredDelivery: p.RegisteredDelivery, ReplaceIfPresent: p.ReplaceIfPresent == 1,
		}
		if p.SMDefaultMsgID != 0 {
			return nil, pdu.StatusInvDftMsgID // There are no texts of ours.
		}
	case *pdu.DataSM:
		s.source, s.dest, tlvs, octets = p.SourceAddr, p.DestAddr, p.TLVs, p.Message()
		s.part.DataCoding = byte(p.DataCoding)
		s.fields = fields{ServiceType: p.ServiceType, ESMClass: p.ESMClass, RegisteredDelivery: p.RegisteredDelivery}
	default:
		return nil, pdu.StatusInvCmdID
	}
	if status := s.checkAddresses(); status != pdu.StatusOK {
		return nil, status
	}
	if !s.setTime(&s.fields.ScheduleDeliveryTime, schedule, now) {
		return nil, pdu.StatusInvSched
	}
	if !s.setTime(&s.fields.ValidityPeriod, validity, now) {
		return nil, pdu.StatusInvExpiry
	}
	if !s.setPart(octets, tlvs) {
		return nil, pdu.StatusInvESMClass
	}
	s.setTLVs(tlvs)
	return s, pdu.StatusOK
}

// checkAddresses also keeps addresses from being anything but text.
func (s *submission) checkAddresses() pdu.CommandStatus {
	switch {
	case !printable(s.source.Addr):
		return pdu.StatusInvSrcAdr
	case s.dest.Addr == "" || !printable(s.dest.Addr):
		return pdu.StatusInvDstAdr
	case !printable(s.fields.ServiceType):
		return pdu.StatusInvSerTyp
	default:
		return pdu.StatusOK
	}
}

// setTime sets a time unless the field is empty, and tells whether it has one at
// all.
func (*submission) setTime(into **time.Time, field string, now time.Time) bool {
	if field == "" {
		return true
	}
	t, err := pdu.ParseTime(field, now)
	if err != nil || t.Year() > 9999 {
		return false
	}
	t = t.UTC().Truncate(time.Second)
	*into = &t
	return true
}

// setPart takes the user data header off. It returns false for one that is
// malformed: what the rest of the message means is unknown then.
func (s *submission) setPart(octets []byte, tlvs pdu.TLVs) bool {
	s.part.Data = octets
	if s.fields.ESMClass.UDHI() {
		var err error
		if s.part.Header, s.part.Data, err = coding.ParseHeader(octets); err != nil {
			return false
		}
	}
	if sar, ok := tlvs.SAR(); ok && s.part.Header.Concat.Total == 0 {
		s.part.Header.Concat = coding.NewConcat(coding.SAR, sar.Ref, sar.Total, sar.Seq)
	}
	if h := &s.part.Header; h.HasPorts {
		s.fields.SourcePort, s.fields.DestinationPort = &h.SourcePort, &h.DestinationPort
		return true
	}
	if port, ok := tlvs.Uint16(pdu.TagSourcePort); ok {
		s.fields.SourcePort = &port
	}
	if port, ok := tlvs.Uint16(pdu.TagDestinationPort); ok {
		s.fields.DestinationPort = &port
	}
	return true
}

// setTLVs keeps those that have not been understood here.
func (s *submission) setTLVs(tlvs pdu.TLVs) {
	if reference, ok := tlvs.Uint16(pdu.TagUserMessageReference); ok {
		s.fields.UserMessageReference = &reference
	}
	for tag, value := range tlvs.All() {
		switch tag {
		case pdu.TagMessagePayload, pdu.TagSARMsgRefNum, pdu.TagSARTotalSegments, pdu.TagSARSegmentSeqnum,
			pdu.TagSourcePort, pdu.TagDestinationPort, pdu.TagUserMessageReference:
			continue
		default:
		}
		if len(s.fields.TLVs) == maxEventTLVs {
			return
		}
		s.fields.TLVs = append(s.fields.TLVs, tlv{Tag: tag.String(), Hex: hex.EncodeToString(value)})
	}
}
