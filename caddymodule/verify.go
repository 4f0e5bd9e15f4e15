package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/time/rate"

	"github.com/caddy-relay/caddy-relay/verify"
)

func init() {
	caddy.RegisterModule(Verify{})
}

const defaultMaxBody = 1 << 20 // 1 MiB

// Verify is a middleware that lets only authentic requests pass: those whose
// signature or credentials are made with a secret that the sender shares with
// this server. A body that is signed is read once, checked as it came, and put
// back for the handlers that follow; others are left to them.
//
// A request that is not authentic is answered with 401, one whose sender is not
// allowed to come with 403, one with too large a body with 413, and one that
// can't be decided now with 503; all can be shaped with error routes. The answer
// does not say what was wrong, but the log does. With several of these handlers
// in a row, a request must satisfy all of them, and the identity is that of the
// last.
//
// Some senders try an endpoint before they send events to it. Where the scheme
// knows how, such a handshake is answered here and goes no further; handlers
// before this one must let it pass.
//
// ### Placeholders
//
// Placeholder | Description
// ------------|---------------
// `{verify.scheme}` | The name of the scheme that accepted the request
// `{verify.id}` | The sender's id of the message
// `{verify.timestamp}` | The signed time of sending, in seconds since 1970
// `{verify.key}` | The position of the secret that matched, from 1
// `{verify.subject}` | The user or service that the credentials belong to
// `{verify.claims.*}` | The verified statements of a token
// `{http.auth.user.id}` | The subject, if there is one
//
// What a scheme does not provide is empty.
type Verify struct {
	// The scheme that requests are verified with. Required.
	SchemeRaw json.RawMessage `json:"scheme,omitempty" caddy:"namespace=verify.schemes inline_key=name"`

	// The largest body that is accepted, in bytes. Default: 1048576 (1 MiB),
	// and with schemes that do not look at the body, such as `bearer` and
	// `basic`, no limit: the body is read only by the handlers that follow.
	MaxBody int64 `json:"max_body,omitempty"`

	// The URL that senders use, for schemes that sign it, if this server sees
	// another one, as behind a proxy. Only scheme and host are taken from
	// `https://example.com`, optionally with a user and password; a path
	// replaces that of the request. The query is always that of the request,
	// whatever stands here. Placeholders such as `{env.NAME}` are resolved when
	// the config is loaded. Default: the URL of the request, before any rewrite;
	// what proxies say of it is not looked at.
	PublicURL string `json:"public_url,omitempty"`

	// How long messages are recognized when they come again, but at least twice
	// the scheme's tolerance. What a message is recognized by is signed: its
	// id, or else its signature or digest; with a scheme that signs neither,
	// such as `bearer`, this option is an error. Default: not at all.
	//
	// A message is remembered when the handlers behind have answered it with
	// 2xx. Its repeats then get the same status, the same body if it was at most
	// 4 KiB, and the header field `Relay-Duplicate: true`; they go no further.
	// Repeats that come while it is still worked on wait for the outcome, and if
	// it is not accepted, one of them takes its place.
	//
	// With the `relay` app, messages are remembered in its queue, and over
	// restarts: together with the event if the `relay` handler has accepted it,
	// and right after the answer if another handler has. Without the app, they
	// are remembered in memory, over reloads but not over restarts, and when
	// there are 262144 of them, new ones are answered with 503. Another config
	// of the scheme makes a new start; secrets in the environment or in files
	// can change.
	Once caddy.Duration `json:"once,omitempty"`

	// A name that sets this handler apart from others with `once` and the same
	// scheme, secrets and options, so that a message that is sent to both is no
	// repeat. Default: empty.
	OnceEndpoint string `json:"once_endpoint,omitempty"`

	name       string
	verifier   verify.Verifier
	chooser    chooser           // or nil
	handshaker verify.Handshaker // or nil
	scrubbers  []scrubber        // by alternative of the scheme, or nil
	// secretHeaders are the fields of the header that have credentials.
	secretHeaders []string
	needsBody     bool
	challenge     string
	url           publicURL
	once          *once // or nil
	holdsGuard    bool  // of once
	logger        *zap.Logger
	hints         *rate.Limiter // how often refusals are explained
	now           func() time.Time
}

// CaddyModule returns the Caddy module information.
func (Verify) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.verify",
		New: func() caddy.Module { return new(Verify) },
	}
}

// Provision sets up h.
func (h *Verify) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	h.hints = newHintLimiter()
	h.now = time.Now
	if h.SchemeRaw == nil {
		return errors.New("no scheme")
	}
	schemeConfig := h.SchemeRaw
	if err := h.provisionScheme(ctx); err != nil {
		return err
	}
	if h.MaxBody == 0 && (h.needsBody || h.Once != 0) {
		h.MaxBody = defaultMaxBody
	}
	if err := h.provisionPublicURL(); err != nil {
		return fmt.Errorf("public_url: %w", err)
	}
	if err := h.provisionOnce(ctx, schemeConfig); err != nil {
		return fmt.Errorf("once: %w", err)
	}
	return registerMetrics(ctx.GetMetricsRegistry(), rejectedTotal, handshakesTotal, repeatsTotal)
}

func (h *Verify) provisionScheme(ctx caddy.Context) error {
	mod, err := ctx.LoadModule(h, "SchemeRaw")
	if err != nil {
		return fmt.Errorf("loading the scheme: %w", err)
	}
	var ok bool
	if h.verifier, ok = mod.(verify.Verifier); !ok {
		return fmt.Errorf("%T is no verifier", mod)
	}
	h.name = schemeName(h.verifier)
	h.challenge = challenge(h.verifier)
	h.needsBody = needsBody(h.verifier)
	h.handshaker, _ = mod.(verify.Handshaker)
	h.chooser, _ = mod.(chooser)
	for _, scheme := range h.alternatives() {
		s, _ := scheme.(scrubber)
		h.scrubbers = append(h.scrubbers, s)
		h.secretHeaders = append(h.secretHeaders, secretHeaders(scheme)...)
	}
	return nil
}

// alternatives returns the schemes one of which must accept a request, which is
// mostly the only one.
func (h *Verify) alternatives() []verify.Verifier {
	if h.chooser != nil {
		return h.chooser.alternatives()
	}
	return []verify.Verifier{h.verifier}
}

func schemeName(scheme verify.Verifier) string { return scheme.(caddy.Module).CaddyModule().ID.Name() }

// Validate implements caddy.Validator.
func (h *Verify) Validate() error {
	switch {
	case h.MaxBody < 0:
		return fmt.Errorf("negative max_body %d", h.MaxBody)
	case h.Once < 0:
		return errors.New("negative once")
	case h.Once == 0 && h.OnceEndpoint != "":
		return errors.New("once_endpoint without once")
	}
	return nil
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *Verify) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	v := newVerification(r)
	var body []byte
	var err error
	if h.needsBody {
		if body, err = h.readBody(r); err != nil {
			return err
		}
	}
	v.request = verifyRequest(r, body)
	h.url.apply(&v.request)
	now := h.now()
	if h.handshaker != nil {
		response, err := h.handshaker.Handshake(r.Context(), &v.request, now)
		switch {
		case err != nil:
			return h.refuse(w, r, err)
		case response != nil:
			return h.answerHandshake(w, r, response)
		}
	}
	identity, accepted, err := h.verify(r.Context(), &v.request, now)
	if err != nil {
		return h.refuse(w, r, err)
	}
	// Others than the sender can't make us hold a body that proves nothing.
	if !h.needsBody && h.MaxBody > 0 {
		if _, err := h.readBody(r); err != nil {
			return err
		}
	}
	if s := h.scrubbers[accepted]; s != nil {
		s.Scrub(r)
	}
	v.secretHeaders = append(v.secretHeaders, h.secretHeaders...)
	if h.once == nil {
		v.publish(r, identity)
		return next.ServeHTTP(w, r)
	}
	return h.serveMessage(w, r, next, v, &identity, accepted)
}

// verify asks the scheme, and returns which of its alternatives, if it has such,
// has accepted the request.
func (h *Verify) verify(ctx context.Context, r *verify.Request, now time.Time) (_ verify.Identity, accepted int, _ error) {
	if h.chooser != nil {
		return h.chooser.choose(ctx, r, now)
	}
	identity, err := h.verifier.Verify(ctx, r, now)
	return identity, 0, err
}

func (h *Verify) readBody(r *http.Request) ([]byte, error) {
	body, err := readBody(r, h.MaxBody)
	if err != nil {
		h.reject(r, bodyReason(err), err)
	}
	return body, err
}

// refuse returns what to answer after an error of the verifier.
func (h *Verify) refuse(w http.ResponseWriter, r *http.Request, err error) error {
	e, ok := errors.AsType[*verify.Error](err)
	if !ok {
		return h.unavailable(w, r, reasonUndecided, err)
	}
	h.reject(r, e.Reason, err, h.hint(r, err)...)
	status := refusalStatus(e.Reason)
	if status == http.StatusUnauthorized && h.challenge != "" {
		w.Header().Set("WWW-Authenticate", h.challenge)
	}
	return caddyhttp.Error(status, errNotAuthentic)
}

// unavailable answers a request that can't pass although that is not the
// sender's fault: it is asked to try again. That is not an error of the handler,
// since Caddy would log each with the request's header, which may have tokens
// that only the scheme knows to be secret.
func (h *Verify) unavailable(w http.ResponseWriter, r *http.Request, reason verify.Reason, err error) error {
	h.reject(r, reason, err)
	w.Header().Set("Retry-After", retryAfter)
	w.WriteHeader(http.StatusServiceUnavailable)
	return nil
}

// refusalStatus returns the status of the answer to a request that is refused.
func refusalStatus(reason verify.Reason) int {
	switch reason {
	case verify.ReasonForbidden, verify.ReasonHandshake:
		return http.StatusForbidden // Other credentials would not help.
	default:
		return http.StatusUnauthorized
	}
}

// reasonUndecided counts requests that could neither be accepted nor refused.
const reasonUndecided verify.Reason = "undecided"

// errNotAuthentic is all that error routes, and so clients, get to see.
var errNotAuthentic = errors.New("request is not authentic")

// reject counts and logs why a request did not pass.
func (h *Verify) reject(r *http.Request, reason verify.Reason, err error, more ...zap.Field) {
	rejectedTotal.WithLabelValues(string(reason)).Inc()
	if c := h.logger.Check(zapcore.InfoLevel, "request rejected"); c != nil {
		fields := append([]zap.Field{zap.String("scheme", h.name), zap.String("reason", string(reason))}, whichRequest(r)...)
		c.Write(append(append(fields, rejectionField(err)), more...)...)
	}
}

// rejectionField says of an error what its reason does not.
func rejectionField(err error) zap.Field {
	if e, ok := errors.AsType[*verify.Error](err); ok {
		if e.Field == "" {
			return zap.Skip()
		}
		return zap.String("field", e.Field)
	}
	if e, ok := errors.AsType[caddyhttp.HandlerError](err); ok && e.Err != nil {
		err = e.Err // without where in the code it came from
	}
	return zap.Error(err)
}

// whichRequest says in the log which request a line is about. The query is left
// out, since it may have credentials.
func whichRequest(r *http.Request) []zap.Field {
	clientIP, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	path := r.URL.Path
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		path = original.URL.Path
	}
	return []zap.Field{zap.String("client_ip", clientIP), zap.String("host", cut(r.Host)), zap.String("path", cut(path))}
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Verify)(nil)
	_ caddy.Validator             = (*Verify)(nil)
	_ caddyhttp.MiddlewareHandler = (*Verify)(nil)
	_ caddyfile.Unmarshaler       = (*Verify)(nil)
)
