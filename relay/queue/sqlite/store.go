package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/relay"
)

const (
	databaseName = "queue.db"
	lockName     = "queue.lock"
	// maxUnsynced is more numbers than can have been given to events that are
	// committed and not synced: for each of them, a request waits, and batches
	// with many deliveries are short.
	maxUnsynced = 1 << 20
)

// Store is a [relay.Queue] in a directory.
type Store struct {
	id   string
	lock *flock.Flock

	// The fields down to reader belong to the goroutine that commits.
	writer       *sqlite.Conn
	statements   statements
	destinations map[string]int64
	nextSeq      int64
	memory       *memory
	links        *links
	to           []byte       // the destinations of the event being stored
	fresh        []relay.Mark // the new marks of the acceptance being stored
	pruner       pruner

	wal *walSyncer

	// broken is set for good when a sync failed: the kernel may have dropped
	// what it could not write, so nothing after it can be relied on.
	broken atomic.Pointer[error]
	dirty  atomic.Bool // something was committed since the last sync

	mu      sync.Mutex // guards the fields down to oldest
	reader  *sqlite.Conn
	queries queries
	numbers map[string]int64 // committed destinations, for the reader
	oldest  map[int64]int64  // by destination: no pending delivery has a lower key

	checkpointer *checkpointer
}

// Open opens the queue in a directory, which is created if need be. It fails
// if another process has the queue open.
func Open(dir string) (_ *Store, err error) {
	if err := createDirectory(dir); err != nil {
		return nil, fmt.Errorf("creating the queue directory: %w", err)
	}
	s := &Store{destinations: make(map[string]int64), numbers: make(map[string]int64), oldest: make(map[int64]int64)}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if err := s.acquire(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, databaseName)
	if err := createPrivate(path); err != nil {
		return nil, fmt.Errorf("creating the queue: %w", err)
	}
	if s.writer, err = openConn(path, 16<<10); err != nil {
		return nil, err
	}
	if err := migrate(s.writer); err != nil {
		return nil, err
	}
	if s.wal, err = openWAL(path); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("reading the queue: %w", err)
	}
	if err := s.reserve(); err != nil {
		return nil, fmt.Errorf("writing to the queue: %w", err)
	}
	if s.reader, err = openConn(path, 8<<10); err != nil {
		return nil, err
	}
	if s.queries, err = prepareQueries(s.reader); err != nil {
		return nil, fmt.Errorf("reading the queue: %w", err)
	}
	s.checkpointer, err = startCheckpointer(path, s)
	return s, err
}

// createDirectory creates a directory, and those above it that are missing, so
// that a power cut can't take any of them with what is in it. It need not be
// new for that: whoever created it may have been killed before the sync.
func createDirectory(dir string) error {
	parent := filepath.Dir(dir)
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) {
		if err := createDirectory(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDirectory(parent)
}

// acquire locks the directory against other processes.
func (s *Store) acquire(dir string) error {
	lock := flock.New(filepath.Join(dir, lockName), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("locking the queue: %w", err)
	}
	if !ok {
		return fmt.Errorf("queue %s is already locked; this is usually another running Caddy instance, "+
			"in which case use 'caddy reload' instead of starting a second one, or give this one a queue directory of its own", dir)
	}
	s.lock = lock
	return nil
}

// createPrivate makes sure that the file exists and only its owner can read
// it. SQLite gives its other files the same permissions.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// openConn opens a connection with a page cache of the given size in KiB.
func openConn(path string, cacheKiB int) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	conn.SetBusyTimeout(10 * time.Second)
	for _, pragma := range append(pragmas, fmt.Sprintf("cache_size = -%d", cacheKiB)) {
		if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+pragma, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("opening %s: %w", path, err), conn.Close())
		}
	}
	return conn, nil
}

// load reads what the store keeps in memory.
func (s *Store) load() (err error) {
	if s.statements, err = prepare(s.writer); err != nil {
		return err
	}
	if s.pruner, err = newPruner(s.writer); err != nil {
		return err
	}
	// The newest event is never pruned, so its number is the highest one that
	// was used, except for those that a power cut took.
	err = sqlitex.Execute(s.writer, "SELECT id, max(start, coalesce((SELECT max(seq) FROM events), 0)) FROM queue", &sqlitex.ExecOptions{
		ResultFunc: func(stmt *sqlite.Stmt) error {
			s.id, s.nextSeq = stmt.ColumnText(0), stmt.ColumnInt64(1)
			return nil
		},
	})
	if err != nil {
		return err
	}
	err = sqlitex.Execute(s.writer, "SELECT number, name FROM destinations", &sqlitex.ExecOptions{
		ResultFunc: func(stmt *sqlite.Stmt) error {
			s.destinations[stmt.ColumnText(1)] = stmt.ColumnInt64(0)
			s.numbers[stmt.ColumnText(1)] = stmt.ColumnInt64(0)
			return nil
		},
	})
	if err != nil {
		return err
	}
	if s.memory, err = loadMemory(s.writer); err != nil {
		return err
	}
	s.links, err = loadLinks(s.writer)
	return err
}

// reserve makes sure that no number of an event is used twice, for receivers
// would take the second one for a repeat. A power cut can take events that
// were delivered already; their numbers are skipped by every later start, also
// when nothing else was kept since this one.
func (s *Store) reserve() error {
	s.nextSeq += maxUnsynced
	err := sqlitex.Execute(s.writer, "UPDATE queue SET start = ?", &sqlitex.ExecOptions{Args: []any{s.nextSeq}})
	if err != nil {
		return err
	}
	s.nextSeq++
	return s.wal.sync()
}

// ID implements [relay.Queue].
func (s *Store) ID() string { return s.id }

// Close implements [relay.Queue]. It empties the write-ahead log, unless the
// store is broken.
func (s *Store) Close() error {
	var errs []error
	if s.checkpointer != nil {
		errs = append(errs, s.checkpointer.stop())
	}
	if s.wal != nil {
		errs = append(errs, s.wal.close())
	}
	if s.brokenBy() == nil {
		errs = append(errs, s.closeConns())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// closeConns closes the connections to the database. The last one copies the
// log into the database and deletes it. That must not happen after a failed
// sync, since the log may be all that is left: a broken store keeps its
// connections, which then end with the process.
func (s *Store) closeConns() error {
	conns := []*sqlite.Conn{s.reader, s.writer}
	if s.checkpointer != nil {
		conns = append(conns, s.checkpointer.conn)
	}
	var errs []error
	for _, conn := range conns {
		if conn != nil {
			errs = append(errs, conn.Close())
		}
	}
	if s.checkpointer != nil {
		// Closing any file of a database drops the locks on it, so this one
		// is closed last.
		errs = append(errs, s.checkpointer.database.Close())
	}
	return errors.Join(errs...)
}

var _ relay.Queue = (*Store)(nil)
