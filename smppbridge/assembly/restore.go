package assembly

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

// restoreRetry is the pause before it is tried again to read a list.
const restoreRetry = 5 * time.Second

// restore reads the list, and tries that again until it has.
func (l *list) restore(before <-chan struct{}) {
	if before != nil {
		<-before // What the last one keeps at the end is to be read.
	}
	for {
		if sink, ok := l.sink(); ok {
			err := l.read(sink.Store)
			if err == nil {
				close(l.restored)
				return
			}
			if l.ctx.Err() == nil {
				sink.Logger.Warn("can't read the parts of long messages; it is tried again", slog.Any("error", err))
			}
		}
		if !l.wait(restoreRetry) {
			return
		}
	}
}

// read adds the parts that are not done.
func (l *list) read(store Store) error {
	marks, err := store.Linked(l.ctx, l.hash(hashMarks, 0))
	if err != nil || len(marks) == 0 {
		return err
	}
	now := time.Now()
	r := replay{list: l, open: make(map[uint64]numbered)}
	from, to := l.spans(marks[0], now)
	for number := from; number <= to; number++ {
		if err := store.EachLinked(l.ctx, l.hash(hashEntries, number), r.entry); err != nil {
			return err
		}
	}
	r.finish(now)
	return nil
}

// replay is what has been read of a list. What is open is no more than the process
// that wrote the list had in memory.
type replay struct {
	*list
	open map[uint64]numbered // by tag
	read int
}

// numbered is a part with its place in the list.
type numbered struct {
	*received
	number int
}

// entry reads an entry. Those that make no sense are of another version.
func (r *replay) entry(value []byte) error {
	if p, err := decodePart(value); err == nil {
		r.open[p.part.Tag] = numbered{p, r.read}
		r.read++
	} else if tags, err := decodeDone(value); err == nil {
		r.done(tags)
	}
	return nil
}

// done takes parts away. If they are all of a message, it is remembered: its last
// part comes again if the answer to that was lost.
func (r *replay) done(tags []uint64) {
	parts := make([]*received, 0, len(tags))
	for _, tag := range tags {
		if p, ok := r.open[tag]; ok {
			delete(r.open, tag)
			parts = append(parts, p.received)
		}
	}
	if len(parts) == 0 || len(parts) != int(parts[0].part.Header.Concat.Total) {
		return
	}
	var result coding.Result
	for _, p := range parts {
		result = r.parts.Add(p.time, p.source, p.destination, p.part)
	}
	if result.Outcome == coding.Complete {
		r.parts.Confirm(result.Whole)
		return
	}
	for _, p := range parts {
		r.parts.Withdraw(p.source, p.destination, p.part)
	}
}

// finish adds the parts that are left, as if they came again.
func (r *replay) finish(now time.Time) {
	left := slices.SortedFunc(maps.Values(r.open), func(a, b numbered) int { return cmp.Compare(a.number, b.number) })
	for _, p := range left {
		result := r.parts.Add(earlier(p.time, now), p.source, p.destination, p.part)
		r.giveUp(result.GivenUp)
		switch result.Outcome {
		case coding.Complete:
			r.parts.Confirm(result.Whole)
			r.enqueue(result.Whole)
		case coding.Repeated:
			// It came again while an event of it could not be kept.
			r.enqueue(coding.Assembled{
				Source: p.source, Destination: p.destination, Parts: []coding.Part{p.part}, Repeat: true, First: p.time,
			})
		default: // It waits for others again.
		}
	}
	r.schedule()
}
