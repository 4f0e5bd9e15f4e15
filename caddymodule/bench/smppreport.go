//go:build linux

package main

import (
	"fmt"
	"strings"
)

// writeMessages prints what becomes of short messages, if that was measured.
func (b *bench) writeMessages(out *strings.Builder, results map[string]*measurement) {
	if results[smpp.name] == nil {
		return
	}
	fmt.Fprintf(out, "\nmessages with receipts, %d connections, one session, windows of %d\n\n", messageConnections*b.connections, b.window)
	out.WriteString("| scenario | messages/s | CPU us a message: Caddy or Kannel | sender | sink | SMSC | answer p50 / p99 ms |" +
		" written KiB a message | peak MiB |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, name := range []string{kannel.name, kannelOne.name, smpp.name} {
		m := results[name]
		fmt.Fprintf(out, "| %s | %.0f | %.1f | %.1f | %.1f | %.1f | %s | %.1f | %d |\n",
			name, m.PerSecond, m.ServerCPU, m.SenderCPU, m.SinkCPU, m.SMSCCPU, milliseconds(m.Answer), m.Written/1024, m.PeakRSS>>20)
	}
}

// messageRatios also compare with a Kannel that makes half of the callbacks, and
// keeps nothing on disk: all that is asked for there is to be no worse.
func messageRatios(results map[string]*measurement) (list []ratio) {
	of, to, one := results[smpp.name], results[kannel.name], results[kannelOne.name]
	list = compare(list, "smpp / kannel, messages/s", of, to, perSecond, 2, true)
	list = compare(list, "smpp / kannel, CPU a message", of, to, serverCPU, 0.5, false)
	list = compare(list, "smpp / kannel with one callback, messages/s", of, one, perSecond, 1, true)
	return compare(list, "smpp / kannel with one callback, CPU a message", of, one, serverCPU, 1, false)
}

// writeIdle prints the memory of idle sessions, if that was measured.
func writeIdle(out *strings.Builder, idle []*idleResult) {
	if len(idle) == 0 {
		return
	}
	fmt.Fprintf(out, "\n| MiB of Caddy as | RSS without binds | with %d | PSS without binds | with %[1]d |\n|---|---|---|---|---|\n", idleBinds)
	for _, r := range idle {
		fmt.Fprintf(out, "| %s | %.1f | %.1f | %.1f | %.1f |\n",
			r.Role, mebibytes(r.Empty.RSS), mebibytes(r.Bound.RSS), mebibytes(r.Empty.PSS), mebibytes(r.Bound.PSS))
	}
}

func idleRatios(idle []*idleResult) (list []ratio) {
	for _, r := range idle {
		list = append(list, ratio{fmt.Sprintf("MiB for %d idle binds as %s", idleBinds, r.Role), mebibytes(r.Bound.RSS) - mebibytes(r.Empty.RSS), 64, false})
	}
	return list
}

func mebibytes(n uint64) float64 { return float64(n) / (1 << 20) }
