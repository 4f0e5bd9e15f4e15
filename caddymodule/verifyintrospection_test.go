package caddymodule

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify/verifytest"
)

func TestIntrospectionVectors(t *testing.T) {
	var vectors []struct {
		ID, Method, URL, Body, Expect string
		Headers                       [][2]string
		Now                           int64
		Config                        struct {
			Response json.RawMessage
			Status   int
			Scope    string
		}
	}
	verifytest.Vectors(t, "../verify/testdata/verify.json", &vectors, "introspection")
	t.Setenv("CLIENT_SECRET", "sEcReT")
	for _, v := range vectors {
		t.Run(v.ID, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, secret, _ := r.BasicAuth(); secret != "sEcReT" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				w.WriteHeader(v.Config.Status)
				_, _ = w.Write(v.Config.Response)
			}))
			defer s.Close()
			h := newVerifyDirective(t, "verify introspection {\n allow_private\n endpoint "+s.URL+"\n scope "+v.Config.Scope+
				"\n client_id hooks\n client_secret {env.CLIENT_SECRET}\n}")
			h.now = func() time.Time { return time.Unix(v.Now, 0) }
			r := newRequest(v.Method, v.URL, strings.NewReader(v.Body))
			for _, field := range v.Headers {
				r.Header.Add(field[0], field[1])
			}
			w := httptest.NewRecorder()
			arrived, err := serve(w, r, h)
			switch {
			case v.Expect == "valid":
				require.NoError(t, err)
				require.Equal(t, "Z5O3upPC88QrAjx00dis l238j323ds-23ij4", expand(arrived, "{http.auth.user.id} {verify.claims.client_id}"))
			case v.Config.Status != http.StatusOK:
				requireStatus(t, http.StatusServiceUnavailable, err)
			default:
				requireStatus(t, http.StatusUnauthorized, err)
				require.Equal(t, "Bearer", w.Header().Get("WWW-Authenticate"))
			}
		})
	}
}

// TestIntrospectionOnce checks that a token, which may be used for many
// messages, does not make them repeats.
func TestIntrospectionOnce(t *testing.T) {
	_, err := verifyDirective(t, "verify introspection {\n endpoint https://example.com/\n once 1h\n}")
	require.ErrorContains(t, err, "does not tell one message from another")
}
