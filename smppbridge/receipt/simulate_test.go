package receipt

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// writeID writes the number of a message like the peer of the system tests.
func writeID(n int, how string) string {
	switch how {
	case "hex":
		return strconv.FormatInt(int64(n), 16)
	case "HEX":
		return strings.ToUpper(strconv.FormatInt(int64(n), 16))
	case "pad10":
		return fmt.Sprintf("%010d", n)
	case "uuid":
		return fmt.Sprintf("00000000-0000-4000-8000-%012x", n)
	case "alnum":
		return "m" + strconv.FormatInt(int64(n), 36) + "-Z"
	default:
		return strconv.Itoa(n)
	}
}

func receiptID(n int, response, receipt string) string {
	id := writeID(n, response)
	switch receipt {
	case "same":
		return id
	case "strip0":
		return strings.TrimLeft(id, "0")
	default:
		return writeID(n, receipt)
	}
}

// bridge is what a user of the package does with it: a table of messages, and
// receipts that wait.
type bridge struct {
	t       require.TestingT
	matcher *Matcher
	early   *Early
	table   map[Key][]Message
	joined  map[string]string // id of a receipt to that of its message
	rule    Rule
}

func newBridge(t require.TestingT) *bridge {
	return &bridge{
		t: t, matcher: NewMatcher(Auto), early: NewEarly(EarlyLimits{}),
		table: make(map[Key][]Message), joined: make(map[string]string),
	}
}

func (b *bridge) response(m Message) {
	key, ok := StoreKey(m.ID)
	require.True(b.t, ok)
	b.table[key] = append(b.table[key], m)
	b.matcher.Submitted(m.ID)
	b.early.Take(key, func(h *Held) bool { return b.join(&h.Receipt, false) })
	b.again()
}

func (b *bridge) receipt(r Receipt) {
	if !b.join(&r, false) {
		require.Empty(b.t, b.early.Add(time.Time{}, b.matcher.Keys(nil, &r), &r, 0))
	}
	b.again()
}

// again tries what waits whenever more is known of the rule.
func (b *bridge) again() {
	for b.rule != b.matcher.Rule() {
		b.rule = b.matcher.Rule()
		b.early.TakeFunc(func(h *Held) bool { return b.join(&h.Receipt, false) })
	}
}

// end takes what is most likely, as when receipts get too old.
func (b *bridge) end() {
	b.early.TakeFunc(func(h *Held) bool { return b.join(&h.Receipt, true) })
}

func (b *bridge) join(r *Receipt, ambiguous bool) bool {
	var messages []Message
	for _, k := range b.matcher.Keys(nil, r) {
		messages = append(messages, b.table[k]...)
	}
	match, ok := b.matcher.Match(r, messages)
	if !ok || match.Ambiguous && !ambiguous {
		return false
	}
	b.joined[r.MessageID] = messages[match.Index].ID
	return true
}

// All messages go to the same recipient, so that only the ids tell them apart, and
// they are numbered from 1, so that most ids are those of two messages in different
// bases. Nevertheless no receipt is joined with the wrong one.
func TestAutoFindsWhatThePeerDoes(t *testing.T) {
	numbers := []string{"dec", "hex", "HEX", "pad10"}
	pairs := [][2]string{{"uuid", "same"}, {"uuid", "strip0"}, {"alnum", "same"}, {"alnum", "strip0"}}
	for _, response := range numbers {
		for _, receipt := range append(numbers, "same", "strip0") {
			pairs = append(pairs, [2]string{response, receipt})
		}
	}
	for _, pair := range pairs {
		for _, first := range []int{1, 100, 4000, 70_000, 123_456_789} {
			for _, order := range []string{"before", "after", "all responses first", "shuffled", "shuffled windows"} {
				t.Run(fmt.Sprintf("%s %s from %d %s", pair[0], pair[1], first, order), func(t *testing.T) {
					b := newBridge(t)
					const n = 200
					for _, event := range events(n, order) {
						number := first + event/2
						if event%2 == 0 {
							b.response(Message{ID: writeID(number, pair[0]), Destination: "491700000001"})
						} else {
							b.receipt(Receipt{MessageID: receiptID(number, pair[0], pair[1]), Source: pdu.Address{Addr: "491700000001"}})
						}
					}
					b.end()
					for i := range n {
						receipt := receiptID(first+i, pair[0], pair[1])
						require.Equal(t, writeID(first+i, pair[0]), b.joined[receipt], "receipt %s", receipt)
					}
					require.Zero(t, b.early.Len())
				})
			}
		}
	}
}

// events returns in which order n responses (2i) and receipts (2i+1) come.
func events(n int, order string) []int {
	random := rand.New(rand.NewPCG(1, 2))
	var all []int
	for i := range n {
		switch order {
		case "before":
			all = append(all, 2*i+1, 2*i)
		default:
			all = append(all, 2*i, 2*i+1)
		}
	}
	shuffle := func(part []int) {
		random.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	}
	switch order {
	case "all responses first":
		all = all[:0]
		for i := range n {
			all = append(all, 2*i)
		}
		for i := range n {
			all = append(all, 2*i+1)
		}
	case "shuffled":
		shuffle(all)
	case "shuffled windows":
		for i := 0; i < len(all); i += 20 {
			shuffle(all[i:min(i+20, len(all))])
		}
	}
	return all
}

// same says which ids a rule is documented to take for one.
func same(rule Rule, response, receipt string) bool {
	strip := func(s string) string {
		if s = strings.TrimLeft(strings.ToLower(s), "0"); s == "" {
			return "0"
		}
		return s
	}
	value := func(s string, base int) (uint64, bool) {
		n, err := strconv.ParseUint(s, base, 64)
		return n, err == nil && !strings.HasPrefix(s, "+")
	}
	convert := func(receiptBase, responseBase int) bool {
		n, ok := value(receipt, receiptBase)
		if !ok {
			return strip(response) == strip(receipt)
		}
		m, ok := value(response, responseBase)
		return ok && n == m
	}
	switch rule {
	case AsIs:
		return response == receipt
	case Fold:
		return strings.EqualFold(response, receipt)
	case HexToDec:
		return convert(10, 16)
	case DecToHex:
		return convert(16, 10)
	default:
		return strip(response) == strip(receipt)
	}
}

func TestRulesJoinNothingElse(t *testing.T) {
	id := rapid.StringOfN(rapid.RuneFrom([]rune("0011aAbBfF9z-")), 1, 12, -1)
	rapid.Check(t, func(t *rapid.T) {
		rule := rapid.SampledFrom(rules[1:]).Draw(t, "rule")
		ids := rapid.SliceOfN(id, 1, 20).Draw(t, "responses")
		receipt := rapid.OneOf(id, rapid.SampledFrom(ids), rapid.Map(rapid.SampledFrom(ids), func(s string) string {
			if n, err := strconv.ParseUint(s, 16, 64); err == nil {
				return strconv.FormatUint(n, 10)
			}
			return strings.ToUpper(s)
		})).Draw(t, "receipt")
		m := NewMatcher(rule)
		table := make(map[Key][]Message)
		for _, id := range ids {
			key, ok := StoreKey(id)
			require.True(t, ok)
			table[key] = append(table[key], Message{ID: id})
		}
		r := &Receipt{MessageID: receipt}
		var messages []Message
		for _, k := range m.Keys(nil, r) {
			messages = append(messages, table[k]...)
		}
		// All that the rule takes for the same, exact before case before zeros.
		wanted := make(map[string]bool)
		for _, tier := range []Rule{AsIs, Fold, Strip, rule} {
			for _, id := range ids {
				exact := tier < rule && (rule < HexToDec || !isNumber(rule, receipt))
				if (exact || tier == rule) && same(tier, id, receipt) {
					wanted[id] = true
				}
			}
			if len(wanted) > 0 {
				break
			}
		}
		match, ok := m.Match(r, messages)
		require.Equal(t, len(wanted) == 1, ok, "%s %q: %v", rule, receipt, wanted)
		if ok {
			require.True(t, wanted[messages[match.Index].ID])
		}
	})
}

func isNumber(rule Rule, receipt string) bool {
	base := 10
	if rule == DecToHex {
		base = 16
	}
	_, err := strconv.ParseUint(receipt, base, 64)
	return err == nil
}

// Whatever order things happen in, Auto never joins a receipt with the wrong
// message if numbers have six digits. Shorter ones can be mistaken as long as
// nothing is known of the SMSC and receipts come before responses.
func TestAutoJoinsNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		response := rapid.SampledFrom([]string{"dec", "hex", "HEX", "pad10", "uuid", "alnum"}).Draw(t, "response")
		receipts := []string{"same", "strip0"}
		if response != "uuid" && response != "alnum" {
			receipts = []string{"same", "strip0", "dec", "hex", "HEX", "pad10"}
		}
		receipt := rapid.SampledFrom(receipts).Draw(t, "receipt")
		first := rapid.OneOf(rapid.IntRange(100_000, 1_000_000), rapid.IntRange(100_000, 1<<40)).Draw(t, "first")
		seen := rapid.Permutation(events(60, "after")).Draw(t, "order")
		b := newBridge(t)
		for _, event := range seen {
			number := first + event/2
			if event%2 == 0 {
				b.response(Message{ID: writeID(number, response), Destination: "1"})
			} else {
				b.receipt(Receipt{MessageID: receiptID(number, response, receipt), Source: pdu.Address{Addr: "1"}})
			}
		}
		b.end()
		for i := range 60 {
			require.Equal(t, writeID(first+i, response), b.joined[receiptID(first+i, response, receipt)])
		}
	})
}
