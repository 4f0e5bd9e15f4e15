package caddymodule

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/caddy-relay/caddy-relay/verify"
)

func TestResolveVerifySecrets(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return "{file." + path + "}"
	}
	t.Setenv("VERIFY_TEST_SECRET", "sEcReT")
	t.Setenv("VERIFY_TEST_EMPTY", "")
	for secret, want := range map[string]string{
		"sEcReT":                     "sEcReT",
		"{env.VERIFY_TEST_SECRET}":   "sEcReT",
		"x-{env.VERIFY_TEST_SECRET}": "x-sEcReT",
		`s\{E\}cReT`:                 "s{E}cReT",
		file("lf", "sEcReT\n"):       "sEcReT",
		file("crlf", "sEcReT\r\n"):   "sEcReT",
		file("bare", "sEcReT"):       "sEcReT",
	} {
		got, err := resolveVerifySecrets([]string{secret})
		require.NoError(t, err, secret)
		require.Equal(t, []string{want}, got)
	}
	for secret, message := range map[string]string{
		"":                          "secret 2: empty",
		"{env.VERIFY_TEST_UNSET}":   "secret 2: {env.VERIFY_TEST_UNSET} is unset",
		"{env.VERIFY_TEST_EMPTY}":   "secret 2: {env.VERIFY_TEST_EMPTY} is unset, unreadable, or empty",
		"{file." + dir + "/nope}":   "nope} is unset, unreadable, or empty",
		file("empty", "\n"):         "empty",
		"a{sEcReT}b":                "secret 2: it has a placeholder that is unknown",
		"{http.request.header.X}":   "secret 2: it has a placeholder that is unknown",
		"{env.X}sEcReT":             "secret 2: it has a placeholder that is unknown",
		file("blank", "sEcReT\n\n"): "secret 2: it has a line break",
		file("two", "sEcReT\nnext"): "secret 2: it has a line break",
	} {
		_, err := resolveVerifySecrets([]string{"good", secret})
		require.ErrorContains(t, err, message, secret)
		require.NotContains(t, err.Error(), "sEcReT")
	}
}

func TestRefusedVerifyConfigs(t *testing.T) {
	for config, message := range map[string]string{
		`{}`:                           "no scheme",
		`{"scheme":{"name":"nope"}}`:   "unknown module: verify.schemes.nope",
		`{"scheme":{"name":"github"}}`: "no secret",
		`{"scheme":{"name":"github","secrets":[""]}}`:                                                "secret 1: empty",
		`{"scheme":{"name":"github","secrets":["s"],"bogus":1}}`:                                     "bogus",
		`{"scheme":{"name":"standard_webhooks","secrets":["whsec_sEcReT!"]}}`:                        "secret 1: not standard base64",
		`{"scheme":{"name":"bearer"}}`:                                                               "no secret",
		`{"scheme":{"name":"bearer","tokens":["{env.VERIFY_TEST_UNSET}"]}}`:                          "VERIFY_TEST_UNSET",
		`{"scheme":{"name":"bearer","tokens":["sEcReT two"]}}`:                                       "token 1",
		`{"scheme":{"name":"basic"}}`:                                                                "no secret",
		`{"scheme":{"name":"basic","credentials":[{"username":"u"}]}}`:                               "credential 1",
		`{"scheme":{"name":"basic","credentials":[{"username":"u:v","password":"sEcReT"}]}}`:         "colon",
		`{"scheme":{"name":"hmac","secrets":["sEcReT"]}}`:                                            "no header name",
		`{"scheme":{"name":"hmac","signature":{"headers":["X-Sig"]}}}`:                               "no secret",
		`{"scheme":{"name":"hmac","secrets":["{sEcReT}"],"signature":{"headers":["X-Sig"]}}}`:        "secret 1",
		`{"scheme":{"name":"hmac","secrets":["s"],"signature":{"headers":["X"]},"algorithm":"md5"}}`: "md5",
		`{"scheme":{"name":"github","secrets":["s"]},"max_body":-1}`:                                 "negative max_body",
	} {
		_, err := loadVerify(t, config)
		require.ErrorContains(t, err, message, config)
		require.NotContains(t, err.Error(), "sEcReT")
	}
}

func TestHMACWarnings(t *testing.T) {
	core, logs := zapobserver.New(zap.WarnLevel)
	v, err := verify.NewHMAC(verify.HMACConfig{
		Signature: verify.Selector{Headers: []string{"X_Sig"}},
		Signed:    "{header.X.Dot}{header.X-Fine}{id}",
		ID:        &verify.Selector{Headers: []string{"X-Id"}},
	}, "secret")
	require.NoError(t, err)
	warnAboutHMAC(zap.New(core), v)
	require.Equal(t, 3, logs.Len())
	require.Equal(t, "X.dot", logs.All()[0].ContextMap()["header"])
	require.Equal(t, "X_sig", logs.All()[1].ContextMap()["header"])
	require.Contains(t, logs.All()[2].Message, "the body is not signed")
}
