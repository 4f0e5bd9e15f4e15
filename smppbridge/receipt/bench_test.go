package receipt

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

const standard = "id:0123456789 sub:001 dlvrd:001 submit date:1807110700 done date:1807110701 stat:DELIVRD err:000 text:Hello, wor"

func benchmarkParse(b *testing.B, c coding.Config, d *pdu.DeliverSM, want bool) {
	p := newParser(b, c)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := p.Parse(d); ok != want {
			b.Fatal(ok)
		}
	}
}

func BenchmarkParseText(b *testing.B) {
	benchmarkParse(b, coding.Config{}, deliver(4, standard), true)
}

func withTLVs(tb testing.TB, id string) *pdu.DeliverSM {
	tb.Helper()
	d := deliver(4, standard)
	require.NoError(tb, d.TLVs.AddCString(pdu.TagReceiptedMessageID, id))
	d.TLVs.AddUint8(pdu.TagMessageState, 2)
	require.NoError(tb, d.TLVs.Add(pdu.TagNetworkErrorCode, []byte{3, 0, 0}))
	return d
}

func BenchmarkParseTextAndTLVs(b *testing.B) {
	benchmarkParse(b, coding.Config{}, withTLVs(b, "0123456789"), true)
}

func BenchmarkParseOtherAlphabet(b *testing.B) {
	benchmarkParse(b, coding.Config{}, deliver(4, standard+"\x00d @"), true)
}

// BenchmarkParseMessage is how long a message of a person is held up.
func BenchmarkParseMessage(b *testing.B) {
	benchmarkParse(b, coding.Config{}, deliver(0, "I am on my way, see you later."), false)
}

func TestParseAllocates(t *testing.T) {
	p := newParser(t, coding.Config{})
	for allocs, d := range map[float64]*pdu.DeliverSM{
		0: deliver(0, "I am on my way, see you later."),
		1: withTLVs(t, "0123456789"),
		2: withTLVs(t, "75bcd15"),
	} {
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { p.Parse(d) }), allocs)
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, rule := range []Rule{Auto, AsIs, HexToDec} {
		b.Run(rule.String(), func(b *testing.B) {
			m := NewMatcher(rule)
			receipt, response := "1311768467463790320", "123456789abcdef0"
			if rule == AsIs {
				receipt = response
			}
			r := &Receipt{MessageID: receipt, Source: pdu.Address{Addr: "491700000001"}}
			messages := []Message{{ID: response, Destination: "+491700000001"}}
			var keys [6]Key
			b.ReportAllocs()
			for b.Loop() {
				m.Submitted(response)
				if len(m.Keys(keys[:0], r)) == 0 {
					b.Fatal("no keys")
				}
				if _, ok := m.Match(r, messages); !ok {
					b.Fatal("no match")
				}
			}
		})
	}
}

func BenchmarkEarly(b *testing.B) {
	e := NewEarly(EarlyLimits{})
	var now time.Time
	r := &Receipt{MessageID: "a1"}
	key, _ := StoreKey("a1")
	b.ReportAllocs()
	for b.Loop() {
		e.Add(now, []Key{key, 1, 2}, r, 1)
		if len(e.Take(key, func(*Held) bool { return true })) != 1 {
			b.Fatal("it is not there")
		}
	}
}

func Example() {
	coder, err := coding.New(coding.Config{})
	if err != nil {
		panic(err)
	}
	parser, matcher := NewParser(coder, nil), NewMatcher(HexToDec)

	// The response to a message comes, and the message is stored under its key.
	message := Message{ID: "75BCD15", Destination: "491700000001"}
	key, _ := StoreKey(message.ID)
	table := map[Key][]Message{key: {message}}

	// Later comes the receipt.
	r, ok := parser.Parse(&pdu.DeliverSM{
		SourceAddr: pdu.Address{TON: pdu.TONInternational, Addr: "491700000001"}, ESMClass: pdu.ESMClassDeliveryReceipt,
		ShortMessage: []byte("id:123456789 submit date:1807110700 done date:1807110701 stat:DELIVRD err:000"),
	})
	if !ok {
		panic("no receipt")
	}
	var candidates []Message
	for _, k := range matcher.Keys(nil, &r) {
		candidates = append(candidates, table[k]...)
	}
	if match, ok := matcher.Match(&r, candidates); ok {
		fmt.Println(candidates[match.Index].ID, r.State, r.Final, match.Rule)
	}
	// Output: 75BCD15 delivered true hex_to_dec
}
