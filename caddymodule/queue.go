package caddymodule

import (
	"fmt"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/relay/queue/sqlite"
)

func init() {
	caddy.RegisterModule(SQLite{})
}

// QueueModule is what modules in the namespace `relay.queues` implement.
type QueueModule interface {
	// Location identifies the queue: two modules with the same location share
	// an engine. It must not depend on other settings, and holds no secret.
	Location() string
	// SizeLimit returns the number of bytes the queue may take, or 0 for no
	// limit.
	SizeLimit() int64
	// Open opens the queue.
	Open() (relay.Queue, error)
}

// SQLite keeps events in a SQLite database in a local directory. Only one
// process can use the directory. It must be on a disk that keeps what was
// synced to it, which network file systems often don't.
type SQLite struct {
	// The directory of the queue; it is created if it does not exist, and
	// readable by Caddy's user only. Default: the directory `relay` in Caddy's
	// data directory.
	Path string `json:"path,omitempty"`

	// The size in bytes from which new events are refused with 503. History
	// gives way earlier, from nine tenths of it. Default: no limit.
	MaxSize int64 `json:"max_size,omitempty"`

	location string
}

// CaddyModule returns the Caddy module information.
func (SQLite) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "relay.queues.sqlite",
		New: func() caddy.Module { return new(SQLite) },
	}
}

// Provision sets up the queue's location.
func (s *SQLite) Provision(caddy.Context) error {
	path := filepath.Join(caddy.AppDataDir(), "relay")
	if s.Path != "" {
		var err error
		if path, err = caddy.NewReplacer().ReplaceOrErr(s.Path, true, true); err != nil {
			return fmt.Errorf("queue path: %w", err)
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("queue path: %w", err)
	}
	s.location = resolveLinks(path)
	return nil
}

// resolveLinks follows the symbolic links in a path, since one directory under
// two names is one queue. The last parts of the path need not exist: they will
// once the queue is opened, and then the path must come to the same.
func resolveLinks(path string) string {
	resolved, err := filepath.EvalSymlinks(path)
	if err == nil {
		return resolved
	}
	parent, name := filepath.Split(filepath.Clean(path))
	if name == "" {
		return path
	}
	return filepath.Join(resolveLinks(parent), name)
}

// Validate implements caddy.Validator.
func (s *SQLite) Validate() error {
	if s.MaxSize < 0 {
		return fmt.Errorf("max_size must not be negative")
	}
	return nil
}

// Location implements QueueModule.
func (s *SQLite) Location() string { return s.location }

// SizeLimit implements QueueModule.
func (s *SQLite) SizeLimit() int64 { return s.MaxSize }

// Open implements QueueModule.
func (s *SQLite) Open() (relay.Queue, error) {
	return sqlite.Open(s.location)
}

// UnmarshalCaddyfile sets up the queue from Caddyfile tokens. Syntax:
//
//	sqlite [<path>] {
//		max_size <size>
//	}
func (s *SQLite) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the engine's name
	if d.NextArg() {
		s.Path = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch option := d.Val(); option {
		case "max_size":
			var text string
			if !d.AllArgs(&text) {
				return d.ArgErr()
			}
			if s.MaxSize != 0 {
				return d.Errf("%s is already set", option)
			}
			if err := parseSize(d, text, 1<<62, &s.MaxSize); err != nil {
				return err
			}
		default:
			return d.Errf("unrecognized option '%s'", option)
		}
	}
	return nil
}

// Interface guards
var (
	_ QueueModule           = (*SQLite)(nil)
	_ caddy.Provisioner     = (*SQLite)(nil)
	_ caddy.Validator       = (*SQLite)(nil)
	_ caddyfile.Unmarshaler = (*SQLite)(nil)
)
