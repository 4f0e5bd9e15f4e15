package caddymodule

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// splitSegment divides the block of the module whose name is under the cursor.
// With the cursor on an option, common parses it if all modules of the kind
// have it, and reports whether it did. Everything else is returned, with the
// name and its arguments, as a segment for the module itself to parse.
func splitSegment(d *caddyfile.Dispenser, common func(*caddyfile.Dispenser) (bool, error)) ([]caddyfile.Token, error) {
	tokens := append([]caddyfile.Token{d.Token()}, d.RemainingArgsAsTokens()...)
	var opening caddyfile.Token
	var block []caddyfile.Token
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if opening.Text == "" {
			d.Prev()
			opening = d.Token()
			d.Next()
		}
		ok, err := common(d)
		if err != nil {
			return nil, err
		}
		if !ok {
			block = append(block, d.NextSegment()...)
		}
	}
	if len(block) == 0 {
		return tokens, nil
	}
	tokens = append(append(tokens, opening), block...)
	return append(tokens, d.Token()), nil // the closing brace
}

// parseSize parses a size above zero and up to limit, in bytes.
func parseSize(d *caddyfile.Dispenser, text string, limit uint64, into *int64) error {
	size, err := humanize.ParseBytes(text)
	if err != nil || size == 0 || size > limit {
		return d.Errf("'%s' is not a size such as 1MiB, up to %s", text, humanize.IBytes(limit))
	}
	*into = int64(size) //nolint:gosec // No limit is beyond an int64.
	return nil
}
