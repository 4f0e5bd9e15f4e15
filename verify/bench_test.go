package verify_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

func BenchmarkVerify(b *testing.B) {
	body := strings.Repeat("x", 1024)
	signature := func(c verify.SignatureConfig, secrets ...string) verify.Verifier {
		return newSignature(b, c, secrets...)
	}
	basic, err := verify.NewBasic(verify.Credential{Username: "relay", Password: "s3cret"})
	require.NoError(b, err)
	bearer, err := verify.NewBearer("", "mF_9.B5f-4.1JqM")
	require.NoError(b, err)
	standard := post(body, "Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "Webhook-Timestamp", "1700000000",
		"Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac("secret", "msg_p5jXN8AQM9LWM0D4loKWxJek.1700000000."+body)))
	for _, bench := range []struct {
		name     string
		verifier verify.Verifier
		request  *verify.Request
	}{
		{"standard_webhooks", signature(standardWebhooks, "c2VjcmV0"), standard},
		{"standard_webhooks_rotated", signature(standardWebhooks, "b3RoZXI=", "c2VjcmV0"), standard},
		{"github", signature(github, "secret"), post(body, "X-Hub-Signature-256", "sha256="+sign("secret", body), "X-Github-Delivery", "72d3162e")},
		{"basic", basic, post(body, "Authorization", encode("relay:s3cret"))},
		{"bearer", bearer, post(body, "Authorization", "Bearer mF_9.B5f-4.1JqM")},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := bench.verifier.Verify(b.Context(), bench.request, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
