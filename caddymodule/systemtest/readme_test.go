package systemtest

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// step is a command of the tour with the output that the README shows.
type step struct{ commands, output string }

// tour returns the steps of the README's tour, and the lines of Caddy's log
// that it shows.
func tour(t *testing.T) (steps []step, log []string) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for _, block := range regexp.MustCompile("(?ms)^```(console|text)\n(.*?)^```$").FindAllStringSubmatch(string(readme), -1) {
		if block[1] == "text" {
			log = append(log, strings.Split(strings.TrimSuffix(block[2], "\n"), "\n")...)
			continue
		}
		var s step
		for line := range strings.Lines(block[2]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				s.commands += command
			} else {
				s.output += line
			}
		}
		steps = append(steps, s)
	}
	return steps, log
}

// changing matches what differs from one run to the next.
var changing = regexp.MustCompile(`(?m)^Date: .*$|\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d+|"duration": [0-9.e-]+`)

// escape matches what terminals make colors of.
var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

func normal(output string) string {
	output = escape.ReplaceAllString(strings.ReplaceAll(output, "\r\n", "\n"), "")
	return changing.ReplaceAllString(output, "…")
}

// TestReadmeTour follows the README's tour, and compares what it says with
// what it gets.
func TestReadmeTour(t *testing.T) {
	steps, log := tour(t)
	require.Len(t, steps, 4)
	require.NotEmpty(t, log)

	c := newCaddy(t)
	c.site, c.config = "127.0.0.1:8080", "Caddyfile.example"
	run := c.command("run", "--config", c.config)
	run.Dir = "../.."
	c.launch(t, run)
	waitFor(t, "Caddy to serve on port 8080", func() bool { return c.serves(t) })

	var before string // variables of earlier steps
	for i, s := range steps {
		if i == 2 {
			waitFor(t, "the second delivery", func() bool { return strings.Count(c.log.tail(1<<20), "\tdelivered\t") == 2 })
		}
		shell := exec.Command("bash", "-c", before+s.commands) //nolint:gosec // The commands are the README's.
		out, err := shell.Output()
		require.NoError(t, err, "%s", s.commands)
		assert.Equal(t, strings.TrimRight(normal(s.output), "\n"), strings.TrimRight(normal(string(out)), "\n"), "%s", s.commands)
		for line := range strings.Lines(s.commands) {
			if regexp.MustCompile(`^[a-z]+=`).MatchString(line) {
				before += line
			}
		}
	}
	output := normal(c.log.tail(1 << 20))
	for _, line := range log {
		assert.True(t, strings.Contains(output, normal(line)), "Caddy did not log: %s", line)
	}
	c.stop(t)
}
