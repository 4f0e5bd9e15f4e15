package sqlite

import (
	"log/slog"
	"sync/atomic"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// checkpointAfter is about how many bytes are committed between checkpoints.
// The more, the fewer pages are written twice; the write-ahead log takes a
// few times as much on disk.
const checkpointAfter = 24 << 20

// checkpointer copies the write-ahead log into the database on a connection
// of its own, so that commits go on meanwhile. The log can only be started
// over when all of it has been copied and nothing was added: the writer
// copies the little that was added before it goes on.
type checkpointer struct {
	conn    *sqlite.Conn
	log     *slog.Logger
	start   chan struct{}
	done    chan struct{}
	written int64 // since the last checkpoint; belongs to the writer
	copied  atomic.Bool
}

func startCheckpointer(path string, logger *slog.Logger) (*checkpointer, error) {
	conn, err := openConn(path, 1<<10)
	if err != nil {
		return nil, err
	}
	c := &checkpointer{conn: conn, log: logger, start: make(chan struct{}, 1), done: make(chan struct{})}
	go c.run()
	return c, nil
}

func (c *checkpointer) run() {
	defer close(c.done)
	for range c.start {
		if err := checkpoint(c.conn); err != nil {
			c.log.Error("copying the write-ahead log into the database failed; it will be tried again", slog.Any("error", err))
		}
		c.copied.Store(true)
	}
}

// wrote starts a checkpoint once enough has been written.
func (c *checkpointer) wrote(n int64) {
	c.written += n
	if c.written < checkpointAfter {
		return
	}
	c.written = 0
	select {
	case c.start <- struct{}{}:
	default: // One is still to be made.
	}
}

// tidy copies what was committed while the last checkpoint ran. The caller is
// the writer. A failure changes nothing that has been committed.
func (c *checkpointer) tidy(writer *sqlite.Conn) {
	if !c.copied.CompareAndSwap(true, false) {
		return
	}
	if err := checkpoint(writer); err != nil {
		c.log.Error("starting the write-ahead log over failed; it will be tried again", slog.Any("error", err))
	}
}

func (c *checkpointer) stop() error {
	close(c.start)
	<-c.done
	return c.conn.Close()
}

func checkpoint(conn *sqlite.Conn) error {
	return sqlitex.Execute(conn, "PRAGMA wal_checkpoint(PASSIVE)", nil)
}
