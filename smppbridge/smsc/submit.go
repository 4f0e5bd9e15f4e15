package smsc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// unsupported has the answers to requests that are not about new messages.
var unsupported = map[pdu.CommandID]pdu.CommandStatus{
	pdu.CommandQuerySM:   pdu.StatusQueryFail,
	pdu.CommandCancelSM:  pdu.StatusCancelFail,
	pdu.CommandReplaceSM: pdu.StatusReplaceFail,
}

// HandleRequest implements [session.Handler]. Each message is handled beside the
// others, since it has to wait for a commit, which takes many at once. How many
// there are is bounded by the session, and what they hold by the server.
func (p *peer) HandleRequest(r *session.Request) {
	s := p.server
	size := int64(held(r.PDU))
	if s.octets.Add(size) > maxOctets {
		s.octets.Add(-size)
		s.answer(r, nil, pdu.StatusThrottled)
		return
	}
	ok := s.run(func() {
		defer s.octets.Add(-size)
		response, status := s.respond(p.account, r.PDU)
		s.answer(r, response, status)
	})
	if !ok {
		s.octets.Add(-size)
		s.answer(r, nil, pdu.StatusThrottled)
	}
}

// held returns about how many octets a request holds, with its event and what
// works on it.
func held(p pdu.PDU) int {
	const other = 4 << 10
	switch p := p.(type) {
	case *pdu.SubmitSM:
		payload, _ := p.TLVs.MessagePayload()
		return other + len(p.ShortMessage) + len(payload)
	case *pdu.SubmitMulti:
		payload, _ := p.TLVs.MessagePayload()
		return (other + len(p.ShortMessage) + len(payload)) * len(p.Dests) // Each has its event.
	case *pdu.DataSM:
		payload, _ := p.TLVs.MessagePayload()
		return other + len(payload)
	default:
		return other
	}
}

// respond does what a request asks for, and returns the response, which counts if
// the status is ESME_ROK.
func (s *Server) respond(a *account, p pdu.PDU) (pdu.PDU, pdu.CommandStatus) {
	if multi, ok := p.(*pdu.SubmitMulti); ok {
		return s.submitMulti(a, multi)
	}
	id, status := s.submit(a, p)
	if p.CommandID() == pdu.CommandDataSM {
		return &pdu.DataSMResp{MessageID: id}, status
	}
	return &pdu.SubmitSMResp{MessageID: id}, status
}

// answer responds to a request. If that fails, the session has ended, and the
// ESME may submit the message again.
func (s *Server) answer(r *session.Request, response pdu.PDU, status pdu.CommandStatus) {
	s.observer().Answered(s.cfg.Name, status)
	var err error
	if status == pdu.StatusOK {
		err = r.Respond(response)
	} else {
		err = r.Refuse(status)
	}
	if err != nil {
		s.logger().Debug("can't answer an ESME, which may submit its message again", slog.Any("error", err))
	}
}

// submit keeps a message, and returns its id and how to answer the ESME: OK only
// once it is durable.
func (s *Server) submit(a *account, p pdu.PDU) (id string, status pdu.CommandStatus) {
	if status, ok := unsupported[p.CommandID()]; ok {
		return "", status
	}
	m, status := newSubmission(a.cfg.SystemID, p, time.Now())
	if status != pdu.StatusOK {
		return "", status
	}
	route := s.current.Load()
	if route == nil {
		return "", pdu.StatusRxTAppn
	}
	if log := route.Logger; log.Enabled(context.Background(), slog.LevelDebug) {
		log.Debug("submitted", slog.String("system_id", a.cfg.SystemID), slog.Any("pdu", p))
	}
	if m.part.Header.Concat.Total > 1 {
		return s.submitPart(route, a, m)
	}
	id = newMessageID(askedBy(m.fields.RegisteredDelivery))
	return id, s.emit(route, m, []string{id}, coding.Assembled{Parts: []coding.Part{m.part}, Complete: true})
}

// body is the body of the event that a message becomes.
type body struct {
	SystemID string `json:"system_id"`
	// MessageID is that of the first part, and MessageIDs has those of all.
	MessageID  string   `json:"message_id"`
	MessageIDs []string `json:"message_ids,omitempty"`
	SourceAddr string   `json:"source_addr"`
	SourceTON  pdu.TON  `json:"source_addr_ton"`
	SourceNPI  pdu.NPI  `json:"source_addr_npi"`
	DestAddr   string   `json:"dest_addr"`
	DestTON    pdu.TON  `json:"dest_addr_ton"`
	DestNPI    pdu.NPI  `json:"dest_addr_npi"`
	// Text is empty if the message is binary.
	Text string `json:"text"`
	// Hex has the octets of a binary message.
	Hex        string `json:"hex,omitempty"`
	DataCoding uint8  `json:"data_coding"`
	Charset    string `json:"charset"`
	fields
	// Parts is how many parts the message has, and Received which of them came.
	Parts    int   `json:"parts"`
	Received []int `json:"received,omitempty"`
	// Complete is false if parts are missing and not waited for any more.
	Complete bool `json:"complete"`
}

// jsonHeader says what the body is.
var jsonHeader = relay.Header(nil).Add("Content-Type", "application/json")

// longDedup is how long the ids of long messages are known again. It matters only if
// a process ends while it keeps one.
const longDedup = time.Hour

// emit makes an event of a message, and returns how to answer the ESME.
func (s *Server) emit(route *Route, m *submission, ids []string, whole coding.Assembled) pdu.CommandStatus {
	a, err := s.event(route, m, ids, whole)
	if err == nil {
		_, err = route.Store.Keep(a)
	}
	return keptStatus(route, err)
}

// event returns the event that a message becomes, with what its receipts need. Its
// parts have ids; m is the part that came last.
func (s *Server) event(route *Route, m *submission, ids []string, whole coding.Assembled) (relay.Acceptance, error) {
	first := whole.Parts[0]
	text := s.coder.AppendText(nil, whole.Parts...)
	charset := s.coder.Meaning(first.DataCoding).Charset
	b := body{
		SystemID: m.systemID, MessageID: ids[0],
		SourceAddr: m.source.Addr, SourceTON: m.source.TON, SourceNPI: m.source.NPI,
		DestAddr: m.dest.Addr, DestTON: m.dest.TON, DestNPI: m.dest.NPI,
		DataCoding: first.DataCoding, Charset: charset.String(), fields: m.fields, Parts: 1, Complete: whole.Complete,
	}
	if charset == coding.Binary {
		b.Hex = hex.EncodeToString(text)
	} else {
		b.Text = string(bytes.ToValidUTF8(text, []byte("\ufffd")))
	}
	if total := int(first.Header.Concat.Total); total > 1 {
		b.Parts, b.MessageIDs = total, ids
		for _, p := range whole.Parts {
			b.Received = append(b.Received, int(p.Header.Concat.Number))
		}
	}
	encoded, err := json.Marshal(b)
	if err != nil {
		return relay.Acceptance{}, err
	}
	e := &relay.Event{
		ID: cmp.Or(m.eventID, b.MessageID), Source: s.cfg.Name, Type: route.Type, Key: b.DestAddr,
		Time: time.Now().Truncate(time.Millisecond), Header: jsonHeader, Body: encoded,
	}
	var dedup time.Duration
	if b.Parts > 1 {
		// The ids can be those of a message before, but not those of its parts.
		e.ID, dedup = partID(first.Tag), longDedup
	}
	links, err := s.keptLinks(route, m, ids, e)
	return relay.Acceptance{Event: e, To: route.To, Dedup: dedup, Links: links}, err
}

// keptStatus returns how to answer a message that was to be kept.
func keptStatus(route *Route, err error) pdu.CommandStatus {
	switch {
	case err == nil:
		return pdu.StatusOK
	case errors.Is(err, relay.ErrFull):
		return pdu.StatusMsgQFul
	default:
		route.Logger.Debug("an ESME has to submit again what can't be kept now", slog.Any("error", err))
		return pdu.StatusRxTAppn
	}
}
