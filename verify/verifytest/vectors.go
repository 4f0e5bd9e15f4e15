// Package verifytest reads the requests that verifiers are tested with. It is
// for tests only.
package verifytest

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Vectors reads the requests of the schemes from a file into a slice that into
// points to. Requests of other schemes may have another form.
func Vectors(t testing.TB, file string, into any, schemes ...string) {
	t.Helper()
	content, err := os.ReadFile(file) //nolint:gosec // The test names it.
	require.NoError(t, err)
	var all []json.RawMessage
	require.NoError(t, json.Unmarshal(content, &all))
	var chosen []json.RawMessage
	for _, raw := range all {
		var v struct{ Scheme string }
		require.NoError(t, json.Unmarshal(raw, &v))
		if slices.Contains(schemes, v.Scheme) {
			chosen = append(chosen, raw)
		}
	}
	require.NotEmpty(t, chosen)
	joined, err := json.Marshal(chosen)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(joined, into))
}
