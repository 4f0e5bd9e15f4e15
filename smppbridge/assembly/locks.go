package assembly

import (
	"sync"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

// message is what all parts of a message have in common.
type message struct {
	source, destination string
	transport           coding.Transport
	reference           uint16
	total               uint8
}

func messageOf(source, destination string, p *coding.Part) message {
	c := &p.Header.Concat
	return message{source, destination, c.Transport, c.Reference, c.Total}
}

// locks has a lock for each message of which something is being kept.
type locks struct {
	mu   sync.Mutex
	held map[message]*lock
}

type lock struct {
	free  chan struct{} // holds a token while the lock is free
	users int
}

// lock waits until nothing else of the message is being kept.
func (l *locks) lock(m message) (unlock func()) {
	l.mu.Lock()
	k := l.held[m]
	if k == nil {
		k = &lock{free: make(chan struct{}, 1)}
		k.free <- struct{}{}
		if l.held == nil {
			l.held = make(map[message]*lock)
		}
		l.held[m] = k
	}
	k.users++
	l.mu.Unlock()
	<-k.free
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		k.free <- struct{}{}
		if k.users--; k.users == 0 {
			delete(l.held, m)
		}
	}
}
