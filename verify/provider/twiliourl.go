package provider

import (
	"bytes"
	"iter"
	"strings"

	"github.com/caddy-relay/caddy-relay/verify"
)

// maxPrinted is the number of parameters up to which a query is printed, since
// that takes time by the square of it.
const maxPrinted = 100

// twilioHosts returns the host and port that may have been signed, since Twilio
// sometimes signs the port and sometimes doesn't, whatever the URL: without a
// port, and with the one of the URL or else the default one.
func twilioHosts(r *verify.Request) [2][2]string {
	host, port := splitPort(r.Host)
	if port == "" {
		port = ":80"
		if r.Scheme == "https" {
			port = ":443"
		}
	}
	return [2][2]string{{host, ""}, {host, port}}
}

// splitPort cuts the port, with its colon, off a host, which may be an IPv6
// address in brackets and begin with user information.
func splitPort(host string) (name, port string) {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || i < strings.LastIndexAny(host, "]@") {
		return host, ""
	}
	return host[:i], host[i:]
}

// twilioTargets iterates over the paths with queries that may have been signed,
// each once: as they were sent, with the query escaped as browsers do, and as
// Node.js prints a query that it has parsed. Twilio's own library for Node.js
// tries these; the senders behind them differ.
func (s *scratch) twilioTargets(r *verify.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		path, query, found := strings.Cut(r.Target, "?")
		if !yield(r.Target) || !found || query == "" {
			return
		}
		escaped := escapeQuery.Replace(query)
		if escaped != query && !yield(path+"?"+escaped) {
			return
		}
		if n := len(s.query.params); n == 0 || n > maxPrinted {
			return
		}
		if printed := s.query.print(); printed != query && printed != escaped {
			yield(path + "?" + printed)
		}
	}
}

// escapeQuery escapes what browsers escape in a query (WHATWG URL, "special-query
// percent-encode set"), of what may be in a request line.
var escapeQuery = strings.NewReplacer("'", "%27", `"`, "%22", "<", "%3C", ">", "%3E")

// print returns the query as Node.js prints it: repetitions of a key stand
// together, where it is first.
func (f *form) print() string {
	var b strings.Builder
	for i, p := range f.params {
		if hasKey(f.params[:i], p.key) {
			continue
		}
		for _, q := range f.params[i:] {
			if !bytes.Equal(p.key, q.key) {
				continue
			}
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			escapeComponent(&b, p.key)
			b.WriteByte('=')
			escapeComponent(&b, q.value)
		}
	}
	return b.String()
}

// escapeComponent escapes as ECMAScript's encodeURIComponent does
// (ECMA-262, section 19.2.6.4).
func escapeComponent(b *strings.Builder, s []byte) {
	const digits = "0123456789ABCDEF"
	for _, c := range s {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.!~*'()", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&0xf])
		}
	}
}
