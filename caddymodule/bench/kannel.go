//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/bench/process"
)

// kannelConfig is that of both of its programs: all that is not needed is left as
// it is by default, and nothing is logged. Messages and what is known of their
// receipts are kept in memory only. A blank line ends a group.
const kannelConfig = `group = core
admin-port = ADMIN
admin-interface = "127.0.0.1"
admin-password = bench
smsbox-port = BOX
smsbox-interface = "127.0.0.1"
box-allow-ip = "127.0.0.1"
box-deny-ip = "*.*.*.*"
dlr-storage = internal
log-level = 4

group = smsc
smsc = smpp
smsc-id = bench
host = 127.0.0.1
port = SMSC
transceiver-mode = true
smsc-username = bench
smsc-password = bench
system-type = bench
address-range = ""
max-pending-submits = WINDOW

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = BOX
sendsms-port = HTTP
sendsms-interface = "127.0.0.1"
log-level = 4

group = sendsms-user
username = bench
password = bench
max-messages = 10
concatenation = true

group = sms-service
keyword = default
max-messages = 0
text = none
`

// kannelPrograms are what has to be installed.
var kannelPrograms = []string{"bearerbox", "smsbox"}

var errNoKannel = errors.New(`the reference is missing: install Kannel (on Debian "apt-get install kannel"; it has to be 1.4.5 to compare with what is documented)`)

// findKannel tells whether Kannel is installed.
func findKannel() error {
	for _, name := range kannelPrograms {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%w: %w", errNoKannel, err)
		}
	}
	return nil
}

// startKannel runs both programs of Kannel, and waits until they are bound to the
// SMSC.
func (b *bench) startKannel(ctx context.Context, dir string) (_ *server, err error) {
	var addresses [3]string // bearerbox for its administration and for smsbox, smsbox for senders
	var ports [len(addresses)]string
	for i := range addresses {
		if addresses[i], err = freeAddress(); err != nil {
			return nil, err
		}
		if _, ports[i], err = net.SplitHostPort(addresses[i]); err != nil {
			return nil, err
		}
	}
	_, smscPort, err := net.SplitHostPort(b.smsc.address)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "kannel.conf")
	text := strings.NewReplacer("ADMIN", ports[0], "BOX", ports[1], "HTTP", ports[2], "SMSC", smscPort,
		"WINDOW", strconv.Itoa(b.window)).Replace(kannelConfig)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}

	s := &server{address: addresses[2]}
	defer func() {
		if err != nil {
			s.kill()
		}
	}()
	starting, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for i, name := range kannelPrograms {
		// Level 4 of what is shown is panics.
		p, err := process.Start(ctx, process.Settings{Stdout: b.stderr, Stderr: b.stderr}, name, "-v", "4", config)
		if err != nil {
			return nil, err
		}
		s.processes = append(s.processes, p)
		if err := p.WaitFor(starting, addresses[i+1]); err != nil {
			return nil, err
		}
	}
	return s, b.smsc.waitForBinds(starting, 1)
}
