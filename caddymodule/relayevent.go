package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/uuid"

	"github.com/caddy-relay/caddy-relay/relay"
)

// idHeaders are where senders put the id of an event, if it is not signed.
var idHeaders = []string{"Webhook-Id", "Svix-Id", "Idempotency-Key"}

// The id of a CloudEvent is its source's alone: different sources may use the
// same ids (CloudEvents 1.0, "id").
const (
	cloudEventID     = "Ce-Id"
	cloudEventSource = "Ce-Source"
)

// event makes an event of a request. repeatable is false if its id is new, so
// that it can't be a repeat. The error is one for the sender.
func (h *Relay) event(r *http.Request, body []byte) (_ *relay.Event, repeatable bool, err error) {
	event := &relay.Event{
		Source: h.Source,
		Time:   time.Now().Truncate(time.Millisecond),
		Header: headerBlock(r.Header, secretFields(r)),
		Query:  r.URL.RawQuery,
		Body:   body,
	}
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	profile := profileOf(r)
	typ := &h.typ
	if h.Type == "" {
		typ = &profile.typ
	}
	event.Type = cut(typ.fill(repl, event, nil))
	event.Key = cut(h.key.fill(repl, event, nil))
	if h.ID != "" {
		if event.ID = h.id.fill(repl, event, nil); event.ID == "" {
			return nil, false, errors.New("the event has no id")
		}
	} else {
		event.ID = requestID(r, profile.id.fill(repl, event, nil))
	}
	if event.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, false, err
		}
		event.ID = id.String()
		return event, false, nil
	}
	return event, true, checkID(event.ID)
}

// requestID returns the id that the sender gave an event, or "". Known is the one
// that is where its provider puts ids.
func requestID(r *http.Request, known string) string {
	if identity, ok := verifiedIdentity(r); ok {
		if id := identity.MessageID(); id != "" {
			return id
		}
	}
	if known != "" {
		return known
	}
	for _, name := range idHeaders {
		if values := r.Header[name]; len(values) > 0 && values[0] != "" {
			return values[0]
		}
	}
	id, source := r.Header.Get(cloudEventID), r.Header.Get(cloudEventSource)
	if id == "" || source == "" {
		return id
	}
	return source + " " + id
}

// cut shortens a type or key to the length that is kept, or what is logged.
func cut(text string) string {
	if len(text) <= relay.MaxIDLength {
		return text
	}
	return strings.ToValidUTF8(text[:relay.MaxIDLength], "")
}

// checkID returns an error if an id can't be used: ids appear in header fields
// and logs, and are remembered.
func checkID(id string) error {
	if len(id) > relay.MaxIDLength {
		return fmt.Errorf("the event's id is longer than %d bytes", relay.MaxIDLength)
	}
	if strings.ContainsFunc(id, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return errors.New("the event's id has control characters")
	}
	return nil
}

// privateHeaders are not kept with an event: credentials, and fields that
// belong to the connection.
var privateHeaders = map[string]bool{
	"Authorization":       true,
	"Proxy-Authorization": true,
	"Cookie":              true,
	"Connection":          true,
	"Keep-Alive":          true,
	"Te":                  true,
	"Trailer":             true,
	"Transfer-Encoding":   true,
	"Upgrade":             true,
	"Accept-Encoding":     true,
	"Content-Length":      true,
}

// headerBlock returns the header without the private fields, and without those
// that are said to be secret.
func headerBlock(header http.Header, secret []string) relay.Header {
	block := make(relay.Header, 0, 512)
	for name, values := range header {
		if privateHeaders[name] || slices.Contains(secret, name) {
			continue
		}
		for _, value := range values {
			block = block.Add(name, value)
		}
	}
	return block
}

// wait returns once events can be accepted. While a config is loaded, its HTTP
// servers may run before this app was started; requests wait then.
func (a *App) wait(ctx context.Context) error {
	if a.openedEngine() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	select {
	case <-a.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the queue is not open yet: %w", context.Cause(ctx))
	}
}
