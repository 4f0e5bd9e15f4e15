package httpsig_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/httpsig"
)

// Digests of "hello".
const (
	helloSHA256 = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"
	helloSHA512 = "sha-512=:m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw==:"
)

func TestSelection(t *testing.T) {
	labeled := httpsig.Config{Components: []string{}, Label: "a"}
	tagged := httpsig.Config{Components: []string{}, Tag: "app"}
	both := httpsig.Config{Components: []string{}, Label: "a", Tag: "app"}
	for name, test := range map[string]struct {
		config httpsig.Config
		// A label and a tag for each signature.
		signatures [][2]string
		reason     string
	}{
		"the only one":         {nothing, [][2]string{{"x", ""}}, ""},
		"none":                 {nothing, nil, "missing_field: Signature-Input"},
		"two":                  {nothing, [][2]string{{"x", ""}, {"y", ""}}, "duplicate_field: Signature-Input"},
		"by label":             {labeled, [][2]string{{"x", ""}, {"a", ""}, {"y", ""}}, ""},
		"no such label":        {labeled, [][2]string{{"x", ""}}, "missing_field: Signature-Input"},
		"label twice":          {labeled, [][2]string{{"a", ""}, {"a", ""}}, "duplicate_field: Signature-Input"},
		"another label twice":  {labeled, [][2]string{{"a", ""}, {"x", ""}, {"x", ""}}, "duplicate_field: Signature-Input"},
		"by tag":               {tagged, [][2]string{{"x", ""}, {"y", "app"}, {"z", "APP"}}, ""},
		"no such tag":          {tagged, [][2]string{{"x", ""}, {"y", "other"}}, "missing_field: Signature-Input"},
		"tag twice":            {tagged, [][2]string{{"x", "app"}, {"y", "app"}}, "duplicate_field: Signature-Input"},
		"by both":              {both, [][2]string{{"a", "app"}, {"y", "app"}}, ""},
		"label, but other tag": {both, [][2]string{{"a", "x"}, {"y", "app"}}, "missing_field: Signature-Input"},
		"8 signatures":         {labeled, [][2]string{{"b", ""}, {"c", ""}, {"d", ""}, {"e", ""}, {"f", ""}, {"g", ""}, {"h", ""}, {"a", ""}}, ""},
		"9 signatures":         {labeled, [][2]string{{"b", ""}, {"c", ""}, {"d", ""}, {"e", ""}, {"f", ""}, {"g", ""}, {"h", ""}, {"i", ""}, {"a", ""}}, "malformed_field: Signature-Input"},
	} {
		t.Run(name, func(t *testing.T) {
			r := post("")
			for _, s := range test.signatures {
				p := params
				if s[1] != "" {
					p += `;tag="` + s[1] + `"`
				}
				sign(r, s[0], `("@method")`+p, `"@method": POST`)
			}
			v := newVerifier(t, test.config)
			require.Equal(t, test.reason, reason(t, v, r))
			// In one line it is the same.
			for _, name := range []string{"Signature-Input", "Signature"} {
				if lines := r.Header[name]; lines != nil {
					r.Header[name] = []string{strings.Join(lines, " ,\t")}
				}
			}
			require.Equal(t, test.reason, reason(t, v, r))
		})
	}
}

func TestMalformedFields(t *testing.T) {
	v := newVerifier(t, httpsig.Config{Components: []string{}, Label: "a"})
	input := `("@method")` + params
	good := mac("\"@method\": POST\n\"@signature-params\": " + input)
	for name, test := range map[string]struct{ input, signature, reason string }{
		"valid":                    {"a=" + input, "a=" + good, ""},
		"spaces":                   {" a=(  \"@method\"   )" + params + "  ,\tb=()", "  a=" + good + " , b=1", ""},
		"parameter of a signature": {"a=" + input, "a=" + good + ";x=1", ""},
		"comma in a string":        {"b=();tag=\"a=1, \\\" ,b\",a=" + input, "a=" + good, ""},
		"no input":                 {"", "a=" + good, "missing_field: Signature-Input"},
		"no signature":             {"a=" + input, "", "missing_field: Signature"},
		"signature of another":     {"a=" + input, "b=" + good, "missing_field: Signature"},
		"input is an item":         {"a", "a=" + good, "malformed_field: Signature-Input"},
		"input is a string":        {`a="x"`, "a=" + good, "malformed_field: Signature-Input"},
		"other input is an item":   {"b=1, a=" + input, "a=" + good, ""},
		"comma at the end":         {"a=" + input + ",", "a=" + good, "malformed_field: Signature-Input"},
		"unfinished list":          {`a=("@method"`, "a=" + good, "malformed_field: Signature-Input"},
		"unfinished string":        {`a=("@method`, "a=" + good, "malformed_field: Signature-Input"},
		"unfinished escape":        {`a=("@method\`, "a=" + good, "malformed_field: Signature-Input"},
		"upper-case label":         {"A=" + input, "A=" + good, "malformed_field: Signature-Input"},
		"signature is a list":      {"a=" + input, "a=(" + good + ")", "malformed_field: Signature"},
		"signature is a string":    {"a=" + input, `a="` + good + `"`, "malformed_field: Signature"},
		"signature twice":          {"a=" + input, "a=" + good + ", a=" + good, "duplicate_field: Signature"},
		"first of two":             {"a=" + input, "a=" + good + ", a=:AA==:", "duplicate_field: Signature"},
		"unpadded":                 {"a=" + input, "a=" + strings.Replace(good, "=:", ":", 1), "malformed_field: Signature"},
		"unfinished signature":     {"a=" + input, "a=" + strings.Replace(good, "=:", "", 1), "malformed_field: Signature"},
		"empty signature":          {"a=" + input, "a=::", "signature_mismatch: Signature"},
		"too long":                 {"a=" + input + strings.Repeat(" ", 8<<10), "a=" + good, "malformed_field: Signature-Input"},
		"signature too long":       {"a=" + input, "a=" + good + ", b=:" + strings.Repeat("AAAA", 2<<10) + ":", "malformed_field: Signature"},
		"many signatures":          {"a=" + input, "a=" + good + strings.Repeat(",b", 8), "malformed_field: Signature"},
	} {
		r := post("")
		if test.input != "" {
			r.Header["Signature-Input"] = []string{test.input}
		}
		if test.signature != "" {
			r.Header["Signature"] = []string{test.signature}
		}
		require.Equal(t, test.reason, reason(t, v, r), name)
	}
	// The last two bits of the base64 have no meaning.
	stray := good[:len(good)-3] + string(good[len(good)-3]+1) + good[len(good)-2:]
	require.NotEqual(t, good, stray)
	r := post("", "Signature-Input", "a="+input, "Signature", "a="+stray)
	require.Equal(t, "malformed_field: Signature", reason(t, v, r))
	r = post("", "Signature-Input", "", "Signature", "a="+good)
	require.Equal(t, "missing_field: Signature-Input", reason(t, v, r), "empty")
}

// values are those of components in requests of post.
var values = map[string]string{
	`"@method"`: "POST", `"@target-uri"`: "https://Hooks.example.com:8443/in/a%2Fb?x=1&y=a+b&x=2",
	`"@authority"`: "hooks.example.com:8443", `"@request-target"`: "/in/a%2Fb?x=1&y=a+b&x=2",
	`"@path"`: "/in/a%2Fb", `"@query"`: "?x=1&y=a+b&x=2", `"@query-param";name="y"`: "a%20b", `"content-digest"`: helloSHA256,
	`"content-digest";key="sha-256"`: helloSHA256[len("sha-256="):], `"x-a"`: "1", `"x-a";bs`: ":MQ==:", `"content-digest";sf`: helloSHA256,
}

func signed(body string, components ...string) *verify.Request {
	r := post(body, "X-A", "1")
	if body != "" {
		r.Header.Set("Content-Digest", helloSHA256)
	}
	lines := make([]string, len(components))
	for i, c := range components {
		lines[i] = c + ": " + values[c]
	}
	sign(r, "sig", "("+strings.Join(components, " ")+")"+params, lines...)
	return r
}

func TestCoverage(t *testing.T) {
	const method, target, authority, path, query, digest = `"@method"`, `"@target-uri"`, `"@authority"`, `"@path"`, `"@query"`, `"content-digest"`
	for name, test := range map[string]struct {
		required   []string
		components []string
		reason     string
	}{
		"target":                      {nil, []string{method, target, digest}, ""},
		"target in two":               {nil, []string{digest, authority, method, `"@request-target"`}, ""},
		"target in three":             {nil, []string{authority, path, method, query, digest}, ""},
		"nothing":                     {nil, nil, "not_covered: @method"},
		"no method":                   {nil, []string{target, digest}, "not_covered: @method"},
		"no target":                   {nil, []string{method, digest}, "not_covered: @target-uri"},
		"no authority":                {nil, []string{method, path, query, digest}, "not_covered: @target-uri"},
		"no path":                     {nil, []string{method, authority, query, digest}, "not_covered: @target-uri"},
		"no query":                    {nil, []string{method, authority, path, digest}, "not_covered: @target-uri"},
		"a query parameter":           {nil, []string{method, authority, path, `"@query-param";name="y"`, digest}, "not_covered: @target-uri"},
		"no digest":                   {nil, []string{method, target}, "not_covered: content-digest"},
		"one digest only":             {nil, []string{method, target, `"content-digest";key="sha-256"`}, "not_covered: content-digest"},
		"configured":                  {[]string{"x-a", "content-digest"}, []string{digest, `"x-a"`}, ""},
		"configured, and more":        {[]string{"x-a"}, []string{digest, `"x-a"`, method}, ""},
		"configured, without digest":  {[]string{"x-a"}, []string{`"x-a"`}, ""},
		"configured, not covered":     {[]string{"x-a", "@path"}, []string{`"x-a"`, `"@request-target"`}, "not_covered: @path"},
		"other parameters":            {[]string{"x-a"}, []string{`"x-a";bs`}, "not_covered: x-a"},
		"other parameters of digest":  {[]string{"content-digest"}, []string{`"content-digest";sf`}, "not_covered: content-digest"},
		"configured parameters":       {[]string{"x-a;bs"}, []string{`"x-a";bs`}, ""},
		"configured query parameter":  {[]string{`@query-param;name="y"`}, []string{`"@query-param";name="y"`}, ""},
		"other query parameter":       {[]string{`@query-param;name="x"`}, []string{`"@query-param";name="y"`}, `not_covered: @query-param;name="x"`},
		"explicitly nothing":          {[]string{}, nil, ""},
		"explicitly nothing, but all": {[]string{}, []string{method, target, digest}, ""},
	} {
		v := newVerifier(t, httpsig.Config{Components: test.required})
		require.Equal(t, test.reason, reason(t, v, signed("hello", test.components...)), name)
	}

	v := newVerifier(t, httpsig.Config{})
	require.Empty(t, reason(t, v, signed("", method, target)), "no body, no digest")
	r := signed("", method, authority, path)
	require.Equal(t, "not_covered: @target-uri", reason(t, v, r))
	r.Target = r.Path()
	require.Empty(t, reason(t, v, r), "no query")
	r.Target += "?"
	require.Equal(t, "not_covered: @target-uri", reason(t, v, r))

	v = newVerifier(t, httpsig.Config{Components: []string{"content-digest"}})
	require.Equal(t, "not_covered: content-digest", reason(t, v, signed("", method)))
	r = post("")
	sign(r, "sig", `("content-digest")`+params, `"content-digest": `)
	require.Equal(t, "missing_field: content-digest", reason(t, v, r))
}

func TestContentDigest(t *testing.T) {
	for digest, want := range map[string]string{
		helloSHA256:                                              "",
		helloSHA512:                                              "",
		helloSHA256 + ", " + helloSHA512:                         "",
		"md5=:AAAA:, " + helloSHA512:                             "",
		"unixsum=1, " + helloSHA512:                              "",
		"md5=:XUFAKrxLKna5cZ2REBfFkg==:":                         "algorithm_not_allowed: Content-Digest",
		"SHA-256" + helloSHA256[7:]:                              "malformed_field: Content-Digest",
		strings.Replace(helloSHA256, "L", "M", 1):                "digest_mismatch: Content-Digest",
		helloSHA256 + ", sha-512=:AAAA:":                         "digest_mismatch: Content-Digest",
		"sha-256=:AAAA:, " + helloSHA512:                         "digest_mismatch: Content-Digest",
		helloSHA256 + ", " + helloSHA256:                         "duplicate_field: Content-Digest",
		"sha-256=:AAAA:, " + helloSHA256:                         "duplicate_field: Content-Digest",
		"sha-256=::":                                             "digest_mismatch: Content-Digest",
		"sha-256":                                                "malformed_field: Content-Digest",
		"sha-256=(" + helloSHA256[8:] + ")":                      "malformed_field: Content-Digest",
		`sha-256="LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="`: "malformed_field: Content-Digest",
		"sha-256=LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=":   "malformed_field: Content-Digest",
		"sha-256=:LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:": "malformed_field: Content-Digest",
		"sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCR=:": "malformed_field: Content-Digest",
		"sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ:":  "malformed_field: Content-Digest",
		"":                                    "missing_field: Content-Digest",
		helloSHA256 + ",":                     "malformed_field: Content-Digest",
		strings.Repeat("a,", 8) + helloSHA256: "malformed_field: Content-Digest",
	} {
		for _, component := range []string{`"@method"`, `"content-digest"`} {
			r := post("hello", "Content-Digest", digest)
			value := map[string]string{`"@method"`: "POST", `"content-digest"`: digest}[component]
			sign(r, "sig", "("+component+")"+params, component+": "+value)
			require.Equal(t, want, reason(t, newVerifier(t, nothing), r), "%s covering %s", digest, component)
		}
	}
	r := post("hello", "Content-Digest", helloSHA512, "Content-Digest", helloSHA256)
	sign(r, "sig", `("content-digest")`+params, `"content-digest": `+helloSHA512+", "+helloSHA256)
	require.Empty(t, reason(t, newVerifier(t, nothing), r), "two lines")
}

// TestNoHeader verifies requests that have nothing at all.
func TestNoHeader(t *testing.T) {
	v := newVerifier(t, httpsig.Config{})
	require.Equal(t, "missing_field: Signature-Input", reason(t, v, new(verify.Request)))
	require.Equal(t, "missing_field: Signature-Input", reason(t, v, &verify.Request{Header: http.Header{}}))
}
