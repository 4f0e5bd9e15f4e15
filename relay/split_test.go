package relay_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

// splitter has a delivery for each word of the id.
type splitter struct{ *sink }

func (splitter) Split(e *relay.Event) int {
	if e.ID == "panic" {
		panic("a destination must not end the process")
	}
	return len(strings.Fields(e.ID))
}

func TestSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, newMemoryQueue())
		sms, crm := splitter{newSink(nil)}, newSink(nil)
		attached := configure(e, to("sms", sms), to("crm", crm))
		send := func(id string, to ...string) {
			duplicate, err := attached.Accept(&relay.Event{ID: id, Source: "s"}, to, time.Hour)
			require.NoError(t, err)
			require.False(t, duplicate)
		}
		send("one", "crm", "sms")
		send("a b c", "crm", "sms")
		send("d e", "sms", "crm")
		send("", "sms")
		send(strings.Repeat("x ", relay.MaxSplit+5), "sms")
		send("f g", "crm")
		send("panic", "sms")
		synctest.Wait()
		assert.Equal(t, 4, crm.count())
		indexes, ids := make(map[string][]int), make(map[string]bool)
		for _, d := range sms.attempts {
			key := d.Event.ID[:min(len(d.Event.ID), 8)]
			indexes[key] = append(indexes[key], d.Index)
			ids[d.ID] = true
		}
		long := indexes["x x x x "]
		delete(indexes, "x x x x ")
		require.Len(t, long, relay.MaxSplit)
		assert.Len(t, ids, sms.count(), "each has an id of its own")
		for _, list := range indexes {
			assert.Subset(t, []int{0, 1, 2}, list)
		}
		assert.ElementsMatch(t, []int{0, 1, 2}, indexes["a b c"])
		assert.ElementsMatch(t, []int{0, 1}, indexes["d e"])
		assert.Equal(t, []int{0}, indexes["one"])
		assert.Equal(t, []int{0}, indexes[""])

		attached.Detach()
		send("h i", "sms")
		next := e.Attach(relay.Config{Destinations: []relay.DestinationConfig{to("sms", sms)}})
		before := sms.count()
		attached = next
		send("j k l", "sms")
		next.Activate()
		time.Sleep(time.Second)
		assert.Equal(t, before+5, sms.count(), "also without an active config")
		synctest.Wait()
		for _, l := range e.Lanes() {
			assert.Zero(t, l.Pending, fmt.Sprint(l))
		}
		require.NoError(t, e.Close(t.Context()))
	})
}
