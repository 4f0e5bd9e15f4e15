package caddymodule

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

func TestExplainVerify(t *testing.T) {
	at := time.Unix(1700000000, 0)
	const several = `{"scheme":{"name":"any","schemes":[{"name":"github","secrets":["a"]},{"name":"stripe","secrets":["b"]},{"name":"bearer","tokens":["t"]}]}}`
	for name, tt := range map[string]struct {
		config string
		header http.Header
		cause  verify.Cause
		want   string
	}{
		"any without anything":    {several, nil, verify.Cause(verify.ReasonMissing), "As a request for github: The request lacks X-Hub-Signature-256"},
		"any with one's field":    {several, http.Header{"Stripe-Signature": {"t=1699999588,v1=00"}}, verify.CauseOld, "As a request for stripe: The timestamp is 412 s old"},
		"any with another sender": {several, http.Header{"Linear-Signature": {"00"}}, verify.CauseSender, "verify linear"},
		"bearer, another sender":  {`{"scheme":{"name":"bearer","tokens":["t"]}}`, http.Header{"Linear-Signature": {"00"}}, verify.CauseSender, "verify linear"},
		"mtls, signed by another": {`{"scheme":{"name":"mtls","dns_names":["a"]}}`, http.Header{"Linear-Signature": {"00"}}, verify.Cause(verify.ReasonMissing), "client_auth"},
		"bearer":                  {`{"scheme":{"name":"bearer","tokens":["t"]}}`, nil, verify.Cause(verify.ReasonMissing), "lacks Authorization"},
		"preset":                  {`{"scheme":{"name":"github","secrets":["a"]}}`, http.Header{"X-Hub-Signature": {"sha1=00"}}, verify.CauseSender, "verify github_sha1 or verify intercom"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newVerify(t, tt.config)
			r := &verify.Request{Method: http.MethodPost, Scheme: "https", Host: "example.com", Target: "/", Header: tt.header}
			_, _, err := h.verify(t.Context(), r, at)
			require.Error(t, err)
			hint, ok := explain(t.Context(), h.verifier, r, at, err)
			require.True(t, ok)
			require.Equal(t, tt.cause, hint.Cause, hint.Sentence)
			require.Contains(t, hint.Sentence, tt.want)
		})
	}
	_, ok := explain(t.Context(), newVerify(t, several).verifier, &verify.Request{}, at, errors.New("no answer"))
	require.False(t, ok)
}
