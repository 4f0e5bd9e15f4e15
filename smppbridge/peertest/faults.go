package peertest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Fault is a way in which node-smpp as an SMSC can be run, which its self-test
// tries.
type Fault struct {
	// Name is that in the self-test.
	Name string
	// Mode is what [NodeSMSC] takes.
	Mode string
	// Messages is how many are submitted.
	Messages int
}

// listFaults runs the self-test with another function in place of the one that
// does the work.
const listFaults = `
const source = require('fs').readFileSync('selftest.js', 'utf8').replace(/^#!.*/, '')
	.replace(/async function run\([^)]*\) \{/, (head) => head + 'console.log(JSON.stringify({Name: name, Mode: args.join(" "), Messages: n})); return;');
console.log = ((log) => (line) => { if (line.startsWith('{')) log(line); })(console.log);
new Function('require', '__dirname', source)(require, process.cwd());
`

// Faults returns all that the self-test of node-smpp as an SMSC tries, or skips
// the test.
func Faults(t *testing.T) []Fault {
	t.Helper()
	cmd := exec.Command("node", "-e", listFaults)
	cmd.Dir = Dir(t, "node", "-e", "require.resolve('smpp')")
	out, err := cmd.Output()
	require.NoError(t, err)
	var all []Fault
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var f Fault
		require.NoError(t, d.Decode(&f))
		all = append(all, f)
	}
	require.Greater(t, len(all), 50)
	return all
}

// Control has an SMSC of [NodeSMSC] do something, such as "/mo" with what to say.
func Control(t *testing.T, url, body string) {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body)) //nolint:gosec,noctx // The test's own process.
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

// Stats are what an SMSC of [NodeSMSC] has counted.
type Stats struct {
	// Binds are those that came, and Submits the messages.
	Binds, Submit int
	// Throttled, Errors and Nacks are the messages that were refused.
	Throttled, Errors, Nacks int
}

// Taken is how many messages the SMSC has taken.
func (s Stats) Taken() int { return s.Submit - s.Throttled - s.Errors - s.Nacks }

// StatsOf asks an SMSC of [NodeSMSC] what it has counted.
func StatsOf(t *testing.T, control string) Stats {
	t.Helper()
	resp, err := http.Get(control + "/stats") //nolint:gosec,noctx // The test's own process.
	require.NoError(t, err)
	var stats Stats
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&stats))
	require.NoError(t, resp.Body.Close())
	return stats
}
