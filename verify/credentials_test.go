package verify_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

func encode(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }

func TestBasic(t *testing.T) {
	v, err := verify.NewBasic(
		verify.Credential{Username: "alice", Password: "old:one"},
		verify.Credential{Username: "alice", Password: "new"},
		verify.Credential{Username: "bob", Password: "b"},
	)
	require.NoError(t, err)
	for i, c := range []string{"alice:old:one", "alice:new", "bob:b"} {
		identity, err := v.Verify(t.Context(), post("", "Authorization", encode(c)), now)
		require.NoError(t, err)
		require.Equal(t, i+1, identity.Key)
		require.Equal(t, c[:strings.Index(c, ":")], identity.Subject)
	}
	for value, want := range map[string]verify.Reason{
		encode("alice:b"):  verify.ReasonCredentials,
		encode("bob:new"):  verify.ReasonCredentials,
		encode("alice:"):   verify.ReasonCredentials,
		encode(":new"):     verify.ReasonCredentials,
		encode("alice"):    verify.ReasonMalformed,
		"Basic":            verify.ReasonMalformed,
		"Basic  ":          verify.ReasonMalformed,
		"Bearer YTpi":      verify.ReasonMalformed,
		"Basic Ym9iOmI":    verify.ReasonMalformed,
		"Basic Ym9i\nOmI=": verify.ReasonMalformed,
		"Basic Ym9iOmJ=":   verify.ReasonMalformed,
		"":                 verify.ReasonMissing,
	} {
		require.Equal(t, want, reason(t, v, post("", "Authorization", value)), value)
	}
	require.Equal(t, verify.ReasonMissing, reason(t, v, post("")))
	require.Equal(t, verify.ReasonDuplicate, reason(t, v, post("", "Authorization", encode("bob:b"), "Authorization", encode("bob:b"))))
}

func TestRefusedCredentials(t *testing.T) {
	for message, c := range map[string][]verify.Credential{
		"no secret": nil,
		"credential 2: empty username or password": {{Username: "a", Password: "b"}, {Username: "a"}},
		"credential 1: empty username or password": {{Password: "b"}},
		"colon":             {{Username: "a:b", Password: "sEcReT"}},
		"control character": {{Username: "a", Password: "sEcReT\n"}},
		"17 secrets":        make([]verify.Credential, 17),
	} {
		_, err := verify.NewBasic(c...)
		require.ErrorContains(t, err, message)
		require.NotContains(t, err.Error(), "sEcReT")
	}
}

func TestBearer(t *testing.T) {
	v, err := verify.NewBearer("", "old", "new")
	require.NoError(t, err)
	identity, err := v.Verify(t.Context(), post("", "Authorization", "BEARER new"), now)
	require.NoError(t, err)
	require.Equal(t, verify.Identity{Scheme: "bearer", Key: 2}, identity)
	for value, want := range map[string]verify.Reason{
		"Bearer other":   verify.ReasonCredentials,
		"Bearer ne":      verify.ReasonCredentials,
		"Bearer new=":    verify.ReasonCredentials,
		"Bearer new new": verify.ReasonMalformed,
		"Bearer =new":    verify.ReasonMalformed,
		"Bearer\tnew":    verify.ReasonMalformed,
		"Bearer":         verify.ReasonMalformed,
		"new":            verify.ReasonMalformed,
		"":               verify.ReasonMissing,
	} {
		require.Equal(t, want, reason(t, v, post("", "Authorization", value)), value)
	}
}

func TestBearerQuery(t *testing.T) {
	v, err := verify.NewBearer("access_token", "secret")
	require.NoError(t, err)
	for target, want := range map[string]verify.Reason{
		"/?access_token=secret":                     "",
		"/?a=b&access_token=s%65cret":               "",
		"/?access_token=other":                      verify.ReasonCredentials,
		"/?access_token=":                           verify.ReasonMalformed,
		"/?access_token=secret&access_token=secret": verify.ReasonDuplicate,
		"/?access_token=%":                          verify.ReasonMalformed,
		"/?Access_token=secret":                     verify.ReasonMissing,
		"/":                                         verify.ReasonMissing,
	} {
		r := post("")
		r.Target = target
		require.Equal(t, want, reason(t, v, r), target)
	}
	r := post("", "Authorization", "Bearer secret")
	require.Empty(t, reason(t, v, r))
	r.Target = "/?access_token=secret"
	require.Equal(t, verify.ReasonDuplicate, reason(t, v, r))
}

func TestRefusedTokens(t *testing.T) {
	for _, tokens := range [][]string{
		nil, {""}, {"good", ""}, {"sEcReT two"}, {"sEcReT\n"}, {"="}, {"sEcReT\u00e4"}, make([]string, 17),
	} {
		_, err := verify.NewBearer("", tokens...)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "sEcReT")
	}
}

// TestNothingSent walks all schemes with requests that lack, double, or blank
// each header field they read.
func TestNothingSent(t *testing.T) {
	basic, err := verify.NewBasic(verify.Credential{Username: "a", Password: "b"})
	require.NoError(t, err)
	bearer, err := verify.NewBearer("", "b")
	require.NoError(t, err)
	all := map[string]verify.Verifier{"basic": basic, "bearer": bearer}
	valid := map[string]*verify.Request{
		"basic":  post("hello", "Authorization", encode("a:b")),
		"bearer": post("hello", "Authorization", "Bearer b"),
		"github": post("hello", "X-Hub-Signature-256", "sha256="+sign("secret", "hello")),
		"standard_webhooks": post("hello", "Webhook-Id", "e1", "Webhook-Timestamp", "1700000000",
			"Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac("secret", "e1.1700000000.hello"))),
	}
	for name, c := range map[string]verify.SignatureConfig{"github": github, "standard_webhooks": standardWebhooks} {
		all[name] = newSignature(t, c, "c2VjcmV0")
		if c.KeyEncoding == "" {
			all[name] = newSignature(t, c, "secret")
		}
	}
	require.Len(t, valid, len(all), "a valid request is needed of every scheme")
	for name, v := range all {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, reason(t, v, valid[name]))
			require.Equal(t, verify.ReasonMissing, reason(t, v, &verify.Request{}))
			for field, values := range valid[name].Header {
				for want, changed := range map[verify.Reason][]string{
					verify.ReasonMissing:   {""},
					verify.ReasonDuplicate: {values[0], values[0]},
				} {
					r := *valid[name]
					r.Header = r.Header.Clone()
					r.Header[field] = changed
					require.Equal(t, want, reason(t, v, &r), field)
				}
				r := *valid[name]
				r.Header = r.Header.Clone()
				r.Header.Del(field)
				require.Equal(t, verify.ReasonMissing, reason(t, v, &r), field)
			}
		})
	}
}

func FuzzBasicHeader(f *testing.F) {
	for _, s := range []string{encode("a:b"), encode("a:b:c"), "basic YTpi", "Basic  YTpi", "Basic YTpj", "Basic", "Bearer YTpi"} {
		f.Add(s)
	}
	v, err := verify.NewBasic(verify.Credential{Username: "a", Password: "b"})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, value string) {
		_, err := v.Verify(t.Context(), &verify.Request{Header: http.Header{"Authorization": {value}}}, now)
		// The standard library's parser is more lenient, and may differ only there.
		user, password, ok := (&http.Request{Header: http.Header{"Authorization": {strings.ReplaceAll(value, "  ", " ")}}}).BasicAuth()
		if err == nil {
			require.True(t, strings.Contains(value, "  ") || (ok && user == "a" && password == "b"), value)
		}
	})
}

func FuzzBearerHeader(f *testing.F) {
	for _, s := range []string{"Bearer token", "bearer  token", "Bearer token x", "Bearer", "Basic token"} {
		f.Add(s)
	}
	v, err := verify.NewBearer("", "token")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, value string) {
		_, err := v.Verify(t.Context(), &verify.Request{Header: http.Header{"Authorization": {value}}}, now)
		fields := strings.Fields(value)
		accepted := len(fields) == 2 && strings.EqualFold(fields[0], "bearer") && fields[1] == "token"
		if err == nil {
			require.True(t, accepted, value)
		}
	})
}
