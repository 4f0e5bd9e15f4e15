//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/bench/process"
)

const (
	// kannelRate is how many messages Kannel gets for each second that a
	// measurement is to take: about what it can do on a small machine.
	kannelRate = 12_000
	// kannelTimeout is how long it may take for all of them.
	kannelTimeout = 2 * time.Minute
)

// measureKannel measures the bearerbox of Kannel. Its messages come from mtbatch,
// which is the way that costs it least, and from then on until the SMSC has them
// all its time counts.
func (b *bench) measureKannel(ctx context.Context, s *server, port string) (sample, error) {
	dir, err := os.MkdirTemp("", "bench-kannel-")
	if err != nil {
		return sample{}, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // Nothing can be done about it.
	box, pid, err := b.startKannel(ctx, dir, port)
	defer b.kannel(context.WithoutCancel(ctx), "stop", dir) //nolint:errcheck // It has been measured.
	if err != nil {
		return sample{}, err
	}
	n := uint64(b.duration.Seconds() * kannelRate)
	content, recipients, err := writeBatch(dir, n)
	if err != nil {
		return sample{}, err
	}
	m, err := s.begin(pid)
	if err != nil {
		return sample{}, err
	}
	batch, err := process.Start(ctx, process.Settings{Dir: dir, Stdout: nil, Stderr: nil}, "mtbatch", "-v", "4", "-b", "127.0.0.1", "-p", box, "-f", "12345", "-a", "bench", content, recipients)
	if err != nil {
		return sample{}, err
	}
	defer batch.Stop()
	if err := s.await(ctx, n); err != nil {
		return sample{}, err
	}
	return m.end(n)
}

// startKannel starts Kannel, and returns the port that mtbatch sends messages to,
// and the process id of the bearerbox.
func (b *bench) startKannel(ctx context.Context, dir, port string) (box string, pid int, err error) {
	settings := []string{"SMPPPORT=" + port, "WINDOW=" + strconv.Itoa(b.window), "LOGLEVEL=4"}
	for _, name := range []string{"ADMIN", "HTTP", "SINK", "BOX"} {
		if box, _, err = freePort(); err != nil {
			return "", 0, err
		}
		settings = append(settings, name+"="+box)
	}
	if err := b.kannel(ctx, "start", dir, settings...); err != nil {
		return "", 0, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "bearerbox.pid")) //nolint:gosec // It is in our own directory.
	if err != nil {
		return "", 0, err
	}
	pid, err = strconv.Atoi(string(bytes.TrimSpace(text)))
	return box, pid, err
}

// kannel runs the script that starts and stops Kannel.
func (b *bench) kannel(ctx context.Context, command, dir string, settings ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join("kannel", "kannel.sh"), append([]string{command, dir}, settings...)...) //nolint:gosec // Fixed but for ports and a directory.
	cmd.Dir, cmd.Stderr = b.peers, b.stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("kannel.sh %s: %w", command, err)
	}
	return nil
}

// writeBatch writes the files that mtbatch reads.
func writeBatch(dir string, n uint64) (content, recipients string, err error) {
	var list bytes.Buffer
	for i := range n {
		_, _ = fmt.Fprintf(&list, "4917%08d\n", i)
	}
	content, recipients = filepath.Join(dir, "content"), filepath.Join(dir, "recipients")
	return content, recipients, errors.Join(
		os.WriteFile(content, []byte(text), 0o600), os.WriteFile(recipients, list.Bytes(), 0o600))
}

// await waits until n messages have come.
func (s *server) await(ctx context.Context, n uint64) error {
	ctx, cancel := context.WithTimeout(ctx, kannelTimeout)
	defer cancel()
	for got := uint64(0); got < n; {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("%d of %d messages came: %w", got, n, err)
		}
		more, err := s.count()
		if err != nil {
			return err
		}
		got += more
	}
	return nil
}
