package sqlite

import (
	"context"
	"errors"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/relay"
)

// vacuumMin is the number of free pages from which some are given back to the
// file system, if they are more than a quarter of the database.
const vacuumMin = 16 << 10

// Maintain implements [relay.Queue].
func (s *Store) Maintain(_ context.Context, limits relay.Limits) (more bool, err error) {
	if err := s.brokenBy(); err != nil {
		return false, err
	}
	now := time.Now()
	errs := []error{s.checkpointer.lastFailure()}
	for _, step := range []func() (bool, error){
		func() (bool, error) { return s.memory.step(s.writer, now) },
		func() (bool, error) { return s.memory.trim(s.writer) },
		func() (bool, error) { return s.prune(limits, now) },
		func() (bool, error) { return s.pruneLinks(now) },
		func() (bool, error) { return s.sweepLinks(now) },
		s.vacuum,
	} {
		again, err := step()
		if err != nil {
			errs = append(errs, s.explain(err))
		}
		more = more || again
	}
	s.checkpointer.tidy()
	err = errors.Join(errs...)
	return more && err == nil, err
}

// vacuum gives some free space back to the file system if there is plenty.
func (s *Store) vacuum() (more bool, err error) {
	free, err := pragmaInt(s.writer, "freelist_count")
	if err != nil || free < vacuumMin {
		return false, err
	}
	pages, err := pragmaInt(s.writer, "page_count")
	if err != nil || free < pages/4 {
		return false, err
	}
	const step = 512 // pages
	s.checkpointer.wrote(step * 4096)
	return false, sqlitex.Execute(s.writer, "PRAGMA incremental_vacuum(512)", nil)
}

// usedBytes returns the size of the database without its free pages.
func usedBytes(conn *sqlite.Conn) (int64, error) {
	pages, err := pragmaInt(conn, "page_count")
	if err != nil {
		return 0, err
	}
	free, err := pragmaInt(conn, "freelist_count")
	if err != nil {
		return 0, err
	}
	size, err := pragmaInt(conn, "page_size")
	return (pages - free) * size, err
}
