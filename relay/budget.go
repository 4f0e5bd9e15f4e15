package relay

import "sync/atomic"

// memoryBudget bounds the bytes of all events that lanes hold. What does not
// fit stays in the queue and is read back when there is room.
const memoryBudget = 64 << 20

// budget shares the memory for events between lanes. A lane may hold half of
// what is free: a busy one alone gets much, many get equal shares, and
// however many are stuck, some is left for the others. (Choudhury and Hahne,
// "Dynamic queue length thresholds for shared-memory packet switches", 1998.)
type budget struct {
	size int64
	used atomic.Int64
}

// room returns how many more bytes a lane that holds some may take.
func (b *budget) room(held int64) int64 {
	return (b.size-b.used.Load())/2 - held
}

func (b *budget) add(n int64) { b.used.Add(n) }
