//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// stopTimeout is how long a process has for an orderly end before it is killed.
const stopTimeout = 20 * time.Second

// process is a program that the benchmark has started.
type process struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	done   chan struct{} // closed when the process has ended
}

// startProcess ends the process when ctx is done, at the latest.
func startProcess(ctx context.Context, output io.Writer, env []string, name string, args ...string) (*process, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // Caddy and this program itself
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = output, output
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

// kill ends the process like a power cut would, and waits for it.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	p.stop()
}

// waitFor dials address until the process listens there.
func (p *process) waitFor(ctx context.Context, address string) error {
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s: %w", p.cmd.Path, address, ctx.Err())
		case <-p.done:
			return fmt.Errorf("%s ended: %s", p.cmd.Path, p.cmd.ProcessState)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// usage is what a process has used since its start.
type usage struct {
	CPU time.Duration
	// PeakRSS is the highest resident memory, in bytes.
	PeakRSS uint64
	// Written is the number of bytes that the process has caused to be sent
	// to the disk; writes to sockets do not count.
	Written uint64
}

func (p *process) usage() (usage, error) {
	proc, err := procfs.NewProc(p.cmd.Process.Pid)
	if err != nil {
		return usage{}, err
	}
	stat, err := proc.Stat()
	if err != nil {
		return usage{}, err
	}
	status, err := proc.NewStatus()
	if err != nil {
		return usage{}, err
	}
	io, err := proc.IO()
	if err != nil {
		return usage{}, err
	}
	return usage{
		CPU:     time.Duration(stat.CPUTime() * float64(time.Second)),
		PeakRSS: status.VmHWM,
		Written: io.WriteBytes,
	}, nil
}

// running fails if the process has ended.
func (p *process) running() error {
	select {
	case <-p.done:
		return errors.New("the process has ended: " + p.cmd.ProcessState.String())
	default:
		return nil
	}
}

// memory is what a process has in memory, in bytes. The proportional set size
// (PSS) counts pages that other processes share in part.
type memory struct {
	RSS, PSS uint64
}

func (p *process) memory() (memory, error) {
	proc, err := procfs.NewProc(p.cmd.Process.Pid)
	if err != nil {
		return memory{}, err
	}
	maps, err := proc.ProcSMapsRollup()
	if err != nil {
		return memory{}, err
	}
	return memory{RSS: maps.Rss, PSS: maps.Pss}, nil
}

// freeAddress returns an address on the loopback interface that nothing
// listens on at the moment.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
