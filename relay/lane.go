package relay

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxHeld bounds the deliveries of a lane in memory, whatever their size.
	maxHeld = 4096
	// startLimit is the number of attempts at a time that a lane begins with,
	// and falls back to while its receiver can't be reached.
	startLimit = 8
	// wakeGrain is how finely retries are timed: those due within one are read
	// from the queue together.
	wakeGrain = 20 * time.Millisecond
	// maxSleep bounds the wait for the next retry, so that one is not late for
	// long when the system's clock is set or the machine was asleep.
	maxSleep = time.Minute
	// maxRead bounds the bytes that a lane reads from the queue at a time.
	maxRead = 4 << 20
	// roomPause is the wait for room when other lanes have it.
	roomPause = time.Second
	// readPause is the wait after the queue could not be read.
	readPause = time.Second
	// abandonedPause is the wait after an attempt that was cut short and does
	// not count. What it needed is just being replaced.
	abandonedPause = 200 * time.Millisecond
)

// target is what a lane delivers to. It changes when a config is loaded.
type target struct {
	destination Destination
	schedule    Schedule
	concurrency int
}

// work is a delivery in a lane's memory.
type work struct {
	Finish
	lane   *lane
	event  *Event
	index  int
	note   []byte // of earlier attempts
	report []byte
}

// size returns about how many bytes w takes while it is held.
func (w *work) size() int64 { return w.event.Size() + int64(len(w.note)+len(w.report)) }

// lane moves the deliveries of one destination. Fresh ones come straight from
// the commit that made them durable; others, which did not fit into memory or
// wait for a retry, are read from the queue when there is room and they are
// due. A lane without a target keeps its deliveries in the queue.
type lane struct {
	name   string
	engine *Engine

	// pending and dead mirror the queue.
	pending, dead atomic.Int64

	// failures counts the attempts since the last success; it belongs to the
	// committer.
	failures int

	mu     sync.Mutex
	target *target
	// ready are the held deliveries that wait for their attempt.
	ready fifo
	// held has the key of each delivery in memory, from before its attempt
	// until its outcome is committed: until then the queue shows it as due.
	held      map[int64]struct{}
	heldBytes int64
	// running counts the attempts under way, at most limit at a time.
	running, limit int

	// more is set while the queue may have due deliveries that are not held,
	// behind while it has fresh ones: others join them there, so that none is
	// overtaken for long. news counts what a read of the queue that is under
	// way may not have seen.
	more, behind bool
	news         uint64
	// reading is set while the queue is being read. Keys released in that
	// time stay in held until it ends, since what was read may be from before.
	reading  bool
	released []int64

	timer *time.Timer // sets more when the next retry is due
	next  time.Time   // when timer fires; zero if it is not running
}

func newLane(e *Engine, name string) *lane {
	return &lane{name: name, engine: e, held: make(map[int64]struct{}), more: true, behind: true}
}

// setTarget makes t the target, or stops new attempts if t is nil.
func (l *lane) setTarget(t *target) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = t
	if t == nil {
		l.putBackReady()
		return
	}
	l.limit = min(startLimit, t.concurrency)
	l.start()
	l.refill()
}

// push offers a delivery that has just been committed.
func (l *lane) push(key int64, index int, e *Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending.Add(1)
	if _, ok := l.held[key]; ok {
		return // It was read from the queue before we got here.
	}
	if l.target == nil || l.behind || len(l.held) >= maxHeld ||
		(len(l.held) > 0 && l.engine.budget.room(l.heldBytes) < e.Size()) {
		l.more, l.behind = true, true
		l.news++
		l.refill()
		return
	}
	l.hold(&work{Finish: Finish{Key: key}, lane: l, event: e, index: index})
	l.start()
}

func (l *lane) hold(w *work) {
	size := w.size()
	l.held[w.Key] = struct{}{}
	l.heldBytes += size
	l.engine.budget.add(size)
	l.ready.push(w)
}

// release forgets a delivery whose outcome is committed, or which is given
// back to the queue.
func (l *lane) release(w *work) {
	size := w.size()
	l.heldBytes -= size
	l.engine.budget.add(-size)
	if l.reading {
		l.released = append(l.released, w.Key)
		return
	}
	delete(l.held, w.Key)
}

// finished is called when the outcome of an attempt has been committed.
func (l *lane) finished(w *work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.release(w)
	switch {
	case w.Abandoned:
		l.wakeAt(time.Now().Add(abandonedPause))
	case !w.Stale:
		l.moved(w.From, w.State)
		l.wakeAt(w.Due)
	}
	l.refill()
}

// start begins attempts as far as the limit allows.
func (l *lane) start() {
	for l.target != nil && l.running < l.limit && l.ready.len() > 0 {
		if !l.engine.background.begin() {
			return
		}
		l.running++
		go l.run(l.ready.pop(), l.target)
	}
}

// run makes attempts until there is none to make.
func (l *lane) run(w *work, t *target) {
	defer l.engine.background.end()
	for w != nil {
		res := l.engine.attempt(w, t)
		w, t = l.advance(w, res)
	}
}

// advance takes the outcome of an attempt and returns the next delivery.
func (l *lane) advance(w *work, res attemptResult) (*work, *target) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if res.released {
		l.release(w)
		l.wakeAt(time.Now().Add(abandonedPause))
	}
	if !res.aside {
		l.adapt(res.reached)
	}
	if l.target == nil || l.running > l.limit || l.ready.len() == 0 || l.engine.background.isClosed() {
		l.running--
		return nil, nil
	}
	next := l.ready.pop()
	l.start() // The limit may have grown.
	return next, l.target
}

// adapt opens the lane by one attempt after each that reached the receiver,
// and halves it after one that did not, so that a receiver that comes back is
// not met by a burst, and one that hangs costs little memory.
func (l *lane) adapt(reached bool) {
	switch {
	case l.target == nil:
	case reached:
		l.limit = min(l.limit+1, l.target.concurrency)
	default:
		l.limit = min(max(l.limit/2, startLimit), l.target.concurrency)
	}
}

// putBackReady returns the deliveries that wait for an attempt to the queue.
func (l *lane) putBackReady() {
	for l.ready.len() > 0 {
		l.release(l.ready.pop())
	}
	l.more, l.behind = true, true
	l.news++ // A read under way has passed over them.
}
