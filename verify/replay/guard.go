package replay

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// maxTurns is the number of messages that a guard has in memory, at most.
	// They take about 100 bytes each, so 27 MB.
	maxTurns = 1 << 18
	// cachedTurns is the number of them from which those are forgotten that are
	// remembered elsewhere, too.
	cachedTurns = 1 << 14
	// MaxBody is the size of a body, in bytes, up to which it is given again.
	MaxBody = 4 << 10
	// maxContents bounds what a guard keeps of bodies, in bytes. Beyond that, the
	// oldest ones are dropped, and only their status is given again.
	maxContents = 4 << 20
)

// ErrFull is returned for a message that may be new, but could not be
// remembered.
var ErrFull = errors.New("too many messages are remembered")

// Key is what a message is recognized by: half of a SHA-256, or as good as
// that, so that nobody can find two messages with the same one.
type Key [16]byte

// Answer is what the sender of a message is told. It must not be changed once
// it was given to a guard.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
}

// Turn is the right to work on a message, and what became of it.
type Turn struct {
	key     Key
	settled chan struct{} // made by the first who waits
	next    *Turn         // the one accepted after this one
	content *content      // of the answer, or nil
	expires time.Duration // on the guard's clock
	status  uint16        // of the answer; 0 as long as there is none
	kept    bool          // it is remembered elsewhere, too
}

type content struct {
	contentType string
	body        []byte
}

// size returns about how many bytes the content takes in memory.
func (c *content) size() int { return 64 + len(c.contentType) + len(c.body) }

// Guard remembers messages. Its methods can be called from any goroutine.
type Guard struct {
	max, cached int       // maxTurns and cachedTurns, but for tests
	start       time.Time // of its clock

	mu    sync.Mutex
	turns map[Key]*Turn
	// The accepted turns in their order. Those before content have none.
	oldest, newest, content *Turn
	contents                int // bytes
}

// New returns a guard that remembers nothing.
func New() *Guard {
	return &Guard{max: maxTurns, cached: cachedTurns, start: time.Now(), turns: make(map[Key]*Turn)}
}

// Begin returns the turn of a message that must be worked on, or nil and the
// answer if it was accepted before. The turn must be given back with either
// [Guard.Accept] or [Guard.Release]. As long as another one has it, Begin waits.
//
// Errors are [ErrFull], and the cause of the end of ctx.
func (g *Guard) Begin(ctx context.Context, key Key) (*Turn, Answer, error) {
	for {
		turn, answer, settled, err := g.begin(key)
		if settled == nil {
			return turn, answer, err
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return nil, Answer{}, context.Cause(ctx)
		}
	}
}

// begin is Begin without the waiting: for a message that another one works on,
// it returns what is closed when that has ended.
func (g *Guard) begin(key Key) (*Turn, Answer, <-chan struct{}, error) {
	now := time.Since(g.start)
	g.mu.Lock()
	defer g.mu.Unlock()
	if turn := g.turns[key]; turn != nil {
		switch {
		case turn.status == 0:
			if turn.settled == nil {
				turn.settled = make(chan struct{})
			}
			return nil, Answer{}, turn.settled, nil
		case turn.expires > now:
			return nil, turn.answer(), nil, nil
		}
	}
	g.makeRoom(now)
	if len(g.turns) >= g.max {
		return nil, Answer{}, nil, ErrFull
	}
	turn := &Turn{key: key}
	g.turns[key] = turn
	return turn, Answer{}, nil, nil
}

// makeRoom forgets the oldest turns, if that is allowed: two at a time, so that
// they go faster than they come and nobody waits for the end of many.
func (g *Guard) makeRoom(now time.Duration) {
	for range 2 {
		turn := g.oldest
		if turn == nil {
			return
		}
		spare := turn.kept && len(g.turns) >= g.cached
		if turn.expires > now && !spare {
			return
		}
		g.drop(turn)
		if g.content == turn {
			g.content = turn.next
		}
		if g.oldest = turn.next; g.oldest == nil {
			g.newest = nil
		}
		// Its message may have come again since it expired.
		if g.turns[turn.key] == turn {
			delete(g.turns, turn.key)
		}
	}
}

// drop forgets the content of a turn's answer.
func (g *Guard) drop(turn *Turn) {
	if turn.content != nil {
		g.contents -= turn.content.size()
		turn.content = nil
	}
}

// Accept gives a turn back whose message was accepted. For the time of window,
// its repeats get the answer, which must have a status; bodies above [MaxBody]
// are left out. kept says that it is remembered elsewhere, too, so that it may
// be forgotten here.
func (g *Guard) Accept(turn *Turn, answer Answer, window time.Duration, kept bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	turn.status = uint16(answer.Status) //nolint:gosec // A status has three digits.
	turn.kept = kept
	turn.expires = time.Since(g.start) + window
	if len(answer.Body) > 0 && len(answer.Body) <= MaxBody {
		turn.content = &content{answer.ContentType, answer.Body}
		g.contents += turn.content.size()
	}
	if g.newest == nil {
		g.oldest = turn
	} else {
		g.newest.next = turn
	}
	g.newest = turn
	if g.content == nil {
		g.content = turn
	}
	for ; g.contents > maxContents; g.content = g.content.next {
		g.drop(g.content)
	}
	turn.settle()
}

// Release gives a turn back whose message was not accepted.
func (g *Guard) Release(turn *Turn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.turns, turn.key)
	turn.settle()
}

func (t *Turn) settle() {
	if t.settled != nil {
		close(t.settled)
		t.settled = nil
	}
}

func (t *Turn) answer() Answer {
	a := Answer{Status: int(t.status)}
	if t.content != nil {
		a.ContentType, a.Body = t.content.contentType, t.content.body
	}
	return a
}
