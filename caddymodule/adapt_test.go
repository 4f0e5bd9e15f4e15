package caddymodule

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what the adapter says into the files of testdata/adapt")

const adaptSeparator = "\n----------\n"

// adapt returns the JSON of a Caddyfile, indented, or the error.
func adapt(name, caddyfile string) string {
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": name})
	if err != nil {
		return err.Error()
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, adapted, "", "\t"); err != nil {
		return err.Error()
	}
	return indented.String()
}

// TestAdapt adapts the Caddyfile in each file of testdata/adapt. What stands
// behind the line of dashes is the JSON, or the error with file and line.
func TestAdapt(t *testing.T) {
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			caddyfile, want, ok := strings.Cut(string(content), adaptSeparator)
			got := adapt("Caddyfile", caddyfile+"\n")
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(caddyfile+adaptSeparator+got+"\n"), 0o600))
				return
			}
			require.True(t, ok, "no line of dashes")
			require.Equal(t, strings.TrimSpace(want), got)
		})
	}
}
