package systemtest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	// What is built and tested is not imported otherwise, and go test would
	// show old results for it.
	_ "github.com/caddy-relay/caddy-relay/caddymodule"

	"github.com/caddy-relay/caddy-relay/smppbridge/peertest"
)

// binary is the path of the Caddy under test.
var binary string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "caddy-relay-systemtest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "caddy")
	build := exec.Command("go", "build", "-o", binary, "../cmd/caddy")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building Caddy: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// patience bounds every wait of a test. It only ends tests that fail.
const patience = time.Minute

// waitFor polls until condition holds.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond) // the binary can only be polled
	}
}

// caddy is a running Caddy process.
type caddy struct {
	admin, site, dir, config string

	// queue has the arguments of the option of that name, and grace that of
	// grace_period; sites is for further site blocks of the Caddyfile.
	queue, grace, sites string
	// env is added to the environment of the process.
	env []string

	cmd    *exec.Cmd
	done   chan struct{} // closed when the process has ended
	log    *logBuffer
	starts int // how many had succeeded before this one
}

// newCaddy prepares a Caddy in a directory of its own, with its queue in
// queue/ there.
func newCaddy(t *testing.T) *caddy {
	t.Helper()
	c := &caddy{admin: peertest.FreeAddress(t), site: peertest.FreeAddress(t), dir: t.TempDir(), log: new(logBuffer)}
	c.config = filepath.Join(c.dir, "Caddyfile")
	c.queue, c.grace = filepath.Join(c.dir, "queue"), "5s"
	t.Cleanup(func() {
		c.kill()
		if t.Failed() {
			t.Logf("the end of Caddy's log:\n%s", c.log.tail(8<<10))
		}
	})
	return c
}

// configure writes the Caddyfile: global options of the relay, and the site.
func (c *caddy) configure(t *testing.T, relay, site string) {
	t.Helper()
	text := fmt.Sprintf(`{
	admin %s
	auto_https off
	grace_period %s
	log default {
		level DEBUG
	}
	relay {
		queue sqlite %s
		%s
	}
}

http://%s {
	%s
}
%s`, c.admin, c.grace, c.queue, relay, c.site, site, c.sites)
	require.NoError(t, os.WriteFile(c.config, []byte(text), 0o600))
}

// command prepares a subcommand of Caddy that sees no configuration but the
// test's.
func (c *caddy) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...) //nolint:gosec // It is what the test built.
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "HOME="+c.dir, "XDG_DATA_HOME="+c.dir, "XDG_CONFIG_HOME="+c.dir)
	cmd.Env = append(cmd.Env, c.env...)
	return cmd
}

// run runs a subcommand that ends by itself, and returns its output.
func (c *caddy) run(args ...string) ([]byte, error) {
	cmd := c.command(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	err := cmd.Wait()
	return out.Bytes(), err
}

// start runs Caddy and waits until it serves.
func (c *caddy) start(t *testing.T) {
	t.Helper()
	c.launch(t, c.command("run", "--config", c.config))
	waitFor(t, "Caddy to serve", func() bool { return c.serves(t) })
}

func (c *caddy) launch(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	c.starts = c.log.count(serving)
	c.cmd = cmd
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	require.NoError(t, c.cmd.Start())
	done := make(chan struct{})
	c.done = done
	go func() {
		defer close(done)
		_ = cmd.Wait() // Tests that care look at ProcessState.
	}()
}

// serving is what Caddy logs when all of its first config is in use.
const serving = "serving initial configuration"

// serves reports whether the config is in use. Sites answer a little earlier.
func (c *caddy) serves(t *testing.T) bool {
	t.Helper()
	if c.ended() {
		t.Fatalf("Caddy ended early:\n%s", c.log.tail(4<<10))
	}
	return c.log.count(serving) > c.starts
}

// ended reports whether the process has ended.
func (c *caddy) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// kill ends the process as a crash would.
func (c *caddy) kill() {
	if c.cmd == nil || c.cmd.Process == nil {
		return
	}
	_ = c.cmd.Process.Signal(syscall.SIGKILL) // It may have ended already.
	<-c.done
}

// stop ends the process as a service manager would.
func (c *caddy) stop(t *testing.T) {
	t.Helper()
	c.terminate(t)
	c.wait(t)
}

// terminate asks the process to end.
func (c *caddy) terminate(t *testing.T) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGTERM))
}

// wait returns when the process has ended, which must be with success.
func (c *caddy) wait(t *testing.T) {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		t.Fatal("Caddy does not stop")
	}
	require.True(t, c.cmd.ProcessState.Success(), "exit status of Caddy: %v", c.cmd.ProcessState)
}

// reload loads the Caddyfile into the running process.
func (c *caddy) reload(t *testing.T) error {
	t.Helper()
	out, err := c.run("reload", "--config", c.config, "--address", c.admin)
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// get returns a page of the admin API.
func (c *caddy) get(t *testing.T, path string) string {
	t.Helper()
	resp, err := client.Get("http://" + c.admin + path)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", body)
	return string(body)
}

// metric returns the value of a series, which is named with its labels, or 0
// if there is none.
func (c *caddy) metric(t *testing.T, series string) float64 {
	t.Helper()
	for line := range strings.Lines(c.get(t, "/metrics")) {
		if text, ok := strings.CutPrefix(line, series+" "); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			require.NoError(t, err)
			return value
		}
	}
	return 0
}

// pending returns how many deliveries a destination has, says Caddy.
func (c *caddy) pending(t *testing.T, destination string) int {
	t.Helper()
	return int(c.metric(t, fmt.Sprintf("caddy_relay_pending_deliveries{destination=%q}", destination)))
}
