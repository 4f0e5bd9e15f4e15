package relay

import "sync"

// gate counts what is under way and can be closed for more. Its lock is taken
// last, with an engine's or a lane's held.
type gate struct {
	mu     sync.Mutex
	closed bool
	busy   sync.WaitGroup
}

// begin reserves the right to work until end is called. It returns false once
// the gate is closed.
func (g *gate) begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.busy.Add(1)
	return true
}

func (g *gate) end() { g.busy.Done() }

func (g *gate) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// close lets nothing more begin.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

// wait returns when all that has begun has ended.
func (g *gate) wait() { g.busy.Wait() }
