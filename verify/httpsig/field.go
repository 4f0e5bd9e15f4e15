package httpsig

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/dunglas/httpsfv"

	"github.com/caddy-relay/caddy-relay/verify"
)

// structuredFields are the structured fields that are registered for requests,
// with what they are. RFC 9421, section 2.1.1, wants this to be known: one value
// may be read as a List and as a Dictionary, and means something else.
var structuredFields = map[string]func([]string) (httpsfv.StructuredFieldValue, error){
	"accept-signature":    parseAsDictionary,
	"client-cert":         parseAsItem,
	"client-cert-chain":   parseAsList,
	digestComponent:       parseAsDictionary,
	"priority":            parseAsDictionary,
	"repr-digest":         parseAsDictionary,
	"signature":           parseAsDictionary,
	"signature-input":     parseAsDictionary,
	"want-content-digest": parseAsDictionary,
	"want-repr-digest":    parseAsDictionary,
}

func parseAsDictionary(lines []string) (httpsfv.StructuredFieldValue, error) {
	return httpsfv.UnmarshalDictionary(lines)
}

func parseAsList(lines []string) (httpsfv.StructuredFieldValue, error) {
	return httpsfv.UnmarshalList(lines)
}

func parseAsItem(lines []string) (httpsfv.StructuredFieldValue, error) {
	return httpsfv.UnmarshalItem(lines)
}

// appendField appends the value of a header field (RFC 9421, section 2.1).
func (c *component) appendField(dst []byte, r *verify.Request) ([]byte, verify.Reason) {
	lines := fieldLines(r, c.name)
	if len(lines) == 0 {
		return dst, verify.ReasonMissing
	}
	if c.structured || c.member != "" {
		return c.appendStructured(dst, lines)
	}
	for i, line := range lines {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		line = strings.Trim(line, " \t")
		if c.binary {
			dst = append(dst, ':')
			dst = base64.StdEncoding.AppendEncode(dst, []byte(line))
			dst = append(dst, ':')
		} else {
			dst = append(dst, line...)
		}
	}
	return dst, ""
}

// fieldLines returns the lines of a header field as the sender wrote them. Two
// fields are not where the others are: servers in Go take Host out of the
// header, and there is no Content-Length where a body came in chunks, be it
// because something on the way changed that. What is signed is then still its
// length.
func fieldLines(r *verify.Request, name string) []string {
	lines := r.Header[http.CanonicalHeaderKey(name)]
	switch {
	case name == "host":
		return []string{host(r)}
	case name == "content-length" && len(lines) == 0 && len(r.Body) > 0:
		return []string{strconv.Itoa(len(r.Body))}
	default:
		return lines
	}
}

// appendStructured appends the one serialization of a structured field, or of
// a member of a dictionary (RFC 9421, sections 2.1.1 and 2.1.2).
func (c *component) appendStructured(dst []byte, lines []string) ([]byte, verify.Reason) {
	var value httpsfv.StructuredFieldValue
	var err error
	if c.member != "" {
		var d *httpsfv.Dictionary
		if d, err = httpsfv.UnmarshalDictionary(lines); err != nil {
			return dst, verify.ReasonMalformed
		}
		var ok bool
		if value, ok = d.Get(c.member); !ok {
			return dst, verify.ReasonMissing
		}
	} else if value, err = structuredFields[c.name](lines); err != nil {
		return dst, verify.ReasonMalformed
	}
	text, err := httpsfv.Marshal(value)
	if err != nil {
		return dst, verify.ReasonMalformed
	}
	return append(dst, text...), ""
}
