package verify_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

// FuzzSignatureHeader looks for a field that passes without holding the
// signature and the timestamp, each as a whole member of the list.
func FuzzSignatureHeader(f *testing.F) {
	signature := sign("k", "1700000000.hello")
	for _, s := range []string{
		"t=1700000000,v1=" + signature, "v1=" + signature + ",t=1700000000,v0=x", "t=1700000000,v1=" + strings.ToUpper(signature),
		"t=1,t=1700000000,v1=" + signature, ",,", "t=", "v1=", "",
	} {
		f.Add(s)
	}
	v := newSignature(f, verify.SignatureConfig{
		Signature: verify.Selector{Headers: []string{"X-Sig"}, Split: ",", Prefix: "v1="},
		Signed:    "{timestamp}.{body}",
		Timestamp: &verify.TimestampConfig{Selector: verify.Selector{Headers: []string{"X-Sig"}, Split: ",", Prefix: "t="}},
	}, "k")
	f.Fuzz(func(t *testing.T, value string) {
		r := &verify.Request{Header: http.Header{"X-Sig": {value}}, Body: []byte("hello")}
		if _, err := v.Verify(t.Context(), r, now); err != nil {
			return
		}
		list := "," + value + ","
		require.Contains(t, strings.ToLower(list), "v1="+signature+",")
		require.Contains(t, list, ",t=1700000000,")
		require.Equal(t, 1, strings.Count(list, ",t="))
	})
}
