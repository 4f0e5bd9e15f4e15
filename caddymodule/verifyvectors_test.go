package caddymodule

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/require"
)

// TestVerifyCaddyfileVectors sends the verifiers' vectors of some providers
// through handlers that are configured as the documentation shows.
func TestVerifyCaddyfileVectors(t *testing.T) {
	configs := map[string]string{
		"github":            "verify github SECRET",
		"standard-webhooks": "verify standard_webhooks SECRET",
		"bearer-static":     "verify bearer SECRET",
		"stripe": `verify hmac SECRET {
			header Stripe-Signature
			split ,
			prefix v1=
			signed {timestamp}.{body}
			timestamp header Stripe-Signature {
				split ,
				prefix t=
			}
		}`,
		"slack": `verify hmac {
			secret SECRET
			header X-Slack-Signature
			prefix v0=
			signed v0:{timestamp}:{body}
			timestamp header X-Slack-Request-Timestamp unix
			tolerance 300s
		}`,
		"hubspot-v3": `verify hmac SECRET {
			header X-HubSpot-Signature-v3
			encoding base64
			signed {method}{url}{body}{timestamp}
			timestamp header X-HubSpot-Request-Timestamp unix_ms
		}`,
		"sinch-webhook": `verify hmac SECRET {
			header x-sinch-webhook-signature
			encoding base64
			signed {body}.{id}.{timestamp}
			timestamp header x-sinch-webhook-signature-timestamp
			id header x-sinch-webhook-signature-nonce
		}`,
		"sinch-numbers": `verify hmac SECRET {
			header X-Sinch-Signature
			algorithm sha1
		}`,
	}
	content, err := os.ReadFile("../verify/testdata/verify.json")
	require.NoError(t, err)
	var vectors []struct {
		ID, Scheme, Method, URL, Body, Expect string
		Secret                                any
		BodyB64                               []byte `json:"body_b64"`
		Headers                               [][2]string
		Now                                   int64
		Config                                any
	}
	require.NoError(t, json.Unmarshal(content, &vectors))
	seen := make(map[string]int)
	for _, v := range vectors {
		config, ok := configs[v.Scheme]
		secret, single := v.Secret.(string)
		if !ok || !single || v.Config != nil {
			continue
		}
		seen[v.Scheme]++
		t.Run(v.ID, func(t *testing.T) {
			var h Verify
			err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(strings.Replace(config, "SECRET", `"`+secret+`"`, 1)))
			var provisioned *Verify
			if err == nil {
				raw, marshalErr := json.Marshal(h)
				require.NoError(t, marshalErr)
				provisioned, err = loadVerify(t, string(raw))
			}
			if v.Expect == "invalid" && err != nil {
				return // such a secret is refused before any request
			}
			require.NoError(t, err)
			provisioned.now = func() time.Time { return time.Unix(v.Now, 0) }
			body := v.Body + string(v.BodyB64)
			r := newRequest(v.Method, v.URL, strings.NewReader(body))
			for _, field := range v.Headers {
				r.Header.Add(field[0], field[1])
			}
			arrived, err := serve(httptest.NewRecorder(), r, provisioned)
			if v.Expect == "invalid" {
				requireStatus(t, http.StatusUnauthorized, err)
				require.Nil(t, arrived)
				return
			}
			require.NoError(t, err)
			require.NotNil(t, arrived)
		})
	}
	require.Len(t, seen, len(configs))
}
