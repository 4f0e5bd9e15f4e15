// Command xcaddy-toml reads a build manifest and prints the xcaddy command
// line that does what it says. With --run it runs that command. With --plain
// it builds the main package in caddymodule/cmd/caddy instead, for which Go is
// enough.
//
// Builds run in the directory of the manifest, which is what relative paths in
// it refer to.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "xcaddy-toml:", err)
		}
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("xcaddy-toml", flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("file", "xcaddy.toml", "the manifest")
	runXcaddy := flags.Bool("run", false, "run xcaddy instead of printing its command line")
	plain := flags.Bool("plain", false, "build without xcaddy")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *runXcaddy && *plain {
		return errors.New("--run and --plain exclude each other")
	}

	m, err := readManifest(*path)
	if err != nil {
		return err
	}
	dir := filepath.Dir(*path)
	var command []string
	switch {
	case *plain:
		goMod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil {
			return err
		}
		if err := m.checkModule(goMod); err != nil {
			return fmt.Errorf("%s: %w", *path, err)
		}
		command = m.plainCommand()
	case *runXcaddy:
		command = m.xcaddyCommand()
	default:
		_, err := fmt.Fprintln(stdout, shellQuote(m.xcaddyCommand()))
		return err
	}
	return execute(ctx, dir, command, stdout, stderr)
}

func readManifest(path string) (*manifest, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// execute builds without cgo whatever the environment says, so that the binary
// is static and the same everywhere.
func execute(ctx context.Context, dir string, command []string, stdout, stderr io.Writer) error {
	//nolint:gosec // running a build tool with what the manifest says is what the program is for
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout = stdout
	cmd.Stderr = stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", shellQuote(command), err)
	}
	return nil
}
