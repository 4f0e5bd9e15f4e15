package session

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

const (
	// leastRate is what a throttled session sends at least, in messages a
	// second.
	leastRate rate.Limit = 1
	// period is how often the rate changes.
	period = time.Second
	// steps is how many periods it takes to get back to the rate at which the
	// peer throttled, if it was halved from there once.
	steps = 10
	// enough is the rate up to which a limit is kept that the peer never came
	// near.
	enough rate.Limit = 10_000
)

// Throttle is how fast a bind may send. When the peer asks for less, with
// ESME_RTHROTTLED or ESME_RMSGQFUL, the rate is halved, at most once a second, and
// then grows by the same step each second without such an answer (additive
// increase, multiplicative decrease). At first, when little is known about what
// the peer takes, it is doubled each second instead, until there is such an answer
// again. At twice the rate of before the limit is gone: the peer was only busy for
// a while. The zero value has none.
//
// A [Pool] has one for each of its sessions. It is not for concurrent use.
type Throttle struct {
	// limiter is nil if there is no limit.
	limiter *rate.Limiter
	step    rate.Limit
	gone    rate.Limit
	// probing is set as long as the peer has asked only once.
	probing bool
	// since is when the period began, with how many were taken since, and how
	// often the queue was full.
	since       time.Time
	taken, full int
	// before is the rate at which messages were taken in the last period.
	before rate.Limit
	// halved is when the rate was last halved.
	halved time.Time
}

// delay returns how long a limiter has the next message wait.
func delay(l *rate.Limiter, now time.Time) time.Duration {
	if l == nil {
		return 0
	}
	r := l.ReserveN(now, 1)
	defer r.CancelAt(now)
	return r.DelayFrom(now)
}

// use counts a message that need not wait.
func use(l *rate.Limiter, now time.Time) {
	if l != nil {
		l.AllowN(now, 1)
	}
}

// Delay returns how long the next message has to wait.
func (t *Throttle) Delay(now time.Time) time.Duration { return delay(t.limiter, now) }

// Use counts a message that need not wait.
func (t *Throttle) Use(now time.Time) { use(t.limiter, now) }

// Learn takes the status of a response into account, and tells whether the rate
// was halved.
func (t *Throttle) Learn(status pdu.CommandStatus, now time.Time) bool {
	if elapsed := now.Sub(t.since); elapsed >= period {
		t.begin(now, elapsed)
	}
	switch status {
	case pdu.StatusThrottled:
		return t.halve(now)
	case pdu.StatusMsgQFul:
		// It may be the queue of one recipient, who must not slow all others.
		if t.full++; t.full*10 > t.taken {
			return t.halve(now)
		}
		return false
	default:
		t.taken++
		return false
	}
}

// begin begins a period, in which more may be sent unless the last one was too
// much.
func (t *Throttle) begin(now time.Time, elapsed time.Duration) {
	t.before = rate.Limit(float64(t.taken) / elapsed.Seconds())
	t.since, t.taken, t.full = now, 0, 0
	if t.limiter == nil || now.Sub(t.halved) < period {
		return
	}
	limit := t.limiter.Limit() + t.step
	if t.probing {
		limit = 2 * t.limiter.Limit()
	}
	if limit < t.gone {
		t.set(limit, now)
	} else {
		t.limiter = nil
	}
}

// halve halves the rate, unless it just was: what was in flight then was sent at
// the old rate.
func (t *Throttle) halve(now time.Time) bool {
	if !t.halved.IsZero() && now.Sub(t.halved) < period {
		return false
	}
	t.halved = now
	limit := max(t.before, rate.Limit(t.taken))
	if t.probing = t.limiter == nil; !t.probing {
		limit = t.limiter.Limit()
	} else {
		t.limiter = rate.NewLimiter(limit, 1)
	}
	t.step = max(limit/2/steps, leastRate)
	if t.gone = max(2*limit, limit+steps*t.step); t.probing {
		t.gone = max(t.gone, enough)
	}
	t.set(max(limit/2, leastRate), now)
	return true
}

func (t *Throttle) set(limit rate.Limit, now time.Time) {
	t.limiter.SetLimitAt(now, limit)
	t.limiter.SetBurstAt(now, burst(limit))
}

// Rate returns how many messages a second may be sent.
func (t *Throttle) Rate() rate.Limit {
	if t.limiter == nil {
		return rate.Inf
	}
	return t.limiter.Limit()
}

// burst is how many messages may be sent at once, to make up for timers that are
// late: those of 50 ms.
func burst(limit rate.Limit) int { return max(int(limit/20), 1) }
