package smppbridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// errWaited means that no session had room in time.
var errWaited = errors.New("no session had room in time")

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
	rule     atomic.Uint32
	early    *receipt.Early
	recent   *recent
	states   *states
	late     *lateTable
	parts    *coding.Reassembler
	restored *restored
	held     heldRequests
	// inFlight is how many deliveries are under way: as long as there are none, no
	// receipt can be too early.
	inFlight atomic.Int64

	mu           sync.Mutex
	pool         *session.Pool
	closed       bool
	destinations []*Destination // the latest last
	lastFailure  string
	// bound is closed when a session that can submit is bound, and made anew.
	bound  chan struct{}
	expiry *time.Timer
	tasks  sync.WaitGroup
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
		states:          newStates(),
		late:            newLateTable(),
		parts:           coding.NewReassembler(c.Reassembly),
		restored:        newRestored(),
		bound:           make(chan struct{}),
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
	b.closed = true
	pool := b.pool
	if b.expiry != nil {
		b.expiry.Stop()
	}
	b.mu.Unlock()
	// What waits for a response that will not come has no time left.
	b.releaseHeld()
	var err error
	if pool != nil {
		err = pool.Stop(ctx)
	}
	b.tasks.Wait()
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

// submit sends a request and waits for its response, as [session.Pool.Submit]
// does. It waits so long for a session that is bound, and longer by the time of a
// response for room in its window: by then, all that is before it has an outcome.
// After that the error is errWaited. A response that comes after submit has
// returned is given to late.
func (b *Binds) submit(ctx context.Context, p pdu.PDU, wait time.Duration, late func(pdu.PDU)) (pdu.PDU, error) {
	pool, err := b.up(ctx, wait)
	if err != nil {
		return nil, &session.Error{Err: err}
	}
	w := waiting{late: late, response: make(chan pdu.PDU, 1)}
	limited, cancel := context.WithTimeoutCause(ctx, wait+b.responseTimeout, errWaited)
	defer cancel()
	response, err := pool.Submit(limited, p, w.deliver)
	var failed *session.Error
	if err == nil || !errors.As(err, &failed) || !failed.MaybeSent {
		return response, err
	}
	if errors.Is(err, errWaited) {
		// The turn came at the last moment, and the response may still come in
		// time.
		return w.wait(ctx, b.responseTimeout, failed)
	}
	return w.giveUp(failed)
}

// up waits until a session is bound that can submit.
func (b *Binds) up(ctx context.Context, wait time.Duration) (*session.Pool, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	b.mu.Lock()
	pool, bound := b.pool, b.bound
	b.mu.Unlock()
	if pool == nil {
		return nil, session.ErrNotBound
	}
	if submits(pool) {
		return pool, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-bound:
		return pool, nil
	case <-timer.C:
		return nil, errWaited
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// submits tells whether a session is bound that can.
func submits(pool *session.Pool) bool {
	return slices.ContainsFunc(pool.Sessions(), func(s *session.Session) bool { return s.Mode() != pdu.BindReceiver })
}

// waiting is a request whose response comes late.
type waiting struct {
	late     func(pdu.PDU)
	response chan pdu.PDU

	mu   sync.Mutex
	gone bool
}

// deliver gets the late response. It does not block.
func (w *waiting) deliver(p pdu.PDU) {
	w.mu.Lock()
	gone := w.gone
	if !gone {
		w.response <- p
	}
	w.mu.Unlock()
	if gone {
		w.late(p)
	}
}

func (w *waiting) wait(ctx context.Context, timeout time.Duration, failed *session.Error) (pdu.PDU, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case p := <-w.response:
		return p, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return w.giveUp(failed)
}

// giveUp leaves the response to late, unless it is there.
func (w *waiting) giveUp(failed *session.Error) (pdu.PDU, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case p := <-w.response:
		return p, nil
	default:
		w.gone = true
		return nil, failed
	}
}

// why explains why no session had room.
func (b *Binds) why(waited time.Duration) (relay.Reason, string) {
	b.mu.Lock()
	pool, failure := b.pool, b.lastFailure
	b.mu.Unlock()
	if submits(pool) {
		return relay.ReasonTimeout, fmt.Sprintf("no session had room in its window within %s", waited+b.responseTimeout)
	}
	detail := fmt.Sprintf("no session was bound within %s", waited)
	if failure != "" {
		detail += ": " + failure
	}
	return relay.ReasonConnect, truncate(detail)
}

// Observe implements [session.Observer].
func (b *Binds) Observe(e session.Event) {
	b.mu.Lock()
	switch e.Kind {
	case session.EventFailed, session.EventLost:
		if e.Err != nil {
			b.lastFailure = e.Err.Error()
		}
	case session.EventBound:
		b.lastFailure = ""
		if e.Mode != pdu.BindReceiver {
			close(b.bound)
			b.bound = make(chan struct{})
		}
	default:
	}
	destinations := slices.Clone(b.destinations)
	b.mu.Unlock()
	if len(destinations) == 0 {
		return
	}
	for _, d := range destinations {
		d.cfg.Observer.Session(d.cfg.Name, e)
	}
	logSession(destinations[len(destinations)-1].cfg.Logger, b.smsc, e)
}

// logSession writes what happened to a session. Single timeouts and the like are
// left to metrics, and show with debug.
func logSession(log *slog.Logger, smsc string, e session.Event) {
	level := slog.LevelDebug
	switch e.Kind {
	case session.EventBound, session.EventThrottled:
		level = slog.LevelInfo
	case session.EventLost, session.EventFailed:
		level = slog.LevelWarn
		if errors.Is(e.Err, session.ErrStopped) {
			level = slog.LevelInfo
		}
	default:
	}
	ctx := context.Background()
	if !log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("smsc", smsc), slog.String("mode", sessionKey(e.Mode))}
	if e.Status != pdu.StatusOK {
		attrs = append(attrs, slog.String("command_status", e.Status.String()))
	}
	if e.Kind == session.EventThrottled {
		attrs = append(attrs, slog.Float64("rate", float64(e.Rate)))
	}
	if e.Delay > 0 {
		attrs = append(attrs, slog.Duration("retry_in", e.Delay))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.Any("error", e.Err))
	}
	log.LogAttrs(ctx, level, "smpp session "+e.Kind.String(), attrs...)
}

// Interface guards
var (
	_ session.Handler      = (*Binds)(nil)
	_ session.AlertHandler = (*Binds)(nil)
	_ session.Observer     = (*Binds)(nil)
)
