//go:build linux

package main

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSMPPNeedsKannel(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := run(t.Context(), []string{"smpp"}, io.Discard, io.Discard)
	require.ErrorIs(t, err, errNoKannel)
	require.ErrorContains(t, err, "apt-get install kannel")
	require.ErrorContains(t, err, `"bearerbox"`)
}
