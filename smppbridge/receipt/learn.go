package receipt

import "slices"

// How much it takes [Auto] to learn a rule, and to doubt it.
const (
	// enoughMatches is how many receipts in a row that only one rule explains
	// decide for it.
	enoughMatches = 3
	// enoughIDs is how many ids without a letter, of each side, show that they
	// are decimal. If they were hexadecimal, two digits would have a letter 6
	// times in 10.
	enoughIDs = 8
	// enoughDoubt makes it forget all: so many receipts in a row that only another
	// rule explains by chance, or as many as strongDoubt goes into it if chance is
	// unlikely. Receipts before responses look like the former.
	enoughDoubt = 96
	strongDoubt = 12
	// longNumber is how many digits make it unlikely that two messages which are
	// on the way have ids with the same digits in different bases.
	longNumber = 6
)

// learner finds out which kind of rule an SMSC follows: [Strip], [HexToDec] or
// [DecToHex].
//
// It has two sources. The ids show it by themselves: numbers with letters are
// hexadecimal, and if there are none in many numbers, these are decimal. That
// works even where messages are numbered from 1 and go to the same recipient, so
// that "16" may be one message by its id and another by its conversion. And
// matches show it if only one rule explains them.
type learner struct {
	responses, receipts bases
	// candidate is the rule that the last matches were for.
	candidate Rule
	matches   int
	matched   recent
	// settled is what was learned from matches, or Auto.
	settled Rule
	doubt   int
}

// recent are the last ids that counted, so that a repeated receipt does not count
// again.
type recent struct {
	keys [enoughIDs]Key
	next int
}

// add returns false if the id is there already.
func (r *recent) add(id string) bool {
	k := keyOf(id)
	if slices.Contains(r.keys[:], k) {
		return false
	}
	r.keys[r.next] = k
	r.next = (r.next + 1) % len(r.keys)
	return true
}

// bases counts ids that are numbers. Those of one digit are the same in each base.
type bases struct {
	// letters tells that there was an id that can only be hexadecimal.
	letters bool
	// none is how many had no letter, up to enoughIDs.
	none    int
	counted recent
}

func (b *bases) add(id string) {
	number := normal(id)
	_, hex, letter := digits(number)
	switch {
	case !hex:
	case letter:
		b.letters = true
	case len(number) > 1 && b.none < enoughIDs && b.counted.add(number):
		b.none++
	}
}

func (l *learner) submitted(id string) {
	if l.settled == Auto {
		l.responses.add(id)
	}
}

func (l *learner) received(id string) {
	if l.settled == Auto {
		l.receipts.add(id)
	}
}

// rule returns what is known by now.
func (l *learner) rule() Rule {
	if l.settled != Auto {
		return l.settled
	}
	responses, receipts := &l.responses, &l.receipts
	switch {
	case responses.letters && receipts.letters:
		return Strip
	case responses.letters && receipts.none >= enoughIDs:
		return HexToDec
	case receipts.letters && responses.none >= enoughIDs:
		return DecToHex
	case responses.none >= enoughIDs && receipts.none >= enoughIDs:
		return Strip
	default:
		return Auto
	}
}

// excludes tells that ids with letters have shown that a conversion is not
// needed.
func (l *learner) excludes(rule Rule) bool {
	return rule == HexToDec && l.receipts.letters || rule == DecToHex && l.responses.letters
}

// suspects tells that only one side has had ids with letters, so that a conversion
// may be needed.
func (l *learner) suspects() bool {
	return l.responses.letters != l.receipts.letters
}

// choose returns the message that a receipt is about.
func (l *learner) choose(f *forms, found *findings) (Match, bool) {
	if rule := l.rule(); rule != Auto {
		return found.by(rule, f)
	}
	other := l.conversion(found)
	switch same := &found.same; {
	case same.clash || other != nil && other.clash:
		return Match{}, false
	case same.rule != Auto:
		// The message whose id has to be converted may not be known yet.
		chance := other == nil && l.suspects() && f.chance(same)
		return Match{Index: same.index, Rule: same.rule, Ambiguous: chance || other != nil && other.index != same.index}, true
	case other != nil:
		return Match{Index: other.index, Rule: other.rule, Ambiguous: f.chance(other)}, true
	default:
		return Match{}, false
	}
}

// conversion returns what one of the conversions finds, or a clash if both do.
func (l *learner) conversion(found *findings) *finding {
	var one *finding
	for _, f := range [...]*finding{&found.hexToDec, &found.decToHex} {
		switch {
		case f.rule == Auto || l.excludes(f.rule):
		case one == nil:
			one = f
		case one.index != f.index:
			return &finding{rule: f.rule, clash: true}
		}
	}
	return one
}

// telling tells whether ids that have the same value in different bases have a
// letter in the one that is hexadecimal. Otherwise it may be chance.
func (f *forms) telling(found *finding) bool {
	if found.rule == DecToHex {
		return f.letter
	}
	_, _, letter := digits(normal(found.id))
	return letter
}

// chance tells that an id may be that of another message, in another base.
func (f *forms) chance(found *finding) bool {
	switch {
	case !f.number || len(f.normal) == 1 && found.rule <= Strip:
		return false
	case found.rule <= Strip:
		return !f.letter && len(f.normal) < longNumber
	default:
		return !f.telling(found) || len(f.normal) < longNumber
	}
}

// watch learns from a receipt that only one rule explains.
func (l *learner) watch(f *forms, found *findings) {
	rule := l.rule()
	if _, ok := found.by(rule, f); ok && rule != Auto {
		l.doubt = 0
	}
	explains, by := f.onlyRule(found)
	if explains == Auto || !l.matched.add(f.normal) {
		return
	}
	chance := f.chance(by)
	switch {
	case l.settled == Auto && !chance:
		// It counts more than ids, which may have been made up by the sender of
		// a message.
	case rule != Auto && rule != explains:
		if l.doubt++; !chance {
			l.doubt += strongDoubt - 1
		}
		if l.doubt >= enoughDoubt {
			*l = learner{}
		}
		return
	case l.settled != Auto || l.excludes(explains) || rule == Auto && explains == Strip && l.suspects():
		return
	}
	if explains != l.candidate {
		l.candidate, l.matches = explains, 0
	}
	if l.matches++; l.matches >= enoughMatches {
		l.settled = explains
	}
}

// onlyRule returns the only kind of rule that finds a message, with what it
// finds, or Auto if there are several or none, or if no letter shows that a
// number is hexadecimal. Ids that are no numbers tell nothing.
func (f *forms) onlyRule(found *findings) (only Rule, by *finding) {
	for _, one := range [...]*finding{&found.same, &found.hexToDec, &found.decToHex} {
		switch {
		case one.rule == Auto:
		case only != Auto || one.clash || !f.number:
			return Auto, nil
		case one.rule.kind() != Strip && !f.telling(one):
			return Auto, nil
		default:
			only, by = one.rule.kind(), one
		}
	}
	return only, by
}
