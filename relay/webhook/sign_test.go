package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

// The example that the specification's reference libraries are tested with.
func TestSignPublishedExample(t *testing.T) {
	s, err := newSigner([]string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
	require.NoError(t, err)
	got := s.appendSignatures(nil, "msg_p5jXN8AQM9LWM0D4loKWxJek", []byte("1614265330"), []byte(`{"test": 2432232314}`))
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", string(got))
}

func TestSignLikeReferenceLibrary(t *testing.T) {
	for _, size := range []int{0, 1, 63, 64, 65, 1 << 10, 100 << 10} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			key, body := make([]byte, 24+size%41), make([]byte, size)
			_, _ = rand.Read(key)
			_, _ = rand.Read(body)
			secret := "whsec_" + base64.StdEncoding.EncodeToString(key)
			reference, err := standardwebhooks.NewWebhook(secret)
			require.NoError(t, err)
			s, err := newSigner([]string{secret})
			require.NoError(t, err)
			for _, id := range []string{"a", "0190_1z", strings.Repeat("x", 300)} {
				at := time.Unix(1_700_000_000+int64(size), 0)
				want, err := reference.Sign(id, at, body)
				require.NoError(t, err)
				require.Equal(t, want, string(s.appendSignatures(nil, id, strconv.AppendInt(nil, at.Unix(), 10), body)))
			}
		})
	}
}

func TestSignSeveralSecrets(t *testing.T) {
	one, two := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "b3RoZXIgc2VjcmV0IGZvciByb3RhdGlvbg=="
	sign := func(secrets ...string) string {
		s, err := newSigner(secrets)
		require.NoError(t, err)
		return string(s.appendSignatures([]byte("before "), "id", []byte("1"), []byte("body")))
	}
	require.Equal(t, sign(one)+" "+strings.TrimPrefix(sign(two), "before "), sign(one, two))
	require.Equal(t, "before ", sign())
}

func TestSignBadSecrets(t *testing.T) {
	for _, secret := range []string{"", "whsec_", "whsec_s3cret!", "not base64 s3cret", "whpk_s3cretAAAA", "s3cretB=", "s3cretA\n=", "whsec_s3cretA=\r\n"} {
		_, err := newSigner([]string{"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", secret})
		require.EqualError(t, err, `a signing secret must be base64, with or without "whsec_" before it`, secret)
	}
}
