package verify_test

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

// explain returns the hint for the refusal of r.
func explain(t testing.TB, v verify.Verifier, r *verify.Request) verify.Hint {
	t.Helper()
	_, err := v.Verify(t.Context(), r, now)
	require.Error(t, err)
	hint, ok := verify.Explain(t.Context(), v, r, now, err)
	require.True(t, ok)
	require.Regexp(t, `^[a-z0-9_]+$`, hint.Cause)
	require.Regexp(t, `^[A-Z].*\.$`, hint.Sentence)
	return hint
}

// plain signs as little as possible.
func plain(change func(*verify.SignatureConfig)) verify.SignatureConfig {
	c := verify.SignatureConfig{Signature: header("X-Sig")}
	if change != nil {
		change(&c)
	}
	return c
}

const (
	base64Secret = "c2VjcmV0LXdpdGgtYnl0ZXM="
	hexSecret    = "7365637265742d776974682d6279746573"
	plainSecret  = "secret-with-bytes" // what the two above stand for
)

func TestExplainSecret(t *testing.T) {
	encoded := func(e verify.KeyEncoding, prefix string) verify.SignatureConfig {
		return plain(func(c *verify.SignatureConfig) { c.KeyEncoding, c.KeyPrefix = e, prefix })
	}
	for name, tt := range map[string]struct {
		config  verify.SignatureConfig
		secret  string
		signed  string // the key that the sender has
		cause   verify.Cause
		mention string
	}{
		"base64 as text":         {plain(nil), base64Secret, plainSecret, verify.CauseSecretBase64, "key_encoding base64"},
		"base64 without padding": {plain(nil), strings.TrimRight(base64Secret, "="), plainSecret, verify.CauseSecretBase64, "base64"},
		"base64 with prefix":     {plain(nil), "whsec_" + base64Secret, plainSecret, verify.CauseSecretBase64, "base64"},
		"hex as text":            {plain(nil), hexSecret, plainSecret, verify.CauseSecretHex, "key_encoding hex"},
		"hex as base64":          {encoded(verify.KeyBase64, ""), hexSecret + "00", plainSecret + "\x00", verify.CauseSecretHex, "hex"},
		"text as base64":         {encoded(verify.KeyBase64, ""), base64Secret, base64Secret, verify.CauseSecretText, "key_encoding raw"},
		"text with prefix":       {encoded(verify.KeyBase64, "whsec_"), "whsec_" + base64Secret, "whsec_" + base64Secret, verify.CauseSecretText, "raw"},
		"text as hex":            {encoded(verify.KeyHex, ""), strings.ToUpper(hexSecret), strings.ToUpper(hexSecret), verify.CauseSecretText, "raw"},
		"prefix":                 {plain(nil), "whsec_" + plainSecret, plainSecret, verify.CauseSecretPrefix, "whsec_"},
		"quotation marks":        {plain(nil), `"` + plainSecret + `"`, plainSecret, verify.CauseSecretSpace, "quotation marks"},
		"space":                  {plain(nil), plainSecret + " ", plainSecret, verify.CauseSecretSpace, "spaces"},
		"line break":             {plain(nil), plainSecret + "\n", plainSecret, verify.CauseSecretSpace, "spaces"},
		"another one":            {plain(nil), plainSecret, "completely different", verify.CauseSecret, "another one"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasSuffix(tt.secret, "00") {
				tt.secret = hexSecret + "00"
			}
			v, err := verify.NewSignature(tt.config, "first", tt.secret)
			if err != nil {
				v, err = verify.NewSignature(tt.config, tt.secret)
			}
			require.NoError(t, err)
			hint := explain(t, v, post("body", "X-Sig", sign(tt.signed, "body")))
			require.Equal(t, tt.cause, hint.Cause)
			require.Contains(t, hint.Sentence, tt.mention)
			for _, secret := range []string{plainSecret, base64Secret, hexSecret} {
				require.NotContains(t, hint.Sentence, secret)
			}
			require.NotContains(t, fmt.Sprintf("%+v", v), plainSecret)
		})
	}
}

func TestExplainForm(t *testing.T) {
	sum := func(newHash func() hash.Hash) []byte {
		h := hmac.New(newHash, []byte("secret"))
		h.Write([]byte("body"))
		return h.Sum(nil)
	}
	right := sum256("body")
	stripe := func(c *verify.SignatureConfig) { c.Signature.Split, c.Signature.Prefix = ",", "v1=" }
	sha256Prefix := func(c *verify.SignatureConfig) { c.Signature.Prefix = "sha256=" }
	for name, tt := range map[string]struct {
		change   func(*verify.SignatureConfig)
		value    string
		cause    verify.Cause
		mentions []string
	}{
		"base64": {nil, base64.StdEncoding.EncodeToString(right), verify.CauseEncoding, []string{"written as base64, and not as hex", "It matches"}},
		"hex": {
			func(c *verify.SignatureConfig) { c.Encoding = verify.Base64 },
			hex.EncodeToString(right), verify.CauseEncoding,
			[]string{"written as hex, and not as base64", "It matches"},
		},
		"base64 that is wrong, too":      {nil, base64.StdEncoding.EncodeToString(sum(sha1.New)), verify.CauseEncoding, []string{"sha1", "It matches"}},
		"sha1":                           {nil, hex.EncodeToString(sum(sha1.New)), verify.CauseAlgorithm, []string{"sha1, and not with sha256", "It matches"}},
		"sha512":                         {nil, hex.EncodeToString(sum(sha512.New)), verify.CauseAlgorithm, []string{"sha512"}},
		"md5":                            {nil, hex.EncodeToString(sum(md5.New)), verify.CauseAlgorithm, []string{"md5"}},
		"sha1 with another secret":       {nil, hex.EncodeToString(make([]byte, 20)), verify.CauseAlgorithm, []string{"sha1", "does not match"}},
		"prefix that is not expected":    {nil, "sha256=" + hex.EncodeToString(right), verify.CausePrefix, []string{"begins with sha256=", "GitHub", "no prefix is expected", "It matches"}},
		"no prefix":                      {sha256Prefix, hex.EncodeToString(right), verify.CausePrefix, []string{"nothing stands before it, and sha256= is expected", "It matches"}},
		"prefix of sha1":                 {sha256Prefix, "sha1=" + hex.EncodeToString(sum(sha1.New)), verify.CausePrefix, []string{"sha1=", "sha256= is expected", "with sha1"}},
		"prefix of sha1, another secret": {sha256Prefix, "sha1=" + hex.EncodeToString(make([]byte, 20)), verify.CausePrefix, []string{"sha1=", "does not match"}},
		"v0 of Stripe":                   {stripe, "t=1,v0=" + hex.EncodeToString(right), verify.CausePrefix, []string{"v0=", "v1= is expected"}},
		"nothing that is known":          {nil, "nonsense", verify.Cause(verify.ReasonMalformed), []string{"X-Sig"}},
		"unknown prefix":                 {sha256Prefix, "sEcReT=00", verify.Cause(verify.ReasonPrefix), []string{"X-Sig"}},
		"quotation marks":                {nil, `"` + hex.EncodeToString(right) + `"`, verify.CauseField, []string{"X-Sig without the quotation marks"}},
		"word":                           {nil, "HMAC " + hex.EncodeToString(right), verify.CauseField, []string{"without the word"}},
	} {
		t.Run(name, func(t *testing.T) {
			v := newSignature(t, plain(tt.change), "secret")
			hint := explain(t, v, post("body", "X-Sig", tt.value))
			require.Equal(t, tt.cause, hint.Cause, hint.Sentence)
			for _, mention := range tt.mentions {
				require.Contains(t, hint.Sentence, mention)
			}
			require.NotContains(t, hint.Sentence, "sEcReT")
			require.NotContains(t, hint.Sentence, hex.EncodeToString(right))
		})
	}
}

func sum256(body string) []byte { return mac("secret", body) }

func TestExplainBody(t *testing.T) {
	const document = "{\"a\": [1, \"b: c, \\\"d\\\"\"],\n \"e\": \"\\u00e4/\\t\U0001F600\"}"
	for name, tt := range map[string]struct {
		signed, came string
		cause        verify.Cause
		mention      string
	}{
		"LF added":              {"body", "body\n", verify.CauseBodyEnd, "without the line break"},
		"CRLF added":            {"body", "body\r\n", verify.CauseBodyEnd, "without the line break"},
		"LF removed":            {"body\n", "body", verify.CauseBodyEnd, "with a line break"},
		"CRLF removed":          {"body\r\n", "body", verify.CauseBodyEnd, "with a line break"},
		"CRLF became LF":        {"a\r\nb\r\n", "a\nb\n", verify.CauseBodyLines, "CRLF instead of LF"},
		"LF became CRLF":        {"a\nb", "a\r\nb", verify.CauseBodyLines, "LF instead of CRLF"},
		"mark added":            {"body", "\ufeffbody", verify.CauseBodyMark, "without the byte order mark"},
		"mark removed":          {"\ufeffbody", "body", verify.CauseBodyMark, "with a byte order mark"},
		"compacted":             {`{"a": 1}`, `{"a":1}`, verify.CauseBodyJSON, "behind commas and colons"},
		"spaced":                {`{"a":1}`, `{"a": 1}`, verify.CauseBodyJSON, "without spaces"},
		"indentation removed":   {"{\n  \"a\": 1\n}", `{"a":1}`, verify.CauseBodyJSON, "indented"},
		"by JavaScript":         {`{"a":[1,"b: c, \"d\""],"e":"ä/\t😀"}`, document, verify.CauseBodyJSON, "JavaScript"},
		"by Python":             {`{"a": [1, "b: c, \"d\""], "e": "\u00e4/\t\ud83d\ude00"}`, document, verify.CauseBodyJSON, "Python"},
		"by PHP":                {`{"a":[1,"b: c, \"d\""],"e":"\u00e4\/\t\ud83d\ude00"}`, document, verify.CauseBodyJSON, "PHP"},
		"escaped":               {`{"e":"\u00e4/"}`, `{"e":"ä/"}`, verify.CauseBodyJSON, "ASCII escaped"},
		"control character":     {`{"e":"\u0001"}`, `{ "e":"\u0001"}`, verify.CauseBodyJSON, "without spaces"},
		"something else":        {"body", "other", verify.CauseSecret, "in between changed the body"},
		"JSON with other words": {`{"a":1}`, `{"a":2}`, verify.CauseSecret, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := newSignature(t, plain(nil), "secret")
			hint := explain(t, v, post(tt.came, "X-Sig", sign("secret", tt.signed)))
			require.Equal(t, tt.cause, hint.Cause, hint.Sentence)
			require.Contains(t, hint.Sentence, tt.mention)
		})
	}
}

func TestExplainURL(t *testing.T) {
	for name, tt := range map[string]struct {
		signed   string
		mentions []string
	}{
		"http":           {"http://example.com/in?a=1", []string{"http:// instead of https://"}},
		"default port":   {"https://example.com:443/in?a=1", []string{"the default port written out"}},
		"slash":          {"https://example.com/in/?a=1", []string{"another slash at the end of its path"}},
		"no query":       {"https://example.com/in", []string{"no query"}},
		"forwarded host": {"https://public.example.com/in?a=1", []string{"the host in X-Forwarded-Host"}},
		"several": {
			"http://public.example.com:80/in/",
			[]string{"X-Forwarded-Host and http:// instead of https:// and the default port written out and another slash at the end of its path and no query"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := newSignature(t, plain(func(c *verify.SignatureConfig) { c.Signed = "{url}{body}" }), "secret")
			r := post("body", "X-Sig", sign("secret", tt.signed+"body"), "X-Forwarded-Host", "public.example.com")
			r.Scheme, r.Host, r.Target = "https", "example.com", "/in?a=1"
			hint := explain(t, v, r)
			require.Equal(t, verify.CauseURL, hint.Cause, hint.Sentence)
			require.Contains(t, hint.Sentence, "set public_url")
			for _, mention := range tt.mentions {
				require.Contains(t, hint.Sentence, mention)
			}
			require.NotContains(t, hint.Sentence, "example.com")
		})
	}
	t.Run("other direction", func(t *testing.T) {
		v := newSignature(t, plain(func(c *verify.SignatureConfig) { c.Signed = "{url}{body}" }), "secret")
		r := post("body", "X-Sig", sign("secret", "https://example.com/inbody"))
		r.Scheme, r.Host, r.Target = "http", "example.com:8080", "/in/"
		require.Equal(t,
			"The signature matches a URL with https:// instead of http:// and no port and no slash at the end of its path: set public_url to the URL that the sender has.",
			explain(t, v, r).Sentence)
	})
}

func TestExplainTimestamp(t *testing.T) {
	for name, tt := range map[string]struct {
		format    verify.TimestampFormat
		timestamp string
		secret    string
		cause     verify.Cause
		mentions  []string
	}{
		"old":                   {verify.Unix, "1699999588", "secret", verify.CauseOld, []string{"412 s old", "at most 300 s", "signature itself is right"}},
		"old, another secret":   {verify.Unix, "1699999588", "other", verify.CauseOld, []string{"412 s old", "does not match either"}},
		"ahead":                 {verify.Unix, "1700000301", "secret", verify.CauseAhead, []string{"301 s ahead", "clock"}},
		"milliseconds":          {verify.Unix, "1700000000000", "secret", verify.CauseTimeFormat, []string{"milliseconds (unix_ms)", "read as seconds (unix)"}},
		"milliseconds, and old": {verify.Unix, "1690000000000", "secret", verify.CauseTimeFormat, []string{"unix_ms"}},
		"seconds":               {verify.UnixMilli, "1700000000", "secret", verify.CauseTimeFormat, []string{"seconds (unix)"}},
		"date":                  {verify.Unix, "2023-11-14T22:13:20Z", "secret", verify.CauseTimeFormat, []string{"date and time (rfc3339)"}},
		"number":                {verify.RFC3339, "1700000000", "secret", verify.CauseTimeFormat, []string{"seconds (unix)"}},
		"nonsense":              {verify.Unix, "soon", "secret", verify.Cause(verify.ReasonMalformed), []string{"X-Time"}},
		"1970":                  {verify.Unix, "1", "secret", verify.CauseOld, []string{"1699999999 s old"}},
	} {
		t.Run(name, func(t *testing.T) {
			v := newSignature(t, plain(func(c *verify.SignatureConfig) {
				c.Signed = "{timestamp}.{body}"
				c.Timestamp = &verify.TimestampConfig{Selector: header("X-Time"), Format: tt.format}
			}), "secret")
			hint := explain(t, v, post("body", "X-Time", tt.timestamp, "X-Sig", sign(tt.secret, tt.timestamp+".body")))
			require.Equal(t, tt.cause, hint.Cause, hint.Sentence)
			for _, mention := range tt.mentions {
				require.Contains(t, hint.Sentence, mention)
			}
		})
	}
}

func TestExplainMissing(t *testing.T) {
	dropped := newSignature(t, verify.SignatureConfig{Signature: header("X_Sig")}, "secret")
	hint := explain(t, dropped, post("body"))
	require.Equal(t, verify.CauseDropped, hint.Cause)
	require.Contains(t, hint.Sentence, "X_sig")
	require.Contains(t, hint.Sentence, "expected_underscore_headers")

	v := newSignature(t, plain(nil), "secret")
	require.Equal(t, verify.CauseEmpty, explain(t, v, post("body", "X-Sig", "")).Cause)
	hint = explain(t, v, post("body"))
	require.Equal(t, verify.Cause(verify.ReasonMissing), hint.Cause)
	require.Contains(t, hint.Sentence, "lacks X-Sig")
	require.Equal(t, verify.Cause(verify.ReasonDuplicate), explain(t, v, post("body", "X-Sig", "a", "X-Sig", "a")).Cause)
}

func TestExplainCredentials(t *testing.T) {
	bearer, err := verify.NewBearer("", "t0ken")
	require.NoError(t, err)
	token, err := verify.NewToken(header("X-Token"), "t0ken")
	require.NoError(t, err)
	basic, err := verify.NewBasic(verify.Credential{Username: "u", Password: "t0ken"})
	require.NoError(t, err)
	encoded := strings.TrimPrefix(encode("u:t0ken"), "Basic ")
	for name, tt := range map[string]struct {
		v       verify.Verifier
		value   [2]string
		cause   verify.Cause
		mention string
	}{
		"no word":            {bearer, [2]string{"Authorization", "t0ken"}, verify.CauseField, "with the word Bearer"},
		"no word Basic":      {basic, [2]string{"Authorization", encoded}, verify.CauseField, "with the word Basic"},
		"word too many":      {token, [2]string{"X-Token", "Bearer t0ken"}, verify.CauseField, "without the word"},
		"quotation marks":    {token, [2]string{"X-Token", `"t0ken"`}, verify.CauseField, "without the quotation marks"},
		"another token":      {bearer, [2]string{"Authorization", "Bearer other"}, verify.Cause(verify.ReasonCredentials), "not among"},
		"credentials of old": {basic, [2]string{"Authorization", "Basic !"}, verify.Cause(verify.ReasonMalformed), "Authorization"},
	} {
		t.Run(name, func(t *testing.T) {
			hint := explain(t, tt.v, post("", tt.value[0], tt.value[1]))
			require.Equal(t, tt.cause, hint.Cause, hint.Sentence)
			require.Contains(t, hint.Sentence, tt.mention)
			require.NotContains(t, hint.Sentence, "t0ken")
		})
	}
}

// TestExplainAnything makes sure that all refusals have a sentence, and nothing
// else has.
func TestExplainAnything(t *testing.T) {
	v := newSignature(t, plain(nil), "secret")
	for _, reason := range []verify.Reason{
		verify.ReasonMissing, verify.ReasonDuplicate, verify.ReasonMalformed, verify.ReasonStale, verify.ReasonFuture, verify.ReasonPrefix,
		verify.ReasonMismatch, verify.ReasonDigest, verify.ReasonKey, verify.ReasonAlgorithm, verify.ReasonExpired, verify.ReasonClaim,
		verify.ReasonCoverage, verify.ReasonForbidden, verify.ReasonHandshake, verify.ReasonCredentials, "new",
	} {
		hint, ok := verify.Explain(t.Context(), refuser{}, post("body"), now, fmt.Errorf("wrapped: %w", &verify.Error{Reason: reason, Field: "X-Field"}))
		require.True(t, ok)
		require.NotContains(t, hint.Sentence, "%!")
		if reason != verify.ReasonMismatch {
			require.Equal(t, verify.Cause(reason), hint.Cause)
			require.Contains(t, hint.Sentence, "X-Field")
		}
	}
	_, ok := verify.Explain(t.Context(), v, post("body"), now, errors.New("no answer"))
	require.False(t, ok)
}

// refuser refuses everything, and counts.
type refuser struct{ tried *int }

func (v refuser) Verify(context.Context, *verify.Request, time.Time) (verify.Identity, error) {
	if v.tried != nil {
		*v.tried++
	}
	return verify.Identity{}, &verify.Error{Reason: verify.ReasonMismatch}
}

// TestExplainIsBounded counts what is tried, and that it ends with the context.
func TestExplainIsBounded(t *testing.T) {
	r := post("{\"a\": \"\r\n\"}\n", "X-Forwarded-Host", "public.example.com")
	r.Scheme, r.Host, r.Target = "https", "example.com:8443", "/in/?a=1"
	mismatch := &verify.Error{Reason: verify.ReasonMismatch}
	tried := 0
	_, ok := verify.Explain(t.Context(), refuser{&tried}, r, now, mismatch)
	require.True(t, ok)
	require.Less(t, tried, 150)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tried = 0
	_, ok = verify.Explain(ctx, refuser{&tried}, r, now, mismatch)
	require.True(t, ok)
	require.Zero(t, tried)
}

// FuzzExplain makes sure that no request makes explanations fail, and that no
// sentence has a part of it.
func FuzzExplain(f *testing.F) {
	f.Add("sha256=00", "1700000000", `{"a":"\ud800"}`, "/in?a=1")
	f.Add("", "1700000000000", "\ufeff\r\n", "")
	v := newSignature(f, plain(func(c *verify.SignatureConfig) {
		c.Signed = "{timestamp}.{url}.{body}"
		c.Timestamp = &verify.TimestampConfig{Selector: header("X-Time")}
	}), base64Secret, "second")
	f.Fuzz(func(t *testing.T, signature, timestamp, body, target string) {
		r := post(body, "X-Sig", signature, "X-Time", timestamp)
		r.Host, r.Target = "example.com", target
		_, err := v.Verify(t.Context(), r, now)
		if err == nil {
			return
		}
		hint, ok := verify.Explain(t.Context(), v, r, now, err)
		require.True(t, ok)
		require.NotContains(t, hint.Sentence, base64Secret)
		if _, err := strconv.Atoi(timestamp); err != nil && len(timestamp) > 20 {
			require.NotContains(t, hint.Sentence, timestamp)
		}
	})
}

// BenchmarkExplain is the worst case: nothing that is tried explains the
// mismatch.
func BenchmarkExplain(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		b.Run(strconv.Itoa(size>>10)+"KiB", func(b *testing.B) {
			v := newSignature(b, plain(nil), base64Secret)
			body := `{"text": "` + strings.Repeat("ä/", size/3) + `"}`
			r := post(body, "X-Sig", sign("other", body), "X-Forwarded-Host", "public.example.com")
			r.Scheme, r.Host, r.Target = "https", "example.com:8443", "/in/?a=1"
			_, err := v.Verify(b.Context(), r, now)
			b.ReportAllocs()
			for b.Loop() {
				if hint, ok := verify.Explain(b.Context(), v, r, now, err); !ok || hint.Cause != verify.CauseSecret {
					b.Fatal(hint)
				}
			}
		})
	}
}
