// Command caddy is Caddy with the caddy-relay modules, for those who build
// without xcaddy.
package main

import (
	_ "time/tzdata" // as in builds by xcaddy, for hosts without zone data

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-relay/caddy-relay/caddymodule"
)

func main() {
	caddycmd.Main()
}
