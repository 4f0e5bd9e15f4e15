//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// stopTimeout is how long a process has for an orderly end before it is killed.
const stopTimeout = 10 * time.Second

// process is a program that the benchmark has started.
type process struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	done   chan struct{} // closed when the process has ended
}

// start starts a program in a directory. It ends when ctx is done, at the latest.
func start(ctx context.Context, dir string, stdout, stderr io.Writer, command ...string) (*process, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // This program itself and the peers.
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, stdout, stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	p := &process{cmd: cmd, cancel: cancel, done: make(chan struct{})}
	go func() {
		// How it ends is no result; that it ended too early shows elsewhere.
		_ = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// stop ends the process in order and waits for it.
func (p *process) stop() {
	p.cancel()
	<-p.done
}

// ended is the error of a process that has ended too early, or nil.
func (p *process) ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended: %s", strings.Join(p.cmd.Args, " "), p.cmd.ProcessState)
	default:
		return nil
	}
}

// waitFor dials address until the process listens there.
func (p *process) waitFor(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		if err := p.ended(); err != nil {
			return err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("nothing listens on %s: %w", address, err)
		}
	}
}

// pause waits for a while.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// cpuTime returns what a process has used since its start.
func cpuTime(pid int) (time.Duration, error) {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return 0, err
	}
	stat, err := proc.Stat()
	if err != nil {
		return 0, err
	}
	return time.Duration(stat.CPUTime() * float64(time.Second)), nil
}
