package jwt

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/caddy-relay/caddy-relay/verify/fetch"
)

const (
	// minInterval is the shortest time between two fetches, whatever keys
	// tokens name: anybody can name keys that don't exist.
	minInterval = 15 * time.Second
	// defaultLifetime is how long a key set is good for if its server doesn't
	// say. minLifetime and maxLifetime bound what it says.
	defaultLifetime = time.Hour
	minLifetime     = 5 * time.Minute
	maxLifetime     = 24 * time.Hour
	// maxOverdue is how long a key set is used that should have been replaced,
	// but could not be. Beyond it no token is accepted: its keys may have been
	// withdrawn for long.
	maxOverdue = 24 * time.Hour
	// maxSetSize is the size of the largest key set, in bytes. Sets of ten keys
	// with certificates have about 30 KiB.
	maxSetSize = 256 << 10
)

// RemoteConfig says where a key set is.
type RemoteConfig struct {
	URL    string
	Client *fetch.Client
	// Failed, if not nil, is told when the key set could not be fetched. It may
	// be called from any goroutine.
	Failed func(error)
}

// Remote is a key set that is fetched when it is needed first, again before it
// is too old, and also when a token names a key that is not in it, though not
// more often than every 15 seconds. A new set replaces the old one as a whole,
// so keys that were withdrawn are gone.
//
// How long a set is good for is what the server says in Cache-Control, at least
// five minutes and at most a day, or else an hour. If it then can't be fetched it
// is used for another day at most.
type Remote struct {
	url    string
	client *fetch.Client
	failed func(error)
	flight singleflight.Group

	mu    sync.Mutex
	state remoteState
}

// remoteState is what is known of a remote key set.
type remoteState struct {
	set *KeySet // or nil
	// err is why the last fetch failed, or nil.
	err error
	// tried is when the last fetch began.
	tried time.Time
	// refresh is when to fetch the set again, expiry when to wait for that, and
	// end when the set is of no use any more.
	refresh, expiry, end time.Time
}

// NewRemote returns a key set that is not fetched yet.
func NewRemote(c RemoteConfig) (*Remote, error) {
	if err := c.Client.CheckURL(c.URL); err != nil {
		return nil, err
	}
	return &Remote{url: c.URL, client: c.Client, failed: c.Failed}, nil
}

// find implements [KeySource].
func (r *Remote) find(ctx context.Context, kid string, now time.Time) ([]key, error) {
	s := r.current()
	switch {
	case s.set == nil, !now.Before(s.expiry) && s.err == nil:
		if err := r.update(ctx, now); err != nil {
			return nil, err
		}
		s = r.current()
	case !now.Before(s.refresh) && s.due(now):
		// Nobody waits while the set is good, or if the last fetch failed.
		r.start(now)
	}
	if !now.Before(s.end) {
		return nil, undecided(s.err)
	}
	if keys := s.set.lookup(kid); len(keys) > 0 {
		return keys, nil
	}
	if kid != "" {
		// The key may be newer than the set.
		if err := r.update(ctx, now); err != nil {
			return nil, err
		}
		s = r.current()
		if keys := s.set.lookup(kid); len(keys) > 0 {
			return keys, nil
		}
	}
	if s.err != nil {
		return nil, undecided(s.err)
	}
	return nil, errUnknownKey()
}

func undecided(err error) error { return fmt.Errorf("the key set can't be fetched: %w", err) }

func (r *Remote) current() remoteState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// due reports whether the set may be fetched again.
func (s *remoteState) due(now time.Time) bool { return now.Sub(s.tried) >= minInterval }

// start fetches the set, unless that is being done or was done just now.
func (r *Remote) start(now time.Time) <-chan singleflight.Result {
	return r.flight.DoChan("", func() (any, error) {
		r.fetch(now)
		return nil, nil
	})
}

// update waits until the set has been fetched, or ctx is done. Others may wait
// for the same fetch, so ctx doesn't end it; the client's time limit does.
func (r *Remote) update(ctx context.Context, now time.Time) error {
	select {
	case <-r.start(now):
		return nil
	case <-ctx.Done():
		return undecided(context.Cause(ctx))
	}
}

func (r *Remote) fetch(now time.Time) {
	r.mu.Lock()
	due := r.state.due(now)
	if due {
		r.state.tried = now
	}
	r.mu.Unlock()
	if !due {
		return
	}
	set, lifetime, err := r.get()
	if err != nil && r.failed != nil {
		r.failed(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.err = err
	if err != nil {
		return
	}
	r.state.set = set
	r.state.refresh = now.Add(lifetime / 5 * 4)
	r.state.expiry = now.Add(lifetime)
	r.state.end = r.state.expiry.Add(maxOverdue)
}

// get fetches the set, and says how long it is good for.
func (r *Remote) get() (*KeySet, time.Duration, error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, r.url, nil)
	if err != nil {
		return nil, 0, errors.New("the url is malformed") // err would show it
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	body, header, err := r.client.Do(request, maxSetSize)
	if err != nil {
		return nil, 0, err
	}
	set, err := ParseKeySet(body)
	return set, lifetime(header), err
}

// lifetime returns how long an answer stays fresh (RFC 9111, section 4.2).
func lifetime(h http.Header) time.Duration {
	lifetime := defaultLifetime
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return minLifetime
		case "max-age":
			if seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
				lifetime = time.Duration(seconds) * time.Second //nolint:gosec // It has 31 bits.
			}
		}
	}
	if age, err := strconv.ParseUint(h.Get("Age"), 10, 31); err == nil {
		lifetime -= time.Duration(age) * time.Second //nolint:gosec // It has 31 bits.
	}
	return min(max(lifetime, minLifetime), maxLifetime)
}

var _ KeySource = (*Remote)(nil)
