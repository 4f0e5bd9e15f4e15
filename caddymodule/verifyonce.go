package caddymodule

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/caddy-relay/caddy-relay/verify/replay"
)

// endpoint identifies a handler across reloads and restarts, so that what it
// has seen is no repeat to others. It is a hash, since what it is made of may
// have secrets, and is not shown either.
type endpoint [sha256.Size]byte

// replayGuards has the guards in use by their endpoint. They outlive the
// configs that use them.
var replayGuards = caddy.NewUsagePool()

// pooledGuard is a guard that is dropped when no config uses it.
type pooledGuard struct{ *replay.Guard }

// Destruct implements caddy.Destructor.
func (pooledGuard) Destruct() error { return nil }

// once lets messages pass once.
type once struct {
	guard    *replay.Guard
	endpoint endpoint
	window   atomic.Int64 // a duration, which only grows
	app      *App         // keeps what must survive a restart; nil if there is none
}

// maxWindow is how long messages are remembered at most for the sake of tokens
// that are valid for longer than the window that is configured. They are few:
// tokens that are for one message have no reason to be valid for hours.
const maxWindow = 24 * time.Hour

// cover sees to it that a message with a token is remembered for as long as that
// is valid. All that come later are remembered as long, so that what is
// remembered expires in the order in which it came.
func (o *once) cover(expires, now time.Time) {
	if expires.IsZero() {
		return
	}
	need := int64(min(expires.Sub(now), maxWindow))
	for {
		window := o.window.Load()
		if window >= need || o.window.CompareAndSwap(window, need) {
			return
		}
	}
}

// repeatsTotal counts the repeats that were answered without being passed on.
var repeatsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
	Namespace: "caddy",
	Subsystem: "relay",
	Name:      "repeats_total",
	Help:      "Requests whose message had been accepted before, by scheme.",
}, []string{"scheme"})

// provisionOnce sets up the option once. schemeConfig is that of the scheme.
func (h *Verify) provisionOnce(ctx caddy.Context, schemeConfig json.RawMessage) error {
	if h.Once == 0 {
		return nil
	}
	for _, scheme := range h.alternatives() {
		if !knowsRepeats(scheme) {
			return fmt.Errorf("the scheme %s does not tell one message from another, so none can be recognized as a repeat", schemeName(scheme))
		}
	}
	h.warnAboutTokens()
	o := new(once)
	o.window.Store(int64(max(time.Duration(h.Once), 2*tolerance(h.verifier))))
	var err error
	if o.endpoint, err = newEndpoint(schemeConfig, h.OnceEndpoint); err != nil {
		return err
	}
	app, err := ctx.AppIfConfigured("relay")
	switch {
	case err == nil:
		o.app = app.(*App)
	case !errors.Is(err, caddy.ErrNotConfigured):
		return fmt.Errorf("getting the relay app: %w", err)
	}
	guard, _, err := replayGuards.LoadOrNew(o.endpoint, func() (caddy.Destructor, error) {
		return pooledGuard{replay.New()}, nil
	})
	if err != nil {
		return err
	}
	o.guard = guard.(pooledGuard).Guard
	h.once, h.holdsGuard = o, true
	return nil
}

// warnAboutTokens logs that messages are recognized by tokens, if they are.
func (h *Verify) warnAboutTokens() {
	for _, scheme := range h.alternatives() {
		if s, ok := scheme.(*JWTScheme); ok && !s.CoversBody() {
			h.logger.Warn("each token passes once: a sender that uses one for several messages gets all but the first refused",
				zap.String("scheme", schemeName(s)))
		}
	}
}

// newEndpoint returns the endpoint of a handler. The config of the scheme is
// the same to it however it is written.
func newEndpoint(schemeConfig json.RawMessage, name string) (endpoint, error) {
	var config any
	if err := json.Unmarshal(schemeConfig, &config); err != nil {
		return endpoint{}, err
	}
	text, err := json.Marshal([]any{config, name})
	return sha256.Sum256(text), err
}

// Cleanup lets go of what is remembered, unless another config uses it. Requests
// that are still under way use it to their end.
func (h *Verify) Cleanup() error {
	if !h.holdsGuard {
		return nil
	}
	h.holdsGuard = false
	_, err := replayGuards.Delete(h.once.endpoint)
	return err
}

func (h *Verify) unmarshalOnce(d *caddyfile.Dispenser) error {
	if h.Once != 0 {
		return d.Err("once is already set")
	}
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	return parseDuration(d, text, &h.Once)
}

// onceState is the name under which adapting a Caddyfile counts the handlers
// with the option once, by scheme and its config.
const onceState = "caddy_relay.verify_once"

// numberOnce sets apart handlers with the same scheme and config. The first one
// has no number, so that it does not change when another one comes.
func (h *Verify) numberOnce(helper httpcaddyfile.Helper) {
	if h.Once == 0 {
		return
	}
	counts, _ := helper.State[onceState].(map[string]int)
	if counts == nil {
		counts = make(map[string]int)
		helper.State[onceState] = counts
	}
	counts[string(h.SchemeRaw)]++
	if n := counts[string(h.SchemeRaw)]; n > 1 {
		h.OnceEndpoint = strconv.Itoa(n)
	}
	if helper.IsNamedRoute() { // These are counted for themselves.
		h.OnceEndpoint = "named" + h.OnceEndpoint
	}
}

// Interface guards
var (
	_ caddy.CleanerUpper = (*Verify)(nil)
	_ caddy.Destructor   = pooledGuard{}
)
