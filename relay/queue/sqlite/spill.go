package sqlite

// spillChunk is the number of rows that are moved at a time. The more, the
// more of them share a page.
const spillChunk = 256

// spill moves rows that come in random order from memory to a table: many at
// once are sorted, so that each page of the table is touched once for all that
// belong there, and then written a few with each commit.
type spill[T any] struct {
	sorting chan []T // gives rows once they are sorted
	rows    []T      // in the order of the table; nil if there are none
	moved   int      // how many of them are in the table
	writing int      // how many more the open transaction moves
	owed    int      // how many are to be moved
}

// start takes the rows that sorted returns. That takes a while, so it is
// called aside.
func (s *spill[T]) start(sorted func() []T) {
	sorting := make(chan []T, 1)
	s.sorting = sorting
	go func() { sorting <- sorted() }()
}

// take returns the rows to be written together with some new ones, which is
// none until it is a chunk.
func (s *spill[T]) take(added, chunk int) []T {
	if s.rows == nil && s.sorting != nil {
		select {
		case s.rows = <-s.sorting:
			s.sorting = nil
		default:
		}
	}
	// Twice as fast as new ones come, the old ones are gone in time.
	if s.owed += 2 * added; s.owed >= chunk {
		s.writing = min(s.owed, len(s.rows)-s.moved)
	}
	return s.taken()
}

// taken returns what take did.
func (s *spill[T]) taken() []T { return s.rows[s.moved : s.moved+s.writing] }

// last reports whether the rows taken are the last ones.
func (s *spill[T]) last() bool { return s.rows != nil && s.moved+s.writing == len(s.rows) }

// committed is called after the transaction was committed. It reports whether
// all rows are in the table now.
func (s *spill[T]) committed() (done bool) {
	if s.writing > 0 || s.rows == nil {
		s.owed = 0
	}
	done = s.last()
	s.moved, s.writing = s.moved+s.writing, 0
	if done {
		s.rows, s.moved = nil, 0
	}
	return done
}

// undo is called after the transaction was rolled back.
func (s *spill[T]) undo() { s.writing = 0 }
