package smsc

import (
	"strconv"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// submitMulti keeps a message for each of several recipients, as an event of its
// own, and returns the response. If it is for none of them, the status says why.
// Distribution lists do not exist, and the parts of long messages are for one
// recipient each.
func (s *Server) submitMulti(a *account, p *pdu.SubmitMulti) (*pdu.SubmitMultiResp, pdu.CommandStatus) {
	for i := range p.Dests {
		if p.Dests[i].Flag != pdu.DestFlagAddress {
			return nil, pdu.StatusInvDLName
		}
	}
	route := s.current.Load()
	if route == nil {
		return nil, pdu.StatusRxTAppn
	}
	// The session has counted one message.
	now := time.Now()
	if a.submits != nil && !a.submits.AllowN(now, min(len(p.Dests)-1, a.submits.Burst())) {
		return nil, pdu.StatusThrottled
	}
	resp := &pdu.SubmitMultiResp{MessageID: newMessageID(askedBy(p.RegisteredDelivery))}
	statuses := make([]pdu.CommandStatus, len(p.Dests))
	var wg sync.WaitGroup
	for i := range p.Dests {
		m, status := newSubmission(a.cfg.SystemID, single(p, i), now)
		switch {
		case status != pdu.StatusOK:
			statuses[i] = status
		case m.part.Header.Concat.Total > 1:
			statuses[i] = pdu.StatusInvESMClass
		default:
			m.eventID = resp.MessageID + "-" + strconv.Itoa(i+1)
			wg.Go(func() { // One commit takes all of them.
				statuses[i] = s.emit(route, m, []string{resp.MessageID}, coding.Assembled{Parts: []coding.Part{m.part}, Complete: true})
			})
		}
	}
	wg.Wait()
	for i, status := range statuses {
		if status != pdu.StatusOK {
			resp.Unsuccess = append(resp.Unsuccess, pdu.Unsuccess{Addr: p.Dests[i].Addr, Status: status})
		}
	}
	if len(resp.Unsuccess) == len(p.Dests) {
		return nil, worthwhile(statuses)
	}
	return resp, pdu.StatusOK
}

// worthwhile returns the status for all recipients: if it is worthwhile to submit
// the message again for one of them, it has to say so.
func worthwhile(statuses []pdu.CommandStatus) pdu.CommandStatus {
	for _, status := range statuses {
		if status == pdu.StatusMsgQFul || status == pdu.StatusRxTAppn {
			return status
		}
	}
	return statuses[0]
}

// single returns the message for one of the recipients.
func single(p *pdu.SubmitMulti, i int) *pdu.SubmitSM {
	return &pdu.SubmitSM{
		ServiceType: p.ServiceType, SourceAddr: p.SourceAddr, DestAddr: p.Dests[i].Addr, ESMClass: p.ESMClass,
		ProtocolID: p.ProtocolID, PriorityFlag: p.PriorityFlag, ScheduleDeliveryTime: p.ScheduleDeliveryTime,
		ValidityPeriod: p.ValidityPeriod, RegisteredDelivery: p.RegisteredDelivery, ReplaceIfPresent: p.ReplaceIfPresent,
		DataCoding: p.DataCoding, SMDefaultMsgID: p.SMDefaultMsgID, ShortMessage: p.ShortMessage, TLVs: p.TLVs,
	}
}
