//go:build linux

package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// bars are the most that our client may cost, as a share of what another does.
var bars = map[string]float64{node: 0.5, kannel: 0.3}

// report prints Markdown tables of what was measured, and of the ratios that the
// project holds itself to.
func (b *bench) report(samples map[pair][]sample) error {
	var out strings.Builder
	fmt.Fprintf(&out, "%s; window %d, %d-octet texts, medians of %d rounds of %s\n\n", machine(), b.window, textSize, b.rounds, b.duration)
	medians := make(map[pair]sample)
	for p, all := range samples {
		medians[p] = median(all)
	}
	writeSamples(&out, medians)
	writeRatios(&out, medians)
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
	_ = unix.Uname(&name) // It can't fail with a valid pointer.
	return fmt.Sprintf("%d cores of %s, Linux %s, %s", runtime.NumCPU(), model, unix.ByteSliceToString(name.Release[:]), runtime.Version())
}

// median returns a sample whose every field is the median.
func median(all []sample) sample {
	of := func(field func(sample) float64) float64 {
		var values []float64
		for _, s := range all {
			values = append(values, field(s))
		}
		slices.Sort(values)
		n := len(values)
		return (values[(n-1)/2] + values[n/2]) / 2
	}
	return sample{
		ClientCPU: of(func(s sample) float64 { return s.ClientCPU }),
		ServerCPU: of(func(s sample) float64 { return s.ServerCPU }),
		PerSecond: of(func(s sample) float64 { return s.PerSecond }),
	}
}

func writeSamples(out *strings.Builder, medians map[pair]sample) {
	out.WriteString("| server | client | submit_sm/s | CPU us a message: client | server |\n|---|---|---|---|---|\n")
	for _, server := range servers {
		for _, client := range clients {
			s := medians[pair{client, server}]
			fmt.Fprintf(out, "| %s | %s | %.0f | %.1f | %.1f |\n", server, client, s.PerSecond, s.ClientCPU, s.ServerCPU)
		}
	}
}

func writeRatios(out *strings.Builder, medians map[pair]sample) {
	out.WriteString("\n| client CPU a message | server | measured | bar | |\n|---|---|---|---|---|\n")
	for _, server := range servers {
		for _, other := range clients {
			bar, ok := bars[other]
			if !ok {
				continue
			}
			ratio := medians[pair{ours, server}].ClientCPU / medians[pair{other, server}].ClientCPU
			verdict := "missed"
			if ratio <= bar {
				verdict = "met"
			}
			fmt.Fprintf(out, "| ours / %s | %s | %.2f | at most %g | %s |\n", other, server, ratio, bar, verdict)
		}
	}
}
