package sqlite

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/relay"
)

const (
	// recentSize is the number of ids kept in memory before they are moved to
	// the table of remembered ids. It takes about 12 MB, twice while they move.
	recentSize = 1 << 18
	entrySize  = len(idHash{}) + 8
)

// idHash identifies the source and id of an event: the first half of their
// SHA-256, so that nobody can find two ids that are taken for one.
type idHash [16]byte

func hashID(e *relay.Event) idHash {
	// The length keeps source "a" and id "bc" apart from "ab" and "c".
	buf := make([]byte, 0, 256)
	buf = binary.AppendUvarint(buf, uint64(len(e.Source)))
	buf = append(buf, e.Source...)
	buf = append(buf, e.ID...)
	sum := sha256.Sum256(buf)
	return idHash(sum[:16])
}

// halves returns the hash as the two columns of its row.
func (h idHash) halves() (first, rest int64) {
	return int64(binary.BigEndian.Uint64(h[:8])), int64(binary.BigEndian.Uint64(h[8:])) //nolint:gosec // All bits are kept.
}

func joinHalves(first, rest int64) (h idHash) {
	binary.BigEndian.PutUint64(h[:8], uint64(first)) //nolint:gosec // All bits are kept.
	binary.BigEndian.PutUint64(h[8:], uint64(rest))  //nolint:gosec // All bits are kept.
	return h
}

type entry struct {
	hash idHash
	term term
}

// term is when an entry expires, in milliseconds since 1970, and above that,
// in the upper 16 bits, the note of a mark. 48 bits are good for 8,900 years.
type term uint64

const noteShift = 48

func newTerm(expires time.Time, note uint16) term {
	return term(expires.UnixMilli()) | term(note)<<noteShift //nolint:gosec // It is after 1970.
}

// loadTerm reads a term from a column.
func loadTerm(stmt *sqlite.Stmt, column int) term {
	return term(stmt.ColumnInt64(column)) //nolint:gosec // All bits are kept.
}

func (t term) over(now time.Time) bool {
	return int64(t&(1<<noteShift-1)) <= now.UnixMilli() //nolint:gosec // It has 48 bits.
}

func (t term) note() uint16 { return uint16(t >> noteShift) }

// memory remembers the ids of events and marks, to tell duplicates.
//
// Ids come in random order, so a plain index would rewrite a page for each.
// New ones are therefore kept in maps and logged in remembered_recent, a row
// per commit. When there are recentSize of them, they are sorted and moved to
// the table remembered a few per commit, which then touches each page of it
// once for many ids. A filter spares most look-ups in the table.
//
// All methods but find belong to the goroutine that commits.
type memory struct {
	size int // recentSize, but for tests

	// mu guards the maps and the filter. The goroutine that commits is the only
	// one to change them, so it takes mu only for that.
	mu     sync.RWMutex
	recent map[idHash]term
	frozen map[idHash]term // on its way to the table
	filter *filter         // nil until the first sweep has filled it

	spill spill[entry] // moves the frozen ones

	lastSeq   int64 // of the newest row of the log
	frozenSeq int64 // the log up to here is in frozen
	trimSeq   int64 // the log up to here is in the table and can go

	staged []entry // what the open transaction has added

	sweep sweep

	lookup, insert, log *sqlite.Stmt
	buf                 []byte
}

func loadMemory(conn *sqlite.Conn) (m *memory, err error) {
	m = &memory{size: recentSize, recent: make(map[idHash]term)}
	if m.lookup, err = conn.Prepare(termSQL); err != nil {
		return nil, err
	}
	if m.insert, err = conn.Prepare("INSERT OR REPLACE INTO remembered (hash, rest, expires) VALUES (?, ?, ?)"); err != nil {
		return nil, err
	}
	if m.log, err = conn.Prepare("INSERT INTO remembered_recent (seq, entries) VALUES (?, ?)"); err != nil {
		return nil, err
	}
	err = sqlitex.Execute(conn, "SELECT seq, entries FROM remembered_recent ORDER BY seq", &sqlitex.ExecOptions{
		ResultFunc: func(stmt *sqlite.Stmt) error {
			m.lastSeq = stmt.ColumnInt64(0)
			m.buf = slices.Grow(m.buf[:0], stmt.ColumnLen(1))[:stmt.ColumnLen(1)]
			stmt.ColumnBytes(1, m.buf)
			for e := range slices.Chunk(m.buf, entrySize) {
				m.recent[idHash(e)] = term(binary.BigEndian.Uint64(e[16:]))
			}
			return nil
		},
	})
	return m, err
}

const termSQL = "SELECT expires FROM remembered WHERE hash = ? AND rest = ?"

// knows reports whether a hash is remembered.
func (m *memory) knows(hash idHash, now time.Time) (bool, error) {
	t, maybe := m.look(hash)
	if maybe {
		var err error
		if t, err = lookUp(m.lookup, hash); err != nil {
			return false, err
		}
	}
	return !t.over(now), nil
}

// find is like look, for other goroutines.
func (m *memory) find(hash idHash) (t term, maybe bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.look(hash)
}

// look returns the term of a hash that is in memory, or else the zero term,
// which is over, and whether the hash may be in the table.
func (m *memory) look(hash idHash) (t term, maybe bool) {
	if t, ok := m.recent[hash]; ok {
		return t, false
	}
	if t, ok := m.frozen[hash]; ok {
		return t, false
	}
	return 0, m.filter == nil || m.filter.has(hash)
}

// lookUp returns the term of a hash in the table, or the zero term.
func lookUp(stmt *sqlite.Stmt, hash idHash) (t term, err error) {
	first, rest := hash.halves()
	stmt.BindInt64(1, first)
	stmt.BindInt64(2, rest)
	found, err := stmt.Step()
	if found {
		t = loadTerm(stmt, 0)
	}
	reset(stmt, &err)
	return t, err
}

// add remembers a hash that is not known.
func (m *memory) add(hash idHash, t term) {
	m.staged = append(m.staged, entry{hash, t})
	m.mu.Lock()
	m.recent[hash] = t
	m.mu.Unlock()
}

// write adds what was staged to the open transaction, and moves some older
// entries to the table.
func (m *memory) write(now time.Time) error {
	if len(m.staged) == 0 {
		return nil
	}
	m.buf = m.buf[:0]
	for _, e := range m.staged {
		m.buf = append(m.buf, e.hash[:]...)
		m.buf = binary.BigEndian.AppendUint64(m.buf, uint64(e.term))
	}
	m.log.BindInt64(1, m.lastSeq+1)
	m.log.BindBytes(2, m.buf)
	if err := run(m.log); err != nil {
		return err
	}
	for _, e := range m.spill.take(len(m.staged), min(spillChunk, m.size/4)) {
		if e.term.over(now) {
			continue
		}
		first, rest := e.hash.halves()
		m.insert.BindInt64(1, first)
		m.insert.BindInt64(2, rest)
		m.insert.BindInt64(3, int64(e.term)) //nolint:gosec // All bits are kept.
		if err := run(m.insert); err != nil {
			return err
		}
	}
	return nil
}

// committed is called after the transaction was committed.
func (m *memory) committed() {
	if len(m.staged) == 0 {
		return
	}
	m.lastSeq++
	m.staged = m.staged[:0]
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.spill.taken() {
		m.filter.add(e.hash)
		m.sweep.filter.add(e.hash)
	}
	if m.spill.committed() {
		m.trimSeq, m.frozen = m.frozenSeq, nil
	}
	if m.frozen == nil && len(m.recent) >= m.size {
		m.freeze()
	}
}

// freeze starts moving what is in memory to the table. The map is not changed
// any more.
func (m *memory) freeze() {
	m.frozen, m.recent, m.frozenSeq = m.recent, make(map[idHash]term), m.lastSeq
	frozen := m.frozen
	m.spill.start(func() []entry {
		rows := make([]entry, 0, len(frozen))
		for hash, t := range frozen {
			rows = append(rows, entry{hash, t})
		}
		slices.SortFunc(rows, func(a, b entry) int { return compareRows(a.hash, b.hash) })
		return rows
	})
}

// compareRows orders hashes as their rows are.
func compareRows(a, b idHash) int {
	x, _ := a.halves()
	y, _ := b.halves()
	return cmp.Compare(x, y)
}

// undo is called after the transaction was rolled back.
func (m *memory) undo() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.staged {
		delete(m.recent, e.hash)
	}
	m.staged = m.staged[:0]
	m.spill.undo()
}
