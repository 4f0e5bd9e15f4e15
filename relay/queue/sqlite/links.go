package sqlite

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/relay"
)

const (
	// recentLinks is the number of links that are kept in memory before they
	// are moved to the index, unless their values exceed recentLinkBytes. They
	// take about 15 MB with short values, twice while they move.
	recentLinks     = 1 << 16
	recentLinkBytes = 16 << 20
)

// links finds values by hashes.
//
// Rows are appended to the table links in the order of commits, with their
// values. Hashes come in random order, so an index of the table would rewrite
// a page for each: the newest links are therefore kept in memory, where most
// are found again soon, and when there are recentLinks of them, they are moved
// to links_by_hash in the order of their hashes. The number up to which that
// is done is stored, and what is behind it is read at start. A filter spares
// most look-ups in the table.
//
// All methods but find belong to the goroutine that commits.
type links struct {
	size int // recentLinks, but for tests

	// mu guards the fields down to indexed. The goroutine that commits is the
	// only one to change them, so it takes mu only for that.
	mu      sync.RWMutex
	recent  *linkRun
	frozen  *linkRun // on its way to the index; nil if there is none
	filter  *filter  // of the index; nil until the first sweep has filled it
	used    bool     // the index may have rows that are not in memory
	indexed int64    // the index has the links up to this one

	spill   spill[linkRow] // moves the frozen ones
	staged  []link         // what the open transaction has added
	lastSeq int64          // of the newest link that is committed
	sweep   linkSweep
	prune   linkPrune

	insert, insertRow, setIndexed *sqlite.Stmt
}

func loadLinks(conn *sqlite.Conn) (l *links, err error) {
	l = &links{size: recentLinks, recent: newLinkRun()}
	err = prepareAll(conn, []preparation{
		{&l.insert, "INSERT INTO links (seq, hash, rest, expires, value) VALUES (?, ?, ?, ?, ?)"},
		{&l.insertRow, "INSERT OR REPLACE INTO links_by_hash (hash, seq, expires) VALUES (?, ?, ?)"},
		{&l.setIndexed, "UPDATE queue SET indexed = ?"},
	})
	if err != nil {
		return nil, err
	}
	stmt, err := conn.Prepare("SELECT indexed FROM queue")
	if err != nil {
		return nil, err
	}
	if l.indexed, err = sqlitex.ResultInt64(stmt); err != nil {
		return nil, err
	}
	// Numbers up to the stored one are not used again, even if all links are
	// gone: those behind it are taken for indexed.
	l.used, l.lastSeq = l.indexed > 0, l.indexed
	err = sqlitex.Execute(conn, "SELECT seq, hash, rest, expires, value FROM links WHERE seq > ? ORDER BY seq", &sqlitex.ExecOptions{
		Args: []any{l.indexed},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			l.lastSeq = stmt.ColumnInt64(0)
			l.recent.add(link{
				hash:    relay.LinkHash(joinHalves(stmt.ColumnInt64(1), stmt.ColumnInt64(2))),
				seq:     l.lastSeq,
				expires: stmt.ColumnInt64(3),
				value:   blob(stmt, 4),
			})
			return nil
		},
	})
	return l, err
}

// add adds links to the open transaction.
func (l *links) add(links []relay.Link, now time.Time) error {
	for _, added := range links {
		n := link{
			hash:    added.Hash,
			seq:     l.lastSeq + int64(len(l.staged)) + 1,
			expires: now.Add(added.For).UnixMilli(),
			value:   added.Value,
		}
		first, rest := idHash(n.hash).halves()
		l.insert.BindInt64(1, n.seq)
		l.insert.BindInt64(2, first)
		l.insert.BindInt64(3, rest)
		l.insert.BindInt64(4, n.expires)
		bindBlob(l.insert, 5, n.value)
		if err := run(l.insert); err != nil {
			return err
		}
		l.staged = append(l.staged, n)
	}
	return nil
}

// write moves some older links to the index, if the open transaction has new
// ones.
func (l *links) write(now time.Time) error {
	if len(l.staged) == 0 {
		return nil
	}
	for _, r := range l.spill.take(len(l.staged), min(spillChunk, l.size/4)) {
		if r.expires <= now.UnixMilli() {
			continue
		}
		l.insertRow.BindInt64(1, r.hash)
		l.insertRow.BindInt64(2, r.seq)
		l.insertRow.BindInt64(3, r.expires)
		if err := run(l.insertRow); err != nil {
			return err
		}
	}
	if !l.spill.last() {
		return nil
	}
	l.setIndexed.BindInt64(1, l.frozenSeq())
	return run(l.setIndexed)
}

// frozenSeq returns the number of the newest frozen link.
func (l *links) frozenSeq() int64 { return l.frozen.links[len(l.frozen.links)-1].seq }

// committed is called after the transaction was committed.
func (l *links) committed() {
	if len(l.staged) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.staged {
		l.recent.add(n)
	}
	l.lastSeq += int64(len(l.staged))
	clear(l.staged)
	l.staged = l.staged[:0]
	for _, r := range l.spill.taken() {
		l.filter.add(spread(r.hash))
		l.sweep.filter.add(spread(r.hash))
	}
	if l.spill.committed() {
		l.indexed, l.frozen = l.frozenSeq(), nil
	}
	if l.frozen == nil && (len(l.recent.links) >= l.size || l.recent.bytes >= recentLinkBytes) {
		l.freeze()
	}
}

// freeze starts moving what is in memory to the index. It is called with mu
// locked; the run is not changed any more.
func (l *links) freeze() {
	frozen := l.recent
	l.frozen, l.recent, l.used = frozen, newLinkRun(), true
	l.spill.start(func() []linkRow {
		rows := make([]linkRow, len(frozen.links))
		for i, n := range frozen.links {
			first, _ := idHash(n.hash).halves()
			rows[i] = linkRow{first, n.seq, n.expires}
		}
		slices.SortFunc(rows, func(a, b linkRow) int {
			return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.seq, b.seq))
		})
		return rows
	})
}

// undo is called after the transaction was rolled back.
func (l *links) undo() {
	clear(l.staged)
	l.staged = l.staged[:0]
	l.spill.undo()
}
