package verify

import (
	"mime"
	"net/url"
	"strings"
)

// maxParams bounds the work on a query or form that nobody signed.
const maxParams = 1000

// singleParam returns the value of the parameter of a query or form in its raw
// form, which must be there exactly once and not be empty. It does not build a
// map of all, which would cost more than the signature.
func singleParam(raw, name string) (string, error) {
	found, value := 0, ""
	for n := 0; raw != ""; n++ {
		if n == maxParams {
			return "", &Error{Reason: ReasonMalformed, Field: name}
		}
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		// Some read a semicolon as an ampersand, so what is before it is not
		// the same to all.
		if strings.Contains(pair, ";") {
			return "", &Error{Reason: ReasonMalformed, Field: name}
		}
		key, escaped, _ := strings.Cut(pair, "=")
		if key, err := url.QueryUnescape(key); err != nil || key != name {
			continue
		}
		found++
		var err error
		if value, err = url.QueryUnescape(escaped); err != nil {
			return "", &Error{Reason: ReasonMalformed, Field: name}
		}
	}
	switch {
	case found > 1:
		return "", &Error{Reason: ReasonDuplicate, Field: name}
	case value == "":
		return "", &Error{Reason: ReasonMissing, Field: name}
	}
	return value, nil
}

// formParam returns the value of a parameter in the body.
func formParam(r *Request, name string) (string, error) {
	contentType, err := HeaderValue(r.Header, "Content-Type")
	if err != nil {
		return "", err
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return "", &Error{Reason: ReasonMalformed, Field: "Content-Type"}
	}
	return singleParam(string(r.Body), name)
}
