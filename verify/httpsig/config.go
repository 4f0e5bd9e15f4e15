package httpsig

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dunglas/httpsfv"
)

// DefaultMaxAge is how old signatures may be unless the configuration says
// otherwise.
const DefaultMaxAge = 5 * time.Minute

// maxKeys bounds the keys of a configuration, like the secrets of other schemes.
const maxKeys = 16

// Config says which signatures are accepted: what RFC 9421, section 1.4, leaves
// to the application.
type Config struct {
	// Keys are the keys that may sign, at most 16, each with a name of its own.
	Keys []Key
	// Label and Tag select the signature that counts, out of those that a
	// request has: by its name in the header fields, and by its parameter
	// "tag". What is empty is not looked at. Exactly one signature must be
	// left.
	Label, Tag string
	// Components must be covered by the signature. They are written as in
	// Signature-Input, but without the quotation marks around the name:
	// "content-digest", or `@query-param;name="id"`. Nil stands for the method,
	// the whole URL, and the content-digest of a body that is not empty; the
	// URL may be covered as @target-uri, or as @authority with either
	// @request-target or @path and, if there is one, @query. If Components is
	// empty but not nil, a signature need not cover anything.
	Components []string
	// MaxAge is how long after its creation a signature is accepted. It
	// defaults to [DefaultMaxAge].
	MaxAge time.Duration
}

// New returns a verifier of the signatures that c describes.
func New(c Config) (*Verifier, error) {
	v, err := c.compile()
	if err != nil {
		return nil, err
	}
	v.keys = make([]*key, len(c.Keys))
	for i, k := range c.Keys {
		if v.keys[i], err = k.compile(); err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
	}
	return v, nil
}

// Validate returns the error that [New] would return whatever the values of the
// keys.
func (c Config) Validate() error {
	_, err := c.compile()
	return err
}

// compile returns a verifier without keys, which accepts nothing.
func (c Config) compile() (*Verifier, error) {
	if err := c.validateKeys(); err != nil {
		return nil, err
	}
	v := &Verifier{label: c.Label, tag: c.Tag, maxAge: c.MaxAge}
	if err := v.validateSelection(); err != nil {
		return nil, err
	}
	if v.maxAge == 0 {
		v.maxAge = DefaultMaxAge
	}
	if v.maxAge < 0 {
		return nil, fmt.Errorf("negative max age %s", v.maxAge)
	}
	if c.Components == nil {
		return v, nil
	}
	if len(c.Components) > maxComponents {
		return nil, fmt.Errorf("%d components, at most %d are allowed", len(c.Components), maxComponents)
	}
	v.required = make([]covered, len(c.Components))
	for i, text := range c.Components {
		required, err := parseComponent(text)
		if err != nil {
			return nil, fmt.Errorf("component %q: %w", text, err)
		}
		if covers(v.required[:i], required.component) {
			return nil, fmt.Errorf("component %q is there twice", text)
		}
		v.required[i] = required
	}
	return v, nil
}

func (c *Config) validateKeys() error {
	switch {
	case len(c.Keys) == 0:
		return errors.New("no key")
	case len(c.Keys) > maxKeys:
		return fmt.Errorf("%d keys, at most %d are allowed", len(c.Keys), maxKeys)
	}
	for i, k := range c.Keys {
		if err := k.Algorithm.Validate(); err != nil {
			return fmt.Errorf("key %d: %w", i+1, err)
		}
		if k.ID == "" || !isString(k.ID) {
			return fmt.Errorf("key %d: its id must be printable ASCII, and not empty", i+1)
		}
		if slices.ContainsFunc(c.Keys[:i], func(other Key) bool { return other.ID == k.ID }) {
			return fmt.Errorf("key %d: there is another one with the id %q", i+1, k.ID)
		}
	}
	return nil
}

func (v *Verifier) validateSelection() error {
	if v.label != "" {
		d := httpsfv.NewDictionary()
		d.Add(v.label, httpsfv.NewItem(true))
		if _, err := httpsfv.Marshal(d); err != nil {
			return fmt.Errorf("%q can't be a label: those have lower-case letters, digits, and _ - . * (RFC 9651, section 3.1.2)", v.label)
		}
	}
	if !isString(v.tag) {
		return errors.New("a tag must be printable ASCII")
	}
	return nil
}

// isString reports whether s can be written as a String of RFC 9651, section
// 3.3.3.
func isString(s string) bool {
	_, err := httpsfv.Marshal(httpsfv.NewItem(s))
	return err == nil
}
