// Package sqlite is the embedded queue engine: one SQLite database in WAL
// mode, written by one process.
//
// A commit survives a crash of the process when it returns, and a power cut
// once the write-ahead log has been synced, see log.go. The schema is laid out
// for few written pages per event: rows are appended in the order of integer
// keys, the only index that every delivery passes through is partial and holds
// the pending ones, and what comes in random order, the ids of events and the
// hashes of links, is moved to its table in sorted runs (see memory.go and
// links.go).
//
// The package imports relay and the SQLite library, nothing of Caddy.
package sqlite
