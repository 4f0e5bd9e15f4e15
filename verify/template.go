package verify

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Template says how the signed content is put together. It is text with
// variables in braces:
//
//	{body}       the raw body
//	{timestamp}  the timestamp, as the sender wrote it
//	{id}         the message id
//	{method}     the request method
//	{url}        the absolute URL
//	{path}       the path of the URL in its escaped form, without the query
//	{header.X}   the value of the header field X
//
// Braces have no other use; there is no way to escape them.
type Template string

// Validate returns an error if t is no template, or if what it describes could
// never vary with the message: one captured signature would then be valid for
// ever after.
func (t Template) Validate() error {
	_, err := t.compile()
	return err
}

// variable is what stands at a place of a template.
type variable uint8

const (
	literal variable = iota
	bodyVar
	timestampVar
	idVar
	methodVar
	urlVar
	pathVar
	headerVar
)

var variables = map[string]variable{
	"body":      bodyVar,
	"timestamp": timestampVar,
	"id":        idVar,
	"method":    methodVar,
	"url":       urlVar,
	"path":      pathVar,
}

type part struct {
	variable variable
	// text is the text of a literal, or the canonical name of a header.
	text string
}

// content is a compiled template.
type content []part

func (t Template) compile() (content, error) {
	var c content
	for s := string(t); s != ""; {
		text, rest, found := strings.Cut(s, "{")
		if strings.Contains(text, "}") {
			return nil, errors.New("closing brace without an opening one")
		}
		if text != "" {
			c = append(c, part{variable: literal, text: text})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, errors.New("opening brace without a closing one")
		}
		p, err := parseVariable(name)
		if err != nil {
			return nil, err
		}
		c = append(c, p)
		s = after
	}
	if !c.has(bodyVar) && !c.has(timestampVar) && !c.has(idVar) {
		return nil, errors.New("neither {body} nor {timestamp} nor {id} is signed")
	}
	return c, nil
}

func parseVariable(name string) (part, error) {
	if v, ok := variables[name]; ok {
		return part{variable: v}, nil
	}
	if field, ok := strings.CutPrefix(name, "header."); ok && httpguts.ValidHeaderFieldName(field) {
		return part{variable: headerVar, text: http.CanonicalHeaderKey(field)}, nil
	}
	return part{}, fmt.Errorf("unknown variable {%s}", name)
}

func (c content) has(v variable) bool {
	return slices.ContainsFunc(c, func(p part) bool { return p.variable == v })
}

// message holds what the variables of a template stand for.
type message struct {
	*Request
	timestamp, id string
}

// writeTo writes the content of m to w. Everything but the body is collected
// in buf, which is returned for reuse: strings can't be handed to a hash
// without a copy, and few large writes are faster than many small ones.
func (c content) writeTo(w io.Writer, buf []byte, m *message) ([]byte, error) {
	buf = buf[:0]
	for _, p := range c {
		switch p.variable {
		case literal:
			buf = append(buf, p.text...)
		case timestampVar:
			buf = append(buf, m.timestamp...)
		case idVar:
			buf = append(buf, m.id...)
		case methodVar:
			buf = append(buf, m.Method...)
		case urlVar:
			buf = append(buf, m.Scheme...)
			buf = append(buf, "://"...)
			buf = append(buf, m.Host...)
			buf = append(buf, m.Target...)
		case pathVar:
			buf = append(buf, m.Path()...)
		case headerVar:
			value, err := HeaderValue(m.Header, p.text)
			if err != nil {
				return buf, err
			}
			buf = append(buf, value...)
		case bodyVar:
			if len(buf) > 0 {
				_, _ = w.Write(buf) // a hash never fails
				buf = buf[:0]
			}
			_, _ = w.Write(m.Body)
		}
	}
	if len(buf) > 0 {
		_, _ = w.Write(buf)
	}
	return buf, nil
}
