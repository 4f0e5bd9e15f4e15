//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/caddy-relay/caddy-relay/smppbridge/bench/process"
)

const (
	// idleBinds is how many sessions are bound, idlePerSystemID how many of them
	// the relay binds under one system_id: a destination takes no more.
	idleBinds       = 1000
	idlePerSystemID = 100
	// settleTime is how long nothing happens before memory is measured.
	settleTime = 15 * time.Second
)

// idleResult is what Caddy takes in one role, in bytes, without any session and
// with all of them.
type idleResult struct {
	Role         string
	Empty, Bound process.Memory
}

// The roles of Caddy towards those that it has sessions with.
const (
	roleClient = "client"
	roleSMSC   = "SMSC"
)

// measureIdle measures both roles in turn, round after round.
func (b *bench) measureIdle(ctx context.Context) ([]*idleResult, error) {
	rounds := make(map[string][]*idleResult)
	for round := range b.rounds {
		for _, role := range []string{roleClient, roleSMSC} {
			r := &idleResult{Role: role}
			var err error
			if r.Empty, err = b.idle(ctx, role, 0); err != nil {
				return nil, err
			}
			if r.Bound, err = b.idle(ctx, role, idleBinds); err != nil {
				return nil, err
			}
			rounds[role] = append(rounds[role], r)
			b.logf("round %d of %d, idle %s: RSS %d MiB without, %d MiB with %d binds",
				round+1, b.rounds, role, r.Empty.RSS>>20, r.Bound.RSS>>20, idleBinds)
		}
	}
	return []*idleResult{idleMedians(rounds[roleClient]), idleMedians(rounds[roleSMSC])}, nil
}

func idleMedians(rounds []*idleResult) *idleResult {
	return &idleResult{
		Role: rounds[0].Role,
		Empty: process.Memory{
			RSS: median(rounds, func(r *idleResult) uint64 { return r.Empty.RSS }),
			PSS: median(rounds, func(r *idleResult) uint64 { return r.Empty.PSS }),
		},
		Bound: process.Memory{
			RSS: median(rounds, func(r *idleResult) uint64 { return r.Bound.RSS }),
			PSS: median(rounds, func(r *idleResult) uint64 { return r.Bound.PSS }),
		},
	}
}

// idle returns what a fresh Caddy takes when it has had a number of sessions for
// a while.
func (b *bench) idle(ctx context.Context, role string, binds int) (process.Memory, error) {
	dir, err := os.MkdirTemp(b.dir, "idle-")
	if err != nil {
		return process.Memory{}, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the whole of b.dir is removed at the end
	t := target{site: "\n\trespond 404\n", app: idleClient(binds)}
	center, err := freeAddress()
	if err != nil {
		return process.Memory{}, err
	}
	if role == roleSMSC {
		if t.app, err = idleCenter(center); err != nil {
			return process.Memory{}, err
		}
	}
	s, err := b.startCaddy(ctx, &t, dir)
	if err != nil {
		return process.Memory{}, err
	}
	defer s.stop()
	bound := func() error { return b.smsc.waitForBinds(ctx, binds) }
	if role == roleSMSC && binds > 0 {
		// It begins to listen after the site.
		starting, cancel := context.WithTimeout(ctx, bindTimeout)
		defer cancel()
		if err := s.processes[0].WaitFor(starting, center); err != nil {
			return process.Memory{}, err
		}
		clients, err := b.startClients(ctx, center, binds)
		if err != nil {
			return process.Memory{}, err
		}
		defer clients.Stop()
		bound = clients.Ended
	}
	if err := bound(); err != nil {
		return process.Memory{}, err
	}
	select {
	case <-ctx.Done():
		return process.Memory{}, ctx.Err()
	case <-time.After(settleTime):
	}
	if err := bound(); err != nil {
		return process.Memory{}, err
	}
	return s.processes[0].Memory()
}

// idleClient has Caddy bind. Without binds there is no destination that does.
func idleClient(binds int) string {
	var app strings.Builder
	app.WriteString("\n\t\tqueue sqlite QUEUE\n")
	for i := range binds / idlePerSystemID {
		fmt.Fprintf(&app, `
		destination bench%d smpp SMSC {
			system_id bench%[1]d
			password bench
			sessions %[2]d
			dest_addr {event.json.to}
		}
`, i, idlePerSystemID)
	}
	return app.String()
}

// idleCenter has Caddy be bound to. A password is checked against its hash once,
// so it does not matter for sessions what that costs.
func idleCenter(address string) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(account), bcrypt.MinCost)
	if err != nil {
		return "", err
	}
	return strings.NewReplacer("ADDRESS", address, "HASH", string(hash), "COUNT", strconv.Itoa(idleBinds)).Replace(`
		queue sqlite QUEUE
		smsc center ADDRESS {
			account bench {
				password HASH
				max_binds COUNT
			}
			to sink
		}
		destination sink webhook http://SINK/hook {
			allow_private
		}
`), nil
}

// startClients runs a process with sessions, and returns when they are bound.
func (b *bench) startClients(ctx context.Context, address string, binds int) (*process.Process, error) {
	control, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p, err := process.Start(ctx, process.Settings{Stdout: b.stderr, Stderr: b.stderr}, b.self, "clients", "-address", address, "-control", control, "-binds", strconv.Itoa(binds))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, bindTimeout)
	defer cancel()
	if err := p.WaitFor(ctx, control); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}
