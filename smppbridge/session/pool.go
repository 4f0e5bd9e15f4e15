package session

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// PoolConfig is what a [Pool] keeps up.
type PoolConfig struct {
	// Connector makes the sessions.
	Connector Connector
	// Binds has the mode of each session: several transceivers, or a transmitter
	// and a receiver. The default is one transceiver.
	Binds []pdu.BindMode
	// Rate is how many messages a second all sessions together send at most.
	// Zero is no limit.
	Rate rate.Limit
	// MinBackoff and MaxBackoff are the first and the longest pause between two
	// tries to bind a session. The defaults are a second and a minute. After
	// some refusals a pause is longer, at least a minute after a wrong password.
	MinBackoff, MaxBackoff time.Duration
}

// Pool keeps sessions to one SMSC bound, and sends messages over whichever has
// room. All methods can be called concurrently.
type Pool struct {
	connector Connector
	observer  Observer
	least     time.Duration
	most      time.Duration
	calls     sync.Pool
	waiters   sync.Pool
	ctx       context.Context // ends when the pool is stopped
	cancel    context.CancelFunc
	tasks     sync.WaitGroup

	mu    sync.Mutex // for what follows
	links []*link
	// limiter is nil if there is no limit.
	limiter *rate.Limiter
	waiting list.List // of *waiter
	// timer is for when the rate allows the next message.
	timer *time.Timer
	// expiry is for when the first of those that wait gives up, at expires
	// unless that is zero.
	expiry  *time.Timer
	expires time.Time
	stopped bool
}

// link is a place for a session.
type link struct {
	mode     pdu.BindMode
	throttle Throttle
	// session is nil while none is bound.
	session *Session
}

// grant is a slot of the window of a session.
type grant struct {
	link    *link
	session *Session
}

// NewPool starts to bind sessions, and returns at once. The pool is to be
// stopped.
func NewPool(cfg PoolConfig) (*Pool, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Pool{connector: cfg.Connector, observer: cfg.Connector.Config.Observer, least: cfg.MinBackoff, most: cfg.MaxBackoff}
	if cfg.Rate > 0 {
		p.limiter = rate.NewLimiter(cfg.Rate, burst(cfg.Rate))
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.timer = time.AfterFunc(time.Hour, p.dispatch)
	p.timer.Stop()
	p.expiry = time.AfterFunc(time.Hour, p.expire)
	p.expiry.Stop()
	for _, mode := range cfg.Binds {
		p.links = append(p.links, &link{mode: mode})
	}
	for _, l := range p.links {
		p.tasks.Go(func() { p.keep(l) })
	}
	return p, nil
}

// Validate returns the error that [NewPool] would.
func (c *PoolConfig) Validate() error {
	_, err := c.withDefaults()
	return err
}

// withDefaults returns the settings with those that are zero set, except the
// Config of the sessions.
func (c PoolConfig) withDefaults() (PoolConfig, error) {
	setDefault(&c.MinBackoff, DefaultMinBackoff)
	setDefault(&c.MaxBackoff, DefaultMaxBackoff)
	if len(c.Binds) == 0 {
		c.Binds = []pdu.BindMode{pdu.BindTransceiver}
	}
	if err := c.check(); err != nil {
		return c, fmt.Errorf("smpp: %w", err)
	}
	return c, nil
}

// check refuses settings that make no sense.
func (c *PoolConfig) check() error {
	switch {
	case c.MinBackoff < 0 || c.MaxBackoff < c.MinBackoff:
		return fmt.Errorf("the longest pause is %s, and the first one %s", c.MaxBackoff, c.MinBackoff)
	case c.Rate < 0:
		return errors.New("the rate is negative")
	}
	for _, mode := range c.Binds {
		if !transmits(mode) && !receives(mode) {
			return fmt.Errorf("%s is no bind", mode)
		}
	}
	_, err := c.Connector.Config.withDefaults()
	return err
}

// keep keeps one session bound until the pool is stopped.
func (p *Pool) keep(l *link) {
	pause := backoff{least: p.least, most: p.most}
	for p.ctx.Err() == nil {
		s, err := p.connector.connect(p.ctx, l.mode, hooks{onBound: func(s *Session) { p.list(l, s) }, onSlot: p.dispatch, calls: &p.calls})
		var delay time.Duration
		if err == nil {
			began := time.Now()
			p.hold(l, s)
			delay = pause.next(s.Err(), time.Since(began))
		} else if p.ctx.Err() == nil {
			delay = pause.next(err, 0)
			p.observe(Event{Kind: EventFailed, Mode: l.mode, Delay: delay, Err: err})
		}
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-p.ctx.Done():
			timer.Stop()
		}
	}
}

// list puts a session that was just bound in its place. It does not block.
func (p *Pool) list(l *link, s *Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.session = s
	if p.stopped {
		// Whoever stopped the pool did not see this one.
		p.tasks.Go(func() { s.leave(ErrStopped) })
	}
	p.grantLocked()
}

// hold leaves a session in its place until it ends.
func (p *Pool) hold(l *link, s *Session) {
	<-s.Done()
	p.mu.Lock()
	l.session = nil
	p.mu.Unlock()
}

func (p *Pool) observe(e Event) {
	if p.observer != nil {
		p.observer.Observe(e)
	}
}

// Sessions returns those that are bound.
func (p *Pool) Sessions() []*Session {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*Session
	for _, l := range p.links {
		if l.session != nil {
			all = append(all, l.session)
		}
	}
	return all
}

// Submission says how a request is submitted.
type Submission struct {
	// Wait is how long to wait for a session and for room in its window, or zero,
	// which waits until the context ends.
	Wait time.Duration
	// Report gets the response, also if it is late, as with [Session.Do]. It may be
	// nil.
	Report func(response pdu.PDU, late bool)
	// Meaning returns the status that the pool is to take a response for, if the
	// SMSC uses the codes in its own way. It may be nil.
	Meaning func(resp pdu.PDU) pdu.CommandStatus
}

// Submit sends a request over a session that is bound as transmitter or
// transceiver, has a free slot in its window, and is not slowed down. While there
// is none it waits, for s.Wait at most; after that the error has [ErrNoRoom]. What
// was sent waits for its response as long as its session does, however long the
// wait before it was. All else is as with [Session.Do].
//
// A status that asks for less, ESME_RTHROTTLED or ESME_RMSGQFUL, is returned, and
// slows the session down. ESME_RINVBNDSTS has the session bind anew.
func (p *Pool) Submit(ctx context.Context, m pdu.PDU, s Submission) (pdu.PDU, error) {
	var deadline time.Time
	if s.Wait > 0 {
		deadline = time.Now().Add(s.Wait)
	}
	for {
		g, resp, err := p.try(ctx, deadline, m, s.Report)
		if err == nil {
			status := resp.Head().Status
			if status != pdu.StatusOK && s.Meaning != nil {
				status = s.Meaning(resp)
			}
			p.learn(g, status)
			return resp, nil
		}
		if !again(ctx, g.session, err) {
			return nil, err
		}
	}
}

// again tells whether to try another session, since the one before, if there was
// one, ended before the request was sent.
func again(ctx context.Context, s *Session, err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && !e.MaybeSent && ctx.Err() == nil && s != nil && s.State() >= StateUnbound
}

// learn takes what the SMSC answered into account.
func (p *Pool) learn(g grant, status pdu.CommandStatus) {
	p.mu.Lock()
	slower := g.link.throttle.Learn(status, time.Now())
	limit := g.link.throttle.Rate()
	rebind := status == pdu.StatusInvBndSts && !p.stopped
	if rebind {
		p.tasks.Go(func() { g.session.leave(ErrNotBound) })
	}
	p.mu.Unlock()
	if slower {
		p.observe(Event{Kind: EventThrottled, Session: g.session, Mode: g.link.mode, Status: status, Rate: limit})
	}
}

// Stop ends all sessions as [Session.Stop] does. It returns when nothing of the
// pool is left; the error tells that ctx ended before requests were settled.
func (p *Pool) Stop(ctx context.Context) error {
	p.mu.Lock()
	p.stopped = true
	p.grantLocked()
	p.mu.Unlock()
	// From here on nothing new is bound.
	p.cancel()
	var stops sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for _, s := range p.Sessions() {
		stops.Go(func() {
			if err := s.Stop(ctx); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = err
			}
		})
	}
	stops.Wait()
	p.tasks.Wait()
	p.timer.Stop()
	p.expiry.Stop()
	return failed
}
