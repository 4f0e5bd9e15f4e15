package caddymodule

import (
	"errors"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-relay/caddy-relay/verify"
)

// publicURL is the URL that senders use, in parts that are kept as they are
// written: schemes that sign the URL sign its bytes. The zero value leaves the
// URL of a request as it is.
type publicURL struct {
	scheme string
	host   string // with "user:password@", if the URL has that
	path   string // empty if that of the request is to be kept
	query  string // with its question mark
	// replaceQuery is set if the query takes the place of that of requests. A
	// server must not do that: it would find what the sender has to prove, such
	// as a token, in its own configuration.
	replaceQuery bool
}

var errPublicURL = errors.New("it must be an absolute http or https URL without a fragment, in ASCII and with special characters escaped")

// parsePublicURL parses the option public_url. Its errors don't show the URL,
// which may have a password.
func parsePublicURL(text string) (publicURL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", strings.Contains(text, "#"),
		strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' }):
		return publicURL{}, errPublicURL
	}
	p := publicURL{scheme: u.Scheme}
	// url.Parse has found "//" behind the scheme, since there is a host.
	_, p.host, _ = strings.Cut(text, "//")
	if i := strings.IndexAny(p.host, "/?"); i >= 0 {
		p.host, p.path = p.host[:i], p.host[i:]
	}
	if i := strings.IndexByte(p.path, '?'); i >= 0 {
		p.path, p.query = p.path[:i], p.path[i:]
	}
	if p.path == "/" {
		p.path = ""
	}
	return p, nil
}

// apply puts what is known of the URL into r.
func (p *publicURL) apply(r *verify.Request) {
	if p.host == "" {
		return
	}
	r.Scheme, r.Host = p.scheme, p.host
	if p.path == "" && !p.replaceQuery {
		return
	}
	path, query := r.Target, ""
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path, query = path[:i], path[i:]
	}
	if p.path != "" {
		path = p.path
	}
	if p.replaceQuery && p.query != "" {
		query = p.query
	}
	r.Target = path + query
}

// unmarshalPublicURL parses the option public_url. With placeholders, what it
// will be is known only when the config is loaded.
func (h *Verify) unmarshalPublicURL(d *caddyfile.Dispenser) error {
	if d.CountRemainingArgs() != 1 {
		return d.Err("expected one URL") // ArgErr would show it with its password
	}
	if err := parseVerifyOption(d, &h.PublicURL); err != nil {
		return err
	}
	if strings.Contains(h.PublicURL, "{") {
		return nil
	}
	if _, err := parsePublicURL(h.PublicURL); err != nil {
		return d.Errf("public_url: %v", err)
	}
	return nil
}

func (h *Verify) provisionPublicURL() error {
	if h.PublicURL == "" {
		return nil
	}
	resolved, err := resolveSecret(h.PublicURL)
	if err != nil {
		return err
	}
	h.url, err = parsePublicURL(resolved)
	return err
}
