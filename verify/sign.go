package verify

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/sjson"
)

// Sign implements [Signer] with the first of the shared secrets. An id or nonce
// that r has is kept, and made up if r has none.
func (v *Signature) Sign(r *Request, now time.Time) error {
	if v.macs == nil {
		return errors.New("a public key can't sign; the private key is needed")
	}
	return v.sign(r, now, func(m *message) ([]byte, error) {
		s, err := v.macs[0].sum(m)
		if err != nil {
			return nil, err
		}
		defer v.macs[0].states.Put(s)
		return slices.Clone(s.buf), nil
	})
}

// SignWith does what Sign does, with the private half of a key.
func (v *Signature) SignWith(key crypto.Signer, r *Request, now time.Time) error {
	if v.publics == nil {
		return errors.New("the algorithm signs with the shared secret")
	}
	return v.sign(r, now, func(m *message) ([]byte, error) {
		var content bytes.Buffer
		if _, err := v.signed.writeTo(&content, nil, m); err != nil {
			return nil, err
		}
		if v.size != 0 { // Ed25519
			return key.Sign(rand.Reader, content.Bytes(), crypto.Hash(0))
		}
		digest := sha256.Sum256(content.Bytes())
		return key.Sign(rand.Reader, digest[:], crypto.SHA256)
	})
}

// sign puts everything that may be signed in its place, and then what compute
// returns.
func (v *Signature) sign(r *Request, now time.Time, compute func(*message) ([]byte, error)) error {
	m := message{Request: r}
	var err error
	if v.timestamp != nil {
		m.timestamp = v.timestamp.Format.format(now)
		if err := v.timestamp.Selector.put(r, m.timestamp, v.timestamp.Format != RFC3339); err != nil {
			return err
		}
	}
	if v.id != nil {
		if m.id, err = putID(v.id, r); err != nil {
			return err
		}
	}
	if v.nonce != nil {
		if m.nonce, err = putID(v.nonce, r); err != nil {
			return err
		}
	}
	signature, err := compute(&m)
	if err != nil {
		return err
	}
	text := hex.EncodeToString(signature)
	if v.encoding == Base64 {
		text = strictBase64.EncodeToString(signature)
	}
	return v.signature.put(r, text, false)
}

// putID returns the id or nonce of r, which gets one if it has none.
func putID(s *Selector, r *Request) (string, error) {
	if id, _, err := s.single(r, new(jsonBody)); err == nil {
		return id, nil
	}
	id := "msg_" + strings.ToLower(rand.Text())
	return id, s.put(r, id, false)
}

// put puts a value in its place, replacing what is there unless that is a list
// without it.
func (s *Selector) put(r *Request, value string, number bool) (err error) {
	value = s.Prefix + value
	switch {
	case s.Query != "":
		path, query := r.Path(), removeParam(r.Query(), s.Query)
		r.Target = path + "?" + appendParam(query, s.Query, value)
	case s.Form != "":
		r.SetHeader("Content-Type", "application/x-www-form-urlencoded")
		r.Body = []byte(appendParam(removeParam(string(r.Body), s.Form), s.Form, value))
	case s.JSON != "":
		path := pointerPath(s.JSON)
		if number {
			r.Body, err = sjson.SetRawBytes(r.Body, path, []byte(value))
		} else {
			r.Body, err = sjson.SetBytes(r.Body, path, value)
		}
		if err != nil {
			return fmt.Errorf("putting %s into the body: %w", s.JSON, err)
		}
	default:
		name := s.Headers[0]
		if list := r.Header.Get(name); s.Split != "" && list != "" {
			members := slices.DeleteFunc(strings.Split(list, s.Split), func(member string) bool {
				_, ok := s.cutPrefix(member)
				return ok
			})
			value = strings.Join(append(members, value), s.Split)
		}
		r.SetHeader(name, value)
	}
	return nil
}

func appendParam(raw, name, value string) string {
	pair := url.QueryEscape(name) + "=" + url.QueryEscape(value)
	if raw == "" {
		return pair
	}
	return raw + "&" + pair
}

func removeParam(raw, name string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(raw, "&"), func(pair string) bool {
		key, _, _ := strings.Cut(pair, "=")
		unescaped, err := url.QueryUnescape(key)
		return err == nil && unescaped == name
	}), "&")
}

// pointerPath returns a JSON Pointer as a path of sjson.
func pointerPath(pointer string) string {
	tokens := pointerTokens(pointer)
	for i, token := range tokens {
		tokens[i] = escapePath.Replace(token)
	}
	return strings.Join(tokens, ".")
}

// escapePath escapes what has a meaning in a path of sjson.
var escapePath = strings.NewReplacer(`\`, `\\`, ".", `\.`, "*", `\*`, "?", `\?`, "|", `\|`, "#", `\#`, "@", `\@`, "!", `\!`, ":", `\:`)
