//go:build linux

// Package process starts the programs that benchmarks measure, and reads what they
// use. It imports nothing of this module.
package process

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// stopTimeout is how long a process has for an orderly end before it is killed, and
// how long it may take until it listens.
const stopTimeout = 20 * time.Second

// Settings are those of a program. The zero value has the directory and the
// environment of this process, and no output.
type Settings struct {
	Dir string
	// Env is added to the environment.
	Env            []string
	Stdout, Stderr io.Writer
}

// Process is a program that was started.
type Process struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	done   chan struct{}
}

// Start starts a program. It ends when ctx is done, at the latest.
func Start(ctx context.Context, s Settings, name string, args ...string) (*Process, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // What is measured, and this program itself.
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.Dir, s.Stdout, s.Stderr
	cmd.Env = append(os.Environ(), s.Env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	p := &Process{cmd: cmd, cancel: cancel, done: make(chan struct{})}
	go func() {
		// How it ends is no result; that it ended too early shows elsewhere.
		_ = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Stop ends the process in order and waits for it.
func (p *Process) Stop() {
	p.cancel()
	<-p.done
}

// Kill ends the process like a power cut would, and waits for it.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	p.Stop()
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended is the error of a process that has ended too early, or nil.
func (p *Process) Ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended: %s", strings.Join(p.cmd.Args, " "), p.cmd.ProcessState)
	default:
		return nil
	}
}

// WaitFor waits until the process listens on an address.
func (p *Process) WaitFor(ctx context.Context, address string) error {
	return wait(ctx, address, p.Ended)
}

// Listening waits until something listens on an address.
func Listening(ctx context.Context, address string) error {
	return wait(ctx, address, func() error { return nil })
}

func wait(ctx context.Context, address string, ended func() error) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		if err := ended(); err != nil {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("nothing listens on %s: %w", address, context.Cause(ctx))
		}
	}
}
