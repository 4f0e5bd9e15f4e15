//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/bench/process"
)

// target is a way to configure Caddy, or what it is compared with.
type target struct {
	name string
	// format is what the sender sends.
	format string
	// site is the body of the only site. SINK, SECRET and QUEUE stand for
	// the sink's address, the signing secret, and a directory.
	site string
	// app is the body of the relay global option; empty without the relay.
	app string
	// sink is the mode that the sink is in.
	sink string
	// delivers says that every event accepted must arrive at the sink.
	delivers bool
	// smpp says that events go through the SMSC, once each.
	smpp bool
	// callbackMask makes the target Kannel instead of Caddy, with this dlr-mask.
	callbackMask int
}

const (
	globalOptions = `{
	admin off
	persist_config off
	auto_https off
	default_bind 127.0.0.1
	grace_period 1s
	log {
		level ERROR
	}
`
	// relaySite accepts what a sender sends, verified and durable.
	relaySite = `
	route /in {
		verify standard_webhooks SECRET
		relay bench {
			to sink
		}
	}
`
	relayApp = `
		queue sqlite QUEUE
		destination sink webhook http://SINK/hook {
			allow_private
		}
`
	// hangingApp leaves attempts unanswered for longer than any run, so that
	// the first few deliveries hang and the rest wait, at no cost in CPU.
	hangingApp = `
		queue sqlite QUEUE
		destination sink webhook http://SINK/hook {
			allow_private
			timeout 6h
		}
`
)

var (
	respond = target{name: "respond", format: formatEvent, site: "\n\trespond 202\n", sink: "normal"}
	proxy   = target{name: "proxy", format: formatEvent, site: "\n\treverse_proxy SINK\n", sink: "normal", delivers: true}
	accept  = target{name: "accept", format: formatEvent, site: relaySite, app: hangingApp, sink: "hang"}
	full    = target{name: "full", format: formatEvent, site: relaySite, app: relayApp, sink: "normal", delivers: true}
)

// caddyfile is the same for all targets but for the relay and the site's body.
// Its values are what the words in capitals stand for.
func (t *target) caddyfile(address string, values ...string) string {
	var b strings.Builder
	b.WriteString(globalOptions)
	if t.app != "" {
		b.WriteString("\trelay {" + t.app + "\t}\n")
	}
	b.WriteString("}\nhttp://" + address + " {" + t.site + "}\n")
	return strings.NewReplacer(values...).Replace(b.String())
}

// startCaddy runs Caddy with t in dir, which holds its configuration and its
// queue, and which may be one that an earlier server has left.
func (b *bench) startCaddy(ctx context.Context, t *target, dir string) (*server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "Caddyfile")
	values := []string{"SINK", b.sink.address, "SECRET", b.secret, "QUEUE", filepath.Join(dir, "queue")}
	if b.smsc != nil {
		values = append(values, "SMSC", b.smsc.address, "WINDOW", strconv.Itoa(b.window))
	}
	text := t.caddyfile(address, values...)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	env := []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir + "/data", "XDG_CONFIG_HOME=" + dir + "/config"}
	p, err := process.Start(ctx, process.Settings{Env: env, Stdout: b.stderr, Stderr: b.stderr}, b.caddy, "run", "--adapter", "caddyfile", "--config", config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := p.WaitFor(ctx, address); err != nil {
		p.Kill()
		return nil, err
	}
	return &server{processes: []*process.Process{p}, address: address}, nil
}

// buildCaddy compiles the Caddy of this module into dir.
func buildCaddy(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "caddy")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, //nolint:gosec // fixed arguments
		"github.com/caddy-relay/caddy-relay/caddymodule/cmd/caddy")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building Caddy: %w\n%s", err, output)
	}
	return binary, nil
}
