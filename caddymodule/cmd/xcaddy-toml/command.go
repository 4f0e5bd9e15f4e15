package main

import (
	"regexp"
	"strings"
)

// xcaddyCommand returns the arguments of the xcaddy build that m describes.
func (m *manifest) xcaddyCommand() []string {
	args := []string{"xcaddy", "build", m.CaddyVersion}
	if m.Output != "" {
		args = append(args, "--output", m.Output)
	}
	for _, p := range m.Plugins {
		with := p.ModulePath
		if p.Version != "" {
			with += "@" + p.Version
		}
		args = append(args, "--with", with)
	}
	for _, r := range m.Replacements {
		args = append(args, "--replace", r.Old+"="+r.New)
	}
	return args
}

// plainCommand returns the arguments of a build with nothing but Go. Flags and
// build tags are xcaddy's, so that the binaries differ in nothing but their
// main package. It is to be run without cgo, as xcaddy does by default.
func (m *manifest) plainCommand() []string {
	args := []string{
		"go", "build",
		"-trimpath",
		"-ldflags", "-w -s",
		"-tags", "nobadger,nomysql,nopgx",
	}
	if m.Output != "" {
		args = append(args, "-o", m.Output)
	}
	return append(args, "./caddymodule/cmd/caddy")
}

var shellSafe = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellQuote joins args to a line that a POSIX shell splits into args again.
func shellQuote(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		if !shellSafe.MatchString(arg) {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		quoted[i] = arg
	}
	return strings.Join(quoted, " ")
}
