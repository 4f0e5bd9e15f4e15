package session

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// Session is one SMPP session. All methods can be called concurrently.
//
// It has two goroutines, one that reads and one that writes, until its
// connection is gone.
type Session struct {
	conn     net.Conn
	lowWater *lowWater
	cfg      Config
	role     role
	// admit decides about the bind of the peer, and account is what came of it.
	// They are only there on the side of the SMSC.
	admit   func(*pdu.Bind) (Account, *pdu.BindResp)
	account Account
	hooks
	slots chan struct{}
	// unanswered has one element for each request that the handler has.
	unanswered chan struct{}
	began      time.Time
	// lastRead is when something came from the peer, since began.
	lastRead atomic.Int64
	wake     chan struct{} // wakes the writer
	halted   chan struct{} // closed once no more requests are sent
	drained  chan struct{} // closed once all requests of both sides are settled after that
	closed   chan struct{} // closed together with the connection
	bound    chan struct{} // closed once the session is bound
	done     chan struct{} // closed when everything has ended
	stop     sync.Once
	tasks    sync.WaitGroup // all but the reader
	// enquired is when enquire_link was sent, since began. Only tick uses it.
	enquired time.Duration

	mu        sync.Mutex // for what follows
	state     State
	mode      pdu.BindMode
	peer      peer
	err       error
	window    window
	out       outbox
	finishing bool // the connection is closed when everything is written
	timer     *time.Timer
}

// hooks are what a session has of its pool.
type hooks struct {
	// onBound is called when an ESME is bound, before the observer knows.
	onBound func(*Session)
	// onSlot is called when a slot of the window is free again.
	onSlot func()
	// calls has calls to be used again.
	calls *sync.Pool
}

// peer is what the other side said of itself when the session was bound.
type peer struct {
	systemID string
	version  pdu.InterfaceVersion
}

// newSession starts a session. Its mode is what the ESME wants, or zero on the
// side of the SMSC, which is told.
func newSession(conn net.Conn, cfg Config, r role, mode pdu.BindMode, h hooks) *Session {
	conn = newSocket(conn)
	s := &Session{
		conn: conn, lowWater: newLowWater(conn), cfg: cfg, role: r, mode: mode, hooks: h, began: time.Now(),
		slots:      make(chan struct{}, cfg.Window),
		unanswered: make(chan struct{}, cfg.MaxUnanswered),
		wake:       make(chan struct{}, 1),
		halted:     make(chan struct{}),
		drained:    make(chan struct{}),
		closed:     make(chan struct{}),
		bound:      make(chan struct{}),
		done:       make(chan struct{}),
	}
	s.window.calls = make(map[uint32]*call)
	return s
}

// start begins to read and write.
func (s *Session) start() {
	s.mu.Lock()
	s.timer = time.AfterFunc(0, s.tick)
	s.mu.Unlock()
	s.tasks.Go(s.write)
	go s.run()
}

// run reads until the end, and settles what is left.
func (s *Session) run() {
	s.fail(s.read())
	s.tasks.Wait()
	s.abort()
	select {
	case <-s.bound:
		s.observe(Event{Kind: EventLost, Err: s.Err()})
	default:
	}
	if s.account.Closed != nil {
		s.account.Closed()
	}
	close(s.done)
}

// Do sends a request and waits for its response, which may have any status, and
// may be a generic_nack, whose status is never ESME_ROK. If there is none, the
// error is an [*Error] and tells whether the request may have been carried out.
//
// While the window is full it waits. If ctx ends while a response is due, the
// slot of the window stays taken until it comes or times out.
//
// Unless it is nil, report is called with the response, once, by the goroutine
// that reads, before anything is handled that comes after it: it must not block.
// It tells whether the response is late: Do has returned an error with MaybeSent
// then, and it still came within Config.LateTimeout while the session lives.
//
// Do sets the sequence_number of p and keeps nothing of p once it has returned.
func (s *Session) Do(ctx context.Context, p pdu.PDU, report func(p pdu.PDU, late bool)) (pdu.PDU, error) {
	select {
	case s.slots <- struct{}{}:
	default:
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, notSent(context.Cause(ctx))
		case <-s.halted:
			return nil, notSent(s.Err())
		}
	}
	c := newCall(s.calls, p, report)
	c.slot = true
	return s.exchange(ctx, p, c)
}

// exchange sends a request and waits for what becomes of it.
func (s *Session) exchange(ctx context.Context, p pdu.PDU, c *call) (pdu.PDU, error) {
	err := context.Cause(ctx)
	if err == nil {
		err = s.request(p, c)
	}
	if err != nil {
		s.release(c.slot)
		s.calls.Put(c)
		return nil, notSent(err)
	}
	return s.await(ctx, c)
}

// await waits for what becomes of a request that was sent.
func (s *Session) await(ctx context.Context, c *call) (pdu.PDU, error) {
	var r result
	select {
	case r = <-c.result:
	case <-ctx.Done():
		if s.abandon(c) {
			return nil, maybeSent(context.Cause(ctx))
		}
		r = <-c.result
	}
	s.calls.Put(c)
	return r.response, r.err
}

// free returns how many slots of the window are free.
func (s *Session) free() int {
	select {
	case <-s.halted:
		return 0
	default:
		return cap(s.slots) - len(s.slots)
	}
}

// tryAcquire takes a slot of the window if one is free.
func (s *Session) tryAcquire() bool {
	select {
	case s.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// release gives a slot of the window back.
func (s *Session) release(slot bool) {
	if !slot {
		return
	}
	s.giveBack()
	if s.onSlot != nil {
		s.onSlot()
	}
}

// giveBack is release for whoever knows that there is a slot.
func (s *Session) giveBack() {
	<-s.slots
	s.checkDrained()
}

// Stop ends the session as it should be: it sends no more requests, takes no
// more of the peer, waits until those of both sides are settled or ctx ends, and
// unbinds. It returns when the session has ended; the error tells that ctx ended
// before.
func (s *Session) Stop(ctx context.Context) error {
	var err error
	s.stop.Do(func() { err = s.unbind(ctx, ErrStopped) })
	<-s.done
	return err
}

// leave is Stop for a reason of its own, and with little time.
func (s *Session) leave(reason error) {
	s.stop.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), s.cfg.UnbindTimeout)
		defer cancel()
		_ = s.unbind(ctx, reason)
	})
}

// unbind is Stop for any reason.
func (s *Session) unbind(ctx context.Context, reason error) error {
	before := s.halt(reason)
	wait := s.drained
	if before == StateUnbound {
		// The peer was first, and is about to get our answer.
		wait = s.closed
	}
	var err error
	select {
	case <-wait:
	case <-s.closed:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if before == StateBound {
		// The SMSC must learn of it even if there is no time left, since it
		// may refuse the next bind as long as it holds this one.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.UnbindTimeout)
		defer cancel()
		p := &pdu.Unbind{}
		_, _ = s.exchange(last, p, newCall(s.calls, p, nil))
	}
	s.fail(reason)
	return err
}

// Close closes the connection at once. What waits for a response has an unknown
// outcome.
func (s *Session) Close() error {
	s.fail(ErrStopped)
	<-s.done
	return nil
}

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err returns why the session ended, or begins to, and nil before that.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// State returns where the session stands.
func (s *Session) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Mode returns how the session is bound, or is going to be. It is zero for a
// session of a server before that.
func (s *Session) Mode() pdu.BindMode {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mode
}

// RemoteAddr returns the address of the peer.
func (s *Session) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

// PeerSystemID returns the system_id that the peer gave.
func (s *Session) PeerSystemID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peer.systemID
}

// PeerVersion returns the version of SMPP that the peer gave. Below
// [pdu.Version34] it knows no TLVs. An SMSC that gave none counts as 3.3.
func (s *Session) PeerVersion() pdu.InterfaceVersion {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peer.version
}

// halt lets no more requests begin, in either direction, and returns the state
// before.
func (s *Session) halt(reason error) State {
	s.mu.Lock()
	before := s.state
	if before < StateUnbound {
		s.state = StateUnbound
		s.err = reason
		close(s.halted)
	}
	s.mu.Unlock()
	s.checkDrained()
	return before
}

// checkDrained notes that nothing is open any more. It is called after the end
// has begun, and whenever a request is settled.
func (s *Session) checkDrained() {
	select {
	case <-s.halted:
	default:
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.slots) > 0 || len(s.unanswered) > 0 {
		return
	}
	select {
	case <-s.drained:
	default:
		close(s.drained)
	}
}

// finish closes the connection once everything is written, and the peer had the
// time to read it.
func (s *Session) finish(reason error) {
	s.halt(reason)
	s.mu.Lock()
	s.finishing = true
	s.mu.Unlock()
	s.wakeWriter()
}

// fail closes the connection at once.
func (s *Session) fail(err error) {
	s.halt(err)
	s.mu.Lock()
	if s.state == StateClosed {
		s.mu.Unlock()
		return
	}
	s.state = StateClosed
	s.timer.Stop()
	s.lowWater.timer.Stop()
	close(s.closed)
	s.mu.Unlock()
	// Nothing is lost that is not told apart by how much was written.
	_ = s.conn.Close()
}

func (s *Session) observe(e Event) {
	if s.cfg.Observer == nil {
		return
	}
	e.Session, e.Mode = s, s.Mode()
	s.cfg.Observer.Observe(e)
}

// String names the session for logs.
func (s *Session) String() string {
	return fmt.Sprintf("%s of %q at %s", s.Mode(), s.PeerSystemID(), s.RemoteAddr())
}
