package assembly

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

// part is one of those that a sender repeats until they are acknowledged.
type part struct {
	source string
	number uint8
	text   string // "" stands for one that is there only once
}

// world is a sender, a disk, and the processes that come and go.
type world struct {
	*disk
	lists   *Lists
	process *process

	n       int // parts sent
	sending sync.WaitGroup
	delays  *rand.Rand

	mu    sync.Mutex
	tried map[uint64]part // by tag
	acked map[uint64]bool
}

const worldParts = 3

// send begins to send parts.
func (w *world) send(parts []part) {
	process := w.process
	for _, p := range parts {
		if w.n++; p.text == "" {
			p.text = fmt.Sprint(w.n)
		}
		w.sending.Go(func() {
			tag, err := process.addTo(p.source, 1, worldParts, p.number, p.text)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.tried[tag] = p
			w.acked[tag] = w.acked[tag] || err == nil
		})
	}
}

func (w *world) restart(crash bool, downtime time.Duration) {
	if crash {
		w.process.set(func() { *w.process.crashed = true })
	}
	w.sending.Wait()
	w.process.Close()
	later(downtime)
	w.lists = new(Lists)
	w.start()
}

func (w *world) start() {
	w.process = w.open(w.lists, worldLimits)
	w.process.set(func() { w.process.delay = w.delay })
}

// delay is such that something else may happen before something is kept.
func (w *world) delay() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Duration(w.delays.IntN(5)) * time.Second
}

// reload has another config take over.
func (w *world) reload() {
	old := w.process
	w.start()
	old.set(func() { old.away, w.process.crashed = true, old.crashed })
	old.Close()
}

var worldLimits = coding.Limits{Messages: 3, Age: 10 * time.Minute}

// step is what happens next. It is drawn beforehand: a test that fails is run
// again and again, and time is part of it.
type step struct {
	kind  string
	parts []part
	time  time.Duration
}

var steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	return step{
		kind: rapid.SampledFrom([]string{
			"send", "send", "send", "begin", "begin", "tick", "tick", "wait", "wait", "crash", "restart", "reload", "last", "failure", "full", "away", "well",
		}).Draw(t, "kind"),
		parts: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) part {
			return part{
				source: rapid.SampledFrom([]string{"1", "2", "3", "4"}).Draw(t, "source"),
				number: rapid.Uint8Range(1, worldParts).Draw(t, "number"),
				text:   rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "text"),
			}
		}), 1, 4).Draw(t, "parts"),
		time: time.Duration(rapid.IntRange(0, int(2*worldLimits.Age/time.Second)).Draw(t, "seconds")) * time.Second,
	}
}), 1, 40)

func (w *world) do(s step) {
	p := w.process
	switch s.kind {
	case "send":
		w.send(s.parts)
		w.sending.Wait()
	case "begin":
		w.send(s.parts)
	case "tick":
		later(s.time % (5 * time.Second))
	case "wait":
		later(s.time)
	case "crash":
		w.restart(true, s.time)
	case "restart":
		w.restart(false, s.time)
	case "reload":
		w.reload()
	case "last": // It dies when something is kept.
		p.set(func() { p.last = true })
		w.send(s.parts)
		w.sending.Wait()
		w.restart(true, s.time)
	case "failure":
		p.set(func() { p.failure = errDisk })
	case "full":
		p.set(func() { p.full = true })
	case "away":
		synctest.Wait() // Or parts wait for long.
		p.set(func() { p.away = true })
	case "well":
		p.set(func() { p.failure, p.full, p.away = nil, false, false })
	}
}

// check returns an error unless each part that was acknowledged is in one event.
// If it is in none, it was taken for a repeat of another with the same text.
func (w *world) check() error {
	seen := make(map[uint64]int)
	known := make(map[part]bool)
	for _, e := range w.all() {
		for _, tag := range e.Tags {
			seen[tag]++
			if seen[tag] > 1 {
				return fmt.Errorf("part %v is in two events", w.tried[tag])
			}
			known[w.tried[tag]] = true
		}
		if e.Complete != (len(e.Tags) == worldParts) {
			return fmt.Errorf("wrong claim of being complete: %v", e)
		}
	}
	for tag, acked := range w.acked {
		if p := w.tried[tag]; acked && seen[tag] == 0 && !known[p] {
			return fmt.Errorf("part %v is in no event", p)
		}
	}
	return nil
}

// No part that was acknowledged is lost, and none is in two events, wherever a
// process ends and whatever can't be kept.
func TestNoAcknowledgedPartIsLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all, seed := steps.Draw(rt, "steps"), rapid.Uint64().Draw(rt, "delays")
		var failure error
		synctest.Test(t, func(*testing.T) {
			w := &world{disk: newDisk(), lists: new(Lists), tried: make(map[uint64]part), acked: make(map[uint64]bool)}
			w.delays = rand.New(rand.NewPCG(seed, 0))
			w.start()
			for _, s := range all {
				w.do(s)
			}
			if w.do(step{kind: "well"}); seed%3 > 0 {
				w.restart(seed%3 == 1, 0)
			}
			w.sending.Wait()
			later(worldLimits.Age + 2*flushRetry)
			before := len(w.all())
			w.restart(false, 0)
			later(time.Hour)
			w.process.Close()
			if failure = w.check(); failure == nil && len(w.all()) != before {
				failure = fmt.Errorf("a later process makes other events: %v", w.all()[before:])
			}
		})
		require.NoError(rt, failure)
	})
}
