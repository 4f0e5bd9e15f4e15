package provider

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

// TestPlivoV2WithoutPath verifies the example of Plivo's libraries, whose URL has
// no path.
func TestPlivoV2WithoutPath(t *testing.T) {
	v, err := Lookup("plivo_v2").New(Settings{Secrets: []string{"my_auth_token"}})
	require.NoError(t, err)
	r := &verify.Request{
		Method: http.MethodPost, Scheme: "https", Host: "answer.url", Target: "/",
		Header: http.Header{
			"X-Plivo-Signature-V2":       {"ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc="},
			"X-Plivo-Signature-V2-Nonce": {"12345"},
		},
	}
	_, err = v.Verify(t.Context(), r, tableNow)
	require.NoError(t, err)
	for _, target := range []string{"/x", "/?x=/", "//"} {
		r.Target = target
		_, err = v.Verify(t.Context(), r, tableNow)
		require.Equal(t, target == "/?x=/", err == nil, target)
	}
}
