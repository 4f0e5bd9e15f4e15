package receipt

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

var rules = []Rule{Auto, AsIs, Fold, Strip, HexToDec, DecToHex}

func TestRules(t *testing.T) {
	for _, tt := range []struct {
		response, receipt string
		want              []Rule // by which they are the same
	}{
		{"a1", "a1", []Rule{AsIs, Fold, Strip, HexToDec}},
		{"a1", "A1", []Rule{Fold, Strip, HexToDec}},
		{"A1", "a1", []Rule{Fold, Strip, HexToDec}},
		{"00a1", "A1", []Rule{Strip, HexToDec}},
		{"a1", "000A1", []Rule{Strip, HexToDec}},
		{"0000000017", "17", []Rule{Strip}},
		{"17", "17", []Rule{AsIs, Fold, Strip}},
		{"11", "17", []Rule{HexToDec}},
		{"17", "11", []Rule{DecToHex}},
		{"a1", "161", []Rule{HexToDec}},
		{"A1", "161", []Rule{HexToDec}},
		{"00A1", "0000000161", []Rule{HexToDec}},
		{"161", "a1", []Rule{DecToHex}},
		{"0000000161", "00A1", []Rule{DecToHex}},
		{"7", "7", []Rule{AsIs, Fold, Strip, HexToDec, DecToHex}},
		{"0", "000", []Rule{Strip, HexToDec, DecToHex}},
		{"ffffffffffffffff", "18446744073709551615", []Rule{HexToDec}},
		{"18446744073709551616", "10000000000000000", []Rule{DecToHex}},
		{"10000000000000000", "18446744073709551616", []Rule{HexToDec}},
		{"9b2d5f3e7c1a4b6e8f0000a1b2c3d4e5", "206265924484762379842542241320634930405", []Rule{HexToDec}},
		{"206265924484762379842542241320634930405", "9B2D5F3E7C1A4B6E8F0000A1B2C3D4E5", []Rule{DecToHex}},
		{strings.Repeat("f", 53), "6582018229284824168619876730229402019930943462534319453394436095", []Rule{HexToDec}},
		{strings.Repeat("9", 64), "184f03e93ff9f4daa797ed6e38ed64bf6a1f00ffffffffffffffff", []Rule{DecToHex}},
		{"1" + strings.Repeat("0", 64), "184f03e93ff9f4daa797ed6e38ed64bf6a1f010000000000000000", []Rule{DecToHex}},
		{"184f03e93ff9f4daa797ed6e38ed64bf6a1f010000000000000000", "1" + strings.Repeat("0", 64), nil}, // too long
		{"00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000A", []Rule{Fold, Strip, HexToDec, DecToHex}},
		{"00000000-0000-4000-8000-00000000000a", "-0000-4000-8000-00000000000a", []Rule{Strip, HexToDec, DecToHex}},
		{"SAR-17", "SAR-17", []Rule{AsIs, Fold, Strip, HexToDec, DecToHex}},
		{"m-Z", "M-z", []Rule{Fold, Strip, HexToDec, DecToHex}},
		{"é", "É", nil},
		{"a1", "a2", nil},
		{"a1", "a10", nil},
		{"", "a1", nil},
		{"a1", "", nil},
		{"", "", nil},
		{"0x11", "17", nil},
		{"-11", "-17", nil},
	} {
		var by []Rule
		for _, rule := range rules[1:] {
			m := NewMatcher(rule)
			match, ok := m.Match(&Receipt{MessageID: tt.receipt}, []Message{{ID: "another"}, {ID: tt.response}})
			if ok {
				by = append(by, rule)
				require.Equal(t, 1, match.Index)
				require.False(t, match.Ambiguous)
				key, stored := StoreKey(tt.response)
				require.True(t, stored)
				require.Contains(t, m.Keys(nil, &Receipt{MessageID: tt.receipt}), key, "it is found in the table")
			}
		}
		require.Equal(t, tt.want, by, "%q %q", tt.response, tt.receipt)
	}
}

func TestStoreKey(t *testing.T) {
	for _, id := range []string{"", strings.Repeat("7", MaxID+1)} {
		_, ok := StoreKey(id)
		require.False(t, ok)
	}
	// Keys are stored, so they must never change.
	for id, want := range map[string]Key{
		"a1": 0x089c1307b5454527, "00A1": 0x089c1307b5454527, "0": 0xaf63ad4c86019caf, "000": 0xaf63ad4c86019caf,
	} {
		key, ok := StoreKey(id)
		require.True(t, ok)
		require.Equal(t, want, key, fmt.Sprintf("%s %#x", id, uint64(key)))
	}
	_, ok := StoreKey(strings.Repeat("7", MaxID))
	require.True(t, ok)
}

func TestConversion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[1-9a-fA-F][0-9a-fA-F]{0,63}|[1-9][0-9]{0,63}|0`).Draw(t, "digits")
		var f forms
		f.set("00" + digits)
		var n big.Int
		_, ok := n.SetString(digits, 16)
		require.True(t, ok)
		require.Equal(t, n.Text(10), string(f.decimal.get()))
		if _, ok := n.SetString(digits, 10); ok {
			require.Equal(t, n.Text(16), string(f.hex.get()))
		} else {
			require.Empty(t, f.hex.get())
			require.True(t, f.letter)
		}
	})
}

func TestAddressesMustAgree(t *testing.T) {
	for _, tt := range []struct {
		destination, source, dest string
		want                      bool
	}{
		{"491700000001", "491700000001", "ACME", true},
		{"491700000001", "ACME", "491700000001", true}, // not swapped
		{"+491700000001", "491700000001", "ACME", true},
		{"491700000001", "+491700000001", "ACME", true},
		{"491700000001", "00491700000001", "ACME", true},
		{"491700000001", "01700000001", "ACME", true}, // national
		{"01700000001", "491700000001", "ACME", true},
		{"491700000001", "491700000002", "ACME", false},
		{"491700000001", "000001", "ACME", false},
		{"12345", "9912345", "ACME", false}, // short codes are whole
		{"12345", "12345", "ACME", true},
		{"Shop", "SHOP", "1", true},
		{"Shop", "Shop2", "1", false},
		{"", "491700000002", "ACME", true},
		{"491700000001", "", "", true},
		{"491700000001", "", "ACME", false},
		{"+", "0", "00", false},
	} {
		r := Receipt{MessageID: "a1", Source: pdu.Address{Addr: tt.source}, Destination: pdu.Address{TON: 5, Addr: tt.dest}}
		for _, rule := range []Rule{Auto, AsIs} {
			_, ok := NewMatcher(rule).Match(&r, []Message{{ID: "a1", Destination: tt.destination}})
			require.Equal(t, tt.want, ok, "%+v", tt)
		}
	}
}

func TestWhichMessage(t *testing.T) {
	for _, tt := range []struct {
		name     string
		rule     Rule
		receipt  string
		messages []string
		want     int // -1 for none
		by       Rule
	}{
		{"exact beats case", Strip, "Ab", []string{"ab", "Ab"}, 1, AsIs},
		{"exact beats zeros", Strip, "7", []string{"007", "7"}, 1, AsIs},
		{"case beats zeros", Strip, "AB", []string{"00AB", "ab"}, 1, Fold},
		{"the latest of the same id", AsIs, "7", []string{"7", "7"}, 0, AsIs},
		{"two by case", Fold, "Ab", []string{"AB", "ab"}, -1, Auto},
		{"two by zeros", Strip, "7", []string{"07", "007"}, -1, Auto},
		{"two by conversion", HexToDec, "10", []string{"a", "0a"}, -1, Auto},
		{"a conversion that is set beats exact", HexToDec, "16", []string{"16", "10"}, 1, HexToDec},
		{"exact is chance if a conversion is set", HexToDec, "16", []string{"16"}, -1, Auto},
		{"exact is no chance with letters", HexToDec, "1f", []string{"1f"}, 0, AsIs},
		{"exact beats conversion", Auto, "16", []string{"10", "16"}, 1, AsIs},
		{"two conversions", Auto, "16", []string{"10", "22"}, -1, Auto},
		{"two by zeros and a conversion", Auto, "16", []string{"016", "0016", "10"}, -1, Auto},
		{"long", Auto, "305419897", []string{"12345679"}, 0, HexToDec},
		{"long with letters", Auto, "439041101", []string{"1a2b3c4d"}, 0, HexToDec},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var messages []Message
			for _, id := range tt.messages {
				messages = append(messages, Message{ID: id})
			}
			match, ok := NewMatcher(tt.rule).Match(&Receipt{MessageID: tt.receipt}, messages)
			require.Equal(t, tt.want >= 0, ok)
			if ok {
				require.Equal(t, tt.want, match.Index)
				require.Equal(t, tt.by, match.Rule)
			}
		})
	}
}

func TestAmbiguity(t *testing.T) {
	for _, tt := range []struct {
		receipt  string
		messages []string
		want     bool
	}{
		{"16", []string{"16"}, false},
		{"16", []string{"10", "16"}, true},                  // hexadecimal or not
		{"16", []string{"16", "22"}, true},                  // the same from the other side
		{"16", []string{"10"}, true},                        // "16" itself may be still to come
		{"10", []string{"a"}, true},                         // so may "10"
		{"305419897", []string{"12345679"}, true},           // no letter shows that it is hexadecimal
		{"439041101", []string{"1a2b3c4d"}, false},          // certain enough
		{"1a2b3c4d", []string{"439041101"}, false},          // the same from the other side
		{"439041101", []string{"439041101", "1a2b"}, false}, // nothing to do with it
	} {
		var messages []Message
		for _, id := range tt.messages {
			messages = append(messages, Message{ID: id})
		}
		match, ok := NewMatcher(Auto).Match(&Receipt{MessageID: tt.receipt}, messages)
		require.True(t, ok)
		require.Equal(t, tt.want, match.Ambiguous, "%+v", tt)
	}
}

// As soon as responses have been hexadecimal, a short number in a receipt may be
// the decimal form of an id that is still to come.
func TestAmbiguityOnceThereAreLetters(t *testing.T) {
	m := NewMatcher(Auto)
	m.Submitted("1f")
	for _, tt := range []struct {
		id   string
		want bool
	}{{"16", true}, {"7", false}, {"123456", false}, {"m-Z", false}, {"1f", false}, {"16", false}} {
		match, ok := m.Match(&Receipt{MessageID: tt.id}, []Message{{ID: tt.id}})
		require.True(t, ok)
		require.Equal(t, tt.want, match.Ambiguous, tt.id)
	}
	require.Equal(t, Strip, m.Rule(), "both sides have letters")
}

// Whoever sends messages that look like receipts can make it seem that their ids
// are hexadecimal.
func TestMadeUpReceiptsDoNotLast(t *testing.T) {
	m := NewMatcher(Auto)
	m.Submitted("1f")
	for range 2 * enoughIDs {
		_, ok := m.Match(&Receipt{MessageID: "abc"}, nil)
		require.False(t, ok)
	}
	require.Equal(t, Strip, m.Rule())
	for i := range enoughMatches {
		_, ok := m.Match(&Receipt{MessageID: fmt.Sprint(0xabc000 + i)}, []Message{{ID: fmt.Sprintf("%x", 0xabc000+i)}})
		require.Equal(t, i == enoughMatches-1, ok)
	}
	require.Equal(t, HexToDec, m.Rule())
}

func TestTheIDOfTheTextComesSecond(t *testing.T) {
	r := Receipt{MessageID: "a1", TextID: "161"}
	m := NewMatcher(AsIs)
	match, ok := m.Match(&r, []Message{{ID: "161"}, {ID: "a1"}})
	require.True(t, ok)
	require.Equal(t, 1, match.Index)
	match, ok = m.Match(&r, []Message{{ID: "161"}})
	require.True(t, ok)
	require.Equal(t, 0, match.Index)
	one, _ := StoreKey("a1")
	other, _ := StoreKey("161")
	require.Equal(t, []Key{one, other}, m.Keys(nil, &r))
}

func TestLearnsFromMatches(t *testing.T) {
	for rule, id := range map[Rule]func(i int) (response, receipt string){
		Strip:    func(i int) (string, string) { return fmt.Sprintf("%010d", 7_000_000+i), fmt.Sprint(7_000_000 + i) },
		HexToDec: func(i int) (string, string) { return fmt.Sprintf("%x", 0xabc000+i), fmt.Sprint(0xabc000 + i) },
		DecToHex: func(i int) (string, string) { return fmt.Sprint(0xabc000 + i), fmt.Sprintf("%X", 0xabc000+i) },
	} {
		m := NewMatcher(Auto)
		for i := range enoughMatches {
			require.Equal(t, Auto, m.Rule())
			response, receipt := id(i)
			for range 2 * enoughMatches { // Repeats count once.
				match, ok := m.Match(&Receipt{MessageID: receipt}, []Message{{ID: response}})
				require.True(t, ok)
				require.False(t, match.Ambiguous)
				require.Equal(t, rule, match.Rule)
			}
		}
		require.Equal(t, rule, m.Rule())

		restored := NewMatcher(Auto)
		restored.Restore(m.Rule())
		require.Equal(t, rule, restored.Rule())
		fixed := NewMatcher(AsIs)
		require.Equal(t, AsIs, fixed.Rule())
	}
}

// An SMSC can be replaced by one that does otherwise.
func TestUnlearns(t *testing.T) {
	m := NewMatcher(Auto)
	m.Restore(HexToDec)
	lost := 0
	for i := range 20 {
		id := fmt.Sprintf("%x", 0xabc000+i)
		decimal := fmt.Sprint(0xabc000 + i)
		m.Submitted(decimal)
		if _, ok := m.Match(&Receipt{MessageID: id}, []Message{{ID: decimal}}); !ok {
			lost++
		}
	}
	require.Equal(t, DecToHex, m.Rule())
	require.Equal(t, enoughDoubt/strongDoubt-1, lost, "these come back from Early")
}

func TestRuleText(t *testing.T) {
	for _, rule := range rules {
		text, err := rule.MarshalText()
		require.NoError(t, err)
		again := Rule(99)
		require.NoError(t, again.UnmarshalText(text))
		require.Equal(t, rule, again)
	}
	var rule Rule
	require.EqualError(t, rule.UnmarshalText([]byte("hex")), "unknown rule 'hex': use one of auto, as_is, fold, strip, hex_to_dec and dec_to_hex")
	require.Equal(t, "unknown(9)", Rule(9).String())
}
