package coding

import (
	"bytes"
	"cmp"
	"container/list"
	"hash/maphash"
	"slices"
	"time"
)

// What bookkeeping takes, rounded up: many small parts must not take more memory
// than the limit says.
const (
	overhead    = 512 // a message's entry in the map and the list
	partBytes   = 192 // a Part, and what its slice may have to spare
	digestBytes = 32
)

func (k messageKey) bytes() int { return len(k.source) + len(k.destination) }

// begin makes an entry for a message. The caller holds the lock.
func (r *Reassembler) begin(now time.Time, key messageKey) *list.Element {
	m := &collected{Assembled: Assembled{
		Source: key.source, Destination: key.destination, First: now, key: key,
	}}
	r.grow(m, overhead+key.bytes())
	return r.insert(m, r.open)
}

// insert adds an entry to a list, where it nearly always belongs at the end.
func (r *Reassembler) insert(m *collected, into *list.List) (element *list.Element) {
	older := into.Back()
	for older != nil && older.Value.(*collected).First.After(m.First) {
		older = older.Prev()
	}
	if older == nil {
		element = into.PushFront(m)
	} else {
		element = into.InsertAfter(m, older)
	}
	m.in, r.messages[m.key] = into, element
	return element
}

// move puts an entry into another list.
func (r *Reassembler) move(element *list.Element, into *list.List) *list.Element {
	m := element.Value.(*collected)
	m.in.Remove(element)
	return r.insert(m, into)
}

// remove drops an entry and appends its message, if that has parts.
func (r *Reassembler) remove(givenUp []Assembled, element *list.Element) []Assembled {
	m := element.Value.(*collected)
	m.in.Remove(element)
	delete(r.messages, m.key)
	r.bytes -= m.bytes
	if len(m.Parts) == 0 {
		return givenUp
	}
	m.Repeat = !m.Complete && r.repeats(m)
	return append(givenUp, m.Assembled)
}

// makeRoom gives up the oldest messages until the limits are kept, the one that
// has just grown last. What is only remembered goes before them.
func (r *Reassembler) makeRoom(givenUp []Assembled, grown *list.Element) []Assembled {
	for e := r.safe.Front(); e != nil && r.full(); e = r.safe.Front() {
		r.remove(nil, e)
	}
	for e := r.open.Front(); e != nil && r.full(); {
		next := e.Next()
		if e != grown {
			givenUp = r.remove(givenUp, e)
		}
		e = next
	}
	if m := grown.Value.(*collected); r.full() && m.Complete {
		r.remove(nil, grown) // It is the result itself.
	} else if r.full() {
		givenUp = r.remove(givenUp, grown)
	}
	return givenUp
}

func (r *Reassembler) full() bool {
	return r.bytes > r.limits.Bytes || len(r.messages) > r.limits.Messages
}

func (r *Reassembler) grow(m *collected, bytes int) {
	m.bytes += bytes
	r.bytes += bytes
}

// repeats says that every part is one of the confirmed message with the same key.
func (r *Reassembler) repeats(m *collected) bool {
	for i := range m.Parts {
		if _, ok := r.repeated(m, m.Parts[i]); !ok {
			return false
		}
	}
	return true
}

// repeated returns the tag that a part of the confirmed message had.
func (r *Reassembler) repeated(m *collected, p Part) (tag uint64, ok bool) {
	if len(m.confirmed) == 0 {
		return 0, false
	}
	d := r.digest(p)
	for _, known := range m.confirmed {
		if known.number == d.number && known.dataCoding == d.dataCoding && known.sum == d.sum {
			return known.tag, true
		}
	}
	return 0, false
}

// tagOf returns the tag by which the sender is to know a part that has come.
func (r *Reassembler) tagOf(m *collected, p Part) uint64 {
	if tag, ok := r.repeated(m, p); ok && r.repeats(m) {
		return tag
	}
	return p.Tag
}

func (r *Reassembler) digest(p Part) digest {
	return digest{
		number: p.Header.Concat.Number, dataCoding: p.DataCoding, sum: maphash.Bytes(r.seed, p.Data), tag: p.Tag,
	}
}

func (r *Reassembler) digests(parts []Part) []digest {
	digests := make([]digest, len(parts))
	for i := range parts {
		digests[i] = r.digest(parts[i])
	}
	return digests
}

// find returns where a part is or belongs.
func (m *collected) find(p Part) (int, bool) {
	return slices.BinarySearchFunc(m.Parts, p, func(a, b Part) int {
		return cmp.Compare(a.Header.Concat.Number, b.Header.Concat.Number)
	})
}

// has returns a part with the number of p, and whether it has other content.
func (m *collected) has(p Part) (old *Part, differs bool) {
	i, there := m.find(p)
	if !there {
		return nil, false
	}
	old = &m.Parts[i]
	return old, old.DataCoding != p.DataCoding || old.Header != p.Header || !bytes.Equal(old.Data, p.Data)
}

// add adds a copy of a part that is not there yet and returns what it takes.
// It never changes a slice that has been given away: only Complete messages are,
// and they get no further parts.
func (m *collected) add(p Part) int {
	p.Data = bytes.Clone(p.Data)
	if m.Parts == nil {
		m.Parts = make([]Part, 0, min(m.key.total, 4)) // More only once they are there.
	}
	i, _ := m.find(p)
	m.Parts = slices.Insert(m.Parts, i, p)
	m.Complete = len(m.Parts) == int(m.key.total)
	return partBytes + len(p.Data)
}
