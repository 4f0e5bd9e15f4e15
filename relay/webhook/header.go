package webhook

import (
	"cmp"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/caddy-relay/caddy-relay/relay"
)

// The names of the fields that the relay sets, in the form that the maps of
// net/http need. Names of fields are compared without regard to case.
const (
	headerAuthorization   = "Authorization"
	headerContentEncoding = "Content-Encoding"
	headerContentType     = "Content-Type"
	headerUserAgent       = "User-Agent"
	headerID              = "Webhook-Id"
	headerTimestamp       = "Webhook-Timestamp"
	headerAttempt         = "Webhook-Attempt"
	headerSignature       = "Webhook-Signature"
	// headerIdempotencyKey is never sent: with an empty list of values it only
	// tells net/http that the request may be repeated. A receiver knows repeats
	// by the webhook-id, so the transport can try a new connection at once when
	// the receiver has just closed an idle one.
	headerIdempotencyKey = "Idempotency-Key"
)

const userAgent = "caddy-relay"

// maxFieldValue bounds what a template can put in a field, in bytes. Servers
// commonly accept 8 KiB for all fields together.
const maxFieldValue = 8 << 10

// ownFields can't be configured: they are the relay's, or belong to the
// connection (RFC 9110, section 7.6.1), or decide where a request ends.
var ownFields = []string{
	"Connection", headerContentEncoding, "Content-Length", "Expect", "Host", headerIdempotencyKey,
	"Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// CheckHeaderName returns an error if a field of this name can't be configured.
func CheckHeaderName(name string) error {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case !validFieldName(name):
		return fmt.Errorf("%q is not the name of a header field", name)
	case strings.HasPrefix(canonical, "Webhook-") || slices.Contains(ownFields, canonical):
		return fmt.Errorf("the header field %s is set by the relay itself", canonical)
	default:
		return nil
	}
}

// headerSet holds what is known of the header before an event is.
type headerSet struct {
	static    []staticField
	templates []templateField
	// hasContentType tells that the event's Content-Type is replaced.
	hasContentType bool
}

// staticField shares its values with every request; nothing changes them.
type staticField struct {
	name   string
	values []string
}

type templateField struct {
	name   string
	values []*relay.Template
}

func newHeaderSet(configured map[string][]*relay.Template, authorization string) (headerSet, error) {
	s := headerSet{static: []staticField{{name: headerIdempotencyKey}}}
	seen := make(map[string]bool)
	for name, values := range configured {
		if err := CheckHeaderName(name); err != nil {
			return s, err
		}
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if seen[canonical] {
			return s, fmt.Errorf("the header field %s is configured in two spellings", canonical)
		}
		seen[canonical] = true
		if err := s.add(canonical, values); err != nil {
			return s, err
		}
	}
	// Every attempt writes the fields in the same order.
	slices.SortFunc(s.templates, func(a, b templateField) int { return cmp.Compare(a.name, b.name) })
	s.hasContentType = seen[headerContentType]
	if !seen[headerUserAgent] {
		s.static = append(s.static, staticField{headerUserAgent, []string{userAgent}})
	}
	if authorization == "" {
		return s, nil
	}
	if seen[headerAuthorization] {
		return s, fmt.Errorf("the header field %s is configured twice", headerAuthorization)
	}
	s.static = append(s.static, staticField{headerAuthorization, []string{authorization}})
	return s, checkFieldValue(headerAuthorization, authorization)
}

// add puts a configured field where it belongs.
func (s *headerSet) add(name string, values []*relay.Template) error {
	constants := make([]string, 0, len(values))
	for _, value := range values {
		text, ok := value.Constant()
		if !ok {
			s.templates = append(s.templates, templateField{name, values})
			return nil
		}
		if err := checkFieldValue(name, text); err != nil {
			return err
		}
		constants = append(constants, text)
	}
	s.static = append(s.static, staticField{name, constants})
	return nil
}

// size is how many fields a request will commonly have. A map for up to eight
// is the cheapest, so the rare Content-Encoding is not counted.
func (s *headerSet) size() int {
	const ofEvent = 5 // Content-Type and webhook-*
	return len(s.static) + len(s.templates) + ofEvent
}

// apply sets the configured fields for a delivery.
func (s *headerSet) apply(h http.Header, d *relay.Delivery) error {
	for _, f := range s.static {
		h[f.name] = f.values
	}
	for _, f := range s.templates {
		values := make([]string, len(f.values))
		for i, t := range f.values {
			values[i] = t.Execute(d)
			if err := checkFieldValue(f.name, values[i]); err != nil {
				return err
			}
		}
		h[f.name] = values
	}
	return nil
}

// checkFieldValue leaves the value out of its errors: it may be a secret.
func checkFieldValue(name, value string) error {
	if len(value) > maxFieldValue {
		return fmt.Errorf("the value of the header field %s has %d bytes, the limit is %d", name, len(value), maxFieldValue)
	}
	for i := range len(value) {
		// RFC 9110, section 5.5: no control characters but the tab.
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Errorf("the value of the header field %s has a line break or another control character", name)
		}
	}
	return nil
}

// validFieldName reports whether name is a token (RFC 9110, section 5.6.2).
func validFieldName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letterOrDigit := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letterOrDigit && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}
