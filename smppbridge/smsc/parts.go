package smsc

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

const (
	// storeTimeout bounds look-ups for one part. It is shorter than ESMEs wait for
	// our answer.
	storeTimeout = 10 * time.Second
	// incompleteRetry is the pause before it is tried again to keep a message that
	// is not complete, and incompleteTries how often.
	incompleteRetry = 10 * time.Second
	incompleteTries = 60
	// wholeDedup is how long the id of a long message is remembered. After a
	// restart, the part that has completed it may come again, since its answer was
	// lost, and it would be completed again.
	wholeDedup = time.Hour
	// maxLooked bounds the memory of which messages were looked for.
	maxLooked = 10_000
)

// partIDs returns the message_ids of parts.
func partIDs(parts []coding.Part) []string {
	ids := make([]string, len(parts))
	for i := range parts {
		ids[i] = partID(parts[i].Tag)
	}
	return ids
}

// submitPart handles a part of a long message, and returns its id and how to
// answer the ESME.
//
// Some ESMEs only submit the next part once the last one is answered. So each is
// kept on its own: after a restart, the parts from before are joined with those
// that follow. The message itself becomes an event when it is complete.
func (s *Server) submitPart(route *Route, a *account, m *submission) (string, pdu.CommandStatus) {
	m.part.Tag = newPartNumber(askedBy(m.fields.RegisteredDelivery))
	id := partID(m.part.Tag)
	value, err := encodePart(m.part)
	if err != nil || len(value) > relay.MaxLinkLength {
		// No network has parts of that size, so it is not worth the effort of
		// joining them: each is an event, which says that it is a part.
		return id, s.emit(route, m, []string{id}, coding.Assembled{Parts: []coding.Part{m.part}})
	}
	ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
	defer cancel()
	now := time.Now()
	result := s.addPart(a, m, now, m.part)
	if result.Outcome != coding.Complete && now.Sub(s.started) < coding.DefaultMaxAge {
		if err := s.restore(ctx, route, a, m, &result); err != nil {
			route.Logger.Error("can't look up earlier parts of a message", slog.Any("error", err))
			return "", pdu.StatusRxTAppn
		}
	}
	if result.Outcome == coding.Complete {
		status := s.emit(route, m, partIDs(result.Whole.Parts), result.Whole)
		if status == pdu.StatusOK {
			a.parts.Confirm(result.Whole)
		}
		return id, status
	}
	link := relay.Link{Hash: s.partHash(m, m.part.Header.Concat.Number), Value: value, For: coding.DefaultMaxAge}
	return id, keptStatus(route, route.Store.Link(ctx, link))
}

// addPart adds a part to those of the account.
func (s *Server) addPart(a *account, m *submission, now time.Time, p coding.Part) coding.Result {
	result := a.parts.Add(now, m.source.Addr, m.dest.Addr, p)
	s.giveUp(a, result.GivenUp)
	return result
}

// lookedUp are the long messages whose earlier parts were looked up. It happens
// once for each, and only for a while after a start, when they may be of the
// server before.
type lookedUp struct {
	mu   sync.Mutex
	keys map[relay.LinkHash]struct{}
}

// first tells whether it is the first time for a message. It may also say so
// again, if there are very many.
func (l *lookedUp) first(key relay.LinkHash) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.keys[key]; ok {
		return false
	}
	if l.keys == nil {
		l.keys = make(map[relay.LinkHash]struct{})
	}
	if len(l.keys) < maxLooked {
		l.keys[key] = struct{}{}
	}
	return true
}

// partHash returns the hash under which a part is kept; number 0 stands for the
// message.
func (s *Server) partHash(m *submission, number uint8) (hash relay.LinkHash) {
	c := m.part.Header.Concat
	sum := sha256.Sum256(fmt.Appendf(nil, "smsc part %q %q %q %q %d %d %d %d",
		s.cfg.Name, m.systemID, m.source.Addr, m.dest.Addr, c.Transport, c.Reference, c.Total, number))
	copy(hash[:], sum[:])
	return hash
}

// restore adds the parts that were kept by an earlier server.
func (s *Server) restore(ctx context.Context, route *Route, a *account, m *submission, result *coding.Result) error {
	if !a.looked.first(s.partHash(m, 0)) {
		return nil
	}
	c := m.part.Header.Concat
	for n := 1; n <= int(c.Total) && result.Outcome != coding.Complete; n++ {
		number := uint8(n) //nolint:gosec // At most 255.
		if number == c.Number {
			continue
		}
		values, err := route.Store.Linked(ctx, s.partHash(m, number))
		if err != nil {
			return err
		}
		for _, value := range values {
			since, part, err := decodePart(value)
			if err != nil || !since.Before(s.started) {
				continue // This server knows of it.
			}
			part.Header.Concat = coding.NewConcat(c.Transport, c.Reference, c.Total, number)
			if more := s.addPart(a, m, time.Now(), part); more.Outcome == coding.Complete {
				*result = more
			}
			break
		}
	}
	return nil
}

// keptPart is how a part is kept, without what it is found by.
type keptPart struct {
	Since    int64  `json:"t"` // Unix milliseconds
	Number   uint64 `json:"n"`
	Coding   byte   `json:"c,omitempty"`
	Locking  uint8  `json:"l,omitempty"`
	Single   uint8  `json:"s,omitempty"`
	Octets   int    `json:"o,omitempty"`
	HasPorts bool   `json:"p,omitempty"`
	Source   uint16 `json:"f,omitempty"`
	Dest     uint16 `json:"d,omitempty"`
	Data     []byte `json:"b"`
}

func encodePart(p coding.Part) ([]byte, error) {
	h := p.Header
	return json.Marshal(keptPart{
		Since: time.Now().UnixMilli(), Number: p.Tag, Coding: p.DataCoding, Locking: uint8(h.Locking), Single: uint8(h.Single), Octets: h.Octets,
		HasPorts: h.HasPorts, Source: h.SourcePort, Dest: h.DestinationPort, Data: p.Data,
	})
}

var errPart = errors.New("malformed part of a message")

func decodePart(b []byte) (since time.Time, p coding.Part, err error) {
	var k keptPart
	if json.Unmarshal(b, &k) != nil {
		return time.Time{}, coding.Part{}, errPart
	}
	return time.UnixMilli(k.Since), coding.Part{
		Header: coding.Header{
			Locking: coding.Language(k.Locking), Single: coding.Language(k.Single), Octets: k.Octets, HasPorts: k.HasPorts, SourcePort: k.Source, DestinationPort: k.Dest,
		},
		DataCoding: k.Coding, Data: k.Data, Tag: k.Number,
	}, nil
}

// expire gives up the messages that are too old, until the server is closed.
func (s *Server) expire() {
	ticker := time.NewTicker(expiryInterval)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			for _, a := range s.accounts {
				s.giveUp(a, a.parts.Expire(now))
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// giveUp makes events of messages that are not complete, and will not be.
func (s *Server) giveUp(a *account, all []coding.Assembled) {
	for _, whole := range all {
		if whole.Repeat {
			continue
		}
		s.run(func() { s.emitIncomplete(a, whole) })
	}
}

// emitIncomplete tries again if the event can't be kept now. Nobody else would:
// the ESME has got its answers.
func (s *Server) emitIncomplete(a *account, whole coding.Assembled) {
	m := &submission{systemID: a.cfg.SystemID, source: pdu.Address{Addr: whole.Source}, dest: pdu.Address{Addr: whole.Destination}}
	if h := &whole.Parts[0].Header; h.HasPorts {
		m.fields.SourcePort, m.fields.DestinationPort = &h.SourcePort, &h.DestinationPort
	}
	for range incompleteTries {
		if route := s.current.Load(); route != nil && s.emit(route, m, partIDs(whole.Parts), whole) == pdu.StatusOK {
			return
		}
		select {
		case <-time.After(incompleteRetry):
		case <-s.ctx.Done():
			return
		}
	}
	s.logger().Error("lost a message that is not complete, since it can't be kept", slog.Int("parts", len(whole.Parts)))
}
