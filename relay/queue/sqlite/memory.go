package sqlite

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/relay"
)

const (
	// recentSize is the number of ids kept in memory before they are moved to
	// the table of remembered ids. It takes about 12 MB, twice while they move.
	recentSize = 1 << 18
	// spillChunk is the number of ids moved at a time. The more, the more of
	// them share a page.
	spillChunk = 256
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
	hash    idHash
	expires int64 // milliseconds since 1970
}

// memory remembers the ids of events, to tell duplicates.
//
// Ids come in random order, so a plain index would rewrite a page for each.
// New ones are therefore kept in maps and logged in remembered_recent, a row
// per commit. When there are recentSize of them, they are sorted and moved to
// the table remembered a few per commit, which then touches each page of it
// once for many ids. A filter spares most look-ups in the table.
type memory struct {
	size   int // recentSize, but for tests
	recent map[idHash]int64
	frozen map[idHash]int64 // on its way to the table

	sorting chan []entry // gives spill once it is sorted
	spill   []entry      // the frozen ones in the order of the table
	spilled int          // how many of them are in the table

	lastSeq   int64 // of the newest logged event
	frozenSeq int64 // the log up to here is in frozen
	trimSeq   int64 // the log up to here is in the table and can go

	// What the open transaction has added.
	staged    []entry
	stagedSeq int64
	writing   int // how many of spill it moves
	owed      int // how many of spill are to be moved

	filter *filter // nil until the first sweep has filled it
	sweep  sweep

	lookup, insert, log *sqlite.Stmt
	hash                idHash // of the event last asked for
	buf                 []byte
}

func loadMemory(conn *sqlite.Conn) (m *memory, err error) {
	m = &memory{size: recentSize, recent: make(map[idHash]int64)}
	if m.lookup, err = conn.Prepare("SELECT expires FROM remembered WHERE hash = ? AND rest = ?"); err != nil {
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
				m.recent[idHash(e)] = int64(binary.BigEndian.Uint64(e[16:])) //nolint:gosec // It was an int64.
			}
			return nil
		},
	})
	return m, err
}

// knows reports whether an event of the same source and id is remembered.
func (m *memory) knows(e *relay.Event, now time.Time) (bool, error) {
	m.hash = hashID(e)
	for _, ids := range []map[idHash]int64{m.recent, m.frozen} {
		if expires, ok := ids[m.hash]; ok {
			return expires > now.UnixMilli(), nil
		}
	}
	if m.filter != nil && !m.filter.has(m.hash) {
		return false, nil
	}
	first, rest := m.hash.halves()
	m.lookup.BindInt64(1, first)
	m.lookup.BindInt64(2, rest)
	found, err := m.lookup.Step()
	known := found && m.lookup.ColumnInt64(0) > now.UnixMilli()
	if resetErr := m.lookup.Reset(); err == nil {
		err = resetErr
	}
	return known, err
}

// add remembers the event that was last asked for.
func (m *memory) add(seq int64, expires time.Time) {
	if len(m.staged) == 0 {
		m.stagedSeq = seq
	}
	e := entry{m.hash, expires.UnixMilli()}
	m.staged = append(m.staged, e)
	m.recent[e.hash] = e.expires
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
		m.buf = binary.BigEndian.AppendUint64(m.buf, uint64(e.expires)) //nolint:gosec // It is read back as an int64.
	}
	m.log.BindInt64(1, m.stagedSeq)
	m.log.BindBytes(2, m.buf)
	if err := run(m.log); err != nil {
		return err
	}
	if m.spill == nil && m.sorting != nil {
		select {
		case m.spill = <-m.sorting:
			m.sorting = nil
		default:
		}
	}
	// Twice as fast as new ones come, the frozen ones are gone in time.
	if m.owed += 2 * len(m.staged); m.owed >= min(spillChunk, m.size/4) {
		m.writing = min(m.owed, len(m.spill)-m.spilled)
	}
	for _, e := range m.spill[m.spilled : m.spilled+m.writing] {
		if e.expires <= now.UnixMilli() {
			continue
		}
		first, rest := e.hash.halves()
		m.insert.BindInt64(1, first)
		m.insert.BindInt64(2, rest)
		m.insert.BindInt64(3, e.expires)
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
	m.lastSeq = m.stagedSeq
	m.staged = m.staged[:0]
	for _, e := range m.spill[m.spilled : m.spilled+m.writing] {
		m.filter.add(e.hash)
		m.sweep.filter.add(e.hash)
	}
	m.spilled += m.writing
	if m.writing > 0 || m.spill == nil {
		m.owed = 0
	}
	m.writing = 0
	if m.spill != nil && m.spilled == len(m.spill) {
		m.trimSeq = m.frozenSeq
		m.frozen, m.spill, m.spilled = nil, nil, 0
	}
	if m.frozen == nil && len(m.recent) >= m.size {
		m.freeze()
	}
}

// freeze starts moving what is in memory to the table. Sorting takes a while,
// so it is done aside; the map is not changed any more.
func (m *memory) freeze() {
	m.frozen, m.recent, m.frozenSeq = m.recent, make(map[idHash]int64), m.lastSeq
	frozen, sorted := m.frozen, make(chan []entry, 1)
	m.sorting = sorted
	go func() {
		spill := make([]entry, 0, len(frozen))
		for hash, expires := range frozen {
			spill = append(spill, entry{hash, expires})
		}
		slices.SortFunc(spill, func(a, b entry) int { return compareRows(a.hash, b.hash) })
		sorted <- spill
	}()
}

// compareRows orders hashes as their rows are.
func compareRows(a, b idHash) int {
	x, _ := a.halves()
	y, _ := b.halves()
	return cmp.Compare(x, y)
}

// undo is called after the transaction was rolled back.
func (m *memory) undo() {
	for _, e := range m.staged {
		delete(m.recent, e.hash)
	}
	m.staged, m.writing = m.staged[:0], 0
}
