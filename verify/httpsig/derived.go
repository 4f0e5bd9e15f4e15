package httpsig

import (
	"net/url"
	"strings"

	"github.com/caddy-relay/caddy-relay/verify"
)

// appendDerived appends the value of a derived component (RFC 9421, section
// 2.2).
func (c *component) appendDerived(dst []byte, r *verify.Request) ([]byte, verify.Reason) {
	switch c.name {
	case methodComponent:
		dst = append(dst, r.Method...)
	case targetURIComponent:
		dst = append(dst, r.Scheme...)
		dst = append(dst, "://"...)
		dst = append(dst, host(r)...)
		dst = append(dst, r.Target...)
	case authorityComponent:
		dst = append(dst, authority(r)...)
	case schemeComponent:
		dst = append(dst, strings.ToLower(r.Scheme)...)
	case requestTargetComponent:
		dst = append(dst, r.Target...)
	case pathComponent:
		path := r.Path()
		if path == "" {
			path = "/"
		}
		dst = append(dst, path...)
	case queryComponent:
		dst = append(dst, '?')
		dst = append(dst, r.Query()...)
	case queryParamComponent:
		return appendQueryParam(dst, r.Query(), c.param)
	}
	return dst, ""
}

// host returns the host and port as the sender wrote them. Credentials are no
// part of it (RFC 9110, section 4.2.4).
func host(r *verify.Request) string {
	return r.Host[strings.LastIndexByte(r.Host, '@')+1:]
}

// authority returns the host in lower case, and the port unless it is the one
// of the scheme (RFC 9421, section 2.2.3).
func authority(r *verify.Request) string {
	authority, scheme := strings.ToLower(host(r)), strings.ToLower(r.Scheme)
	authority = strings.TrimSuffix(authority, ":")
	switch scheme {
	case "https":
		return strings.TrimSuffix(authority, ":443")
	case "http":
		return strings.TrimSuffix(authority, ":80")
	default:
		return authority
	}
}

// appendQueryParam appends the value of the one query parameter whose name is,
// in its encoded form, the given one (RFC 9421, section 2.2.8).
func appendQueryParam(dst []byte, query, encoded string) ([]byte, verify.Reason) {
	name, err := url.PathUnescape(encoded)
	if err != nil || string(appendEncoded(nil, name)) != encoded {
		return dst, verify.ReasonMissing // no parameter has such a name
	}
	value, found := "", false
	for pair := range strings.SplitSeq(query, "&") {
		if strings.Contains(pair, ";") {
			return dst, verify.ReasonMalformed // Some read it as an ampersand.
		}
		escapedName, escapedValue, _ := strings.Cut(pair, "=")
		pairName, err := url.QueryUnescape(escapedName)
		if err != nil {
			return dst, verify.ReasonMalformed
		}
		if pair == "" || pairName != name {
			continue
		}
		if found {
			return dst, verify.ReasonDuplicate
		}
		if value, err = url.QueryUnescape(escapedValue); err != nil {
			return dst, verify.ReasonMalformed
		}
		found = true
	}
	if !found {
		return dst, verify.ReasonMissing
	}
	return appendEncoded(dst, value), ""
}

// appendEncoded appends s in the encoding of forms, but with %20 for a space
// (the percent-encoding of application/x-www-form-urlencoded in the WHATWG's URL
// standard, which RFC 9421 refers to). It differs from [url.QueryEscape] in
// that, and for * and ~.
func appendEncoded(dst []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		switch b := s[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', strings.IndexByte("*-._", b) >= 0:
			dst = append(dst, b)
		default:
			dst = append(dst, '%', digits[b>>4], digits[b&15])
		}
	}
	return dst
}
