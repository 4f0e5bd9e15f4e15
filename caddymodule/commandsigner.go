package caddymodule

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/httpsig"
)

// signFunc adds to a request what makes a verifier accept it.
type signFunc func(r *verify.Request, now time.Time) error

// keySigner is implemented by schemes that can sign with the private half of a
// key.
type keySigner interface {
	SignWith(key crypto.Signer, r *verify.Request, now time.Time) error
}

var errNoSigner = errors.New("requests of its senders can't be made here")

// signer returns what signs for the handler's scheme.
func (f *signFlags) signer(cmd *cobra.Command, h *Verify) (signFunc, error) {
	schemes := []verify.Verifier{h.verifier}
	if h.chooser != nil {
		schemes = h.chooser.alternatives()
	}
	if f.privateKey == "" {
		return signWithSecret(schemes), nil
	}
	text, err := readInput(cmd, f.privateKey, maxDirective)
	if err != nil {
		return nil, err
	}
	return signWithKey(schemes, text)
}

// signWithSecret returns what signs with the first scheme that can.
func signWithSecret(schemes []verify.Verifier) signFunc {
	return func(r *verify.Request, now time.Time) error {
		failure := errNoSigner
		for _, scheme := range schemes {
			signer, ok := embedded(scheme).(verify.Signer)
			if !ok {
				continue
			}
			if failure = signer.Sign(r, now); failure == nil {
				return nil
			}
		}
		return failure
	}
}

// embedded returns the verifier that a scheme consists of, if only what it
// verifies shows.
func embedded(scheme verify.Verifier) verify.Verifier {
	switch s := scheme.(type) {
	case *BearerScheme:
		return s.Verifier
	case *BasicScheme:
		return s.Verifier
	default:
		return scheme
	}
}

// signWithKey returns what signs with a private key, for the first scheme that
// has public ones.
func signWithKey(schemes []verify.Verifier, text []byte) (signFunc, error) {
	for _, scheme := range schemes {
		switch s := scheme.(type) {
		case *RFC9421Scheme:
			return s.signWith(string(text))
		case *PresetScheme:
			scheme = s.Verifier
		}
		if signer, ok := scheme.(keySigner); ok {
			key, err := parsePrivateKey(text)
			if err != nil {
				return nil, fmt.Errorf("--private-key: %w", err)
			}
			return func(r *verify.Request, now time.Time) error { return signer.SignWith(key, r, now) }, nil
		}
	}
	return nil, errors.New("--private-key: the scheme has no public keys")
}

// signWith signs with the private key that belongs to the first of the public
// ones.
func (s *RFC9421Scheme) signWith(text string) (signFunc, error) {
	c := s.config()
	i := slices.IndexFunc(c.Keys, func(k httpsig.Key) bool { return k.Algorithm != httpsig.HMACSHA256 })
	if i < 0 {
		return nil, errors.New("--private-key: the scheme has no public keys")
	}
	k := c.Keys[i]
	k.Value = text
	c.Keys = []httpsig.Key{k}
	v, err := httpsig.New(c)
	if err != nil {
		return nil, fmt.Errorf("--private-key: %w", err)
	}
	return v.Sign, nil
}

// parsePrivateKey reads a PEM file. No error has any part of it.
func parsePrivateKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("not a PEM file")
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, errors.New("no private key in the PEM file")
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, errors.New("a private key that can't be read")
	}
	return signer, nil
}

// sign signs r as the handler will see it, which is with the public_url, but
// leaves the request its own URL.
func (h *Verify) sign(r *verify.Request, sign signFunc, now time.Time) error {
	seen := *r
	h.url.apply(&seen)
	before := seen.Target
	if err := sign(&seen, now); err != nil {
		return err
	}
	r.Header, r.Body = seen.Header, seen.Body
	if seen.Target != before { // Signatures and ids can be in the query.
		r.Target = r.Path() + "?" + seen.Query()
	}
	return nil
}

// writeRequest writes a request in the form of HTTP/1.1 (RFC 9112).
func writeRequest(w io.Writer, r *verify.Request) error {
	var b bytes.Buffer
	b.WriteString(r.Method + " " + r.Target + " HTTP/1.1\r\nHost: " + r.Host + "\r\n")
	header := r.Header.Clone()
	header.Del("Transfer-Encoding")
	header.Del("Content-Length")
	if len(r.Body) > 0 || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		header.Set("Content-Length", strconv.Itoa(len(r.Body)))
	}
	if err := header.Write(&b); err != nil {
		return err
	}
	b.WriteString("\r\n")
	b.Write(r.Body)
	_, err := w.Write(b.Bytes())
	return err
}
