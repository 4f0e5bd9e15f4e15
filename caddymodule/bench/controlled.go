//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/bench/process"
)

// controlled is a part of this program that runs as a process of its own, with
// a second port where the runner controls it.
type controlled struct {
	*process.Process
	name    string
	address string
	control string
}

// startControlled runs a command of this program that takes -address and -control.
func (b *bench) startControlled(ctx context.Context, command string, args ...string) (*controlled, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	control, err := freeAddress()
	if err != nil {
		return nil, err
	}
	args = append([]string{command, "-address", address, "-control", control}, args...)
	p, err := process.Start(ctx, process.Settings{Stdout: b.stderr, Stderr: b.stderr}, b.self, args...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := p.WaitFor(ctx, control); err != nil {
		p.Kill()
		return nil, err
	}
	return &controlled{Process: p, name: command, address: address, control: control}, nil
}

// call sends a request to the control port and decodes the answer into v,
// unless that is nil.
func (c *controlled) call(ctx context.Context, method, path string, v any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.control+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read-only
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s %s: %s", c.name, method, path, resp.Status)
	}
	if v == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(v)
}
