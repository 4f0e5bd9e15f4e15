package relay_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

func TestOnlyTheNewestActiveAttachmentCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, newMemoryQueue())
		first, second, third := newSink(nil), newSink(nil), newSink(nil)
		a := e.Attach(relay.Config{Destinations: []relay.DestinationConfig{to("crm", first)}})
		send(t, e, "before", "crm")
		synctest.Wait()
		assert.Zero(t, first.count(), "not active yet")
		a.Activate()
		synctest.Wait()
		assert.Equal(t, 1, first.count())

		b := configure(e, to("crm", second))
		send(t, e, "during", "crm")
		synctest.Wait()
		assert.Equal(t, 1, second.count())
		a.Detach()

		doomed := configure(e, to("crm", third))
		doomed.Detach()
		send(t, e, "after", "crm")
		synctest.Wait()
		assert.Equal(t, []int{1, 2, 0}, []int{first.count(), second.count(), third.count()})

		b.Detach()
		send(t, e, "waits", "crm")
		synctest.Wait()
		assert.Equal(t, 2, second.count())
		require.NoError(t, e.Close(t.Context()))
	})
}

func TestRemovedDestinationKeepsItsDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, newMemoryQueue())
		crm := newSink(fails)
		a := configure(e, to("crm", crm, time.Minute, time.Minute))
		send(t, e, "a", "crm")
		synctest.Wait()
		b := configure(e)
		a.Detach()
		time.Sleep(time.Hour)
		assert.Equal(t, 1, crm.count())
		assert.Equal(t, []relay.LaneStats{{Destination: "crm", Pending: 1}}, e.Lanes())
		oldest, err := e.Oldest(t.Context(), "crm")
		require.NoError(t, err)
		assert.Equal(t, time.Hour, time.Since(oldest))

		back := newSink(nil)
		configure(e, to("crm", back))
		b.Detach()
		synctest.Wait()
		assert.Equal(t, 1, back.count())
		assert.Equal(t, 2, back.attempts[0].Attempt)
		require.NoError(t, e.Close(t.Context()))
	})
}
