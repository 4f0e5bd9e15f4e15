package httpsig

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/caddy-relay/caddy-relay/verify"
)

// defaultLabel is the name of a signature where the configuration has none.
const defaultLabel = "sig1"

// Sign implements [verify.Signer] with the first key that is a secret or a
// private key. The signature covers what the verifier requires, and has a random
// nonce. Signatures that r has are replaced, and so is its Content-Digest if it
// is to be covered.
func (v *Verifier) Sign(r *verify.Request, now time.Time) error {
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	list := v.components(r)
	if coversName(list, digestComponent) {
		digest, err := contentDigest(r.Body)
		if err != nil {
			return err
		}
		r.Header[digestField] = []string{digest}
	}
	for _, k := range v.keys {
		if err := v.signWith(k, list, r, now); !errors.Is(err, errPublic) {
			return err
		}
	}
	return errPublic
}

func (v *Verifier) signWith(k *key, list []covered, r *verify.Request, now time.Time) error {
	input, err := v.newInput(list, k.id, now)
	if err != nil {
		return err
	}
	s, ok := newSignature(input)
	if !ok {
		return errors.New("a component can't be signed")
	}
	base, err := v.base(s, r)
	if err != nil {
		return err
	}
	value, err := k.sign(base)
	if err != nil {
		return err
	}
	return v.put(r.Header, input, value)
}

// components returns what a new signature of r is to cover.
func (v *Verifier) components(r *verify.Request) []covered {
	if v.required != nil {
		return v.required
	}
	names := []string{methodComponent, targetURIComponent}
	if len(r.Body) > 0 {
		names = append(names, digestComponent)
	}
	list := make([]covered, len(names))
	for i, name := range names {
		list[i] = covered{component: component{name: name}, identifier: `"` + name + `"`}
	}
	return list
}

func (v *Verifier) newInput(list []covered, keyID string, now time.Time) (httpsfv.InnerList, error) {
	input := httpsfv.InnerList{Params: httpsfv.NewParams()}
	for _, c := range list {
		item, err := httpsfv.UnmarshalItem([]string{c.identifier})
		if err != nil {
			return input, err
		}
		input.Items = append(input.Items, item)
	}
	input.Params.Add("created", now.Unix())
	input.Params.Add("nonce", strings.ToLower(rand.Text()))
	input.Params.Add("keyid", keyID)
	if v.tag != "" {
		input.Params.Add("tag", v.tag)
	}
	return input, nil
}

func (v *Verifier) put(h http.Header, input httpsfv.InnerList, value []byte) error {
	label := v.label
	if label == "" {
		label = defaultLabel
	}
	for name, member := range map[string]httpsfv.Member{inputField: input, signatureField: httpsfv.NewItem(value)} {
		d := httpsfv.NewDictionary()
		d.Add(label, member)
		text, err := httpsfv.Marshal(d)
		if err != nil {
			return err
		}
		h[name] = []string{text}
	}
	return nil
}
