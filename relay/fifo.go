package relay

// fifo is a queue of work in memory. Its array grows to what was once needed
// and shrinks when it is empty.
type fifo struct {
	items []*work
	head  int
}

func (f *fifo) len() int { return len(f.items) - f.head }

func (f *fifo) push(w *work) {
	if f.head > 32 && f.head > len(f.items)/2 {
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
	f.items = append(f.items, w)
}

// pop removes the first item; there must be one.
func (f *fifo) pop() *work {
	w := f.items[f.head]
	f.items[f.head] = nil
	f.head++
	if f.head == len(f.items) {
		f.items, f.head = f.items[:0], 0
		if cap(f.items) > 256 {
			f.items = nil
		}
	}
	return w
}
