package receipt

import (
	"slices"
	"sync"
)

// Message is a submitted message that a receipt may be about.
type Message struct {
	// ID is the message_id of the response.
	ID string
	// Destination is where the message was sent, and may be empty if that is not
	// known.
	Destination string
}

// Match is which message a receipt is about.
type Match struct {
	// Index is the position of the message.
	Index int
	// Rule is how the ids are the same.
	Rule Rule
	// Ambiguous says that this is only the most likely message, since it is not
	// known yet which rule the SMSC follows. The receipt had better be kept, for
	// [Early.TakeFunc], until the rule is known or the receipt too old.
	Ambiguous bool
}

// Matcher finds the messages of the receipts of one SMSC. It is safe for
// concurrent use, by all binds to the SMSC.
type Matcher struct {
	rule Rule

	mu      sync.Mutex
	learned learner
}

// NewMatcher returns a matcher that follows a rule.
func NewMatcher(rule Rule) *Matcher { return &Matcher{rule: rule} }

// Submitted takes note of the message_id of a response, from which [Auto] learns.
func (m *Matcher) Submitted(id string) {
	if m.rule != Auto {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.learned.submitted(id)
}

// Rule returns the rule that the matcher follows by now. With [Auto] it is that,
// or once enough is known, [Strip], [HexToDec] or [DecToHex].
func (m *Matcher) Rule() Rule {
	if m.rule != Auto {
		return m.rule
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.learned.rule()
}

// Restore makes [Auto] start with what [Matcher.Rule] returned earlier. It
// is unlearned like any other rule if receipts contradict it.
func (m *Matcher) Restore(rule Rule) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.learned = learner{settled: rule.kind()}
}

// Keys appends the keys under which the message of a receipt may be stored, the
// most likely first, at most six.
func (m *Matcher) Keys(dst []Key, r *Receipt) []Key {
	first := len(dst)
	add := func(normal []byte) {
		// The ids of the TLV and of the text are often each other's conversion.
		if k := keyOf(normal); len(normal) > 0 && !slices.Contains(dst[first:], k) {
			dst = append(dst, k)
		}
	}
	for _, id := range [...]string{r.MessageID, r.TextID} {
		if id == "" || len(id) > MaxID {
			continue
		}
		var f forms
		f.set(id)
		add([]byte(f.normal))
		if m.rule == Auto || m.rule == HexToDec {
			add(f.hex.get())
		}
		if m.rule == Auto || m.rule == DecToHex {
			add(f.decimal.get())
		}
	}
	return dst
}

// Match finds out which of the messages a receipt is about, and returns false if
// it is none of them. Messages with the same id should come with the latest
// first, since that is the one that is taken.
//
// Destinations must agree if they are known. If the messages that a rule finds
// have different ids, none of them is taken. As long as [Auto] is undecided, an
// id that is the same counts more than one that has to be converted.
func (m *Matcher) Match(r *Receipt, messages []Message) (Match, bool) {
	for i, id := range [...]string{r.MessageID, r.TextID} {
		if id == "" || len(id) > MaxID {
			continue
		}
		var f forms
		f.set(id)
		found := find(&f, r, messages)
		if match, ok := m.choose(&f, &found, i == 0); ok {
			return match, true
		}
	}
	return Match{}, false
}

func (m *Matcher) choose(f *forms, found *findings, learn bool) (Match, bool) {
	if m.rule != Auto {
		return found.by(m.rule, f)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if learn {
		m.learned.received(f.id)
		m.learned.watch(f, found)
	}
	return m.learned.choose(f, found)
}

// findings are the messages that each kind of rule finds.
type findings struct{ same, hexToDec, decToHex finding }

type finding struct {
	index int
	rule  Rule // Auto if there is none
	id    string
	// clash says that messages with different ids are as good.
	clash bool
}

func find(f *forms, r *Receipt, messages []Message) findings {
	var found findings
	for i := range messages {
		stored := &messages[i]
		if stored.ID == "" || len(stored.ID) > MaxID || !r.agrees(stored.Destination) {
			continue
		}
		other := normal(stored.ID)
		switch {
		case stored.ID == f.id:
			found.same.add(i, AsIs, stored.ID)
		case equalFold(stored.ID, f.id):
			found.same.add(i, Fold, stored.ID)
		case equalFold(other, f.normal):
			found.same.add(i, Strip, stored.ID)
		}
		if f.hex.length > 0 && equalFold(other, f.hex.get()) {
			found.hexToDec.add(i, HexToDec, stored.ID)
		}
		if f.decimal.length > 0 && equalFold(other, f.decimal.get()) {
			found.decToHex.add(i, DecToHex, stored.ID)
		}
	}
	return found
}

func (f *finding) add(index int, rule Rule, id string) {
	switch {
	case f.rule == Auto || rule < f.rule:
		*f = finding{index: index, rule: rule, id: id}
	case rule == f.rule && id != f.id:
		f.clash = true
	}
}

func (f *finding) ok() bool { return f.rule != Auto && !f.clash }

// by returns the message that a rule finds.
func (found *findings) by(rule Rule, f *forms) (Match, bool) {
	chosen := &found.same
	switch {
	case rule == HexToDec && f.hex.length > 0:
		chosen = &found.hexToDec
	case rule == DecToHex && f.decimal.length > 0:
		chosen = &found.decToHex
	case chosen.rule > rule:
		return Match{}, false
	}
	return Match{Index: chosen.index, Rule: chosen.rule}, chosen.ok()
}
