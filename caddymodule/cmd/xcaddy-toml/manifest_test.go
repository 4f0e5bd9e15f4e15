package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
)

const (
	repositoryManifest = "../../../xcaddy.toml"
	repositoryGoMod    = "../../../go.mod"
)

// TestManifestMatchesGoMod keeps xcaddy.toml from drifting away from what the
// module is tested with.
func TestManifestMatchesGoMod(t *testing.T) {
	m, err := readManifest(repositoryManifest)
	require.NoError(t, err)
	goMod, err := os.ReadFile(repositoryGoMod)
	require.NoError(t, err)

	require.NoError(t, m.checkModule(goMod))
	own := modfile.ModulePath(goMod)
	require.Equal(t, []plugin{{ModulePath: own + "/caddymodule"}}, m.Plugins)
	require.Equal(t, []replacement{{Old: own, New: "."}}, m.Replacements)
}

func TestParseManifestRefuses(t *testing.T) {
	const valid = `caddy_version = "v2.0.0"
[[plugins]]
module_path = "example.com/plugin"
`
	_, err := parseManifest(valid)
	require.NoError(t, err, "the text that the cases below break")

	tests := map[string]struct{ text, want string }{
		"syntax":               {`caddy_version = `, "expected value"},
		"unknown key":          {"caddy_vresion = 'v1'\n" + valid, `unknown key "caddy_vresion"`},
		"unknown nested key":   {valid + `version_ = "v1"`, `unknown key "plugins.version_"`},
		"no version":           {`[[plugins]]` + "\n" + `module_path = "example.com/plugin"`, "caddy_version"},
		"version is a flag":    {`caddy_version = "--help"`, "caddy_version"},
		"no plugins":           {`caddy_version = "v2.0.0"`, "no plugins"},
		"no module path":       {"caddy_version = 'v2.0.0'\n[[plugins]]\nversion = 'v1.0.0'", "module_path"},
		"module path is flag":  {"caddy_version = 'v2.0.0'\n[[plugins]]\nmodule_path = '-x/y'", "module_path"},
		"half a replacement":   {valid + "[[replacements]]\nold = 'example.com/plugin'", "both required"},
		"wrong type of a list": {"caddy_version = 'v2.0.0'\nplugins = 'example.com/plugin'", "plugins"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parseManifest(tt.text)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestCheckModule(t *testing.T) {
	const goMod = "module example.com/relay\nrequire github.com/caddyserver/caddy/v2 v2.1.0\n"
	own := []plugin{{ModulePath: "example.com/relay/caddymodule"}}
	tests := map[string]struct {
		m     manifest
		goMod string
		want  string
	}{
		"the same": {m: manifest{CaddyVersion: "v2.1.0", Plugins: own}, goMod: goMod},
		"other Caddy": {
			m:     manifest{CaddyVersion: "v2.2.0", Plugins: own},
			goMod: goMod,
			want:  "caddy_version is v2.2.0, but go.mod requires v2.1.0",
		},
		"another plugin": {
			m:     manifest{CaddyVersion: "v2.1.0", Plugins: append([]plugin{{ModulePath: "example.com/other"}}, own...)},
			goMod: goMod,
			want:  "plugin example.com/other can only be added by xcaddy",
		},
		"no Caddy": {
			m:     manifest{CaddyVersion: "v2.1.0", Plugins: own},
			goMod: "module example.com/relay\n",
			want:  "does not require",
		},
		"malformed go.mod": {
			m:     manifest{CaddyVersion: "v2.1.0", Plugins: own},
			goMod: "modul example.com/relay\n",
			want:  "unknown directive",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tt.m.checkModule([]byte(tt.goMod))
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}
