package systemtest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/smppbridge/peertest"
)

// TestPowerCut proves that an event whose sender was told 202 survives a power
// cut. It records with strace every change that Caddy makes to the queue's
// files and directories, every sync, and every answer, while the queue is
// created, filled, checkpointed, closed and opened again. Then it builds what
// a power cut could have left on disk at many moments, among them the moment
// after each of the answers, opens that, and looks for all events answered
// until then.
//
// The model of a disk is harsher than most file systems: only what a sync
// covers that had ended by then is sure to be there, entries of directories
// count as changes of the directory, and of all other changes either none is
// there, or a random choice of sectors of 512 or 4096 bytes, in any order. It
// relies, as SQLite does, on syncs being honest and on a write not damaging
// bytes beside it.
func TestPowerCut(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	disk := t.TempDir()
	c.queue = filepath.Join(disk, "new", "data", "queue")
	c.configure(t, webhook("sink", sink.URL)+"destination down webhook http://"+peertest.FreeAddress(t)+" {\nallow_private\n}", `route /in {
		relay test {
			to sink down
			respond accepted 202 {event.id}
		}
	}
	route /big {
		relay test {
			to down
			respond accepted 202 {event.id}
		}
	}`)
	first := startTraced(t, c)
	const small = 60
	sendAll(t, c, "in", "few", 20, 1, 200)
	sendAll(t, c, "in", "many", small-20, 10, 200)
	// These make the log so long that it is copied into the database and
	// started over.
	sendAll(t, c, "big", "big", 30, 1, 900<<10)
	turns := startLogOver(t, c)
	sendAll(t, c, "in", "after", 20, 4, 200)
	c.stop(t)
	second := startTraced(t, c)
	sendAll(t, c, "in", "again", 20, 4, 200)
	c.kill()

	fs := newFileSystem(disk)
	answers, line := follow(t, fs, first, 0)
	fs.restart()
	more, line := follow(t, fs, second, line)
	answers = append(answers, more...)
	require.Len(t, answers, small+30+turns+20+20)
	random := rand.New(rand.NewPCG(1, 2))
	cuts := 0
	check := func(moment int, f fate) {
		checkCut(t, fs, c.queue, moment, f, answers, sink)
		cuts++
	}
	// The queue is small until the big events, and takes long to restore then.
	large := len(answers) - small
	for i, a := range answers {
		if i >= small && (i-small)%(large/6) != 0 {
			continue
		}
		check(a.moment+1, fate{})
		if i%3 == 0 {
			check(a.moment+1, fate{random, []float64{0.1, 0.5, 0.9}[random.IntN(3)]})
		}
	}
	for range 10 {
		check(random.IntN(line), fate{random, random.Float64()})
	}
	t.Logf("%d events, %d power cuts", len(answers), cuts)
}

// acknowledgement is the moment at which a sender is told that an event is
// accepted.
type acknowledgement struct {
	id     string
	moment int
}

// startTraced starts Caddy under strace and returns the name of the trace.
func startTraced(t *testing.T, c *caddy) string {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	trace := filepath.Join(t.TempDir(), "trace")
	// With -D, Caddy is our child, and strace ends after it.
	cmd := c.command("run", "--config", c.config)
	cmd.Args = append([]string{
		"strace", "-D", "-f", "-qqq", "-xx", "--seccomp-bpf",
		"-e", "signal=none", "-s", "4194304", "-o", trace, "-e", "trace=" + traced, binary,
	}, cmd.Args[1:]...)
	cmd.Path = strace
	c.launch(t, cmd)
	waitFor(t, "Caddy to serve", func() bool {
		if c.ended() && strings.Contains(c.log.tail(4<<10), "ptrace") {
			t.Skipf("strace may not trace here: %s", c.log.tail(4<<10))
		}
		return c.serves(t)
	})
	return trace
}

// sendAll offers events on several connections.
func sendAll(t *testing.T, c *caddy, path, name string, n, connections, size int) {
	t.Helper()
	var wg sync.WaitGroup
	for connection := range connections {
		wg.Go(func() {
			for i := connection; i < n; i += connections {
				req := newRequest("http://"+c.site+"/"+path, fmt.Sprintf("%s-%d", name, i))
				body := fmt.Sprintf(`{"id":"%s-%d","text":%q}`, name, i, strings.Repeat("x", size))
				req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
				a, err := do(client, req)
				if err != nil || a.status != http.StatusAccepted {
					t.Errorf("event %s-%d: status %d, error %v", name, i, a.status, err)
				}
			}
		})
	}
	wg.Wait()
}

// startLogOver sends events until SQLite writes its log from the beginning
// again, and returns how many it took. The log's header changes then.
func startLogOver(t *testing.T, c *caddy) (n int) {
	t.Helper()
	header := func() string {
		file, err := os.Open(filepath.Join(c.queue, "queue.db-wal"))
		require.NoError(t, err)
		defer func() { _ = file.Close() }()
		header := make([]byte, 32)
		_, err = io.ReadFull(file, header)
		require.NoError(t, err)
		return string(header)
	}
	before := header()
	waitFor(t, "the log to be started over", func() bool {
		sendAll(t, c, "in", fmt.Sprintf("turn%d", n), 1, 1, 200)
		n++
		return header() != before
	})
	return n
}

// follow applies a trace to a file system and returns the answers in it.
func follow(t *testing.T, fs *fileSystem, trace string, line int) (answers []acknowledgement, next int) {
	t.Helper()
	calls, next := readTrace(t, trace, line)
	for _, call := range calls {
		if id, ok := call.acknowledged(); ok {
			answers = append(answers, acknowledgement{id, call.begin})
			continue
		}
		fs.apply(t, call)
	}
	return answers, next
}

// checkCut restores what a power cut leaves, and requires that all events are
// there that were answered before it.
func checkCut(t *testing.T, fs *fileSystem, queue string, moment int, f fate, answers []acknowledgement, sink *receiver) {
	t.Helper()
	dir, err := os.MkdirTemp(inMemory(t), "caddy-relay-cut")
	require.NoError(t, err)
	defer func() { require.NoError(t, os.RemoveAll(dir)) }()
	fs.leave(t, dir, moment, f)
	rel, err := filepath.Rel(fs.root, queue)
	require.NoError(t, err)
	queue = filepath.Join(dir, rel)

	store, err := openQueue(queue)
	require.NoError(t, err, "the queue does not open after a power cut at line %d", moment)
	waiting := map[string]map[string]bool{"sink": {}, "down": {}}
	for destination, ids := range waiting {
		for _, claim := range claimAll(t, store, destination) {
			ids[claim.Event.ID] = true
		}
	}
	require.NoError(t, store.Close())
	for _, a := range answers {
		if a.moment >= moment {
			continue
		}
		require.True(t, waiting["down"][a.id], "a power cut at line %d loses event %s, which was accepted at line %d", moment, a.id, a.moment)
		require.True(t, strings.HasPrefix(a.id, "big") || waiting["sink"][a.id] || taken(sink.of(a.id)) > 0, "a power cut at line %d loses the delivery of event %s", moment, a.id)
	}
	requireIntact(t, filepath.Join(queue, "queue.db"))
}

// inMemory returns a directory that is in memory if there is one, since the
// restored queues need no disk, and syncing hundreds of them would take long.
func inMemory(t *testing.T) string {
	t.Helper()
	const dir = "/dev/shm"
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return dir
	}
	return t.TempDir()
}

// requireIntact has SQLite check a database.
func requireIntact(t *testing.T, path string) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	stmt, err := conn.Prepare("PRAGMA integrity_check")
	require.NoError(t, err)
	verdict, err := sqlitex.ResultText(stmt)
	require.NoError(t, err)
	require.Equal(t, "ok", verdict)
}
