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

func (splitter) Split(e *relay.Event) int { return len(strings.Fields(e.ID)) }

func TestSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, newMemoryQueue())
		sms, crm := splitter{newSink(nil)}, newSink(nil)
		attached := configure(e, to("sms", sms), to("crm", crm))
		send(t, e, "one", "crm", "sms")
		send(t, e, "a b c", "crm", "sms")
		send(t, e, "d e", "sms", "crm")
		send(t, e, "", "sms")
		send(t, e, strings.Repeat("x ", relay.MaxSplit+5), "sms")
		send(t, e, "f g", "crm")
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
		send(t, e, "h i", "sms")
		configure(e, to("sms", newSink(nil)))
		time.Sleep(time.Second)
		synctest.Wait()
		for _, l := range e.Lanes() {
			assert.Zero(t, l.Pending, fmt.Sprint(l))
		}
		require.NoError(t, e.Close(t.Context()))
	})
}
