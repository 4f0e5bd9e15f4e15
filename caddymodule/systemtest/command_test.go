package systemtest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// relayCommand runs a command of the binary with a secret in its environment.
func relayCommand(t *testing.T, stdin string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"relay"}, args...)...)
	cmd.Env = append(os.Environ(), "HOOK_SECRET=s3cret-of-the-hook", "HOME="+t.TempDir())
	cmd.Stdin = strings.NewReader(stdin)
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out.String(), messages.String(), exit.ExitCode()
	}
	require.NoError(t, err)
	return out.String(), messages.String(), 0
}

// TestCommands signs a request, asks whether it is authentic, and sends it to the
// server, as it is and with a change.
func TestCommands(t *testing.T) {
	directive := filepath.Join(t.TempDir(), "directive")
	require.NoError(t, os.WriteFile(directive, []byte("verify /in stripe {env.HOOK_SECRET}\n"), 0o600))
	c := newCaddy(t)
	c.env = append(c.env, "HOOK_SECRET=s3cret-of-the-hook")
	c.configure(t, "", "import "+directive+"\nrespond 204\n")
	c.start(t)

	request, messages, status := relayCommand(t, `{"type": "delivered"}`, "sign", "--directive", directive, "--body", "-", "--url", "http://"+c.site+"/in")
	require.Zero(t, status, messages)
	out, messages, status := relayCommand(t, request, "verify", "--directive", directive, "--request", "-")
	require.Zero(t, status, messages)
	require.Regexp(t, `^valid\nscheme: stripe\nkey: 1\ntimestamp: \S+ \(\d+ s ago\)\n$`, out)
	require.Equal(t, http.StatusNoContent, sendAsItIs(t, c.site, request))

	changed := strings.Replace(request, `{"type": "delivered"}`, `{"type": "Delivered"}`, 1)
	out, _, status = relayCommand(t, changed, "verify", "--directive", directive, "--request", "-")
	require.Equal(t, 1, status)
	require.Regexp(t, `^invalid\nscheme: stripe\nreason: signature_mismatch\nhint: .*\.\n$`, out)
	require.Equal(t, http.StatusUnauthorized, sendAsItIs(t, c.site, changed))

	for _, args := range [][]string{{"verify"}, {"sign"}, {"verify", "--bogus"}, {"bogus"}, {"sign", "--directive", directive, "extra"}} {
		out, messages, status = relayCommand(t, "", args...)
		require.Equal(t, 2, status, args)
		require.Empty(t, out)
		require.NotEmpty(t, messages)
	}
	for _, text := range []string{out, messages} {
		require.NotContains(t, text, "s3cret-of-the-hook")
	}
	out, _, status = relayCommand(t, "")
	require.Zero(t, status)
	require.Contains(t, out, "verify")
	c.stop(t)
}

// sendAsItIs sends a request byte by byte, and returns the status of the answer.
func sendAsItIs(t *testing.T, address, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}
