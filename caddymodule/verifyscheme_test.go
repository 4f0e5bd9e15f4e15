package caddymodule

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/caddy-relay/caddy-relay/verify"
)

func TestRefusedVerifyConfigs(t *testing.T) {
	for config, message := range map[string]string{
		`{}`:                           "no scheme",
		`{"scheme":{"name":"nope"}}`:   "unknown module: verify.schemes.nope",
		`{"scheme":{"name":"github"}}`: "no secret",
		`{"scheme":{"name":"github","secrets":[""]}}`:                                                    "secret 1: empty",
		`{"scheme":{"name":"github","secrets":["s"],"bogus":1}}`:                                         "bogus",
		`{"scheme":{"name":"asana","secrets":["s"],"options":{"window":["1m"]}}}`:                        "window without enroll",
		`{"scheme":{"name":"github","secrets":["s"],"allow_private":true}}`:                              "allow_private: there is nothing",
		`{"scheme":{"name":"standard_webhooks","secrets":["whsec_sEcReT!"]}}`:                            "secret 1: not standard base64",
		`{"scheme":{"name":"bearer"}}`:                                                                   "no secret",
		`{"scheme":{"name":"bearer","tokens":["{env.VERIFY_TEST_UNSET}"]}}`:                              "VERIFY_TEST_UNSET",
		`{"scheme":{"name":"bearer","tokens":["sEcReT two"]}}`:                                           "token 1",
		`{"scheme":{"name":"basic"}}`:                                                                    "no secret",
		`{"scheme":{"name":"basic","credentials":[{"username":"u"}]}}`:                                   "credential 1",
		`{"scheme":{"name":"basic","credentials":[{"username":"u:v","password":"sEcReT"}]}}`:             "colon",
		`{"scheme":{"name":"hmac","secrets":["sEcReT"]}}`:                                                "no name of a header",
		`{"scheme":{"name":"hmac","signature":{"headers":["X-Sig"]}}}`:                                   "no secret",
		`{"scheme":{"name":"hmac","secrets":["{sEcReT}"],"signature":{"headers":["X-Sig"]}}}`:            "secret 1",
		`{"scheme":{"name":"hmac","secrets":["s"],"signature":{"headers":["X"]},"algorithm":"ed25519"}}`: "is not one of md5",
		`{"scheme":{"name":"github","secrets":["s"]},"max_body":-1}`:                                     "negative max_body",
	} {
		_, err := loadVerify(t, config)
		require.ErrorContains(t, err, message, config)
		require.NotContains(t, err.Error(), "sEcReT")
	}
}

func TestHMACWarnings(t *testing.T) {
	core, logs := zapobserver.New(zap.WarnLevel)
	v, err := verify.NewSignature(verify.SignatureConfig{
		Signature: verify.Selector{Headers: []string{"X_Sig"}},
		Signed:    "{header.X.Dot}{header.X-Fine}{id}",
		ID:        &verify.Selector{Headers: []string{"X-Id"}},
	}, "secret")
	require.NoError(t, err)
	warnAboutSignature(zap.New(core), v)
	require.Equal(t, 3, logs.Len())
	require.Equal(t, "X.dot", logs.All()[0].ContextMap()["header"])
	require.Equal(t, "X_sig", logs.All()[1].ContextMap()["header"])
	require.Contains(t, logs.All()[2].Message, "the body is not signed")
}
