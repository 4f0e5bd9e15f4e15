package smsc

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/assembly"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// openParts begins to read the parts that an earlier process has kept. Each account
// has a list of its own, so that none can crowd the others out.
func (s *Server) openParts(a *account) *assembly.Assembler {
	lists := s.cfg.Parts
	if lists == nil {
		lists = new(assembly.Lists)
	}
	return lists.Open(assembly.Config{
		Name: fmt.Sprintf("smsc %q %q", s.cfg.Name, a.cfg.SystemID), Limits: partLimits,
		Sink: func() (assembly.Sink, bool) {
			route := s.current.Load()
			if route == nil {
				return assembly.Sink{}, false
			}
			return s.sink(route, a, nil), true
		},
	})
}

// submitPart handles a part of a long message, and returns its id and how to
// answer the ESME. The message becomes an event when it is complete, or when its
// other parts are not waited for any more.
//
// A part that is there already has the id of the first time, also if its message
// was complete then. If it turns out that the message was submitted once more, the
// event has these ids, and so have receipts: it is they that the ESME knows.
func (s *Server) submitPart(route *Route, a *account, m *submission) (string, pdu.CommandStatus) {
	m.part.Tag = newPartNumber(askedBy(m.fields.RegisteredDelivery))
	number, err := a.parts.Add(s.sink(route, a, m), m.source.Addr, m.dest.Addr, m.part)
	if errors.Is(err, assembly.ErrTooLarge) {
		// It is an event, which says that it is a part.
		id := partID(m.part.Tag)
		return id, s.emit(route, m, []string{id}, coding.Assembled{Parts: []coding.Part{m.part}})
	}
	return partID(number), keptStatus(route, err)
}

// sink is what becomes of long messages. The part that came last is m, or nil.
func (s *Server) sink(route *Route, a *account, m *submission) assembly.Sink {
	return assembly.Sink{
		Store: route.Store, Logger: route.Logger,
		Event: func(whole coding.Assembled) (relay.Acceptance, error) {
			last := m
			if last == nil {
				last = unattended(a, &whole)
			}
			return s.event(route, last, partIDs(whole.Parts), whole)
		},
	}
}

// unattended returns what is known of a message that no part has just come of.
func unattended(a *account, whole *coding.Assembled) *submission {
	m := &submission{systemID: a.cfg.SystemID, source: pdu.Address{Addr: whole.Source}, dest: pdu.Address{Addr: whole.Destination}}
	if h := &whole.Parts[0].Header; h.HasPorts {
		m.fields.SourcePort, m.fields.DestinationPort = &h.SourcePort, &h.DestinationPort
	}
	return m
}

// partIDs returns the message_ids by which the ESME knows parts.
func partIDs(parts []coding.Part) []string {
	ids := make([]string, len(parts))
	for i := range parts {
		ids[i] = partID(cmp.Or(parts[i].Answered, parts[i].Tag))
	}
	return ids
}
