//go:build linux

package process

import (
	"time"

	"github.com/prometheus/procfs"
)

// CPU returns the CPU time that a process has used since its start.
func CPU(pid int) (time.Duration, error) {
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

// Usage is what a process has used since its start.
type Usage struct {
	CPU time.Duration
	// PeakRSS is the highest resident memory, in bytes.
	PeakRSS uint64
	// Written is the number of bytes that the process has caused to be sent
	// to the disk; writes to sockets do not count.
	Written uint64
}

// Usage returns what the process has used.
func (p *Process) Usage() (Usage, error) {
	cpu, err := CPU(p.PID())
	if err != nil {
		return Usage{}, err
	}
	proc, err := procfs.NewProc(p.PID())
	if err != nil {
		return Usage{}, err
	}
	status, err := proc.NewStatus()
	if err != nil {
		return Usage{}, err
	}
	io, err := proc.IO()
	if err != nil {
		return Usage{}, err
	}
	return Usage{CPU: cpu, PeakRSS: status.VmHWM, Written: io.WriteBytes}, nil
}

// Memory is what a process has in memory, in bytes. The proportional set size
// (PSS) counts pages that other processes share in part.
type Memory struct {
	RSS, PSS uint64
}

// Memory returns what the process has in memory.
func (p *Process) Memory() (Memory, error) {
	proc, err := procfs.NewProc(p.PID())
	if err != nil {
		return Memory{}, err
	}
	maps, err := proc.ProcSMapsRollup()
	if err != nil {
		return Memory{}, err
	}
	return Memory{RSS: maps.Rss, PSS: maps.Pss}, nil
}
