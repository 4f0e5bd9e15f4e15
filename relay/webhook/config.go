package webhook

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
)

// The values of a Config's fields that are left zero.
const (
	DefaultTimeout     = 15 * time.Second
	DefaultConcurrency = 64
)

// Config describes a [Destination].
type Config struct {
	// URL is where to POST, http or https, without userinfo and fragment.
	URL string
	// Timeout bounds an attempt as a whole: look-up, connection, TLS, request
	// and answer. Default: 15 seconds.
	Timeout time.Duration
	// Concurrency is how many deliveries are expected at a time. As many idle
	// connections are kept. Default: 64.
	Concurrency int
	// Headers are added to every request. Content-Type and User-Agent replace
	// the relay's own. Names that [CheckHeaderName] refuses are errors.
	Headers map[string][]*relay.Template
	// BearerToken, if not empty, is sent as "Authorization: Bearer".
	BearerToken string
	// Username and Password, if either is not empty, are sent as
	// "Authorization: Basic".
	Username, Password string
	// SigningSecrets sign each request as the Standard Webhooks specification
	// 1.0 says, once per secret: base64, with or without "whsec_" before it.
	SigningSecrets []string
	// Permanent lists statuses ("404") and classes ("4xx") after which a
	// delivery is not tried again. 410 is always one of them. A class leaves
	// out 408, 425 and 429, since these ask for another try; they can be
	// listed by number.
	Permanent []string
	// Guard says which addresses may be called.
	Guard Guard
	// Transport replaces the destination's own, if not nil. New takes it over:
	// it puts the guard before its DialContext. Its Proxy must be nil unless
	// the guard allows private addresses, since the guard can't see whom a
	// proxy calls. The DialTLS fields and Dial must be nil.
	Transport *http.Transport
	// Resolver looks up names before Transport dials; nil is Go's default. It
	// is used only with Transport.
	Resolver *net.Resolver
}

// Validate returns the error that [New] would.
func (c *Config) Validate() error {
	if _, err := c.compile(); err != nil {
		return err
	}
	return c.checkTransport()
}

// compile does all of [New] but the transport.
func (c *Config) compile() (*Destination, error) {
	u, err := parseURL(c.URL)
	if err != nil {
		return nil, err
	}
	if err := c.Guard.checkHost(u.Hostname()); err != nil {
		return nil, err
	}
	if c.Timeout < 0 || c.Concurrency < 0 {
		return nil, errors.New("timeout and concurrency must not be negative")
	}
	w := &Destination{
		deadlines: newDeadlines(c.timeout(), c.concurrency()),
		base:      newBaseRequest(u),
	}
	authorization, err := c.authorization()
	if err != nil {
		return nil, err
	}
	if w.header, err = newHeaderSet(c.Headers, authorization); err != nil {
		return nil, err
	}
	if w.signer, err = newSigner(c.SigningSecrets); err != nil {
		return nil, err
	}
	w.permanent, err = newStatusSet(c.Permanent)
	return w, err
}

func (c *Config) timeout() time.Duration { return cmp.Or(c.Timeout, DefaultTimeout) }

func (c *Config) concurrency() int { return cmp.Or(c.Concurrency, DefaultConcurrency) }

// authorization returns the value of the Authorization header, or "".
func (c *Config) authorization() (string, error) {
	basic := c.Username != "" || c.Password != ""
	switch {
	case basic && c.BearerToken != "":
		return "", errors.New("a bearer token and basic authentication exclude each other")
	case basic && strings.Contains(c.Username, ":"):
		// RFC 7617, section 2: the first colon ends the user-id.
		return "", errors.New("the user name of basic authentication must not contain a colon")
	case basic:
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password)), nil
	case c.BearerToken != "":
		return "Bearer " + c.BearerToken, nil
	default:
		return "", nil
	}
}

// CheckURL returns an error if a destination with this guard can't have raw as
// its URL. A host that is a name is not looked up; one that is an address, or
// localhost, is checked.
func CheckURL(raw string, guard Guard) error {
	u, err := parseURL(raw)
	if err != nil {
		return err
	}
	return guard.checkHost(u.Hostname())
}

// parseURL leaves the URL out of its errors, since it may hold a secret, and
// also what the parser says: a password with a slash in it, for one, looks like
// a malformed port, which it would quote.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("the url is malformed: look at its host, its port and what is escaped with %")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the url must begin with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("the url has no host")
	case u.User != nil:
		return nil, errors.New("the url must not contain a user name or password; use basic_auth")
	case u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return nil, errors.New("the url must not have a fragment, which is never sent")
	}
	return u, nil
}

// ParsePrefix parses an element of [Guard.Allow]: a prefix like 10.0.0.0/8, or
// a single address.
func ParsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil || prefix.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a prefix like 10.0.0.0/8", s)
	}
	return prefix.Masked(), nil
}
