package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/uuid"

	"github.com/caddy-relay/caddy-relay/relay"
)

// idHeaders are where senders put the id of an event, if it is not signed.
var idHeaders = []string{"Webhook-Id", "Svix-Id", "Idempotency-Key", "Ce-Id"}

// event makes an event of a request. repeatable is false if its id is new, so
// that it can't be a repeat. The error is one for the sender.
func (h *Relay) event(r *http.Request, body []byte) (_ *relay.Event, repeatable bool, err error) {
	event := &relay.Event{
		Source: h.Source,
		Time:   time.Now().Truncate(time.Millisecond),
		Header: headerBlock(r.Header),
		Query:  r.URL.RawQuery,
		Body:   body,
	}
	var repl *caddy.Replacer
	if h.usesEvent || h.ID != "" || h.Type != "" || h.Key != "" {
		repl = r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	}
	if h.usesEvent {
		mapEvent(repl, event)
	}
	if h.Type != "" {
		event.Type = repl.ReplaceAll(h.Type, "")
	}
	if h.Key != "" {
		event.Key = repl.ReplaceAll(h.Key, "")
	}
	if h.ID != "" {
		if event.ID = repl.ReplaceAll(h.ID, ""); event.ID == "" {
			return nil, false, errors.New("the event has no id")
		}
	} else {
		event.ID = requestID(r)
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

// requestID returns the id that the sender gave an event, or "".
func requestID(r *http.Request) string {
	if identity, ok := verifiedIdentity(r); ok && identity.ID != "" {
		return identity.ID
	}
	for _, name := range idHeaders {
		if values := r.Header[name]; len(values) > 0 && values[0] != "" {
			return values[0]
		}
	}
	return ""
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

func headerBlock(header http.Header) relay.Header {
	block := make(relay.Header, 0, 512)
	for name, values := range header {
		if privateHeaders[name] {
			continue
		}
		for _, value := range values {
			block = block.Add(name, value)
		}
	}
	return block
}

// mapEvent makes the placeholders of an event known to a replacer.
func mapEvent(repl *caddy.Replacer, event *relay.Event) {
	repl.Map(func(key string) (any, bool) {
		name, ok := strings.CutPrefix(key, "event.")
		if !ok {
			return nil, false
		}
		value, ok := event.Lookup(name)
		return value, ok
	})
}

func mentionsEvent(text string) bool { return strings.Contains(text, "{event.") }

// staticPlaceholder matches placeholders that are the same for all requests.
var staticPlaceholder = regexp.MustCompile(`\{(env|file)\.[^{}]+\}`)

// resolveStatic replaces the placeholders that don't depend on a request, and
// fails if one is unset or empty.
func resolveStatic(text string) (string, error) {
	var failed error
	text = staticPlaceholder.ReplaceAllStringFunc(text, func(placeholder string) string {
		value, err := caddy.NewReplacer().ReplaceOrErr(placeholder, true, true)
		if err != nil {
			failed = fmt.Errorf("%s is unset, unreadable, or empty", placeholder)
		}
		return value
	})
	return text, failed
}

// waitForEngine returns the engine. While a config is loaded, its HTTP servers
// may run before this app was started; requests wait then.
func (a *App) waitForEngine(ctx context.Context) (*pooledEngine, error) {
	if engine := a.openedEngine(); engine != nil {
		return engine, nil
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	select {
	case <-a.ready:
		return a.engine, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("the queue is not open yet: %w", context.Cause(ctx))
	}
}
