package smsc

import (
	"sync"

	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

// maxClaims bounds the memory of what is being told.
const maxClaims = 10_000

// claims are the final states of messages that ESMEs are being told, or were told
// a moment ago. Of a message that went on in parts, the receipts of all parts come
// at about the same time, and each knows the state of the whole.
type claims struct {
	mu    sync.Mutex
	known map[string]claim
	order []string // the oldest first
}

type claim struct {
	delivery string
	state    receipt.State
}

// take tells whether a delivery is to tell the state of a message. If another one
// is about to do so, which may go on after a pause, it is not.
func (c *claims) take(eventID, delivery string, state receipt.State) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, ok := c.known[eventID]
	if ok && old.delivery != delivery && !news(old.state, state) {
		return false
	}
	if c.known == nil {
		c.known = make(map[string]claim)
	}
	if !ok {
		if len(c.order) == maxClaims {
			delete(c.known, c.order[0])
			c.order = c.order[1:]
		}
		c.order = append(c.order, eventID)
	}
	c.known[eventID] = claim{delivery, state}
	return true
}

// news tells whether a final state is worth another receipt: only if the ESME was
// told that nothing is known.
func news(told, state receipt.State) bool { return told == receipt.Unknown && state != receipt.Unknown }
