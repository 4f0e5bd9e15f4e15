package sqlite

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

const (
	// checkpointAfter is about how many bytes are committed between
	// checkpoints. The more, the fewer pages are written twice; the
	// write-ahead log takes a few times as much on disk.
	checkpointAfter = 24 << 20
	// largeLog is the size of the log in bytes from which readers are held off
	// for a moment, since they can keep it from being started over.
	largeLog = 4 * checkpointAfter
)

// checkpointer copies the write-ahead log into the database on a connection
// of its own, so that commits go on meanwhile. The log can only be started
// over when all of it has been copied and nothing was added: the writer
// copies the little that was added before it goes on.
type checkpointer struct {
	store    *Store
	conn     *sqlite.Conn
	database *os.File // for syncing only
	start    chan struct{}
	done     chan struct{}
	written  int64 // since the last checkpoint; belongs to the writer
	copied   atomic.Bool
	failure  atomic.Pointer[error] // of the last checkpoint
}

func startCheckpointer(path string, s *Store) (*checkpointer, error) {
	conn, err := openConn(path, 1<<10)
	if err != nil {
		return nil, err
	}
	database, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c := &checkpointer{store: s, conn: conn, database: database, start: make(chan struct{}, 1), done: make(chan struct{})}
	go c.run()
	return c, nil
}

func (c *checkpointer) run() {
	defer close(c.done)
	for range c.start {
		c.failed(checkpoint(c.conn))
		// What was copied is synced here, so that the writer has little left
		// to sync when it copies the rest.
		if err := syncData(c.database); err != nil {
			c.failed(c.store.markBroken(err))
		}
		c.copied.Store(true)
	}
}

// failed keeps the error of a checkpoint for housekeeping to report. Most, as
// on a full disk, harm nothing: the log is kept and copied later.
func (c *checkpointer) failed(err error) {
	if err != nil {
		err = fmt.Errorf("copying the write-ahead log into the database: %w", c.store.explain(err))
		c.failure.Store(&err)
	}
}

// lastFailure returns the error of a checkpoint, once.
func (c *checkpointer) lastFailure() error {
	if err := c.failure.Swap(nil); err != nil {
		return *err
	}
	return nil
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

// tidy copies what was committed while the last checkpoint ran, so that the
// log is started over. The caller is the writer.
func (c *checkpointer) tidy() {
	if !c.copied.CompareAndSwap(true, false) || c.store.brokenBy() != nil {
		return
	}
	if info, err := c.store.wal.file.Stat(); err == nil && info.Size() > largeLog {
		c.store.mu.Lock()
		defer c.store.mu.Unlock()
	}
	c.failed(checkpoint(c.store.writer))
}

// stop ends the checkpoints. The connection stays open.
func (c *checkpointer) stop() error {
	close(c.start)
	<-c.done
	return c.lastFailure()
}

func checkpoint(conn *sqlite.Conn) error {
	return sqlitex.Execute(conn, "PRAGMA wal_checkpoint(PASSIVE)", nil)
}
