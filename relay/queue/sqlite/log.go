package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// walSyncer makes commits durable. SQLite writes a commit to its write-ahead
// log and would sync that with fsync; here the content is synced and metadata
// that nobody needs, such as the time of change, is not, which takes about
// half as long on common file systems. A log that was cut by a crash is
// recovered up to its last whole commit, so what is synced is durable
// whatever becomes of the rest.
//
// No lock is ever taken on the log, so closing this file loses none.
type walSyncer struct {
	file *os.File
}

// openWAL opens the log of the database at path, which must be open in WAL
// mode, and makes sure that both are still found after a power cut.
func openWAL(path string) (*walSyncer, error) {
	file, err := os.OpenFile(path+"-wal", os.O_RDWR, 0) // Windows syncs only what it may write.
	if err != nil {
		return nil, fmt.Errorf("opening the write-ahead log: %w", err)
	}
	if err := syncDirectory(filepath.Dir(path)); err != nil {
		return nil, errors.Join(fmt.Errorf("syncing the queue directory: %w", err), file.Close())
	}
	return &walSyncer{file}, nil
}

func (w *walSyncer) sync() error { return syncData(w.file) }

func (w *walSyncer) close() error { return w.file.Close() }
