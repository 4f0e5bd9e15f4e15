package caddymodule

import (
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
	// replaces that of the request, and a query does so, too. Placeholders such
	// as `{env.NAME}` are resolved when the config is loaded. Default: the URL
	// of the request, before any rewrite; what proxies say of it is not looked
	// at.
	PublicURL string `json:"public_url,omitempty"`

	name       string
	verifier   verify.Verifier
	handshaker verify.Handshaker // or nil
	needsBody  bool
	challenge  string
	scrubber   scrubber // or nil
	url        publicURL
	logger     *zap.Logger
	now        func() time.Time
}

// challenger is implemented by schemes that use HTTP authentication (RFC 9110,
// section 11), where a 401 must say what is asked for.
type challenger interface {
	// WWWAuthenticate returns the value of the WWW-Authenticate header field.
	WWWAuthenticate() string
}

// bodyUser is implemented by schemes that may not need the body. Of others it
// is assumed that they do.
type bodyUser interface {
	// NeedsBody reports whether the scheme looks at the body. If it does not,
	// the body is not read before the request is known to be authentic, and
	// the Body of the [verify.Request] is nil.
	NeedsBody() bool
}

// scrubber is implemented by schemes that find credentials where handlers
// would store, log or forward them.
type scrubber interface {
	// Scrub removes the credentials from an authentic request.
	Scrub(r *http.Request)
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
	h.now = time.Now
	if h.SchemeRaw == nil {
		return errors.New("no scheme")
	}
	mod, err := ctx.LoadModule(h, "SchemeRaw")
	if err != nil {
		return fmt.Errorf("loading the scheme: %w", err)
	}
	var ok bool
	if h.verifier, ok = mod.(verify.Verifier); !ok {
		return fmt.Errorf("%T is no verifier", mod)
	}
	h.name = mod.(caddy.Module).CaddyModule().ID.Name()
	if c, ok := mod.(challenger); ok {
		h.challenge = c.WWWAuthenticate()
	}
	h.handshaker, _ = mod.(verify.Handshaker)
	h.scrubber, _ = mod.(scrubber)
	h.needsBody = true
	if u, ok := mod.(bodyUser); ok {
		h.needsBody = u.NeedsBody()
	}
	if h.MaxBody == 0 && h.needsBody {
		h.MaxBody = defaultMaxBody
	}
	if err := h.provisionPublicURL(); err != nil {
		return fmt.Errorf("public_url: %w", err)
	}
	return registerMetrics(ctx.GetMetricsRegistry(), rejectedTotal, handshakesTotal)
}

// Validate implements caddy.Validator.
func (h *Verify) Validate() error {
	if h.MaxBody < 0 {
		return fmt.Errorf("negative max_body %d", h.MaxBody)
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
	identity, err := h.verifier.Verify(r.Context(), &v.request, now)
	if err != nil {
		return h.refuse(w, r, err)
	}
	// Others than the sender can't make us hold a body that proves nothing.
	if !h.needsBody && h.MaxBody > 0 {
		if _, err := h.readBody(r); err != nil {
			return err
		}
	}
	if h.scrubber != nil {
		h.scrubber.Scrub(r)
	}
	v.publish(r, identity)
	return next.ServeHTTP(w, r)
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
		h.reject(r, reasonUndecided, err)
		w.Header().Set("Retry-After", retryAfter)
		return caddyhttp.Error(http.StatusServiceUnavailable, errUndecided)
	}
	h.reject(r, e.Reason, err)
	status := refusalStatus(e.Reason)
	if status == http.StatusUnauthorized && h.challenge != "" {
		w.Header().Set("WWW-Authenticate", h.challenge)
	}
	return caddyhttp.Error(status, errNotAuthentic)
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

// These are all that error routes, and so clients, get to see.
var (
	errNotAuthentic = errors.New("request is not authentic")
	errUndecided    = errors.New("request can't be verified now")
)

// reject counts and logs why a request did not pass.
func (h *Verify) reject(r *http.Request, reason verify.Reason, err error) {
	rejectedTotal.WithLabelValues(string(reason)).Inc()
	if c := h.logger.Check(zapcore.InfoLevel, "request rejected"); c != nil {
		clientIP, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
		c.Write(
			zap.String("scheme", h.name),
			zap.String("reason", string(reason)),
			zap.String("client_ip", clientIP),
			zap.Error(err),
		)
	}
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Verify)(nil)
	_ caddy.Validator             = (*Verify)(nil)
	_ caddyhttp.MiddlewareHandler = (*Verify)(nil)
	_ caddyfile.Unmarshaler       = (*Verify)(nil)
)
