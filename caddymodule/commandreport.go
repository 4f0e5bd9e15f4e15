package caddymodule

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/caddy-relay/caddy-relay/verify"
)

// hyphenated makes names of header fields comparable that CGI would confuse.
var hyphenated = strings.NewReplacer("_", "-", ".", "-")

// report writes what was found out about a request: a word on a line, and what
// belongs to it on lines with a name.
type report struct {
	w        io.Writer
	now      time.Time
	refused  bool
	writeErr error
}

// err returns how the command ends.
func (o *report) err() error {
	if o.writeErr != nil {
		return fmt.Errorf("writing the result: %w", o.writeErr)
	}
	if o.refused {
		return errNo
	}
	return nil
}

func (o *report) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(o.w, format, args...); err != nil {
		o.writeErr = err
	}
}

// line writes a line, unless the value is empty.
func (o *report) line(name, value string) {
	if value == "" {
		return
	}
	if strings.ContainsFunc(value, func(c rune) bool { return !unicode.IsPrint(c) }) {
		value = strconv.Quote(value) // A terminal would obey it.
	}
	o.printf("%s: %s\n", name, value)
}

func (o *report) hints(sentences []string) {
	for _, sentence := range sentences {
		o.line("hint", sentence)
	}
}

func (o *report) valid(identity *verify.Identity) {
	o.printf("valid\n")
	o.line("scheme", identity.Scheme)
	if identity.Key > 0 {
		o.line("key", strconv.Itoa(identity.Key))
	}
	o.line("id", identity.ID)
	o.line("timestamp", o.timestamp(identity.Timestamp))
	o.line("subject", identity.Subject)
	if len(identity.Claims) > 0 {
		if claims, err := json.Marshal(identity.Claims); err == nil {
			o.line("claims", string(claims))
		}
	}
	if n := identity.Key; n > 1 && n <= len(ordinals) {
		o.line("hint", fmt.Sprintf("The %s secret matched, and not the first.", ordinals[n-1]))
	}
}

var ordinals = [...]string{
	"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth",
	"thirteenth", "fourteenth", "fifteenth", "sixteenth",
}

func (o *report) timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	text := t.UTC().Format(time.RFC3339)
	if age := int64(o.now.Sub(t) / time.Second); age < 0 {
		return fmt.Sprintf("%s (%d s ahead)", text, -age)
	} else {
		return fmt.Sprintf("%s (%d s ago)", text, age)
	}
}

func (o *report) invalid(scheme string, refused *verify.Error, hint verify.Hint) {
	o.refused = true
	o.printf("invalid\n")
	o.line("scheme", scheme)
	o.line("reason", string(refused.Reason))
	o.line("field", refused.Field)
	o.line("hint", hint.Sentence)
}

func (o *report) handshake(scheme string) {
	o.printf("handshake\n")
	o.line("scheme", scheme)
}

// answer writes what a handshake is answered with, in the form of HTTP/1.1.
func (o *report) answer(response *verify.Response) {
	o.line("hint", "It is a try of the endpoint, which is answered in place:")
	o.printf("\n")
	answer := http.Response{
		StatusCode: cmp.Or(response.Status, http.StatusOK), ProtoMajor: 1, ProtoMinor: 1, Header: response.Header,
		Body: io.NopCloser(bytes.NewReader(response.Body)), ContentLength: int64(len(response.Body)),
	}
	if err := answer.Write(o.w); err != nil {
		o.writeErr = errors.Join(o.writeErr, err)
	}
	o.printf("\n")
}
