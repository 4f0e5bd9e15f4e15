package smsc

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/caddy-relay/caddy-relay/smppbridge/assembly"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

var (
	// errNotBound means that an account has no session that receives.
	errNotBound = errors.New("no receiver is bound")
	// errNoRoom means that the windows of all sessions stayed full.
	errNoRoom = errors.New("no receiver had room in its window")
	// errClosed means that the server was closed, since no config has it any more.
	errClosed = errors.New("the SMSC was closed")
)

// partLimits bound what is kept of an account's long messages that are not
// complete. Each has its own, so that none can crowd the others out.
var partLimits = coding.Limits{Messages: 1000, Bytes: 4 << 20, Age: coding.DefaultMaxAge}

// account is what a server knows of an account.
type account struct {
	cfg Account
	// submits and deliveries limit the rates of both directions. They are nil if
	// there is no limit.
	submits, deliveries *rate.Limiter
	// known is a keyed hash of the password that was right the last time.
	known atomic.Pointer[[32]byte]
	// parts are those of messages that are not complete. It is nil before the
	// server accepts connections.
	parts *assembly.Assembler

	mu        sync.Mutex
	binds     int
	receivers []*receiver
	waiting   []*waiter // the first to come first
	// timer grants again once a session that was slowed down may send.
	timer *time.Timer
}

// receiver is a session that takes messages.
type receiver struct {
	session *session.Session
	// under way are that many of window messages.
	underWay, window int
	throttle         session.Throttle
}

// waiter waits for room in a window.
type waiter struct{ granted chan *receiver }

func newAccount(cfg Account) *account {
	a := &account{cfg: cfg}
	if a.cfg.MaxBinds == 0 {
		a.cfg.MaxBinds = DefaultMaxBinds
	}
	if cfg.Rate > 0 {
		burst := max(1, int(cfg.Rate))
		a.submits, a.deliveries = rate.NewLimiter(cfg.Rate, burst), rate.NewLimiter(cfg.Rate, 1)
	}
	return a
}

// reserve counts a bind, unless there are as many as there may be.
func (a *account) reserve() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.binds >= a.cfg.MaxBinds {
		return false
	}
	a.binds++
	return true
}

func (a *account) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.binds--
}

// add lets deliveries use a session.
func (a *account) add(s *session.Session) {
	if s.Mode() != pdu.BindReceiver && s.Mode() != pdu.BindTransceiver {
		return
	}
	window := a.cfg.Window
	if window == 0 {
		window = session.DefaultWindow
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.receivers = append(a.receivers, &receiver{session: s, window: window})
	a.grant()
}

// remove has deliveries use a session no more.
func (a *account) remove(s *session.Session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.receivers = slices.DeleteFunc(a.receivers, func(r *receiver) bool { return r.session == s })
}

// turn waits until the rate allows another message and a session has room for it,
// or ctx ends. The session is to be given back to putBack.
func (a *account) turn(ctx context.Context) (*receiver, error) {
	if a.deliveries != nil && a.deliveries.Wait(ctx) != nil {
		return nil, errNoRoom
	}
	return a.acquire(ctx)
}

// acquire returns a session with a place in its window, which is to be given back
// to putBack, and waits for one until ctx ends.
func (a *account) acquire(ctx context.Context) (*receiver, error) {
	w := &waiter{granted: make(chan *receiver, 1)}
	a.mu.Lock()
	a.waiting = append(a.waiting, w)
	a.grant()
	a.mu.Unlock()
	select {
	case r := <-w.granted:
		return r, nil
	case <-ctx.Done():
	}
	a.mu.Lock()
	a.waiting = slices.DeleteFunc(a.waiting, func(other *waiter) bool { return other == w })
	bound := len(a.receivers) > 0
	a.mu.Unlock()
	select {
	case r := <-w.granted: // It was granted just before.
		a.putBack(r)
	default:
	}
	if bound {
		return nil, errNoRoom
	}
	return nil, errNotBound
}

func (a *account) putBack(r *receiver) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.underWay--
	a.grant()
}

// learn takes into account how the ESME has answered.
func (a *account) learn(r *receiver, status pdu.CommandStatus) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.throttle.Learn(status, time.Now())
}

// grant gives the sessions that have the most room to those who wait. The caller
// holds the lock.
func (a *account) grant() {
	now := time.Now()
	for len(a.waiting) > 0 {
		r, wait := a.pick(now)
		if r == nil {
			a.grantIn(wait)
			return
		}
		r.underWay++
		r.throttle.Use(now)
		a.waiting[0].granted <- r
		a.waiting = slices.Delete(a.waiting, 0, 1)
	}
}

// grantIn grants again after a pause, unless that is zero. The caller holds the
// lock.
func (a *account) grantIn(wait time.Duration) {
	switch {
	case wait == 0:
	case a.timer == nil:
		a.timer = time.AfterFunc(wait, func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.grant()
		})
	default:
		a.timer.Reset(wait)
	}
}

// pick returns the session with the most room. If there is none since those that
// have some are slowed down, it returns how long that takes.
func (a *account) pick(now time.Time) (best *receiver, wait time.Duration) {
	most := 0
	for _, r := range a.receivers {
		room := r.window - r.underWay
		if room <= 0 || r.session.State() != session.StateBound {
			continue
		}
		if d := r.throttle.Delay(now); d > 0 {
			if wait == 0 || d < wait {
				wait = d
			}
			continue
		}
		if room > most {
			best, most = r, room
		}
	}
	return best, wait
}

// receives tells whether a session is bound that takes messages.
func (a *account) receives() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.receivers) > 0
}

// bound returns how many sessions the account has.
func (a *account) bound() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.binds
}
