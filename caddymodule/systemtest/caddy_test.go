package systemtest

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
	defer os.RemoveAll(dir)
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

// freeAddress returns a loopback address that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// caddy is a running Caddy process.
type caddy struct {
	admin, site, dir, config string

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	log  *logBuffer
}

// newCaddy prepares a Caddy in a directory of its own, with its queue in
// queue/ there.
func newCaddy(t *testing.T) *caddy {
	t.Helper()
	c := &caddy{admin: freeAddress(t), site: freeAddress(t), dir: t.TempDir(), log: new(logBuffer)}
	c.config = filepath.Join(c.dir, "Caddyfile")
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
	grace_period 5s
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
`, c.admin, filepath.Join(c.dir, "queue"), relay, c.site, site)
	require.NoError(t, os.WriteFile(c.config, []byte(text), 0o600))
}

// command prepares a subcommand of Caddy that sees no configuration but the
// test's.
func (c *caddy) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...) //nolint:gosec // It is what the test built.
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "HOME="+c.dir, "XDG_DATA_HOME="+c.dir, "XDG_CONFIG_HOME="+c.dir)
	return cmd
}

// start runs Caddy and waits until it serves.
func (c *caddy) start(t *testing.T) {
	t.Helper()
	c.launch(t, c.command("run", "--config", c.config))
	waitFor(t, "Caddy to serve", func() bool { return c.serves(t) })
}

func (c *caddy) launch(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
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

func (c *caddy) serves(t *testing.T) bool {
	t.Helper()
	select {
	case <-c.done:
		t.Fatalf("Caddy ended early:\n%s", c.log.tail(4<<10))
	default:
	}
	resp, err := http.Get("http://" + c.site + "/alive")
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil
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
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGTERM))
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
	out, err := c.command("reload", "--config", c.config, "--address", c.admin).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// logBuffer collects a process's output.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) contains(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Contains(b.buf.String(), text)
}

func (b *logBuffer) tail(n int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.buf.String()
	return s[max(0, len(s)-n):]
}
