package peertest

import (
	_ "embed"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:embed testdata/libsmpp34.c
var libsmpp34 string

// LibSMPP34 has libsmpp34, a strict decoder of SMPP 3.4, decode PDUs, and returns
// for each its command_id in hex, and "ok" or what is wrong. It skips the test if
// the library or a C compiler is missing.
func LibSMPP34(t *testing.T, frames [][]byte) []string {
	t.Helper()
	dir := t.TempDir()
	source, program := filepath.Join(dir, "judge.c"), filepath.Join(dir, "judge")
	require.NoError(t, os.WriteFile(source, []byte(libsmpp34), 0o600))
	if out, err := exec.Command("gcc", "-o", program, source, "-I/usr/include/libsmpp34", "-lsmpp34").CombinedOutput(); err != nil { //nolint:gosec // The test's own arguments.
		missing(t, "libsmpp34 can't be used (apt-get install gcc libc6-dev libsmpp34-dev): %s%v", out, err)
	}
	cmd := exec.Command(program) //nolint:gosec // It was just built.
	cmd.Stdin = strings.NewReader(hexLines(frames))
	out, err := cmd.Output()
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// hexLines has one PDU a line.
func hexLines(frames [][]byte) string {
	var lines strings.Builder
	for _, frame := range frames {
		lines.WriteString(hex.EncodeToString(frame) + "\n")
	}
	return lines.String()
}

// Judge runs a script that judges PDUs in a file, one in hex a line, in the
// directory of foreign peers: "tsdecode.sh" or a program made of "judge34.c". The
// test fails if the script does not take them all.
func Judge(t *testing.T, script string, frames [][]byte) {
	t.Helper()
	dir := Dir(t, "sh", "-c", "command -v text2pcap tshark gcc && test -d /usr/include/libsmpp34")
	lines := filepath.Join(t.TempDir(), "pdus.hex")
	require.NoError(t, os.WriteFile(lines, []byte(hexLines(frames)), 0o600))
	cmd := exec.Command(filepath.Join(dir, script), lines) //nolint:gosec // The test's own arguments.
	if source, ok := strings.CutSuffix(script, ".c"); ok {
		program := filepath.Join(t.TempDir(), source)
		out, err := exec.Command("gcc", "-o", program, filepath.Join(dir, script), "-I/usr/include/libsmpp34", "-lsmpp34").CombinedOutput() //nolint:gosec // The test's own arguments.
		require.NoError(t, err, "%s", out)
		cmd = exec.Command(program) //nolint:gosec // It was just built.
		input, err := os.Open(lines)
		require.NoError(t, err)
		defer func() { require.NoError(t, input.Close()) }()
		cmd.Stdin = input
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
