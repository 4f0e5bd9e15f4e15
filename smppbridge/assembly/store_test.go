package assembly

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

// An engine is what keeps all in production.
var _ Store = (*relay.Engine)(nil)

// event is what became of a message.
type event struct {
	Text     string // the parts with a bar in between
	Complete bool
	Tags     []uint64
}

// disk is what outlives a process.
type disk struct {
	mu     sync.Mutex
	links  map[relay.LinkHash][]keptLink
	ids    map[string]bool
	events []event
}

type keptLink struct {
	value   []byte
	expires time.Time
}

func newDisk() *disk {
	return &disk{links: make(map[relay.LinkHash][]keptLink), ids: make(map[string]bool)}
}

// entries returns how many have been kept.
func (d *disk) entries() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, all := range d.links {
		n += len(all)
	}
	return n
}

func (d *disk) all() []event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.events)
}

// texts returns those of the events, with a dot behind those that are complete.
func (d *disk) texts() (all []string) {
	for _, e := range d.all() {
		if e.Complete {
			e.Text += "."
		}
		all = append(all, e.Text)
	}
	return all
}

var (
	errCrashed = errors.New("the process has crashed")
	errDisk    = errors.New("disk I/O error")
)

// process has a share of a list, and a disk until it crashes. Several can be one,
// while one config replaces another.
type process struct {
	*disk
	*Assembler

	delay    func() time.Duration // of all that is to be kept; may be nil
	event    func(coding.Assembled) (relay.Acceptance, error)
	failure  error // of all that is to be kept
	full     bool  // events are refused
	last     bool  // it crashes with the next transaction, which is kept
	away     bool  // there is no sink
	crashed  *bool
	unread   error // of reading
	maxLinks int   // the most that were kept at once
	read     int   // entries
}

func (p *process) Keep(a relay.Acceptance) (duplicate bool, err error) {
	if p.delay != nil {
		time.Sleep(p.delay())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case *p.crashed:
		return false, errCrashed
	case p.failure != nil:
		return false, p.failure
	case p.full && a.Event != nil:
		return false, relay.ErrFull
	}
	if p.last {
		*p.crashed, err = true, errCrashed
	}
	if a.Event != nil {
		if p.ids[a.Event.ID] {
			return true, err
		}
		var e event
		if err := json.Unmarshal(a.Event.Body, &e); err != nil {
			return false, err
		}
		p.ids[a.Event.ID] = true
		p.events = append(p.events, e)
	}
	p.maxLinks = max(p.maxLinks, len(a.Links))
	for _, l := range a.Links {
		if len(l.Value) > relay.MaxLinkLength {
			return false, errors.New("the value of a link is too long")
		}
		p.links[l.Hash] = append(p.links[l.Hash], keptLink{l.Value, time.Now().Add(l.For)})
	}
	return false, err
}

func (p *process) Linked(ctx context.Context, hash relay.LinkHash) (values [][]byte, err error) {
	read := p.read
	err = p.EachLinked(ctx, hash, func(value []byte) error {
		values = append(values, value)
		return nil
	})
	p.read = read
	slices.Reverse(values)
	return values, err
}

func (p *process) EachLinked(_ context.Context, hash relay.LinkHash, f func([]byte) error) error {
	p.mu.Lock()
	links, err := slices.Clone(p.links[hash]), p.unread
	p.mu.Unlock()
	for _, l := range links {
		if err == nil && l.expires.After(time.Now()) {
			p.read++
			err = f(l.value)
		}
	}
	return err
}

// set changes how a process fails.
func (p *process) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *process) aSink() (Sink, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Sink{Store: p, Logger: slog.New(slog.DiscardHandler), Event: p.event}, !p.away
}

func eventOf(whole coding.Assembled) (relay.Acceptance, error) {
	e := event{Complete: whole.Complete}
	var texts []string
	for _, part := range whole.Parts {
		texts, e.Tags = append(texts, string(part.Data)), append(e.Tags, part.Tag)
	}
	e.Text = strings.Join(texts, "|")
	body, err := json.Marshal(e)
	return relay.Acceptance{Event: &relay.Event{ID: fmt.Sprint(e.Tags), Body: body}, Dedup: time.Hour}, err
}

// limits are small, so that they are reached.
var limits = coding.Limits{Age: 10 * time.Minute}

func (d *disk) open(lists *Lists, limits coding.Limits) *process {
	p := &process{disk: d, crashed: new(bool), event: eventOf}
	p.Assembler = lists.Open(Config{Name: "a list", Limits: limits, Sink: p.aSink})
	return p
}

// start starts a process with an empty disk.
func start() *process { return newDisk().open(new(Lists), limits) }

// again ends a process, and starts another.
func (p *process) again() *process {
	p.Close()
	return p.open(new(Lists), limits)
}

// crash ends a process without anything that it could do then.
func (p *process) crash() *process {
	p.set(func() { *p.crashed = true })
	return p.again()
}

// add adds part n of 3.
func (p *process) add(reference uint16, n uint8, text string) error {
	_, err := p.addTo("491700000001", reference, 3, n, text)
	return err
}

func (p *process) addTo(source string, reference uint16, total, n uint8, text string) (uint64, error) {
	sink, _ := p.aSink()
	return p.Add(sink, source, "12345", coding.Part{
		Header: coding.Header{Concat: coding.NewConcat(coding.UDH8, reference, total, n), Octets: 6}, Data: []byte(text),
	})
}

// run runs a test with a clock of its own.
func run(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// later lets time pass.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func requireKept(t *testing.T, p *process, reference uint16, parts ...string) {
	t.Helper()
	for _, text := range parts {
		require.NoError(t, p.add(reference, text[0]-'a'+1, text))
	}
}
