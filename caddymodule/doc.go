// Package caddymodule is all that knows of Caddy: the modules, their Caddyfile
// grammar, and how Caddy's lifecycle drives the packages that do the work.
// Those packages, verify and relay and what lies below them, never import it.
package caddymodule
