package smppbridge

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/assembly"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// Binds are the sessions to one SMSC under one system_id, with what belongs to
// them however many configs come and go: the messages whose receipts are
// expected, and the parts of messages that are not complete. They serve all
// destinations with the same [BindConfig.Key]. All methods can be called
// concurrently.
type Binds struct {
	cfg     BindConfig
	smsc    string
	started time.Time
	// responseTimeout is that of the sessions.
	responseTimeout time.Duration
	// maxHeld is how many receipts may wait for their message.
	maxHeld int

	matcher *receipt.Matcher
	// rule is what the matcher last followed.
	rule    atomic.Uint32
	early   *receipt.Early
	recent  *recent
	reports *reportLocks
	late    *lateTable
	// parts are those of messages that are not complete. It is nil before Start.
	parts *assembly.Assembler
	held  heldRequests
	// inFlight is how many deliveries are under way: as long as there are none, no
	// receipt can be too early.
	inFlight atomic.Int64

	mu           sync.Mutex
	pool         *session.Pool
	closed       bool
	destinations []*Destination // the latest last
	lastFailure  string
	// live is how many sessions are bound that can submit.
	live int
	// bound is closed when a session that can submit is bound, and made anew.
	bound chan struct{}
	// stopped is closed by Close.
	stopped chan struct{}
	tasks   sync.WaitGroup
}

// NewBinds returns binds that are not up before [Binds.Start].
func NewBinds(c BindConfig) (*Binds, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	b := &Binds{
		cfg: c, smsc: c.smsc(), started: time.Now(),
		responseTimeout: c.Session.ResponseTimeout,
		matcher:         receipt.NewMatcher(c.IDs),
		early:           receipt.NewEarly(receipt.EarlyLimits{Age: holdTime}),
		recent:          newRecent(),
		reports:         newReportLocks(),
		late:            newLateTable(),
		bound:           make(chan struct{}),
		stopped:         make(chan struct{}),
	}
	if b.responseTimeout == 0 {
		b.responseTimeout = session.DefaultResponseTimeout
	}
	b.maxHeld = cmp.Or(c.Session.MaxUnanswered, session.DefaultMaxUnanswered) / 2
	return b, nil
}

// Start begins to bind, unless it has. [Destination.Start] does so itself.
func (b *Binds) Start() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pool != nil || b.closed {
		return nil
	}
	if b.parts == nil {
		b.parts = b.openParts()
	}
	pool, err := session.NewPool(session.PoolConfig{
		Connector: b.cfg.connector(b, b), Binds: b.cfg.modes(), Rate: b.cfg.Rate,
		MinBackoff: b.cfg.MinBackoff, MaxBackoff: b.cfg.MaxBackoff,
	})
	if err != nil {
		return err
	}
	b.pool = pool
	return nil
}

// Close ends all sessions: it waits until what was submitted is answered or ctx
// ends, unbinds, and returns when nothing is left. The error tells that ctx ended
// before.
func (b *Binds) Close(ctx context.Context) error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.stopped)
	}
	pool, parts := b.pool, b.parts
	b.mu.Unlock()
	// What waits for a response that will not come has no time left.
	b.releaseHeld()
	var err error
	if pool != nil {
		err = pool.Stop(ctx)
	}
	b.tasks.Wait()
	if parts != nil {
		parts.Close()
	}
	return err
}

// run runs f beside everything else, unless the binds are closed.
func (b *Binds) run(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.tasks.Go(f)
	return true
}

// Start binds, unless the sessions are up already, and has what comes back go to
// d rather than to the destination that was started before.
func (d *Destination) Start() error {
	b := d.binds
	b.mu.Lock()
	if !slices.Contains(b.destinations, d) {
		b.destinations = append(b.destinations, d)
	}
	b.mu.Unlock()
	return b.Start()
}

// Stop has nothing that comes back go to d any more. Deliveries under way are
// not affected.
func (d *Destination) Stop() {
	b := d.binds
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.destinations, d); i >= 0 {
		b.destinations = slices.Delete(b.destinations, i, i+1)
	}
}

// destination returns the latest destination with a name, or else the latest of
// all, or nil.
func (b *Binds) destination(name string) *Destination {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range slices.Backward(b.destinations) {
		if d.cfg.Name == name {
			return d
		}
	}
	if len(b.destinations) == 0 {
		return nil
	}
	return b.destinations[len(b.destinations)-1]
}

// Interface guards
var (
	_ session.Handler      = (*Binds)(nil)
	_ session.AlertHandler = (*Binds)(nil)
	_ session.Observer     = (*Binds)(nil)
)
