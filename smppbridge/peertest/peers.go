// Package peertest runs other implementations of SMPP, so that ours can be tested
// and compared with them. It is no part of the product.
package peertest

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Dir is [Find] for tests. It skips the test if anything is missing, or with
// SMPP_PEERS_REQUIRED fails it.
func Dir(t *testing.T, program string, check ...string) string {
	t.Helper()
	// Go shows old results of a test unless it knows that this has changed.
	_ = os.Getenv("NODE_PATH")
	dir, err := Find(program, check...)
	if err != nil {
		missing(t, "%v", err)
	}
	return dir
}

// missing ends a test that needs what is not there.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("SMPP_PEERS_REQUIRED") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// NodeSMSC starts node-smpp as an SMSC in a mode of its script, such as
// "id=hex dlr_id=dec", until the test ends, or skips the test. It returns the
// address of the SMSC, and the URL that controls it.
func NodeSMSC(t *testing.T, mode string) (address, control string) {
	t.Helper()
	dir := Dir(t, "node", "-e", "require.resolve('smpp')")
	port, controlPort := freePort(t), freePort(t)
	args := append([]string{"smsc.js", "port=" + port, "ctl=" + controlPort}, strings.Fields(mode)...)
	cmd := exec.Command("node", args...) //nolint:gosec // The test's own arguments.
	cmd.Dir = dir
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stderr).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "listening")
	return net.JoinHostPort("127.0.0.1", port), "http://" + net.JoinHostPort("127.0.0.1", controlPort)
}

// FreeAddress returns a loopback address that nothing listens on. Its port is
// below those that systems give to connections, so that none of these takes it
// before whoever it is for listens there.
func FreeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))) //nolint:gosec // Any port will do.
		if err != nil {
			continue // It is taken.
		}
		require.NoError(t, l.Close())
		return l.Addr().String()
	}
	t.Fatal("no port is free")
	return ""
}

func freePort(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(FreeAddress(t))
	require.NoError(t, err)
	return port
}
