package httpsig_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/httpsig"
)

var now = time.Unix(1700000000, 0)

const secret = "c2VjcmV0" // "secret"

// mac returns the signature of a base that is written down by hand, as a member
// of the Signature field.
func mac(base string) string {
	h := hmac.New(sha256.New, []byte("secret"))
	h.Write([]byte(base))
	return ":" + base64.StdEncoding.EncodeToString(h.Sum(nil)) + ":"
}

// sign adds a signature whose list and parameters are input, over the given
// lines.
func sign(r *verify.Request, label, input string, lines ...string) {
	base := strings.Join(append(lines, `"@signature-params": `+input), "\n")
	r.Header.Add("Signature-Input", label+"="+input)
	r.Header.Add("Signature", label+"="+mac(base))
}

func newVerifier(t testing.TB, c httpsig.Config) *httpsig.Verifier {
	if c.Keys == nil {
		c.Keys = []httpsig.Key{{ID: "other", Algorithm: httpsig.HMACSHA256, Value: "b3RoZXI="}, {ID: "k", Algorithm: httpsig.HMACSHA256, Value: secret}}
	}
	v, err := httpsig.New(c)
	require.NoError(t, err)
	return v
}

func post(body string, header ...string) *verify.Request {
	r := &verify.Request{
		Method: http.MethodPost, Scheme: "https", Host: "Hooks.example.com:8443", Target: "/in/a%2Fb?x=1&y=a+b&x=2",
		Header: make(http.Header), Body: []byte(body),
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// reason returns why a request was rejected and the field at fault, or "".
func reason(t testing.TB, v verify.Verifier, r *verify.Request) string {
	identity, err := v.Verify(t.Context(), r, now)
	if err == nil {
		require.NotZero(t, identity)
		return ""
	}
	require.Zero(t, identity)
	var e *verify.Error
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Reason)
	return e.Error()
}

// nothing is a configuration that requires no component.
var nothing = httpsig.Config{Components: []string{}}

const params = `;created=1700000000;keyid="k"`

// TestComponents compares the values of components with those that the RFC
// prints, or that follow from its rules.
func TestComponents(t *testing.T) {
	example := []string{
		"Cache-Control", "max-age=60", "Cache-Control", "   must-revalidate",
		"X-Ows", "  Leading and trailing whitespace.   ", "X-Empty", "",
		"Example-Dict", "  a=1,    b=2;x=1;y=2,   c=(a   b    c), d", "Priority", "u=1,   i=?1",
		"X-List", "value, with, lots", "X-List", "of, commas", "Content-Type", "text/plain", "Content-Digest", "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:",
	}
	for component, value := range map[string]string{
		`"@method"`:                            "POST",
		`"@target-uri"`:                        "https://Hooks.example.com:8443/in/a%2Fb?x=1&y=a+b&x=2",
		`"@authority"`:                         "hooks.example.com:8443",
		`"@scheme"`:                            "https",
		`"@request-target"`:                    "/in/a%2Fb?x=1&y=a+b&x=2",
		`"@path"`:                              "/in/a%2Fb",
		`"@query"`:                             "?x=1&y=a+b&x=2",
		`"@query-param";name="y"`:              "a%20b",
		`"cache-control"`:                      "max-age=60, must-revalidate",
		`"x-ows"`:                              "Leading and trailing whitespace.",
		`"x-empty"`:                            "",
		`"example-dict"`:                       "a=1,    b=2;x=1;y=2,   c=(a   b    c), d",
		`"example-dict";key="a"`:               "1",
		`"example-dict";key="b"`:               "2;x=1;y=2",
		`"example-dict";sf;key="c"`:            "(a b c)",
		`"example-dict";key="d"`:               "?1",
		`"priority";sf`:                        "u=1, i",
		`"x-list"`:                             "value, with, lots, of, commas",
		`"x-list";bs`:                          ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:",
		`"host"`:                               "Hooks.example.com:8443",
		`"content-length"`:                     "5",
		`"content-digest";key="sha-256"`:       ":LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:",
		`"content-type" "@method"`:             "text/plain\n\"@method\": POST",
		`"x-list";bs "x-list" "x-empty";bs`:    ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:\n\"x-list\": value, with, lots, of, commas\n\"x-empty\";bs: ::",
		`"example-dict";key="a";sf "priority"`: "1\n\"priority\": u=1,   i=?1",
	} {
		r := post("hello", example...)
		first := component
		if i := strings.Index(component, ` "`); i > 0 {
			first = component[:i]
		}
		sign(r, "sig", "("+component+")"+params, first+": "+value)
		require.Empty(t, reason(t, newVerifier(t, nothing), r), component)
	}
}

// TestQueryParam has the examples of RFC 9421, section 2.2.8.
func TestQueryParam(t *testing.T) {
	const query = "/path?param=value&foo=bar&baz=batman&qux=&var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something&t=~*!'()&&=none&bad=%zz"
	v := newVerifier(t, nothing)
	for name, want := range map[string]string{
		"baz":                   "batman",
		"qux":                   "",
		"param":                 "value",
		"var":                   "this%20is%20a%20big%0Amultiline%20value",
		"bar":                   "with%20plus%20whitespace",
		"fa%C3%A7ade%22%3A%20":  "something",
		"t":                     "%7E*%21%27%28%29",
		"":                      "none",
		"absent":                "missing_field",
		"fa%c3%a7ade%22%3a%20":  "missing_field",
		"fa\u00e7ade":           "malformed_field",
		"%zz":                   "missing_field",
		"bad":                   "malformed_field",
		"x\\\"":                 "missing_field",
		"param\\\\":             "missing_field",
		"bar with":              "missing_field",
		"foo&foo=bar&foo=other": "missing_field",
	} {
		r := post("")
		r.Target = query
		sign(r, "sig", `("@query-param";name="`+name+`")`+params, `"@query-param";name="`+name+`": `+want)
		if got := reason(t, v, r); strings.HasSuffix(want, "_field") {
			require.Contains(t, got, want, name)
		} else {
			require.Empty(t, got, name)
		}
	}
	r := post("")
	sign(r, "sig", `("@query-param";name="x")`+params, `"@query-param";name="x": 1`)
	require.Equal(t, "duplicate_field: covered component", reason(t, v, r))
	for _, target := range []string{"/?%zz=1&x=1", "/?a;x=2&x=1", "/?x=1;x=2"} {
		r.Target = target
		require.Equal(t, "malformed_field: covered component", reason(t, v, r))
	}
}

func TestURLComponents(t *testing.T) {
	v := newVerifier(t, nothing)
	for name, test := range map[string]struct{ scheme, host, target, component, value string }{
		"no query":              {"https", "example.com", "/", `"@query"`, "?"},
		"empty query":           {"https", "example.com", "/?", `"@query"`, "?"},
		"second question mark":  {"https", "example.com", "/a?b?c", `"@query"`, "?b?c"},
		"no path":               {"https", "example.com", "", `"@path"`, "/"},
		"default port":          {"https", "EXAMPLE.com:443", "/", `"@authority"`, "example.com"},
		"default port of http":  {"http", "example.com:80", "/", `"@authority"`, "example.com"},
		"other scheme's port":   {"http", "example.com:443", "/", `"@authority"`, "example.com:443"},
		"empty port":            {"https", "example.com:", "/", `"@authority"`, "example.com"},
		"IPv6":                  {"https", "[::1]:443", "/", `"@authority"`, "[::1]"},
		"credentials":           {"https", "user:p@ss@example.com", "/", `"@authority"`, "example.com"},
		"credentials in URL":    {"https", "user:pass@example.com", "/x", `"@target-uri"`, "https://example.com/x"},
		"credentials in Host":   {"https", "user:pass@example.com", "/x", `"host"`, "example.com"},
		"upper-case scheme":     {"HTTPS", "example.com:443", "/x", `"@authority"`, "example.com"},
		"scheme in lower case":  {"HTTPS", "example.com", "/x", `"@scheme"`, "https"},
		"only escaped question": {"https", "example.com", "/a%3Fb", `"@path"`, "/a%3Fb"},
	} {
		r := post("")
		r.Scheme, r.Host, r.Target = test.scheme, test.host, test.target
		sign(r, "sig", "("+test.component+")"+params, test.component+": "+test.value)
		require.Empty(t, reason(t, v, r), name)
	}
}

func TestContentLength(t *testing.T) {
	v := newVerifier(t, nothing)
	signed := func(body, length string, header ...string) *verify.Request {
		r := post(body, header...)
		sign(r, "sig", `("content-length")`+params, `"content-length": `+length)
		return r
	}
	require.Empty(t, reason(t, v, signed("hello", "5", "Content-Length", "5")))
	require.Empty(t, reason(t, v, signed("hello", "5")), "a body in chunks")
	require.Empty(t, reason(t, v, signed("", "0", "Content-Length", "0")))
	require.NotEmpty(t, reason(t, v, signed("hello", "4")))
	require.NotEmpty(t, reason(t, v, signed("", "0")))
	require.NotEmpty(t, reason(t, v, signed("hello", "5", "Content-Length", "5", "Content-Length", "5")))
	require.Empty(t, reason(t, v, signed("hello", "5, 5", "Content-Length", "5", "Content-Length", "5")))
}

func TestRefusedComponents(t *testing.T) {
	v := newVerifier(t, nothing)
	for list, want := range map[string]string{
		`"@method" "@method"`:                   "malformed_field: Signature-Input",
		`"x-a";key="a";sf "x-a";sf;key="a"`:     "malformed_field: Signature-Input",
		`@method`:                               "malformed_field: Signature-Input",
		`method`:                                "malformed_field: Signature-Input",
		`"@status"`:                             "malformed_field: Signature-Input",
		`"@signature-params"`:                   "malformed_field: Signature-Input",
		`"@method";req`:                         "malformed_field: Signature-Input",
		`"@method";sf`:                          "malformed_field: Signature-Input",
		`"@method";bs`:                          "malformed_field: Signature-Input",
		`"@method";key="a"`:                     "malformed_field: Signature-Input",
		`"@method";name="a"`:                    "malformed_field: Signature-Input",
		`"@query-param"`:                        "malformed_field: Signature-Input",
		`"@query-param";name`:                   "malformed_field: Signature-Input",
		`"@query-param";name=x`:                 "malformed_field: Signature-Input",
		`"x-a";tr`:                              "malformed_field: Signature-Input",
		`"x-a";req`:                             "malformed_field: Signature-Input",
		`"x-a";other`:                           "malformed_field: Signature-Input",
		`"x-a";name="a"`:                        "malformed_field: Signature-Input",
		`"x-a";sf`:                              "malformed_field: Signature-Input",
		`"priority";sf=?0`:                      "malformed_field: Signature-Input",
		`"priority";sf=1`:                       "malformed_field: Signature-Input",
		`"x-a";bs;sf`:                           "malformed_field: Signature-Input",
		`"x-a";bs;key="a"`:                      "malformed_field: Signature-Input",
		`"x-a";key=a`:                           "malformed_field: Signature-Input",
		`"x-a";key=""`:                          "malformed_field: Signature-Input",
		`"X-A"`:                                 "malformed_field: Signature-Input",
		`"x a"`:                                 "malformed_field: Signature-Input",
		`""`:                                    "malformed_field: Signature-Input",
		`"x-a" "x-absent"`:                      "missing_field: covered component",
		`"transfer-encoding"`:                   "missing_field: covered component",
		`"x-a";key="z"`:                         "missing_field: covered component",
		`"x-break"`:                             "malformed_field: covered component",
		`"x-latin"`:                             "malformed_field: covered component",
		`"x-bad";key="a"`:                       "malformed_field: covered component",
		`"priority";sf`:                         "malformed_field: covered component",
		`"` + strings.Repeat(`a" "`, 32) + `b"`: "malformed_field: Signature-Input",
		strings.TrimSpace(strings.Repeat(`"x-a" `, 2)): "malformed_field: Signature-Input",
	} {
		r := post("", "X-A", "a=1", "X-Break", "a\n\"@method\": GET", "X-Latin", "\u00e9", "X-Bad", ",", "Priority", ",")
		sign(r, "sig", "("+list+")"+params)
		require.Equal(t, want, reason(t, v, r), list)
	}
	require.Empty(t, reason(t, v, func() *verify.Request {
		r := post("", "X-Latin", "\u00e9")
		sign(r, "sig", `("x-latin";bs)`+params, `"x-latin";bs: :w6k=:`)
		return r
	}()))
}

func TestExplainTime(t *testing.T) {
	v := newVerifier(t, nothing)
	for params, want := range map[string]string{
		`;created=1699999588;keyid="k"`:     "412 s old, and at most 300 s are accepted: the request came late or is an old one sent again, or a clock is wrong. The signature itself is right.",
		`;created=1700000061;keyid="k"`:     "61 s ahead of the clock here, and at most 60 s are accepted: that clock is wrong, or the sender's. The signature itself is right.",
		`;created=1699999588;keyid="other"`: "The signature does not match either.",
	} {
		r := post("")
		sign(r, "sig", `("@method")`+params, `"@method": POST`)
		_, err := v.Verify(t.Context(), r, now)
		hint, ok := verify.Explain(t.Context(), v, r, now, err)
		require.True(t, ok)
		require.Contains(t, hint.Sentence, want)
	}
}

func TestParameters(t *testing.T) {
	v := newVerifier(t, nothing)
	for params, want := range map[string]string{
		`;created=1700000000;keyid="k"`:                         "",
		`;created=1699999700;keyid="k"`:                         "",
		`;created=1700000060;keyid="k"`:                         "",
		`;keyid="k";created=1700000000;alg="hmac-sha256"`:       "",
		`;created=1700000000;expires=1700000000;keyid="k"`:      "",
		`;created=1700000000;keyid="k";nonce="n";tag="t";x=:a=`: "malformed_field: Signature-Input",
		`;created=1700000000;keyid="k";nonce="n";tag="t";x`:     "",
		`;created=1699999699;keyid="k"`:                         "stale_timestamp: created",
		`;created=0;keyid="k"`:                                  "stale_timestamp: created",
		`;created=1700000061;keyid="k"`:                         "future_timestamp: created",
		`;created=999999999999999;keyid="k"`:                    "future_timestamp: created",
		`;created=1700000000;expires=1699999999;keyid="k"`:      "expired: expires",
		`;created=-1;keyid="k"`:                                 "malformed_field: Signature-Input",
		`;created="1700000000";keyid="k"`:                       "malformed_field: Signature-Input",
		`;created=1700000000.0;keyid="k"`:                       "malformed_field: Signature-Input",
		`;created=@1700000000;keyid="k"`:                        "malformed_field: Signature-Input",
		`;created;keyid="k"`:                                    "malformed_field: Signature-Input",
		`;created=1;created=1700000000;keyid="k"`:               "malformed_field: Signature-Input",
		`;created=01700000000;keyid="k"`:                        "malformed_field: Signature-Input",
		`;created=1700000000;expires="x";keyid="k"`:             "malformed_field: Signature-Input",
		`;created=1700000000;keyid=k`:                           "malformed_field: Signature-Input",
		`;created=1700000000;keyid="k";nonce=1`:                 "malformed_field: Signature-Input",
		`;created=1700000000;keyid="k";tag=1`:                   "malformed_field: Signature-Input",
		`;created=1700000000;keyid="k";alg=ed25519`:             "malformed_field: Signature-Input",
		`;created=1700000000;keyid="k";alg=""`:                  "malformed_field: Signature-Input",
		`;created=1700000000;keyid="k";alg="ed25519"`:           "algorithm_not_allowed: alg",
		`;created=1700000000;keyid="k";alg="HMAC-SHA256"`:       "algorithm_not_allowed: alg",
		`;created=1700000000;keyid="K"`:                         "unknown_key: keyid",
		`;created=1700000000;keyid="other"`:                     "signature_mismatch: Signature",
		`;created=1700000000;keyid=""`:                          "missing_field: keyid",
		`;created=1700000000`:                                   "missing_field: keyid",
		`;keyid="k"`:                                            "missing_field: created",
	} {
		r := post("")
		sign(r, "sig", `("@method")`+params, `"@method": POST`)
		require.Equal(t, want, reason(t, v, r), params)
	}
	short := newVerifier(t, httpsig.Config{Components: []string{}, MaxAge: 10 * time.Second})
	r := post("")
	sign(r, "sig", `("@method");created=1700000011;keyid="k"`, `"@method": POST`)
	require.Equal(t, "future_timestamp: created", reason(t, short, r))
}

func TestIdentity(t *testing.T) {
	v := newVerifier(t, nothing)
	verified := func(r *verify.Request) verify.Identity {
		identity, err := v.Verify(t.Context(), r, now)
		require.NoError(t, err)
		return identity
	}
	r := post("hello")
	sign(r, "sig", `("@method");created=1699999999;keyid="k";nonce="a.b c"`, `"@method": POST`)
	require.Equal(t, verify.Identity{
		Scheme: "rfc9421", ID: "a.b c", IDSigned: true, Timestamp: time.Unix(1699999999, 0), Key: 2, Subject: "k",
		Digest: sha256.Sum256([]byte("\"@method\": POST\n\"@signature-params\": (\"@method\");created=1699999999;keyid=\"k\";nonce=\"a.b c\"")),
	}, verified(r))

	r = post("hello")
	sign(r, "sig", `("@method");created=1699999999;keyid="k";nonce=""`, `"@method": POST`)
	identity := verified(r)
	require.Empty(t, identity.ID)
	require.False(t, identity.IDSigned)
	require.Zero(t, identity.Digest, "another body may be signed in the same second")

	r = post("")
	sign(r, "sig", `("@method");created=1699999999;keyid="k"`, `"@method": POST`)
	require.NotZero(t, verified(r).Digest)

	r = post("hello")
	sign(r, "sig", `();created=1699999999;keyid="k"`)
	require.Zero(t, verified(r).Digest, "nothing of the message is signed")
}
