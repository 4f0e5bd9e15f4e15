package caddymodule

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/require"
)

// caddyfiles returns the blocks of a Markdown text that are marked as
// Caddyfiles, by the number of their first line.
func caddyfiles(markdown string) map[int]string {
	blocks := make(map[int]string)
	start, block := 0, ""
	for i, line := range strings.SplitAfter(markdown, "\n") {
		switch fence := strings.TrimSpace(line); {
		case start == 0 && fence == "```caddyfile":
			start, block = i+2, ""
		case start != 0 && fence == "```":
			blocks[start] = block
			start = 0
		case start != 0:
			block += line
		}
	}
	return blocks
}

// TestDocs adapts all Caddyfiles that the documentation shows, and checks that
// they are formatted as "caddy fmt" would do it.
func TestDocs(t *testing.T) {
	files, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	files = append(files, "../README.md")
	found := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		for line, block := range caddyfiles(string(content)) {
			found++
			got := adapt(filepath.Base(file), block)
			require.True(t, json.Valid([]byte(got)), "the block at line %d of %s: %s", line, file, got)
			require.Equal(t, string(caddyfile.Format([]byte(block))), block, "the block at line %d of %s", line, file)
		}
	}
	require.NotZero(t, found)
}
