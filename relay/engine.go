package relay

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options configure an [Engine].
type Options struct {
	// Queue is closed by the engine.
	Queue Queue
	// Logger is used until a config is activated; it may be nil.
	Logger *slog.Logger
	// Observer may be nil.
	Observer Observer
}

// Engine takes events, keeps them in its queue, and delivers them. One engine
// serves a queue for as long as the process uses it, while configs come and
// go: each is attached with [Engine.Attach]. All methods may be called at any
// time and from any goroutine, also after Close.
type Engine struct {
	queue      Queue
	log        atomic.Pointer[slog.Logger] // of the config that is active
	trouble    trouble
	observer   Observer
	committer  *committer
	budget     budget
	background gate // attempts and reads under way
	lookups    gate // of marks and links

	// attempts is done when attempts under way have to end.
	attempts context.Context
	abort    context.CancelFunc

	closeOnce sync.Once
	closeErr  error

	mu          sync.Mutex
	lanes       map[string]*lane
	attachments []*Attachment
	active      *Attachment
	limits      Limits
}

// NewEngine starts an engine on an open queue. It delivers nothing until a
// config is attached and activated.
func NewEngine(ctx context.Context, o Options) (*Engine, error) {
	stats, err := o.Queue.Stats(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the state of the queue: %w", err)
	}
	e := &Engine{
		queue:    o.Queue,
		observer: o.Observer,
		lanes:    make(map[string]*lane),
		budget:   budget{size: memoryBudget},
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	e.log.Store(o.Logger)
	if e.observer == nil {
		e.observer = nopObserver{}
	}
	e.attempts, e.abort = context.WithCancel(context.Background())
	for _, s := range stats {
		l := newLane(e, s.Destination)
		l.pending.Store(s.Pending)
		l.dead.Store(s.Dead)
		e.lanes[s.Destination] = l
	}
	e.committer = &committer{
		queue:     o.Queue,
		observer:  e.observer,
		limits:    e.currentLimits,
		committed: e.committed,
		failed:    e.failed,
		wake:      make(chan struct{}, 1),
		done:      make(chan struct{}),
	}
	go e.committer.run()
	return e, nil
}

// Accept keeps an event for the named destinations and returns once that is
// durable. It reports a duplicate when an event of the same source and id has
// been kept within dedup, or if one of the marks is remembered; the event is
// not kept again then. The event must not be changed afterwards. The marks are
// remembered with the event or its duplicate.
//
// Errors are [ErrFull], [ErrClosed], and what the queue reports. The event is
// not kept then, except that it may be if the queue could not be synced.
func (e *Engine) Accept(event *Event, to []string, dedup time.Duration, marks ...Mark) (duplicate bool, err error) {
	return e.Keep(Acceptance{Event: event, To: to, Dedup: dedup, Marks: marks})
}

// Keep is [Engine.Accept] for an event with all that may come with it. Links
// and reports that are too long are an error, and nothing is kept then.
func (e *Engine) Keep(a Acceptance) (duplicate bool, err error) {
	if err := checkLinks(a.Links); err != nil {
		return false, err
	}
	if a.Settlement, err = e.checkSettlement(a.Settlement); err != nil {
		return false, err
	}
	duplicate, err = e.committer.accept(a)
	if err != nil {
		return false, err
	}
	if a.Event != nil {
		e.observer.Accepted(a.Event.Source, duplicate)
	}
	return duplicate, nil
}

// Remember keeps marks without an event, and returns once that is durable.
func (e *Engine) Remember(marks ...Mark) error {
	_, err := e.committer.accept(Acceptance{Marks: marks})
	return err
}

// Remembered returns the note of a mark, and whether it is remembered.
func (e *Engine) Remembered(ctx context.Context, hash MarkHash) (note uint16, ok bool, err error) {
	if !e.lookups.begin() {
		return 0, false, ErrClosed
	}
	defer e.lookups.end()
	if note, ok, err = e.queue.Remembered(ctx, hash); err != nil {
		e.failed(err)
	}
	return note, ok, err
}

// committed hands fresh deliveries to their lanes, and tells the lanes whose
// attempts have been recorded. It runs between commits.
func (e *Engine) committed(accepts []*waiter, finishes []*work) {
	for _, w := range accepts {
		if w.Settlement != nil {
			e.settled(w.Settlement)
		}
		if w.Err != nil {
			e.failed(w.Err)
			continue
		}
		if w.Duplicate {
			continue
		}
		index := 0
		for i, name := range w.To {
			if index++; i == 0 || name != w.To[i-1] {
				index = 0
			}
			e.lane(name).push(w.Keys[i], index, w.Event)
		}
	}
	for _, w := range finishes {
		e.finished(w)
	}
}

// finished tells everybody concerned of an attempt that has been recorded.
func (e *Engine) finished(w *work) {
	if !w.Abandoned {
		e.logFinish(w)
		if w.From == StatePending {
			e.logHealth(w)
		}
		switch {
		case w.Stale:
		case w.State.taken() && w.From.open():
			e.observer.Finished(w.lane.name, StateDelivered)
		case w.State == StateDead || w.State == StateDropped:
			e.observer.Finished(w.lane.name, w.State)
		}
	}
	w.lane.finished(w)
}

// failed reports trouble with the queue.
func (e *Engine) failed(err error) {
	if suppressed, ok := e.trouble.report(time.Now()); ok {
		e.log.Load().Error("trouble with the queue", slog.Any("error", err), slog.Int("suppressed", suppressed))
	}
}

// troubleEvery is the time between two lines in the log about the queue. More
// would only fill the disk that may be full.
const troubleEvery = 10 * time.Second

// trouble decides which failures are logged.
type trouble struct {
	mu         sync.Mutex
	last       time.Time
	suppressed int
}

// report returns whether to log a failure, and how many were not logged since
// the last one that was.
func (t *trouble) report(now time.Time) (suppressed int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.last.IsZero() && now.Sub(t.last) < troubleEvery {
		t.suppressed++
		return 0, false
	}
	suppressed, t.last, t.suppressed = t.suppressed, now, 0
	return suppressed, true
}

// lane returns the lane of a destination, which need not be configured.
func (e *Engine) lane(name string) *lane {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.lanes[name]
	if l == nil {
		l = newLane(e, name)
		e.lanes[name] = l
		if e.active != nil {
			if t := e.active.targets[name]; t != nil {
				defer l.setTarget(t)
			}
		}
	}
	return l
}

func (e *Engine) currentLimits() Limits {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.limits
}

// Close stops making attempts, waits for those under way until ctx is done,
// then cuts them short, and closes the queue. Events are accepted until the
// attempts have ended; what is not delivered stays in the queue.
func (e *Engine) Close(ctx context.Context) error {
	e.closeOnce.Do(func() {
		e.background.close()
		stop := context.AfterFunc(ctx, e.abort)
		e.background.wait()
		stop()
		e.abort()
		e.stopTimers()
		e.committer.close()
		e.lookups.close()
		e.lookups.wait()
		e.closeErr = e.queue.Close()
	})
	return e.closeErr
}

func (e *Engine) stopTimers() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.lanes {
		l.mu.Lock()
		if l.timer != nil {
			l.timer.Stop()
		}
		l.mu.Unlock()
	}
}
