package provider

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

func testVonage(t testing.TB, method string, secrets ...string) *legacyVonage {
	v, err := newLegacyVonage("vonage_sms", method, secrets...)
	require.NoError(t, err)
	return v
}

func TestVonageMethods(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	methods := []string{"md5hash", "md5", "sha1", "sha256", "sha512"}
	for _, method := range methods {
		r := newRequest(t, http.MethodGet, "https://example.com/?text=a", "")
		require.NoError(t, testVonage(t, method, "new").Sign(r, now))
		for _, other := range methods {
			identity, err := testVonage(t, other, "old", "new").Verify(t.Context(), r, now)
			if method != other {
				require.Error(t, err)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, verify.Identity{Scheme: "vonage_sms", Key: 2, Timestamp: now, Digest: identity.Digest}, identity)
			require.NotZero(t, identity.Digest)
		}
	}
	for _, method := range []string{"", "SHA256", "sha224"} {
		_, err := newLegacyVonage("", method, "secret")
		require.Error(t, err)
	}
}

func TestVonageTime(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	v := testVonage(t, "sha256", "secret")
	r := newRequest(t, http.MethodGet, "https://example.com/?text=a", "")
	require.NoError(t, v.Sign(r, now))
	for _, offset := range []time.Duration{-5 * time.Minute, 5 * time.Minute} {
		_, err := v.Verify(t.Context(), r, now.Add(offset))
		require.NoError(t, err)
	}
	requireRefused(t, v, r, now.Add(5*time.Minute+1), verify.ReasonStale, "timestamp")
	requireRefused(t, v, r, now.Add(-5*time.Minute-1), verify.ReasonFuture, "timestamp")
}

func TestVonageRefuses(t *testing.T) {
	const sig = "&sig=d2e7b1dc968737c5998ad624e02f90b7"
	now := time.Unix(1385047700, 0)
	for name, c := range map[string]struct {
		method, query, body, mediaType string
		reason                         verify.Reason
		field                          string
	}{
		"no time":            {"GET", "a=1" + sig, "", "", verify.ReasonMissing, "timestamp"},
		"two times":          {"GET", "timestamp=1385047698&timestamp=1" + sig, "", "", verify.ReasonDuplicate, "timestamp"},
		"signed time":        {"GET", "timestamp=%2B1385047698" + sig, "", "", verify.ReasonMalformed, "timestamp"},
		"long time":          {"GET", "timestamp=01385047698000" + sig, "", "", verify.ReasonMalformed, "timestamp"},
		"no signature":       {"GET", "timestamp=1385047698", "", "", verify.ReasonMissing, "sig"},
		"two signatures":     {"GET", "timestamp=1385047698" + sig + sig, "", "", verify.ReasonDuplicate, "sig"},
		"short signature":    {"GET", "timestamp=1385047698" + sig[:36], "", "", verify.ReasonMalformed, "sig"},
		"no hex":             {"GET", "timestamp=1385047698" + sig[:36] + "x", "", "", verify.ReasonMalformed, "sig"},
		"duplicate":          {"GET", "timestamp=1385047698&a=1&a=2" + sig, "", "", verify.ReasonDuplicate, "parameters"},
		"ambiguous name":     {"GET", "timestamp=1385047698&a%3Db=1" + sig, "", "", verify.ReasonMalformed, "parameters"},
		"malformed query":    {"GET", "timestamp=1385047698&a=%" + sig, "", "", verify.ReasonMalformed, "query"},
		"malformed body":     {"POST", "", "timestamp=1385047698&a=%" + sig, formType, verify.ReasonMalformed, "body"},
		"unsigned body":      {"POST", "timestamp=1385047698" + sig, "{}", "application/json", verify.ReasonCoverage, "body"},
		"body of a get":      {"GET", "timestamp=1385047698" + sig, "a=b", formType, verify.ReasonCoverage, "body"},
		"query of a form":    {"POST", "timestamp=1385047698" + sig, "", formType, verify.ReasonMissing, "timestamp"},
		"wrong signature":    {"GET", "timestamp=1385047698" + sig, "", "", verify.ReasonMismatch, ""},
		"nothing whatsoever": {"POST", "", "", "", verify.ReasonMissing, "timestamp"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRequest(t, c.method, "https://example.com/", c.body)
			r.Target = "/?" + c.query
			if c.mediaType != "" {
				r.Header.Set(contentType, c.mediaType)
			}
			requireRefused(t, testVonage(t, "md5hash", "secret"), r, now, c.reason, c.field)
		})
	}
}

func FuzzVonage(f *testing.F) {
	now := time.Unix(1_700_000_000, 0)
	v := testVonage(f, "sha256", "secret")
	signed := newRequest(f, http.MethodGet, "https://example.com/?text=a%26b&to=1", "")
	require.NoError(f, v.Sign(signed, now))
	f.Add(signed.Query())
	f.Add("timestamp=1&sig=&a=%zz;")
	content := func(query string) string {
		s, params := new(scratch), new(form)
		parseForm(params, query)
		params.sort()
		_ = s.writeVonage(params)
		return string(s.content)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := clone(signed)
		r.Target = "/?" + query
		if _, err := v.Verify(t.Context(), r, now); err != nil {
			require.ErrorAs(t, err, new(*verify.Error))
			return
		}
		require.Equal(t, content(signed.Query()), content(query))
	})
}
