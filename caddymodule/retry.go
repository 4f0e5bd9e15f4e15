package caddymodule

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-relay/caddy-relay/relay"
)

// Retry says when a failed delivery is tried again.
type Retry struct {
	// Whether to send once and move on: a delivery that fails is not tried
	// again and does not become a dead letter.
	Off bool `json:"off,omitempty"`

	// The waits between attempts. Default: 5s, 5m, 30m, 2h, 5h, 10h, 14h,
	// 20h, 24h, which makes ten attempts.
	Schedule []caddy.Duration `json:"schedule,omitempty"`

	// The number of attempts. With `every` it is required; otherwise it cuts
	// the schedule short.
	Attempts int `json:"attempts,omitempty"`

	// The same wait between all attempts, instead of a schedule.
	Every caddy.Duration `json:"every,omitempty"`

	// The share of each wait by which it is varied at random, up and down,
	// between 0 and 1. Default: 0.2.
	Jitter *float64 `json:"jitter,omitempty"`

	// The time after an event came in from which its deliveries are not tried
	// again. Default: 4 days.
	GiveUpAfter caddy.Duration `json:"give_up_after,omitempty"`
}

// merged returns r with what is set in own instead. Both may be nil.
func (r *Retry) merged(own *Retry) Retry {
	var m Retry
	if r != nil {
		m = *r
	}
	if own == nil {
		return m
	}
	if own.Off {
		return Retry{Off: true}
	}
	m.Off = false
	if len(own.Schedule) > 0 || own.Every != 0 {
		m.Schedule, m.Every = own.Schedule, own.Every
	}
	if len(own.Schedule) > 0 || own.Attempts != 0 {
		m.Attempts = own.Attempts
	}
	if own.Jitter != nil {
		m.Jitter = own.Jitter
	}
	if own.GiveUpAfter != 0 {
		m.GiveUpAfter = own.GiveUpAfter
	}
	return m
}

// schedule checks r and returns what it means.
func (r Retry) schedule() (relay.Schedule, error) {
	s := relay.DefaultSchedule()
	if r.Off {
		if len(r.Schedule) > 0 || r.Attempts != 0 || r.Every != 0 {
			return s, errors.New("retry is off, so it can have no schedule")
		}
		return relay.Schedule{Off: true}, nil
	}
	if r.Jitter != nil {
		s.Jitter = *r.Jitter
	}
	if r.GiveUpAfter != 0 {
		s.GiveUpAfter = time.Duration(r.GiveUpAfter)
	}
	if !(s.Jitter >= 0 && s.Jitter <= 1) || s.GiveUpAfter < 0 || r.Every < 0 || r.Attempts < 0 {
		return s, errors.New("retry: jitter must be from 0 to 1, and no duration or number negative")
	}
	var err error
	s.Waits, err = r.waits(s.Waits)
	return s, err
}

const maxAttempts = 1000

func (r Retry) waits(waits []time.Duration) ([]time.Duration, error) {
	if len(r.Schedule) > 0 {
		waits = nil
		for _, w := range r.Schedule {
			if w <= 0 {
				return nil, errors.New("retry: a wait must be positive")
			}
			waits = append(waits, time.Duration(w))
		}
	}
	switch {
	case r.Every > 0 && len(r.Schedule) > 0:
		return nil, errors.New("retry: schedule and every exclude each other")
	case r.Every > 0 && r.Attempts == 0:
		return nil, errors.New("retry: every needs attempts")
	case r.Attempts > maxAttempts || len(waits) >= maxAttempts:
		return nil, fmt.Errorf("retry: more than %d attempts", maxAttempts)
	case r.Every > 0:
		waits = nil
		for range r.Attempts - 1 {
			waits = append(waits, time.Duration(r.Every))
		}
	case r.Attempts > len(waits)+1:
		return nil, fmt.Errorf("retry: the schedule has waits for %d attempts only; set every, or a longer schedule", len(waits)+1)
	case r.Attempts > 0:
		waits = waits[:r.Attempts-1]
	}
	return waits, nil
}

// unmarshalRetry parses the option retry. Syntax:
//
//	retry off
//	retry {
//		schedule <duration>...
//		attempts <number>
//		every <duration>
//		jitter <share>
//		give_up_after <duration>
//	}
func unmarshalRetry(d *caddyfile.Dispenser) (*Retry, error) {
	if d.NextArg() {
		if d.Val() != "off" || d.NextArg() {
			return nil, d.ArgErr()
		}
		return &Retry{Off: true}, nil
	}
	r, seen := new(Retry), make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if seen[option] {
			return nil, d.Errf("%s is already set", option)
		}
		seen[option] = true
		if err := r.unmarshalOption(d, option); err != nil {
			return nil, err
		}
	}
	if len(seen) == 0 {
		return nil, d.Err("retry needs 'off' or a block of options")
	}
	if r.Every != 0 && len(r.Schedule) > 0 {
		return nil, d.Err("retry: schedule and every exclude each other")
	}
	return r, nil
}

func (r *Retry) unmarshalOption(d *caddyfile.Dispenser, option string) (err error) {
	switch option {
	case "schedule", "attempts", "every", "jitter", "give_up_after":
	default:
		return d.Errf("unrecognized option '%s'", option)
	}
	args := d.RemainingArgs()
	if len(args) == 0 || (len(args) > 1 && option != "schedule") {
		return d.ArgErr()
	}
	switch option {
	case "schedule":
		for _, arg := range args {
			var wait caddy.Duration
			if err := parseDuration(d, arg, &wait); err != nil {
				return err
			}
			r.Schedule = append(r.Schedule, wait)
		}
	case "attempts":
		if r.Attempts, err = strconv.Atoi(args[0]); err != nil || r.Attempts < 1 {
			return d.Errf("attempts: '%s' is not a positive number", args[0])
		}
	case "every":
		return parseDuration(d, args[0], &r.Every)
	case "jitter":
		share, err := strconv.ParseFloat(args[0], 64)
		if err != nil || !(share >= 0 && share <= 1) {
			return d.Errf("jitter: '%s' is not a number from 0 to 1", args[0])
		}
		r.Jitter = &share
	case "give_up_after":
		return parseDuration(d, args[0], &r.GiveUpAfter)
	}
	return nil
}

// parseDuration parses a duration above zero.
func parseDuration(d *caddyfile.Dispenser, text string, into *caddy.Duration) error {
	duration, err := caddy.ParseDuration(text)
	if err != nil || duration <= 0 {
		return d.Errf("'%s' is not a positive duration such as 30s, 5m or 2d", text)
	}
	*into = caddy.Duration(duration)
	return nil
}
