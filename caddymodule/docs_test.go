package caddymodule

import (
	"encoding/json"
	"fmt"
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
		require.NoError(t, err)
		for line, block := range caddyfiles(string(content)) {
			found++
			requireGood(t, block, fmt.Sprintf("the block at line %d of %s", line, file))
		}
	}
	require.NotZero(t, found)
	example, err := os.ReadFile("../Caddyfile.example")
	require.NoError(t, err)
	requireGood(t, string(example), "Caddyfile.example")
}

func requireGood(t *testing.T, text, what string) {
	t.Helper()
	got := adapt("Caddyfile", text)
	require.True(t, json.Valid([]byte(got)), "%s: %s", what, got)
	require.Equal(t, string(caddyfile.Format([]byte(text))), text, what)
}
