package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

const caddyModule = "github.com/caddyserver/caddy/v2"

// manifest is the content of xcaddy.toml. Its keys are the JSON names of the
// fields of xcaddy's Builder, plus output, which Builder takes as an argument.
type manifest struct {
	CaddyVersion string        `toml:"caddy_version"`
	Plugins      []plugin      `toml:"plugins"`
	Replacements []replacement `toml:"replacements"`
	// Output is the path of the binary. If empty, the builder chooses, and
	// both xcaddy and go build choose "caddy".
	Output string `toml:"output"`
}

// plugin is a package that registers Caddy modules.
type plugin struct {
	ModulePath string `toml:"module_path"`
	// Version is whatever go get accepts after the "@". Empty means the
	// latest release, or whatever a replacement provides.
	Version string `toml:"version"`
}

// replacement is a replace directive for the go.mod of the build.
type replacement struct {
	Old string `toml:"old"`
	New string `toml:"new"`
}

// parseManifest refuses unknown keys, so that a misspelled one is not ignored.
func parseManifest(text string) (*manifest, error) {
	var m manifest
	meta, err := toml.Decode(text, &m)
	if err != nil {
		return nil, err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("unknown key %q", unknown[0].String())
	}
	return &m, m.validate()
}

func (m *manifest) validate() error {
	// The version becomes a positional argument, where a leading hyphen
	// would make it a flag. Otherwise xcaddy accepts any git ref.
	if m.CaddyVersion == "" || strings.HasPrefix(m.CaddyVersion, "-") {
		return fmt.Errorf("caddy_version %q is not a version", m.CaddyVersion)
	}
	if len(m.Plugins) == 0 {
		return errors.New("there are no plugins; without any, a released Caddy does the same")
	}
	for _, p := range m.Plugins {
		if err := module.CheckImportPath(p.ModulePath); err != nil {
			return fmt.Errorf("module_path of a plugin: %w", err)
		}
	}
	for _, r := range m.Replacements {
		if r.Old == "" || r.New == "" {
			return fmt.Errorf("replacement of %q by %q: old and new are both required", r.Old, r.New)
		}
	}
	return nil
}

// checkModule returns an error unless m describes a build of the module in
// goMod: the same Caddy, and its caddymodule package as the only plugin. Only
// then does go build in that module yield what xcaddy yields.
func (m *manifest) checkModule(goMod []byte) error {
	file, err := modfile.Parse("go.mod", goMod, nil)
	if err != nil {
		return err
	}
	own := file.Module.Mod.Path + "/caddymodule"
	for _, p := range m.Plugins {
		if p.ModulePath != own {
			return fmt.Errorf("plugin %s can only be added by xcaddy; the plain build has %s alone", p.ModulePath, own)
		}
	}
	for _, r := range file.Require {
		if r.Mod.Path == caddyModule {
			if r.Mod.Version != m.CaddyVersion {
				return fmt.Errorf("caddy_version is %s, but go.mod requires %s", m.CaddyVersion, r.Mod.Version)
			}
			return nil
		}
	}
	return fmt.Errorf("go.mod does not require %s", caddyModule)
}
