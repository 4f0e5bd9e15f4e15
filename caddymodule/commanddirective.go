package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/spf13/cobra"
)

// loadDirective returns the handler that the server would have for the one verify
// directive in a file.
func loadDirective(ctx caddy.Context, cmd *cobra.Command, filename string) (*Verify, error) {
	if filename == "" {
		return nil, errors.New("--directive is required")
	}
	content, err := readInput(cmd, filename, maxDirective)
	if err != nil {
		return nil, err
	}
	h, err := parseDirective(filename, content)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	mod, err := ctx.LoadModuleByID(string(h.CaddyModule().ID), config)
	if err != nil {
		return nil, err
	}
	return mod.(*Verify), nil
}

// endOfDirectives is put behind the directives of a file. Where it turns up
// tells whether all blocks before it are closed.
const endOfDirectives = "end_of_directives"

// parseDirective parses a file with one verify directive, as if it were in a site
// block of a Caddyfile.
func parseDirective(filename string, content []byte) (*Verify, error) {
	content = bytes.TrimPrefix(content, []byte("\ufeff")) // as the adapter does
	// All tokens stay on the lines that they are on in the file.
	site := append(append([]byte("{ "), content...), "\n"+endOfDirectives+"\n}"...)
	blocks, err := caddyfile.Parse(filename, site)
	if err != nil {
		return nil, err
	}
	if len(blocks) != 1 || len(blocks[0].Keys) > 0 {
		return nil, fmt.Errorf("%s has something else than one verify directive", filename)
	}
	segments := blocks[0].Segments
	last := len(segments) - 1
	if segments[last].Directive() != endOfDirectives {
		return nil, fmt.Errorf("%s has a block that is not closed", filename)
	}
	if segments = segments[:last]; len(segments) == 0 {
		return nil, fmt.Errorf("%s has no verify directive", filename)
	}
	for i := range segments {
		switch token := segments[i][0]; {
		case token.Text != "verify":
			// What stands there could be a secret on a line of its own.
			return nil, fmt.Errorf("something else than a verify directive, at %s:%d", token.File, token.Line)
		case i > 0:
			return nil, fmt.Errorf("a second verify directive, where one is expected, at %s:%d", token.File, token.Line)
		}
	}
	httpcaddyfile.NewShorthandReplacer().ApplyToSegment(&segments[0])
	h := new(Verify)
	return h, h.UnmarshalCaddyfile(dispense(segments[0]))
}

// dispense returns the tokens of a directive without the matcher, which the
// adapter would have taken.
func dispense(segment caddyfile.Segment) *caddyfile.Dispenser {
	d := caddyfile.NewDispenser(segment)
	d.Next() // the directive's name
	if d.NextArg() && (d.Val() == "*" || strings.HasPrefix(d.Val(), "/") || strings.HasPrefix(d.Val(), "@")) {
		d.Delete()
	}
	d.Reset()
	return d
}
