package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestXcaddyCommand(t *testing.T) {
	tests := map[string]struct {
		m    manifest
		want string
	}{
		"least": {
			m:    manifest{CaddyVersion: "v2.0.0", Plugins: []plugin{{ModulePath: "example.com/a"}}},
			want: "xcaddy build v2.0.0 --with example.com/a",
		},
		"everything": {
			m: manifest{
				CaddyVersion: "v2.0.0",
				Output:       "bin/my caddy",
				Plugins:      []plugin{{ModulePath: "example.com/a", Version: "v1.2.3"}, {ModulePath: "example.com/b"}},
				Replacements: []replacement{{Old: "example.com/b", New: "../it's b"}},
			},
			want: `xcaddy build v2.0.0 --output 'bin/my caddy' --with example.com/a@v1.2.3` +
				` --with example.com/b --replace 'example.com/b=../it'\''s b'`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, shellQuote(tt.m.xcaddyCommand()))
		})
	}
}

func TestPlainCommand(t *testing.T) {
	const flags = "go build -trimpath -ldflags '-w -s' -tags nobadger,nomysql,nopgx "
	require.Equal(t, flags+"./caddymodule/cmd/caddy", shellQuote((&manifest{}).plainCommand()))
	require.Equal(t, flags+"-o bin/caddy ./caddymodule/cmd/caddy",
		shellQuote((&manifest{Output: "bin/caddy"}).plainCommand()))
}

// TestShellQuote asks a real shell to take the line apart again.
func TestShellQuote(t *testing.T) {
	args := []string{"plain", "", "two words", "it's", `"$HOME" \`, "`id`", "a\nb", "*", "~", "#", "-x=y"}
	out, err := exec.Command("sh", "-c", `printf '%s\0' `+shellQuote(args)).Output()
	require.NoError(t, err)
	require.Equal(t, args, strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"))
}

func TestRunPrintsTheCommandLine(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"--file", repositoryManifest}, &out, io.Discard))
	m, err := readManifest(repositoryManifest)
	require.NoError(t, err)
	require.Equal(t, "xcaddy build "+m.CaddyVersion+" --output ./caddy"+
		" --with github.com/caddy-relay/caddy-relay/caddymodule"+
		" --replace github.com/caddy-relay/caddy-relay=.\n", out.String())
}

// TestRunBuildsInTheManifestsDirectory puts stand-ins for xcaddy and go into
// PATH, which record how they are called.
func TestRunBuildsInTheManifestsDirectory(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	const script = "#!/bin/sh\necho \"${0##*/} $* in $PWD cgo=$CGO_ENABLED\"\n"
	for _, name := range []string{"xcaddy", "go"} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700))
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("CGO_ENABLED", "1")
	file := filepath.Join(dir, "xcaddy.toml")
	require.NoError(t, os.WriteFile(file, []byte(`caddy_version = "v2.1.0"
[[plugins]]
module_path = "example.com/relay/caddymodule"
`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"),
		[]byte("module example.com/relay\nrequire github.com/caddyserver/caddy/v2 v2.1.0\n"), 0o600))

	tests := map[string]string{
		"--run":   "xcaddy build v2.1.0 --with example.com/relay/caddymodule in " + dir + " cgo=0\n",
		"--plain": "go build -trimpath -ldflags -w -s -tags nobadger,nomysql,nopgx ./caddymodule/cmd/caddy in " + dir + " cgo=0\n",
	}
	for flag, want := range tests {
		t.Run(flag, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, run(t.Context(), []string{"--file", file, flag}, &out, io.Discard))
			require.Equal(t, want, out.String())
		})
	}
}

func TestRunRefuses(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"both modes":     {[]string{"--run", "--plain"}, "exclude each other"},
		"stray argument": {[]string{"build"}, `unexpected argument "build"`},
		"unknown flag":   {[]string{"--rnu"}, "not defined"},
		"no such file":   {[]string{"--file", "nonexistent.toml"}, "nonexistent.toml"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, run(t.Context(), tt.args, io.Discard, io.Discard), tt.want)
		})
	}
}
