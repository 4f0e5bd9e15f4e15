package sqlite

import (
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"
)

// statements are the prepared statements of the writer.
type statements struct {
	begin, commit, rollback     *sqlite.Stmt
	insertEvent, insertDelivery *sqlite.Stmt
	updateDelivery              *sqlite.Stmt
	delivery, settleDelivery    *sqlite.Stmt
	insertAttempt               *sqlite.Stmt
	insertNote, insertReport    *sqlite.Stmt
	insertDestination           *sqlite.Stmt
}

func prepare(conn *sqlite.Conn) (s statements, err error) {
	err = prepareAll(conn, []preparation{
		{&s.begin, "BEGIN IMMEDIATE"},
		{&s.commit, "COMMIT"},
		{&s.rollback, "ROLLBACK"},
		{&s.insertEvent, "INSERT INTO events (seq, time, \"to\", source, id, type, key, header, query, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
		{&s.insertDelivery, "INSERT INTO deliveries (key, state, attempts, due) VALUES (?, 0, 0, ?)"},
		// A delivery that was settled, dropped or replayed during the attempt is
		// not as it was claimed any more, and stays as it is.
		{&s.updateDelivery, "UPDATE deliveries SET state = ?, attempts = ?, due = ? WHERE key = ? AND state = ?"},
		{&s.delivery, "SELECT state, attempts FROM deliveries WHERE key = ?"},
		{&s.settleDelivery, "UPDATE deliveries SET state = ?, due = ? WHERE key = ?"},
		{&s.insertAttempt, "INSERT OR REPLACE INTO attempts (delivery, number, started, duration, status, reason, detail, response) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"},
		// A delivery can have been pruned during the attempt.
		{&s.insertNote, "INSERT INTO notes (delivery, note) SELECT key, ? FROM deliveries WHERE key = ? ON CONFLICT DO UPDATE SET note = excluded.note"},
		{&s.insertReport, "INSERT INTO notes (delivery, note, report) SELECT key, x'', ? FROM deliveries WHERE key = ? ON CONFLICT DO UPDATE SET report = excluded.report"},
		{&s.insertDestination, "INSERT INTO destinations (number, name) VALUES (?, ?)"},
	})
	return s, err
}

// queries are the prepared statements of the reader that are used often. They
// are kept because the library clears the parameters of a statement that it is
// asked for again, and SQLite then compiles many of them anew, which takes
// longer than running them.
type queries struct {
	dueKeys, claim, nextDue *sqlite.Stmt
	overdueKeys             *sqlite.Stmt // like dueKeys, of reports
	nextOverdue             *sqlite.Stmt
	report, term            *sqlite.Stmt
	linked, eachLinked      *sqlite.Stmt
}

func prepareQueries(conn *sqlite.Conn) (q queries, err error) {
	err = prepareAll(conn, []preparation{
		{&q.dueKeys, "SELECT key FROM deliveries WHERE key >> 40 = ? AND state = 0 AND due <= ? ORDER BY due, key"},
		{&q.overdueKeys, "SELECT key FROM deliveries WHERE key >> 40 = ? AND state >= 4 AND due <= ? ORDER BY due, key"},
		{&q.nextOverdue, "SELECT due FROM deliveries WHERE key >> 40 = ? AND state >= 4 AND due > ? ORDER BY due LIMIT 1"},
		{&q.claim, fmt.Sprintf(`SELECT attempts, time, source, id, type, e.key, header, query, body, note, report, state, (d.key & %d) - e.seq
			FROM deliveries d JOIN events e ON e.seq = (%s) LEFT JOIN notes n ON n.delivery = d.key
			WHERE d.key = ? AND (state = 0 OR state >= 4)`, seqMask, eventSQL)},
		{&q.nextDue, "SELECT due FROM deliveries WHERE key >> 40 = ? AND state = 0 AND due > ? ORDER BY due LIMIT 1"},
		{&q.report, "SELECT report FROM notes WHERE delivery = ?"},
		{&q.term, termSQL},
		{&q.linked, linkedSQL},
		{&q.eachLinked, eachLinkedSQL},
	})
	return q, err
}

// eventSQL is the number of the event of a delivery d: the highest one up to
// that of the delivery, see seqBits.
var eventSQL = fmt.Sprintf("SELECT max(seq) FROM events WHERE seq <= d.key & %d", seqMask)

// preparation is a statement to be prepared, and where it goes.
type preparation struct {
	stmt **sqlite.Stmt
	sql  string
}

func prepareAll(conn *sqlite.Conn, list []preparation) (err error) {
	for _, p := range list {
		if *p.stmt, err = conn.Prepare(p.sql); err != nil {
			return err
		}
	}
	return nil
}

// run executes a statement that returns no rows.
func run(stmt *sqlite.Stmt) error {
	_, err := stmt.Step()
	return errors.Join(err, stmt.Reset())
}

// reset ends a statement's use, and with it its read transaction.
func reset(stmt *sqlite.Stmt, err *error) {
	if resetErr := stmt.Reset(); *err == nil {
		*err = resetErr
	}
}

// bindBlob binds b, which the library would take for NULL when it is empty.
func bindBlob(stmt *sqlite.Stmt, param int, b []byte) {
	if len(b) == 0 {
		stmt.BindZeroBlob(param, 0)
		return
	}
	stmt.BindBytes(param, b)
}

func blob(stmt *sqlite.Stmt, column int) []byte {
	b := make([]byte, stmt.ColumnLen(column))
	stmt.ColumnBytes(column, b)
	return b
}
