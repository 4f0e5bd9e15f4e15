package provider

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

// peerTimeout bounds a run of the libraries, which takes seconds.
const peerTimeout = 5 * time.Minute

// task is what a library is asked to do, see testdata/differential/peers.js.
type task struct {
	Library   string            `json:"library"`
	Operation string            `json:"operation"`
	Secret    string            `json:"secret"`
	Options   map[string]string `json:"options"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   [][2]string       `json:"headers"`
	Body      []byte            `json:"body"`
	Now       int64             `json:"now"` // milliseconds since 1970
}

// outcome is what a library made of a task.
type outcome struct {
	Valid   bool        `json:"valid"`
	Error   string      `json:"error"` // why it is not valid, if the library says so
	Headers [][2]string `json:"headers"`
	URL     string      `json:"url"`
	Body    []byte      `json:"body"`
	Failed  string      `json:"failed"` // why the task could not be done
}

// peers are the libraries, in a process of Node.js.
type peers struct {
	stdin  io.Writer
	stdout *bufio.Reader
	stderr *bytes.Buffer
}

// startPeers skips the test if the libraries are not installed. If they are,
// everything must work.
func startPeers(t *testing.T) *peers {
	const directory = "testdata/differential"
	if _, err := os.Stat(directory + "/node_modules"); errors.Is(err, fs.ErrNotExist) {
		t.Skip("the libraries of providers are not installed: it takes Node.js 18 or newer, and npm ci in verify/provider/" + directory)
	}
	ctx, cancel := context.WithTimeout(t.Context(), peerTimeout)
	command := exec.CommandContext(ctx, "node", "peers.js")
	command.Dir = directory
	// What they read from the environment must not matter, such as proxies,
	// credentials, and the time zone.
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "NODE_ENV=production", "TZ=UTC"}
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	p := &peers{stdin: stdin, stdout: bufio.NewReader(stdout), stderr: new(bytes.Buffer)}
	command.Stderr = p.stderr
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = command.Wait() // the test context has ended, which kills it
		cancel()
	})
	return p
}

// ask has tasks done, and requires that they could be.
func (p *peers) ask(t require.TestingT, tasks ...task) []outcome {
	line, err := json.Marshal(tasks)
	require.NoError(t, err)
	_, err = p.stdin.Write(append(line, '\n'))
	require.NoError(t, err)
	line, err = p.stdout.ReadBytes('\n')
	require.NoError(t, err, "Node.js ended: %s", p.stderr)
	var outcomes []outcome
	require.NoError(t, json.Unmarshal(line, &outcomes))
	require.Len(t, outcomes, len(tasks))
	for i, o := range outcomes {
		require.Empty(t, o.Failed, tasks[i].Library)
	}
	return outcomes
}

// newTask returns the task to do something with a request.
func newTask(operation, library, secret string, options map[string]string, r *verify.Request, now time.Time) task {
	headers := make([][2]string, 0, len(r.Header))
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			headers = append(headers, [2]string{name, value})
		}
	}
	return task{
		Library: library, Operation: operation, Secret: secret, Options: options,
		Method: r.Method, URL: r.URL(), Headers: headers, Body: r.Body, Now: now.UnixMilli(),
	}
}
