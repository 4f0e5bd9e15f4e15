package smppbridge

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// incompleteRetry is the pause before it is tried again to keep a message that is
// not complete, and incompleteTries how often.
const (
	incompleteRetry = 10 * time.Second
	incompleteTries = 60
)

// maxRestored bounds the memory of which messages were looked up after a start.
const maxRestored = 10_000

// restored are the long messages whose earlier parts were looked up. It happens
// once for each, and only for a while after a start, when they may be of the
// process before.
type restored struct {
	mu   sync.Mutex
	keys map[relay.LinkHash]struct{}
}

func newRestored() *restored { return &restored{keys: make(map[relay.LinkHash]struct{})} }

// first tells whether it is the first time for a message.
func (r *restored) first(key relay.LinkHash) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.keys[key]; ok || len(r.keys) >= maxRestored {
		return false
	}
	r.keys[key] = struct{}{}
	return true
}

func (b *Binds) reassemblyAge() time.Duration {
	if b.cfg.Reassembly.Age > 0 {
		return b.cfg.Reassembly.Age
	}
	return coding.DefaultMaxAge
}

// partOf handles a part of a long message, and returns how to answer the SMSC.
//
// Some SMSCs only send the next part once the last one is answered. So each is
// kept on its own: after a restart, the parts from before are joined with those
// that follow. The message itself becomes an event when it is complete.
func (b *Binds) partOf(d *Destination, m *message) pdu.CommandStatus {
	value := encodePart(time.Now(), m.part)
	if len(value) > relay.MaxLinkLength {
		// No network has parts of that size, so it is not worth the effort of
		// keeping them apart: each is an event, which says that it is a part.
		return d.emitMessage(b.smsc, coding.Assembled{
			Source: m.source.Addr, Destination: m.dest.Addr, Parts: []coding.Part{m.part},
		}, m)
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	now := time.Now()
	result := b.parts.Add(now, m.source.Addr, m.dest.Addr, m.part)
	b.giveUp(result.GivenUp)
	b.scheduleExpiry()
	if result.Outcome != coding.Complete && now.Sub(b.started) < b.reassemblyAge() {
		if err := b.restore(ctx, d, m, &result); err != nil {
			d.cfg.Logger.Error("can't look up earlier parts of a message", slog.Any("error", err))
			return pdu.StatusRxTAppn
		}
	}
	if result.Outcome == coding.Complete {
		status := d.emitMessage(b.smsc, result.Whole, m)
		if status == pdu.StatusOK {
			b.parts.Confirm(result.Whole)
		}
		return status
	}
	link := relay.Link{Hash: b.partHash(m, m.part.Header.Concat.Number), Value: value, For: b.reassemblyAge()}
	if err := keep(d.cfg.Store, relay.Acceptance{Links: []relay.Link{link}}); err != nil {
		d.cfg.Logger.Debug("the SMSC has to repeat what can't be kept now", slog.String("type", d.cfg.MessageType), slog.Any("error", err))
		return pdu.StatusRxTAppn
	}
	return pdu.StatusOK
}

// partHash returns the hash under which a part is kept; number 0 stands for the
// message.
func (b *Binds) partHash(m *message, number uint8) relay.LinkHash {
	c := m.part.Header.Concat
	n := make([]byte, 0, 16)
	for _, v := range [...]uint64{uint64(c.Transport), uint64(c.Reference), uint64(c.Total), uint64(number)} {
		n = strconv.AppendUint(append(n, ' '), v, 10)
	}
	return hashOf(linkPart, b.smsc, m.source.Addr, m.dest.Addr, string(n))
}

// restore adds the parts that were kept by an earlier process.
func (b *Binds) restore(ctx context.Context, d *Destination, m *message, result *coding.Result) error {
	key := b.partHash(m, 0)
	if !b.restored.first(key) {
		return nil
	}
	c := m.part.Header.Concat
	for n := 1; n <= int(c.Total) && result.Outcome != coding.Complete; n++ {
		number := uint8(n) //nolint:gosec // At most 255.
		if number == c.Number {
			continue
		}
		values, err := d.cfg.Store.Linked(ctx, b.partHash(m, number))
		if err != nil {
			return err
		}
		for _, value := range values {
			since, part, err := decodePart(value)
			if err != nil || !since.Before(b.started) {
				continue // This process knows of it.
			}
			part.Header.Concat = coding.NewConcat(c.Transport, c.Reference, c.Total, number)
			more := b.parts.Add(time.Now(), m.source.Addr, m.dest.Addr, part)
			b.giveUp(more.GivenUp)
			if more.Outcome == coding.Complete {
				*result = more
			}
			break
		}
	}
	return nil
}

// partVersion is the first byte of an encoded part.
const partVersion = 1

// encodePart encodes what is needed to read a part: the version, when it came,
// its data_coding, languages and header length, its ports, and its octets.
func encodePart(now time.Time, p coding.Part) []byte {
	h := p.Header
	ports := byte(0)
	if h.HasPorts {
		ports = 1
	}
	b := make([]byte, 0, 20+len(p.Data))
	b = append(b, partVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(now.UnixMilli()))                       //nolint:gosec // It is positive.
	b = append(b, p.DataCoding, byte(h.Locking), byte(h.Single), byte(h.Octets), ports) //nolint:gosec // A header has at most 256 octets, and 0 stands for that.
	b = binary.BigEndian.AppendUint16(b, h.SourcePort)
	b = binary.BigEndian.AppendUint16(b, h.DestinationPort)
	return append(b, p.Data...)
}

var errPart = errors.New("malformed part of a message")

func decodePart(b []byte) (since time.Time, p coding.Part, err error) {
	const length = 1 + 8 + 5 + 4
	if len(b) < length || b[0] != partVersion {
		return time.Time{}, coding.Part{}, errPart
	}
	since = time.UnixMilli(int64(binary.BigEndian.Uint64(b[1:]))) //nolint:gosec // As it was encoded.
	p.DataCoding = b[9]
	p.Header = coding.Header{
		Locking: coding.Language(b[10]), Single: coding.Language(b[11]), Octets: int(b[12]), HasPorts: b[13] == 1,
		SourcePort: binary.BigEndian.Uint16(b[14:]), DestinationPort: binary.BigEndian.Uint16(b[16:]),
	}
	p.Data = bytes.Clone(b[length:])
	return since, p, nil
}

// scheduleExpiry has a look at the messages when the oldest of them is too old.
func (b *Binds) scheduleExpiry() {
	next, ok := b.parts.NextExpiry()
	if !ok {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	wait := max(time.Until(next), 0)
	if b.expiry == nil {
		b.expiry = time.AfterFunc(wait, b.expireParts)
		return
	}
	b.expiry.Reset(wait)
}

func (b *Binds) expireParts() {
	b.giveUp(b.parts.Expire(time.Now()))
	b.scheduleExpiry()
}

// giveUp makes events of messages that are not complete, and will not be.
func (b *Binds) giveUp(all []coding.Assembled) {
	for _, whole := range all {
		b.emitIncomplete(whole, incompleteTries)
	}
}

// emitIncomplete tries again if the event can't be kept now. Nobody else would:
// the SMSC has got its answers.
func (b *Binds) emitIncomplete(whole coding.Assembled, tries int) {
	b.run(func() {
		d := b.destination("")
		if d != nil && d.emitMessage(b.smsc, whole, nil) != pdu.StatusRxTAppn {
			return
		}
		if tries > 1 {
			time.AfterFunc(incompleteRetry, func() { b.emitIncomplete(whole, tries-1) })
		} else if d != nil {
			d.cfg.Logger.Error("lost a message that is not complete, since it can't be kept", slog.Int("parts", len(whole.Parts)))
		}
	})
}
