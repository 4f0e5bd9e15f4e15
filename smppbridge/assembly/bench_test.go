package assembly

import (
	"log/slog"
	"testing"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

// BenchmarkMessage3 takes a message of three parts, without what a store costs.
func BenchmarkMessage3(b *testing.B) {
	p := start()
	defer p.Close()
	sink := Sink{Store: nowhere{}, Logger: slog.New(slog.DiscardHandler), Event: func(coding.Assembled) (relay.Acceptance, error) {
		return relay.Acceptance{}, nil
	}}
	data := make([]byte, 153)
	b.ReportAllocs()
	for b.Loop() {
		for n := range uint8(3) {
			part := coding.Part{Header: coding.Header{Concat: coding.Concat{Total: 3, Number: n + 1}}, Data: data}
			if _, err := p.Add(sink, "491700000001", "12345", part); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// nowhere is a store that keeps nothing.
type nowhere struct{ Store }

func (nowhere) Keep(relay.Acceptance) (bool, error) { return false, nil }
