package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/verify"
)

func init() {
	caddy.RegisterModule(Relay{})
}

const (
	defaultDedup = 24 * time.Hour
	// largestBody is the limit of max_body. Bodies are held in memory.
	largestBody = 256 << 20
	// startWait is how long a request that comes in while its config is being
	// started waits for the queue.
	startWait = 10 * time.Second
)

// Relay is a handler that accepts requests as events. It answers as soon as
// the event is durable, with 202 unless configured otherwise; deliveries to the
// destinations follow at once, and go on until they succeed or become dead
// letters.
//
// An event whose source and id were accepted before is a repeat: it gets the
// same answer, with the header field `Relay-Duplicate: true`, and is not
// relayed again. An event that can't be kept is answered with 503 and
// Retry-After, so that its sender tries again.
//
// ### Placeholders
//
// The options `id`, `type` and `key` and the bodies of responses can have
// all placeholders of HTTP handlers, and these:
//
// Placeholder | Description
// ------------|---------------
// `{event.id}`, `{event.source}`, `{event.type}`, `{event.key}` | What they say
// `{event.time}` | When the event was received
// `{event.body}`, `{event.json}` | The body
// `{event.json.*}` | A value in the JSON body, by gjson path
// `{event.header.*}`, `{event.query.*}`, `{event.form.*}` | A header field, query or form parameter
type Relay struct {
	// The name of the source that events come from. Required.
	Source string `json:"source,omitempty"`

	// The id of an event. A request that it is empty for is answered with 400.
	// Default: the id that the verifier found, or is known to be that of the
	// provider's events, or else the header field Webhook-Id, Svix-Id,
	// Idempotency-Key or, with Ce-Source before it, Ce-Id. Without any of these,
	// an event gets a new id, and can't be recognized as a repeat.
	ID string `json:"id,omitempty"`

	// The type of an event, cut to 512 bytes. Default: that of the provider's
	// events, if it is known where they have it, or else empty.
	Type string `json:"type,omitempty"`

	// What an event is about, cut to 512 bytes. Default: empty.
	Key string `json:"key,omitempty"`

	// How long repeats are recognized. -1 turns this off. Default: 24 hours.
	Dedup caddy.Duration `json:"dedup,omitempty"`

	// Where to relay events to. Required.
	To []Route `json:"to,omitempty"`

	// When to answer. Default and only choice: "durable", when the event is
	// safe on disk.
	Ack string `json:"ack,omitempty"`

	// Other answers than the default ones.
	Respond Responses `json:"respond,omitzero"`

	// The largest body that is accepted, in bytes. Default: 1048576 (1 MiB),
	// unless a verifier before has let a larger one pass.
	MaxBody int64 `json:"max_body,omitempty"`

	app          *App
	destinations []string
	id, typ, key template
}

// Route names destinations.
type Route struct {
	// The names of destinations of the app.
	Destinations []string `json:"destinations,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Relay) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.relay",
		New: func() caddy.Module { return new(Relay) },
	}
}

// Provision sets up h.
func (h *Relay) Provision(ctx caddy.Context) error {
	app, err := ctx.App("relay")
	if err != nil {
		return fmt.Errorf("getting the relay app: %w", err)
	}
	h.app = app.(*App)
	switch {
	case h.Dedup == 0:
		h.Dedup = caddy.Duration(defaultDedup)
	case h.Dedup < 0:
		h.Dedup = 0
	}
	for _, t := range []struct {
		text string
		into *template
	}{{h.ID, &h.id}, {h.Type, &h.typ}, {h.Key, &h.key}} {
		if *t.into, err = parseTemplate(t.text, fromEnvironment); err != nil {
			return err
		}
	}
	for _, route := range h.To {
		for _, name := range route.Destinations {
			if h.app.Destinations[name] == nil {
				return fmt.Errorf("there is no destination '%s'", name)
			}
			if !slices.Contains(h.destinations, name) {
				h.destinations = append(h.destinations, name)
			}
		}
	}
	return h.Respond.provision()
}

// Validate implements caddy.Validator.
func (h *Relay) Validate() error {
	if err := checkName(h.Source, "source"); err != nil {
		return err
	}
	switch {
	case len(h.destinations) == 0:
		return errors.New("no destination to relay to")
	case h.Ack != "" && h.Ack != "durable":
		return fmt.Errorf("unknown ack '%s'; it can be durable", h.Ack)
	case h.MaxBody < 0 || h.MaxBody > largestBody:
		return fmt.Errorf("max_body must be from 0 to %d", largestBody)
	}
	return h.Respond.validate()
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *Relay) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	body, err := readBody(r, h.bodyLimit(r))
	if err != nil {
		countRejected(bodyReason(err))
		return err
	}
	event, repeatable, err := h.event(r, body)
	if err != nil {
		countRejected(reasonInvalidID)
		return caddyhttp.Error(http.StatusBadRequest, err)
	}
	dedup := time.Duration(h.Dedup)
	if !repeatable {
		dedup = 0
	}
	if err := h.app.wait(r.Context()); err != nil {
		return h.refuse(w, r, event, err)
	}
	response := h.Respond.Accepted
	if accepted := profileOf(r).accepted; accepted != nil && h.Respond.acceptedByDefault {
		response = accepted
	}
	duplicate, err := h.accept(r, event, dedup, response)
	if err != nil {
		return h.refuse(w, r, event, err)
	}
	if duplicate {
		w.Header()["Relay-Duplicate"] = []string{"true"}
		if h.Respond.Duplicate != nil {
			response = h.Respond.Duplicate
		}
	}
	return response.write(w, r, event)
}

// accept has an event kept, with the marks of verifiers that let
// messages pass once: were these kept later, a crash in between would let the
// event in twice, and were they kept earlier, it would lose it. The response is
// what the sender will get.
func (h *Relay) accept(r *http.Request, event *relay.Event, dedup time.Duration, response *Response) (duplicate bool, err error) {
	v := expectedMarks(r)
	if v == nil {
		return h.app.attachment.Accept(event, h.destinations, dedup)
	}
	if h.Respond.Duplicate != nil {
		response = h.Respond.Duplicate
		v.repeat = response.recorded(r, event)
	}
	for i := range v.marks {
		v.marks[i].Note = uint16(response.Status) //nolint:gosec // A status has three digits.
	}
	duplicate, err = h.app.attachment.Accept(event, h.destinations, dedup, v.marks...)
	v.kept = err == nil
	return duplicate, err
}

// bodyLimit returns the size that the body of r may have.
func (h *Relay) bodyLimit(r *http.Request) int64 {
	if h.MaxBody > 0 {
		return h.MaxBody
	}
	if b, ok := r.Body.(*bufferedBody); ok {
		return max(defaultMaxBody, int64(len(b.bytes())))
	}
	return defaultMaxBody
}

// The reasons an event is refused for although it is authentic.
const (
	reasonInvalidID        verify.Reason = "invalid_id"
	reasonQueueFull        verify.Reason = "queue_full"
	reasonQueueUnavailable verify.Reason = "queue_unavailable"
)

// retryAfter is what senders are asked to wait when an event can't be kept,
// in seconds.
const retryAfter = "5"

// refuse answers an event that could not be kept. That is our own trouble, so
// the sender is asked to try again. It is not an error of the handler: Caddy
// would log each with the request's header, onto a disk that may be full. The
// engine logs what is wrong.
func (h *Relay) refuse(w http.ResponseWriter, r *http.Request, event *relay.Event, err error) error {
	reason := reasonQueueUnavailable
	if errors.Is(err, relay.ErrFull) {
		reason = reasonQueueFull
	}
	countRejected(reason)
	w.Header().Set("Retry-After", retryAfter)
	return h.Respond.Full.write(w, r, event)
}

func countRejected(reason verify.Reason) {
	rejectedTotal.WithLabelValues(string(reason)).Inc()
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Relay)(nil)
	_ caddy.Validator             = (*Relay)(nil)
	_ caddyhttp.MiddlewareHandler = (*Relay)(nil)
	_ caddyfile.Unmarshaler       = (*Relay)(nil)
)
