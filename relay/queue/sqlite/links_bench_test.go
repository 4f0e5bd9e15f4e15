//go:build unix

package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

// cpuTime returns the processor time of this process, all threads together.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// written returns how many bytes this process has written to files, or 0
// where the system does not count them.
func written() (n int64) {
	counters, _ := os.ReadFile("/proc/self/io")
	if _, after, ok := bytes.Cut(counters, []byte("wchar: ")); ok {
		_, _ = fmt.Sscan(string(after), &n)
	}
	return n
}

// BenchmarkLinks stores and looks up links with a million of them present.
func BenchmarkLinks(b *testing.B) {
	s, err := Open(b.TempDir())
	require.NoError(b, err)
	value := strings.Repeat("x", 80)
	n := 0
	commit := func(links int) {
		batch := &relay.Batch{Accepts: []*relay.Acceptance{{Links: make([]relay.Link, links)}}}
		for i := range links {
			batch.Accepts[0].Links[i] = linkOf(n, value, time.Hour)
			n++
		}
		require.NoError(b, s.Commit(b.Context(), batch))
	}
	housekeeping := func() {
		_, err := s.Maintain(b.Context(), relay.Limits{History: time.Hour})
		require.NoError(b, err)
	}
	for n < 1_000_000 {
		commit(1000)
	}
	for s.links.filter == nil {
		housekeeping()
	}
	for _, size := range []int{10, 50, 250} {
		b.Run(fmt.Sprintf("commit=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			cpu, bytes := cpuTime(), written()
			b.ResetTimer()
			for i := 0; i < b.N; i += size {
				commit(size)
				if i%1000 < size {
					housekeeping()
				}
			}
			b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-us/op")
			b.ReportMetric(float64(written()-bytes)/float64(b.N), "written-B/op")
		})
	}
	for _, look := range []struct {
		name   string
		number func(i int) int
		found  int
	}{
		{"recent", func(i int) int { return n - 1 - i%1000 }, 1},
		{"old", func(i int) int { return i * 7919 % (n / 2) }, 1},
		{"missing", func(i int) int { return -1 - i }, 0},
	} {
		b.Run("look-up="+look.name, func(b *testing.B) {
			b.ReportAllocs()
			cpu := cpuTime()
			for i := range b.N {
				values, err := s.Linked(b.Context(), linkOf(look.number(i), "", 0).Hash)
				if err != nil || len(values) != look.found {
					b.Fatal(values, err)
				}
			}
			b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-us/op")
		})
	}
	require.NoError(b, s.Close())
}
