package caddymodule

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestResolveSecrets(t *testing.T) {
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
		got, err := resolveSecrets([]string{secret})
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
		"{env.VERIFY_TEST_SECRET":   "secret 2: it has a placeholder that is unknown, unset, empty, or not closed",
		"{env.VERIFY_TEST_SECRET}}": "secret 2: it has a placeholder that is unknown",
		"sEc{ReT":                   "secret 2: it has a placeholder that is unknown",
		"{http.request.header.X}":   "secret 2: it has a placeholder that is unknown",
		"{env.X}sEcReT":             "secret 2: it has a placeholder that is unknown",
		file("blank", "sEcReT\n\n"): "secret 2: it has a line break",
		file("two", "sEcReT\nnext"): "secret 2: it has a line break",
	} {
		_, err := resolveSecrets([]string{"good", secret})
		require.ErrorContains(t, err, message, secret)
		require.NotContains(t, err.Error(), "sEcReT")
	}
}
