//go:build linux

package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// report prints Markdown tables of what was measured, and of the ratios that
// the project holds itself to.
func (b *bench) report(results map[string]*measurement, backlog *backlogResult, idle []*idleResult) error {
	var out strings.Builder
	fmt.Fprintf(&out, "%s; %d connections, %d-byte events, medians of %d rounds of %s\n",
		machine(), b.connections, bodySize, b.rounds, b.duration)
	writeMeasurements(&out, results)
	b.writeMessages(&out, results)
	if backlog != nil {
		writeBacklog(&out, backlog)
	}
	writeIdle(&out, idle)
	writeRatios(&out, slices.Concat(ratios(results, backlog), messageRatios(results), idleRatios(idle)))
	_, err := fmt.Fprint(b.stdout, out.String())
	return err
}

func machine() string {
	model := "unknown processor"
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if cpus, err := fs.CPUInfo(); err == nil && len(cpus) > 0 {
			model = cpus[0].ModelName
		}
	}
	var name unix.Utsname
	_ = unix.Uname(&name) // can't fail with a valid pointer
	return fmt.Sprintf("%d cores of %s, Linux %s, %s",
		runtime.NumCPU(), model, unix.ByteSliceToString(name.Release[:]), runtime.Version())
}

func writeMeasurements(out *strings.Builder, results map[string]*measurement) {
	head := "\n| scenario | events/s | CPU us an event: Caddy | sender | sink | answer p50 / p99 ms | arrival p50 / p99 ms |" +
		" pending at the end | written per byte | peak MiB |\n|---|---|---|---|---|---|---|---|---|---|\n"
	for _, name := range []string{
		respond.name, proxy.name, accept.name, full.name, proxy.name + lightLoad, full.name + lightLoad,
	} {
		m, ok := results[name]
		if !ok {
			continue
		}
		out.WriteString(head)
		head = ""
		fmt.Fprintf(out, "| %s | %.0f | %.1f | %.1f | %.1f | %s | %s | %d (%.2f s) | %.2f | %d |\n",
			name, m.PerSecond, m.ServerCPU, m.SenderCPU, m.SinkCPU,
			milliseconds(m.Answer), milliseconds(m.Delivery),
			m.Pending, m.PendingSeconds, m.Written/bodySize, m.PeakRSS>>20)
	}
}

func milliseconds(p percentiles) string {
	if p == (percentiles{}) {
		return "-"
	}
	return fmt.Sprintf("%.2f / %.2f", float64(p.P50)/1000, float64(p.P99)/1000)
}

func writeBacklog(out *strings.Builder, r *backlogResult) {
	fmt.Fprintf(out, "\n| with a backlog of %d events | |\n|---|---|\n", r.Events)
	fmt.Fprintf(out, "| accepted/s, empty and with the backlog | %.0f, %.0f |\n", r.Empty, r.Loaded)
	fmt.Fprintf(out, "| peak MiB while accepting, while draining | %d, %d |\n", r.PeakRSS>>20, r.DrainRSS>>20)
	fmt.Fprintf(out, "| from start after a kill to the first event accepted | %s |\n", r.Restart.Round(time.Millisecond))
	fmt.Fprintf(out, "| drained/s, at CPU us an event | %.0f, %.1f |\n", r.Drain, r.DrainCPU)
	fmt.Fprintf(out, "| delivered, repeats | %d, %d |\n", r.Delivered, r.Repeats)
}

// ratio is a promise in figures.
type ratio struct {
	what  string
	value float64
	bar   float64
	// atLeast says that value must not be below bar; otherwise it must not
	// be above.
	atLeast bool
}

// compare appends a ratio of two targets if both were measured.
func compare(list []ratio, what string, of, to *measurement, field func(*measurement) float64, bar float64, atLeast bool) []ratio {
	if of == nil || to == nil {
		return list
	}
	return append(list, ratio{what, field(of) / field(to), bar, atLeast})
}

func perSecond(m *measurement) float64 { return m.PerSecond }

func serverCPU(m *measurement) float64 { return m.ServerCPU }

func ratios(results map[string]*measurement, backlog *backlogResult) []ratio {
	var list []ratio
	compare := func(what, of, to string, field func(*measurement) float64, bar float64, atLeast bool) {
		list = compare(list, what, results[of], results[to], field, bar, atLeast)
	}
	arrival := func(m *measurement) float64 { return float64(m.Delivery.P50) }
	compare("accept / respond, events/s", accept.name, respond.name, perSecond, 0.45, true)
	compare("full / proxy, events/s", full.name, proxy.name, perSecond, 1, true)
	compare("full / proxy, CPU an event", full.name, proxy.name, serverCPU, 1, false)
	if m := results[full.name]; m != nil {
		list = append(list,
			ratio{"full, seconds of work pending at the end", m.PendingSeconds, 2, false},
			ratio{"full, bytes written per byte", m.Written / bodySize, 6, false})
	}
	compare("full / proxy at 30 %, arrival p50", full.name+lightLoad, proxy.name+lightLoad, arrival, 3, false)
	if backlog != nil {
		list = append(list,
			ratio{"accepted/s with a backlog / empty", backlog.Loaded / backlog.Empty, 0.9, true},
			ratio{"MiB with a backlog", float64(max(backlog.PeakRSS, backlog.DrainRSS)) / (1 << 20), 300, false},
			ratio{"seconds to start with a backlog", backlog.Restart.Seconds(), 5, false})
		if m := results[full.name]; m != nil {
			list = append(list, ratio{"drained/s / fresh events delivered/s", backlog.Drain / m.PerSecond, 0.9, true})
		}
	}
	return list
}

func (r ratio) met() bool {
	if r.atLeast {
		return r.value >= r.bar
	}
	return r.value <= r.bar
}

func writeRatios(out *strings.Builder, list []ratio) {
	if len(list) == 0 {
		return
	}
	out.WriteString("\n| ratio | measured | bar | |\n|---|---|---|---|\n")
	for _, r := range list {
		sign, verdict := "at most", "missed"
		if r.atLeast {
			sign = "at least"
		}
		if r.met() {
			verdict = "met"
		}
		fmt.Fprintf(out, "| %s | %.2f | %s %g | %s |\n", r.what, r.value, sign, r.bar, verdict)
	}
}
