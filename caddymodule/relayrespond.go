package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-relay/caddy-relay/relay"
)

// Responses are the answers to senders.
type Responses struct {
	// The event is kept. Default: 202 without a body.
	Accepted *Response `json:"accepted,omitempty"`

	// The event was accepted before. Default: as for an accepted one.
	Duplicate *Response `json:"duplicate,omitempty"`

	// The event can't be kept now. Retry-After is set. Default: the error 503,
	// which error routes can handle.
	Full *Response `json:"full,omitempty"`
}

// Response is an answer to a sender.
type Response struct {
	// The status code. For events that were accepted, it must be 2xx, and for
	// those that can't be kept, 5xx.
	Status int `json:"status,omitempty"`

	// The body, with placeholders. If it looks like JSON, it is sent as such,
	// and the values of placeholders are escaped as in JSON strings.
	Body string `json:"body,omitempty"`

	contentType []string
	isJSON      bool
	usesEvent   bool
	parts       []bodyPart
}

// bodyPart is a piece of a body: a literal, or a placeholder if key is set.
type bodyPart struct{ literal, key string }

// bodyPlaceholder matches placeholders, but not the braces of JSON.
var bodyPlaceholder = regexp.MustCompile(`\{([A-Za-z_][^{}"\s]*)\}`)

func (rs *Responses) provision() error {
	if rs.Accepted == nil {
		rs.Accepted = &Response{Status: http.StatusAccepted}
	}
	for _, response := range []*Response{rs.Accepted, rs.Duplicate, rs.Full} {
		if response == nil {
			continue
		}
		if err := response.provision(); err != nil {
			return err
		}
	}
	return nil
}

func (rs *Responses) validate() error {
	for name, response := range map[string]*Response{"accepted": rs.Accepted, "duplicate": rs.Duplicate, "full": rs.Full} {
		if response == nil {
			continue
		}
		if err := checkResponse(name, response.Status, response.Body); err != nil {
			return err
		}
	}
	return nil
}

// checkResponse keeps answers honest: a sender that is told 4xx because of our
// trouble would drop the event.
func checkResponse(name string, status int, body string) error {
	switch {
	case name == "full" && status/100 != 5:
		return fmt.Errorf("respond full: %d is not 5xx, so the sender might not try again", status)
	case name != "full" && status/100 != 2:
		return fmt.Errorf("respond %s: %d is not 2xx, though the event was accepted", name, status)
	case (status == http.StatusNoContent || status == http.StatusResetContent) && body != "":
		return fmt.Errorf("respond %s: an answer with %d has no body", name, status)
	}
	return nil
}

func (rs *Response) provision() (err error) {
	if rs.Body, err = resolveStatic(rs.Body); err != nil {
		return err
	}
	rs.usesEvent = mentionsEvent(rs.Body)
	rs.isJSON = strings.HasPrefix(rs.Body, "{") || strings.HasPrefix(rs.Body, "[")
	rs.contentType = []string{"text/plain; charset=utf-8"}
	if rs.isJSON {
		rs.contentType = []string{"application/json"}
	}
	end := 0
	for _, m := range bodyPlaceholder.FindAllStringSubmatchIndex(rs.Body, -1) {
		rs.parts = append(rs.parts, bodyPart{literal: rs.Body[end:m[0]]}, bodyPart{literal: rs.Body[m[0]:m[1]], key: rs.Body[m[2]:m[3]]})
		end = m[1]
	}
	rs.parts = append(rs.parts, bodyPart{literal: rs.Body[end:]})
	return nil
}

// write answers a request.
func (rs *Response) write(w http.ResponseWriter, r *http.Request, event *relay.Event) error {
	if rs.Body == "" {
		w.WriteHeader(rs.Status)
		return nil
	}
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if rs.usesEvent {
		mapEvent(repl, event)
	}
	var body strings.Builder
	for _, part := range rs.parts {
		body.WriteString(rs.text(part, repl))
	}
	w.Header()["Content-Type"] = rs.contentType
	w.WriteHeader(rs.Status)
	_, err := io.WriteString(w, body.String())
	return err
}

// text returns what a part comes to; an unknown placeholder stays as it is.
func (rs *Response) text(part bodyPart, repl *caddy.Replacer) string {
	if part.key == "" {
		return part.literal
	}
	value, ok := repl.Get(part.key)
	if !ok {
		return part.literal
	}
	if rs.isJSON {
		return jsonEscape(caddy.ToString(value))
	}
	return caddy.ToString(value)
}

// jsonEscape returns text as the inside of a JSON string.
func jsonEscape(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // A string always has an encoding.
	quoted := bytes.TrimSpace(b.Bytes())
	return string(quoted[1 : len(quoted)-1])
}
