package verify

import (
	"iter"
	"net/http"
	"slices"
	"strings"
)

// requestVariants iterates over changed copies of r that a verifier may accept,
// given why it has refused r, and what it means if it does.
func requestVariants(r *Request, refused *Error) iter.Seq2[Request, Hint] {
	return func(yield func(Request, Hint) bool) {
		switch refused.Reason {
		case ReasonMismatch, ReasonDigest:
			_ = yieldBodies(r, yield) && yieldURLs(r, yield)
		case ReasonCredentials, ReasonMalformed, ReasonPrefix:
			_ = yieldFields(r, refused.Field, yield)
		}
	}
}

func yieldBodies(r *Request, yield func(Request, Hint) bool) bool {
	for body, hint := range bodyVariants(r.Body) {
		changed := *r
		changed.Body = body
		if !yield(changed, hint) {
			return false
		}
	}
	return true
}

// yieldFields tries other ways to write the value of a header field.
func yieldFields(r *Request, name string, yield func(Request, Hint) bool) bool {
	values := r.Header[name]
	if len(values) != 1 {
		return true
	}
	for _, variant := range fieldVariants {
		value := variant.change(values[0])
		if value == values[0] {
			continue
		}
		changed := *r
		changed.Header = r.Header.Clone()
		changed.Header[name] = []string{value}
		if !yield(changed, Hint{CauseField, "The request would be accepted with " + name + " " + variant.how + ": the sender has to write it like that."}) {
			return false
		}
	}
	return true
}

var fieldVariants = []struct {
	how    string
	change func(string) string
}{
	{"without the quotation marks and spaces around its value", unquote},
	{"without the word before its value", func(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }},
	{"with the word Bearer before its value", func(s string) string { return "Bearer " + s }},
	{"with the word Basic before its value", func(s string) string { return "Basic " + s }},
}

// unquote removes spaces and quotation marks around s.
func unquote(s string) string { return strings.Trim(s, " \t\r\n\"'`") }

// urlChange is a part of the URL that may have been another one at the sender,
// and how the sentence says so.
type urlChange struct {
	how    string
	change func(*Request)
}

// urlParts are independent of each other. All combinations are tried, since a
// proxy that ends TLS often changes more than one part.
var urlParts = [][]urlChange{
	{{}, {"the host in X-Forwarded-Host", forwardedHost}},
	{{}, {"https:// instead of http://", scheme("http", "https")}, {"http:// instead of https://", scheme("https", "http")}},
	{{}, {"no port", withoutPort}, {"the default port written out", withDefaultPort}},
	{{}, {"another slash at the end of its path", addSlash}, {"no slash at the end of its path", removeSlash}},
	{{}, {"no query", withoutQuery}},
}

// yieldURLs tries the combinations of other parts of the URL.
func yieldURLs(r *Request, yield func(Request, Hint) bool) bool {
	return yieldURL(r, *r, nil, urlParts, yield)
}

func yieldURL(original *Request, changed Request, how []string, parts [][]urlChange, yield func(Request, Hint) bool) bool {
	if len(parts) == 0 {
		if len(how) == 0 {
			return true // nothing is changed
		}
		return yield(changed, Hint{
			CauseURL,
			"The signature matches a URL with " + strings.Join(how, " and ") + ": set public_url to the URL that the sender has.",
		})
	}
	for _, part := range parts[0] {
		if part.change == nil {
			if !yieldURL(original, changed, how, parts[1:], yield) {
				return false
			}
			continue
		}
		next := changed
		part.change(&next)
		if next.URL() == changed.URL() {
			continue // it does not apply
		}
		if !yieldURL(original, next, append(slices.Clip(how), part.how), parts[1:], yield) {
			return false
		}
	}
	return true
}

// forwardedHost takes the host that a proxy says the client asked for. Nobody
// vouches for that, but a signature that matches does.
func forwardedHost(r *Request) {
	if host, err := HeaderValue(r.Header, "X-Forwarded-Host"); err == nil {
		r.Host = host
	}
}

func scheme(from, to string) func(*Request) {
	return func(r *Request) {
		if r.Scheme == from {
			r.Scheme = to
		}
	}
}

func withoutPort(r *Request) { r.Host, _ = cutPort(r.Host) }

func withDefaultPort(r *Request) {
	name, _ := cutPort(r.Host)
	r.Host = name + ":80"
	if r.Scheme == "https" {
		r.Host = name + ":443"
	}
}

// cutPort cuts the port off a host, which may be an IPv6 address in brackets and
// begin with user information.
func cutPort(host string) (name, port string) {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || i < strings.LastIndexAny(host, "]@") {
		return host, ""
	}
	return host[:i], host[i:]
}

func addSlash(r *Request) {
	if path := r.Path(); !strings.HasSuffix(path, "/") {
		r.Target = path + "/" + r.Target[len(path):]
	}
}

func removeSlash(r *Request) {
	if path := r.Path(); strings.HasSuffix(path, "/") {
		r.Target = strings.TrimSuffix(path, "/") + r.Target[len(path):]
	}
}

func withoutQuery(r *Request) { r.Target = r.Path() }

// droppedHint is the hint for a header field that does not get through to us.
func droppedHint(name string) (Hint, bool) {
	if !strings.ContainsAny(http.CanonicalHeaderKey(name), "_.") {
		return Hint{}, false
	}
	return Hint{
		CauseDropped,
		"The server drops header fields with _ or . in their names, such as " + name +
			", unless its option expected_underscore_headers or expected_dot_headers lists them.",
	}, true
}
