package verify

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Template says how the signed content is put together. It is text with
// variables in braces:
//
//	{body}             the raw body
//	{body.md5.hex}     its MD5 in hexadecimal
//	{body.md5.base64}  its MD5 in base64, or nothing if the body is empty
//	{body.sha256.hex}  its SHA-256 in hexadecimal
//	{body.sha256.raw}  its SHA-256, 32 bytes
//	{timestamp}        the timestamp, as the sender wrote it
//	{id}               the message id
//	{nonce}            the nonce
//	{method}           the request method
//	{url}              the absolute URL
//	{url.noquery}      the absolute URL without the query
//	{path}             the path of the URL in its escaped form, without the query
//	{query.sorted}     the query with its parameters sorted by name
//	{header.X}         the value of the header field X
//	{secret}           the secret, with [PlainSHA256] only
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
	bodyMD5HexVar
	bodyMD5Base64Var
	bodySHA256HexVar
	bodySHA256RawVar
	timestampVar
	idVar
	nonceVar
	methodVar
	urlVar
	urlNoQueryVar
	pathVar
	querySortedVar
	headerVar
	secretVar
)

var variables = map[string]variable{
	"body":            bodyVar,
	"body.md5.hex":    bodyMD5HexVar,
	"body.md5.base64": bodyMD5Base64Var,
	"body.sha256.hex": bodySHA256HexVar,
	"body.sha256.raw": bodySHA256RawVar,
	"timestamp":       timestampVar,
	"id":              idVar,
	"nonce":           nonceVar,
	"method":          methodVar,
	"url":             urlVar,
	"url.noquery":     urlNoQueryVar,
	"path":            pathVar,
	"query.sorted":    querySortedVar,
	"secret":          secretVar,
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
	if !c.hasBody() && !c.has(timestampVar) && !c.has(idVar) && !c.has(nonceVar) {
		return nil, errors.New("neither {body} nor {timestamp} nor {id} nor {nonce} is signed")
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

func (c content) has(vars ...variable) bool {
	return slices.ContainsFunc(c, func(p part) bool { return slices.Contains(vars, p.variable) })
}

// hasBody reports whether the body is signed, as it is or as a digest.
func (c content) hasBody() bool {
	return c.has(bodyVar, bodyMD5HexVar, bodyMD5Base64Var, bodySHA256HexVar, bodySHA256RawVar)
}
