package assembly

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

// Lists are the lists of a process. Whoever opens the same one shares it, as while
// one config replaces another: each part is in memory once. The zero value is
// ready to use.
type Lists struct {
	mu    sync.Mutex
	lists map[string]*list
}

// Config describes a list.
type Config struct {
	// Name is the same whenever the parts are to be found again.
	Name string
	// Limits are those of whoever opens the list first. Messages that can't be
	// kept once they are given up may take as much again.
	Limits coding.Limits
	// Sink returns what becomes of messages that no part has just come of, as of
	// those that are not complete. It returns false as long as there is nothing.
	Sink func() (Sink, bool)
}

// Assembler is a share of a list. Its methods can be called concurrently.
type Assembler struct {
	list  *list
	lists *Lists
	sink  func() (Sink, bool)
}

// Open opens a list, and begins to read what an earlier process has kept. It is to
// be closed.
func (l *Lists) Open(c Config) *Assembler {
	a := &Assembler{lists: l, sink: c.Sink}
	l.mu.Lock()
	defer l.mu.Unlock()
	opened := l.lists[c.Name]
	if opened != nil && opened.ctx.Err() == nil {
		a.list = opened
		opened.join(a)
		return a
	}
	if l.lists == nil {
		l.lists = make(map[string]*list)
	}
	a.list = newList(c.Name, c.Limits)
	a.list.join(a)
	var before <-chan struct{}
	if opened != nil {
		before = opened.stopped
	}
	a.list.tasks.Go(func() { a.list.restore(before) })
	l.lists[c.Name] = a.list
	return a
}

// Close gives up the share. The last one to be closed waits until nothing is under
// way. What is not complete stays for whoever opens the list next.
func (a *Assembler) Close() {
	if !a.lists.leave(a) {
		return
	}
	a.list.stop()
	a.lists.mu.Lock()
	defer a.lists.mu.Unlock()
	if a.lists.lists[a.list.name] == a.list {
		delete(a.lists.lists, a.list.name)
	}
}

// leave takes a share away, and tells whether it was the last. The list is not
// joined any more then.
func (l *Lists) leave(a *Assembler) (last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return a.list.leave(a)
}

// list is what all shares have in common.
type list struct {
	name   string
	limits coding.Limits
	parts  *coding.Reassembler
	locks  locks
	// restored is closed once the parts of earlier processes are in memory.
	restored chan struct{}
	// ctx ends when the last share is closed, and stopped is closed when nothing is
	// under way then.
	ctx     context.Context
	cancel  context.CancelFunc
	stopped chan struct{}
	tasks   sync.WaitGroup

	mu     sync.Mutex
	shares []*Assembler // the latest last
	timer  *time.Timer
	// marked is when the last mark was kept.
	marked time.Time
	// pending are messages to become events, which take pendingBytes. They are
	// under way if flushing is set.
	pending      []coding.Assembled
	pendingBytes int
	flushing     bool
}

func newList(name string, limits coding.Limits) *list {
	parts := coding.NewReassembler(limits)
	l := &list{
		name: name, limits: parts.Limits(), parts: parts,
		restored: make(chan struct{}), stopped: make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

func (l *list) join(a *Assembler) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shares = append(l.shares, a)
}

func (l *list) leave(a *Assembler) (last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.shares, a)
	if i < 0 {
		return false
	}
	l.shares = slices.Delete(l.shares, i, i+1)
	if len(l.shares) > 0 {
		return false
	}
	l.cancel()
	if l.timer != nil {
		l.timer.Stop()
	}
	return true
}

func (l *list) stop() {
	l.tasks.Wait()
	close(l.stopped)
}

// sink returns that of the latest share that has one.
func (l *list) sink() (Sink, bool) {
	l.mu.Lock()
	shares := slices.Clone(l.shares)
	l.mu.Unlock()
	for _, a := range slices.Backward(shares) {
		if sink, ok := a.sink(); ok {
			return sink, true
		}
	}
	return Sink{}, false
}

// wait waits for some time, and returns false if the list is closed meanwhile.
func (l *list) wait(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-l.ctx.Done():
		return false
	}
}
