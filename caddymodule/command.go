package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "relay",
		Usage: "<command>",
		Short: "Commands for events and those who send them",
		CobraFunc: func(cmd *cobra.Command) {
			cmd.AddCommand(newVerifyCommand(), newSignCommand())
			cmd.RunE = commandFunc(func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					return fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
				}
				return cmd.Help()
			})
		},
	})
}

// exitTrouble is the status of commands that could not do what they are for, as
// that of grep and diff. Status 1 is for the answer no.
const exitTrouble = 2

// errNo makes a command end with status 1 and without a message.
var errNo = errors.New("no")

// commandFunc returns f as cobra needs it. Errors but errNo are logged, and make
// the status exitTrouble.
func commandFunc(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := f(cmd, args)
		if err == nil {
			return nil
		}
		if errors.Is(err, errNo) {
			cmd.SilenceErrors = true
			return err
		}
		return trouble(cmd, err)
	}
}

// trouble logs err as Caddy's own commands do, and returns an error with the
// status exitTrouble.
func trouble(cmd *cobra.Command, err error) error {
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return exitTrouble, err })(cmd, nil)
}

// newCommand returns a command without arguments that has flags.
func newCommand(use, short, long string, run func(cmd *cobra.Command) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long,
		RunE: commandFunc(func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unexpected argument %q", args[0])
			}
			return run(cmd)
		}),
	}
	cmd.SetFlagErrorFunc(trouble)
	return cmd
}

// nowFlag adds the flag --now, and returns what reads it.
func nowFlag(cmd *cobra.Command) func() time.Time {
	seconds := cmd.Flags().Int64("now", 0, "The time to assume, in seconds since 1970 (default the current time)")
	return func() time.Time {
		if cmd.Flags().Changed("now") {
			return time.Unix(*seconds, 0)
		}
		return time.Now()
	}
}

const (
	// maxDirective is the size of the largest directive that is read, in bytes.
	maxDirective = 1 << 20
	// maxRequest is that of the largest request, or body of one.
	maxRequest = 256 << 20
)

// readInput returns what is in a file, or, if its name is "-", comes from the
// standard input.
func readInput(cmd *cobra.Command, name string, limit int64) ([]byte, error) {
	input := cmd.InOrStdin()
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }()
		input = file
	}
	content, err := io.ReadAll(io.LimitReader(input, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return content, nil
}
