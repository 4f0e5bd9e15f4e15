package pdu

import "log/slog"

// leastDestination is the octets of an empty name of a list, and
// leastUnsuccess those of a failure with an empty address.
const (
	leastDestination = 2
	leastUnsuccess   = 7
)

// Destination is one of the recipients of [SubmitMulti] (3.4 section 4.5.1.1).
type Destination struct {
	Flag     DestFlag // which of the two others counts
	Addr     Address
	ListName string // a distribution list at the SMSC; at most 20 characters
}

// SubmitMulti hands a message for several recipients to the SMSC (3.4 section
// 4.5.1). For the other fields see [SubmitSM].
type SubmitMulti struct {
	Header
	ServiceType          string
	SourceAddr           Address
	Dests                []Destination // 1 to 254; 255 in 5.0
	ESMClass             ESMClass
	ProtocolID           uint8
	PriorityFlag         uint8
	ScheduleDeliveryTime string
	ValidityPeriod       string
	RegisteredDelivery   RegisteredDelivery
	ReplaceIfPresent     uint8
	DataCoding           DataCoding
	SMDefaultMsgID       uint8
	ShortMessage         []byte
	TLVs                 TLVs
}

// CommandID implements [PDU].
func (*SubmitMulti) CommandID() CommandID { return CommandSubmitMulti }

// AppendTo implements [PDU].
func (p *SubmitMulti) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandSubmitMulti, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p SubmitMulti) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p SubmitMulti) LogValue() slog.Value { return logValue(&p) }

func (p *SubmitMulti) fields(c *coder) {
	c.text(&p.ServiceType, &serviceType)
	c.address(&p.SourceAddr, &sourceAddr)
	c.destinations(&p.Dests)
	octet(c, &p.ESMClass, "esm_class")
	octet(c, &p.ProtocolID, "protocol_id")
	octet(c, &p.PriorityFlag, "priority_flag")
	c.text(&p.ScheduleDeliveryTime, &scheduleTime)
	c.text(&p.ValidityPeriod, &validity)
	octet(c, &p.RegisteredDelivery, "registered_delivery")
	octet(c, &p.ReplaceIfPresent, "replace_if_present_flag")
	octet(c, &p.DataCoding, "data_coding")
	octet(c, &p.SMDefaultMsgID, "sm_default_msg_id")
	c.message(&p.ShortMessage)
	c.tlvs(&p.TLVs)
}

// Message returns the text, from wherever it is.
func (p *SubmitMulti) Message() []byte { return message(p.ShortMessage, p.TLVs) }

// destinations handles the recipients.
func (c *coder) destinations(dests *[]Destination) {
	*dests = list(c, *dests, "number_of_dests", leastDestination, StatusInvNumDests)
	if len(*dests) == 0 {
		c.fail("number_of_dests", StatusInvNumDests, "is 0")
	}
	for i := range *dests {
		d := &(*dests)[i]
		octet(c, &d.Flag, "dest_flag")
		if c.mode == decoding {
			// It may be one that was used before.
			*d = Destination{Flag: d.Flag}
		}
		switch d.Flag {
		case DestFlagAddress:
			c.address(&d.Addr, &destAddr)
		case DestFlagList:
			c.text(&d.ListName, &listName)
		default:
			c.fail("dest_flag", StatusInvDestFlag, "is neither 1 nor 2")
		}
	}
}

// Unsuccess is a recipient that a message could not be submitted for.
type Unsuccess struct {
	Addr   Address
	Status CommandStatus
}

// SubmitMultiResp answers [SubmitMulti] (3.4 section 4.5.2).
type SubmitMultiResp struct {
	Header
	MessageID string
	Unsuccess []Unsuccess // at most 255
	TLVs      TLVs
}

// CommandID implements [PDU].
func (*SubmitMultiResp) CommandID() CommandID { return CommandSubmitMultiResp }

// AppendTo implements [PDU].
func (p *SubmitMultiResp) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandSubmitMultiResp, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p SubmitMultiResp) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p SubmitMultiResp) LogValue() slog.Value { return logValue(&p) }

func (p *SubmitMultiResp) fields(c *coder) {
	c.text(&p.MessageID, &messageID)
	p.Unsuccess = list(c, p.Unsuccess, "no_unsuccess", leastUnsuccess, StatusInvNumDests)
	for i := range p.Unsuccess {
		c.address(&p.Unsuccess[i].Addr, &destAddr)
		c.status(&p.Unsuccess[i].Status, "error_status_code")
	}
	c.tlvs(&p.TLVs)
}
