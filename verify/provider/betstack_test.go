package provider

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

func testBetstack(t testing.TB, secrets ...string) *betstack {
	v, err := newBetstack("betstack", secrets...)
	require.NoError(t, err)
	return v
}

// TestBetstackPublished has the examples of
// https://developer.betstack.io/pam-platform-api/signature and
// https://developer.betstack.io/signature.
func TestBetstackPublished(t *testing.T) {
	for _, c := range []struct{ timestamp, signature, body string }{
		{"1706191612", "3fe37f41ba6dc960fd2a7098bd4643f971ff1408a31bcea9f3ef8d03b3ba2d0a", `{
    "action": "ticket_create",
    "data": {
        "operator": "acme", "ticket_id": "668ef666333180bba97f0c93", "ticket_code": "CD4BDD", "player_id": "sometokenvalue",
        "price": 500, "stake": 444, "wht_amount": 240, "wht": 10, "ext_amount": 56, "ext": 12.5, "ext_type": "inclusive",
        "gross_payout": 2842, "net_payout": 2602, "currency": "USD", "atag": "atag_value", "rtag": null, "ticket_type": "quickbet"
    }
}`},
		{"1706090303", "f99aee9f77eef1ee8b64c78e7f8612e3234f03cce5fecdebd7ea27f2b9081423", "{\r\n\t" +
			`"operator": "site", "token": "UnIqUe-ToKeN", "price": 5000, "currency": "KES", "atag": "affiliate-1",
			"source": "mobile", "type": "superbet", "event": 100001, "bets": [101, 102, 103, 104, 105, 106]}`},
	} {
		r := newRequest(t, http.MethodPost, "https://example.com/", c.body, "timestamp", c.timestamp, "signature", c.signature)
		at, ok := parseUnix(c.timestamp)
		require.True(t, ok)
		identity, err := testBetstack(t, "other", "12345ABCDE").Verify(t.Context(), r, at.Add(5*time.Minute))
		require.NoError(t, err)
		require.Equal(t, verify.Identity{Scheme: "betstack", Key: 2, Timestamp: at, Digest: identity.Digest}, identity)
		require.NotZero(t, identity.Digest)
		requireRefused(t, testBetstack(t, "12345ABCDE"), r, at.Add(5*time.Minute+1), verify.ReasonStale, "Timestamp")
		requireRefused(t, testBetstack(t, "12345ABCDE"), r, at.Add(-5*time.Minute-1), verify.ReasonFuture, "Timestamp")
		requireRefused(t, testBetstack(t, "12345"), r, at, verify.ReasonMismatch, "")
	}
}

func TestBetstackRefuses(t *testing.T) {
	v := testBetstack(t, "secret")
	now := time.Unix(1_700_000_000, 0)
	signed := newRequest(t, http.MethodPost, "https://example.com/", "{}")
	require.NoError(t, v.Sign(signed, now))
	for name, c := range map[string]struct {
		change func(*verify.Request)
		reason verify.Reason
		field  string
	}{
		"empty body":      {func(r *verify.Request) { r.Body = nil }, verify.ReasonMalformed, "body"},
		"digits first":    {func(r *verify.Request) { r.Body = []byte("1{}") }, verify.ReasonMalformed, "body"},
		"milliseconds":    {func(r *verify.Request) { r.Header.Set("Timestamp", "1700000000000") }, verify.ReasonFuture, "Timestamp"},
		"too long":        {func(r *verify.Request) { r.Header.Set("Timestamp", "17000000000000") }, verify.ReasonMalformed, "Timestamp"},
		"a sign":          {func(r *verify.Request) { r.Header.Set("Timestamp", "+1700000000") }, verify.ReasonMalformed, "Timestamp"},
		"no timestamp":    {func(r *verify.Request) { r.Header.Del("Timestamp") }, verify.ReasonMissing, "Timestamp"},
		"no signature":    {func(r *verify.Request) { r.Header.Del("Signature") }, verify.ReasonMissing, "Signature"},
		"short signature": {func(r *verify.Request) { r.Header.Set("Signature", "00") }, verify.ReasonMalformed, "Signature"},
		"no hex":          {func(r *verify.Request) { r.Header.Set("Signature", "zz") }, verify.ReasonMalformed, "Signature"},
	} {
		t.Run(name, func(t *testing.T) {
			r := clone(signed)
			c.change(r)
			requireRefused(t, v, r, now, c.reason, c.field)
		})
	}
}

func FuzzBetstack(f *testing.F) {
	v := testBetstack(f, "secret")
	now := time.Unix(1_700_000_000, 0)
	signed := newRequest(f, http.MethodPost, "https://example.com/", `{"a": "b c"}`)
	require.NoError(f, v.Sign(signed, now))
	f.Add(signed.Body, "1700000000", signed.Header.Get("Signature"))
	f.Add([]byte("{ }"), "-1", "zz")
	f.Fuzz(func(t *testing.T, body []byte, timestamp, signature string) {
		r := clone(signed)
		r.Body = body
		r.Header["Timestamp"], r.Header["Signature"] = []string{timestamp}, []string{signature}
		if _, err := v.Verify(t.Context(), r, now); err != nil {
			require.ErrorAs(t, err, new(*verify.Error))
			return
		}
		require.Equal(t, "1700000000", timestamp)
		require.Equal(t, meaningOf("betstack", signed), meaningOf("betstack", r))
	})
}
