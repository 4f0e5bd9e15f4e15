package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/verify/replay"
)

// Responses are the answers to senders.
type Responses struct {
	// The event is kept. Default: 202 without a body, or another status if the
	// provider that sent it is known to want that.
	Accepted *Response `json:"accepted,omitempty"`

	// The event was accepted before. Default: as for an accepted one.
	Duplicate *Response `json:"duplicate,omitempty"`

	// The event can't be kept now. Retry-After is set. Default: 503 without a
	// body.
	Full *Response `json:"full,omitempty"`

	acceptedByDefault bool
}

// Response is an answer to a sender.
type Response struct {
	// The status code. For events that were accepted, it must be 2xx, and for
	// those that can't be kept, 5xx.
	Status int `json:"status,omitempty"`

	// The body, with placeholders. If it begins with a brace or bracket, it is
	// sent as JSON, with the values of placeholders escaped as in strings.
	Body string `json:"body,omitempty"`

	body   template
	isJSON bool
}

func (rs *Responses) provision() error {
	if rs.Accepted == nil {
		rs.Accepted, rs.acceptedByDefault = &Response{Status: http.StatusAccepted}, true
	}
	if rs.Full == nil {
		rs.Full = &Response{Status: http.StatusServiceUnavailable}
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
	if rs.body, err = parseTemplate(rs.Body, fromEnvironment); err != nil {
		return err
	}
	if rs.isJSON = rs.body.startsWithBrace(); rs.isJSON {
		rs.body, err = parseTemplate(rs.Body, func(placeholder string) (string, error) {
			value, err := fromEnvironment(placeholder)
			return jsonEscape(value), err
		})
	}
	return err
}

var (
	contentTypeJSON = []string{"application/json"}
	contentTypeText = []string{"text/plain; charset=utf-8"}
)

// write answers a request.
func (rs *Response) write(w http.ResponseWriter, r *http.Request, event *relay.Event) error {
	if rs.Body == "" {
		w.WriteHeader(rs.Status)
		return nil
	}
	contentType, body := rs.fill(r, event)
	w.Header()["Content-Type"] = contentType
	w.WriteHeader(rs.Status)
	_, err := io.WriteString(w, body)
	return err
}

// fill returns the body for an event.
func (rs *Response) fill(r *http.Request, event *relay.Event) (contentType []string, body string) {
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if rs.isJSON {
		return contentTypeJSON, rs.body.fill(repl, event, jsonEscape)
	}
	return contentTypeText, rs.body.fill(repl, event, nil)
}

// recorded returns the answer for an event, to be given later.
func (rs *Response) recorded(r *http.Request, event *relay.Event) *replay.Answer {
	if rs.Body == "" {
		return &replay.Answer{Status: rs.Status}
	}
	contentType, body := rs.fill(r, event)
	return &replay.Answer{Status: rs.Status, ContentType: contentType[0], Body: []byte(body)}
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
