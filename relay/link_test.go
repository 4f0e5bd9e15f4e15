package relay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

// linked returns the values of a hash as strings.
func linked(t *testing.T, e *relay.Engine, hash byte) (values []string) {
	t.Helper()
	got, err := e.Linked(t.Context(), relay.LinkHash{hash})
	require.NoError(t, err)
	for _, v := range got {
		values = append(values, string(v))
	}
	return values
}

// notes returns what came with the attempts.
func (s *sink) notes() (notes []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.attempts {
		notes = append(notes, string(d.Note))
	}
	return notes
}

func TestNoteComesWithTheNextAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, newMemoryQueue())
		s := newSink(func(_ context.Context, d *relay.Delivery) relay.Result {
			r := relay.Result{Outcome: relay.Retry, Reason: relay.ReasonStatus}
			switch d.Attempt {
			case 1:
				r.Note = []byte("part 1")
			case 2: // leaves it as it is
			case 3:
				r.Note = []byte("parts 1 and 2")
			case 4:
				r.Note = []byte{}
			default:
				r.Outcome = relay.Delivered
			}
			return r
		})
		configure(e, to("crm", s, time.Second, time.Second, time.Second, time.Second))
		send(t, e, "a", "crm")
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"", "part 1", "part 1", "parts 1 and 2", ""}, s.notes())
		require.NoError(t, e.Close(t.Context()))
	})
}

// TestNoteOfAnAttemptCutShort closes the engine while a receiver has taken a
// part, and looks at what the next engine knows of it.
func TestNoteOfAnAttemptCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		e := newEngine(t, q)
		s := newSink(func(ctx context.Context, d *relay.Delivery) relay.Result {
			r := hangs(ctx, d)
			if d.Event.ID == "partly" {
				r.Note = []byte("part 1")
				r.Links = []relay.Link{{Hash: relay.LinkHash{1}, Value: []byte("partly"), For: time.Hour}}
			}
			return r
		})
		configure(e, to("crm", s))
		send(t, e, "partly", "crm")
		send(t, e, "not at all", "crm")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.NoError(t, e.Close(ctx))
		assert.Equal(t, map[relay.State]int{relay.StatePending: 2}, q.states())
		assert.Zero(t, q.attempted("partly"), "it does not count")

		e = newEngine(t, q)
		s = newSink(nil)
		configure(e, to("crm", s))
		synctest.Wait()
		assert.Equal(t, map[string]int{"partly": 1, "not at all": 1}, s.got)
		assert.ElementsMatch(t, []string{"part 1", ""}, s.notes())
		for _, d := range s.attempts {
			assert.Equal(t, 1, d.Attempt)
		}
		assert.Equal(t, []string{"partly"}, linked(t, e, 1))
		require.NoError(t, e.Close(t.Context()))
	})
}

func TestOversizedNotesAndLinksAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		var log bytes.Buffer
		e, err := relay.NewEngine(t.Context(), relay.Options{Queue: q, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err)
		links := []relay.Link{
			{Hash: relay.LinkHash{1}, Value: make([]byte, relay.MaxLinkLength), For: time.Hour},
			{Hash: relay.LinkHash{2}, Value: make([]byte, relay.MaxLinkLength+1), For: time.Hour},
			{Hash: relay.LinkHash{3}, Value: []byte("short"), For: time.Hour},
		}
		s := newSink(func(_ context.Context, d *relay.Delivery) relay.Result {
			switch d.Attempt {
			case 1:
				return relay.Result{Outcome: relay.Retry, Note: bytes.Repeat([]byte("a"), relay.MaxNoteLength)}
			case 2:
				return relay.Result{Outcome: relay.Retry, Note: bytes.Repeat([]byte("b"), relay.MaxNoteLength+1)}
			}
			return relay.Result{Outcome: relay.Delivered, Links: links}
		})
		configure(e, to("crm", s, time.Second, time.Second))
		send(t, e, "a", "crm")
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 3, s.count())
		assert.Equal(t, bytes.Repeat([]byte("a"), relay.MaxNoteLength), s.attempts[1].Note)
		assert.Equal(t, s.attempts[1].Note, s.attempts[2].Note, "the last one that was short enough")
		for hash, want := range map[byte]int{1: 1, 2: 0, 3: 1} {
			assert.Len(t, linked(t, e, hash), want, hash)
		}
		assert.Len(t, links, 3, "the destination's slice is its own")
		assert.EqualValues(t, 2, links[1].Hash[0])
		require.NoError(t, e.Close(t.Context()))
		assert.Equal(t, map[relay.State]int{relay.StateDelivered: 1}, q.states(), "the outcome stands")
		assert.Contains(t, log.String(), "what=note length=65537 limit=65536")
		assert.Contains(t, log.String(), "what=link length=1025 limit=1024")
	})
}

func TestLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		e := newEngine(t, q)
		s := newSink(func(_ context.Context, d *relay.Delivery) relay.Result {
			return relay.Result{Links: []relay.Link{{Hash: relay.LinkHash{1}, Value: []byte(d.Event.ID), For: time.Hour}}}
		})
		configure(e, to("crm", s))
		for i := range 3 {
			send(t, e, fmt.Sprint("event ", i), "crm")
			synctest.Wait()
		}
		time.Sleep(time.Second)
		assert.Equal(t, []string{"event 2", "event 1", "event 0"}, linked(t, e, 1))
		assert.Empty(t, linked(t, e, 2))

		require.NoError(t, keepLinks(e,
			relay.Link{Hash: relay.LinkHash{2}, Value: []byte("long"), For: time.Hour},
			relay.Link{Hash: relay.LinkHash{2}, Value: []byte("brief"), For: time.Minute}))
		assert.Equal(t, []string{"brief", "long"}, linked(t, e, 2))
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"long"}, linked(t, e, 2))
		require.NoError(t, e.Close(t.Context()))
	})
}

// keepLinks keeps links without an event.
func keepLinks(e *relay.Engine, links ...relay.Link) error {
	_, err := e.Keep(relay.Acceptance{Links: links})
	return err
}

func TestLinkErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		e := newEngine(t, q)
		link := relay.Link{Hash: relay.LinkHash{1}, Value: []byte("x"), For: time.Hour}
		long := relay.Link{Value: make([]byte, relay.MaxLinkLength+1), For: time.Hour}
		require.ErrorContains(t, keepLinks(e, link, long), "1025 bytes")
		q.fail(errors.New("disk gone"))
		require.ErrorContains(t, keepLinks(e, link), "disk gone")
		_, err := e.Linked(t.Context(), link.Hash)
		require.ErrorContains(t, err, "disk gone")
		q.fail(nil)
		assert.Empty(t, linked(t, e, 1), "none was kept")
		require.NoError(t, e.Close(t.Context()))
		require.ErrorIs(t, keepLinks(e, link), relay.ErrClosed)
		_, err = e.Linked(t.Context(), link.Hash)
		require.ErrorIs(t, err, relay.ErrClosed)
	})
}
