package assembly

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/relay/queue/sqlite"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

// inbox is a destination that takes the messages.
type inbox chan *relay.Event

func (i inbox) Deliver(_ context.Context, d *relay.Delivery) relay.Result {
	i <- d.Event
	return relay.Result{}
}

// A message comes in parts to processes that share a queue on disk.
func TestWithAnEngine(t *testing.T) {
	dir, messages := t.TempDir(), make(inbox, 10)
	for n := range uint8(3) {
		queue, err := sqlite.Open(dir)
		require.NoError(t, err)
		engine, err := relay.NewEngine(t.Context(), relay.Options{Queue: queue})
		require.NoError(t, err)
		engine.Attach(relay.Config{Destinations: []relay.DestinationConfig{{Name: "inbox", Destination: messages, Concurrency: 1}}}).Activate()
		sink := Sink{Store: engine, Logger: slog.New(slog.DiscardHandler), Event: func(whole coding.Assembled) (relay.Acceptance, error) {
			a, err := eventOf(whole)
			a.To = []string{"inbox"}
			return a, err
		}}
		list := new(Lists).Open(Config{Name: "a list", Sink: func() (Sink, bool) { return sink, true }})
		for range 2 {
			_, err = list.Add(sink, "1", "2", coding.Part{
				Header: coding.Header{Concat: coding.NewConcat(coding.UDH16, 7, 3, n+1)}, Data: []byte{'a' + n},
			})
			require.NoError(t, err)
		}
		list.Close()
		require.NoError(t, engine.Close(t.Context()))
	}
	require.Len(t, messages, 1)
	require.Contains(t, string((<-messages).Body), `"a|b|c"`)
}
