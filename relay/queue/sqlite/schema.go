package sqlite

import (
	"crypto/rand"
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// seqBits is the number of bits of a delivery's key that hold its event's
// sequence number. The bits above are the number of the destination, so that
// each destination's deliveries lie together in the order of their events. If a
// destination has several deliveries of an event, they have the numbers from
// that of the event on, which no other event has.
const seqBits = 40

const seqMask = 1<<seqBits - 1

// migrations bring a database from the version that is their index to the
// next. Released ones must never change; PRAGMA user_version counts them.
//
// Times are milliseconds since 1970 in UTC, durations milliseconds. Comments can't
// change either: what events."to" has is said in to.go, how keys are made at
// seqBits, and which states there are at [relay.State].
var migrations = []string{`
CREATE TABLE queue (
	id    TEXT NOT NULL,    -- part of every delivery's id
	start INTEGER NOT NULL  -- the process that has the queue numbers events from here
);
CREATE TABLE destinations (
	number INTEGER PRIMARY KEY,
	name   TEXT NOT NULL UNIQUE
);
CREATE TABLE events (
	seq    INTEGER PRIMARY KEY,
	time   INTEGER NOT NULL,
	"to"   BLOB NOT NULL, -- numbers of destinations, as unsigned varints
	source TEXT NOT NULL,
	id     TEXT NOT NULL,
	type   TEXT NOT NULL,
	key    TEXT NOT NULL,
	header BLOB NOT NULL, -- "Name: value" lines
	query  TEXT NOT NULL,
	body   BLOB NOT NULL
);
CREATE TABLE deliveries (
	key      INTEGER PRIMARY KEY, -- destination number << 40 | event seq
	state    INTEGER NOT NULL,    -- 0 pending, 1 delivered, 2 dead, 3 dropped
	attempts INTEGER NOT NULL,
	due      INTEGER NOT NULL     -- when the next attempt is to be made
);
CREATE INDEX deliveries_pending ON deliveries (key >> 40, due) WHERE state = 0;
CREATE INDEX deliveries_dead ON deliveries (key) WHERE state = 2;
CREATE TABLE attempts (
	delivery INTEGER NOT NULL,
	number   INTEGER NOT NULL,
	started  INTEGER NOT NULL,
	duration INTEGER NOT NULL,
	status   INTEGER NOT NULL, -- 0 when there was no answer
	reason   TEXT NOT NULL,    -- '' for a success
	detail   TEXT NOT NULL,
	response BLOB NOT NULL,    -- the beginning of the answer's body
	PRIMARY KEY (delivery, number)
) WITHOUT ROWID;
CREATE TABLE remembered_recent (
	seq     INTEGER PRIMARY KEY, -- in the order of commits
	entries BLOB NOT NULL        -- 24 bytes each: hash, expiry
);
CREATE TABLE remembered (
	hash    INTEGER PRIMARY KEY, -- the first half of the hash of a source and id, or of a mark
	rest    INTEGER NOT NULL,    -- the second half
	expires INTEGER NOT NULL     -- the upper 16 bits are the note of a mark
);
`, `
CREATE TABLE notes (
	delivery INTEGER PRIMARY KEY, -- key of the delivery
	note     BLOB NOT NULL        -- what its destination wants to be kept
);
CREATE TABLE links (
	seq     INTEGER PRIMARY KEY, -- in the order of commits
	hash    INTEGER NOT NULL,    -- the first half
	rest    INTEGER NOT NULL,    -- the second half
	expires INTEGER NOT NULL,
	value   BLOB NOT NULL
);
CREATE TABLE links_by_hash (
	hash    INTEGER NOT NULL,
	seq     INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	PRIMARY KEY (hash, seq)
) WITHOUT ROWID;
-- The number of the link up to which links_by_hash has them.
ALTER TABLE queue ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
`, `
-- States 4 and 5 are those of deliveries whose report is expected until due.
CREATE INDEX deliveries_expected ON deliveries (key >> 40, due) WHERE state >= 4;
ALTER TABLE notes ADD COLUMN report BLOB NOT NULL DEFAULT x'';
`}

// pragmas are set on every connection. auto_vacuum takes effect on a new
// database only, and before the first table. With synchronous = NORMAL, SQLite
// syncs where its own consistency needs it, which is around checkpoints;
// commits are synced by log.go. Checkpoints are made by checkpoint.go.
var pragmas = []string{
	"auto_vacuum = INCREMENTAL",
	"journal_mode = WAL",
	"synchronous = NORMAL",
	"wal_autocheckpoint = 0",
	"journal_size_limit = 67108864",
	"temp_store = MEMORY",
}

// migrate creates or updates the schema.
func migrate(conn *sqlite.Conn) error {
	version, err := pragmaInt(conn, "user_version")
	if err != nil {
		return err
	}
	if version > int64(len(migrations)) {
		return fmt.Errorf("the queue has schema version %d, and this build knows only up to %d; use the newer build that wrote it", version, len(migrations))
	}
	for ; version < int64(len(migrations)); version++ {
		if err := migrateFrom(conn, int(version)); err != nil {
			return fmt.Errorf("migrating the queue from schema version %d: %w", version, err)
		}
	}
	return nil
}

func migrateFrom(conn *sqlite.Conn, version int) (err error) {
	end, err := sqlitex.ImmediateTransaction(conn)
	if err != nil {
		return err
	}
	defer end(&err)
	if err := sqlitex.ExecuteScript(conn, migrations[version], nil); err != nil {
		return err
	}
	if version == 0 {
		err := sqlitex.Execute(conn, "INSERT INTO queue (id, start) VALUES (?, 0)", &sqlitex.ExecOptions{Args: []any{rand.Text()[:13]}})
		if err != nil {
			return err
		}
	}
	return sqlitex.ExecuteTransient(conn, fmt.Sprintf("PRAGMA user_version = %d", version+1), nil)
}

func pragmaInt(conn *sqlite.Conn, name string) (int64, error) {
	stmt, err := conn.Prepare("PRAGMA " + name)
	if err != nil {
		return 0, err
	}
	return sqlitex.ResultInt64(stmt)
}
