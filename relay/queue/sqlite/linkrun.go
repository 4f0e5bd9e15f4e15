package sqlite

import "github.com/caddy-relay/caddy-relay/relay"

// link is a link in memory.
type link struct {
	hash    relay.LinkHash
	seq     int64
	expires int64
	value   []byte
	older   int32 // where the next older one with this hash is, or -1
}

// linkRow is a row of the index.
type linkRow struct{ hash, seq, expires int64 }

// linkRun holds links in memory, in the order of commits.
type linkRun struct {
	links  []link
	newest map[relay.LinkHash]int32
	bytes  int
}

func newLinkRun() *linkRun { return &linkRun{newest: make(map[relay.LinkHash]int32)} }

func (r *linkRun) add(l link) {
	l.older = -1
	if i, ok := r.newest[l.hash]; ok {
		l.older = i
	}
	r.newest[l.hash] = int32(len(r.links)) //nolint:gosec // It is less than recentLinks and a batch.
	r.links = append(r.links, l)
	r.bytes += len(l.value)
}

// find appends the values of a hash, the newest first, until there are limit. A
// nil run has none.
func (r *linkRun) find(values [][]byte, hash relay.LinkHash, now int64, limit int) [][]byte {
	if r == nil {
		return values
	}
	i, ok := r.newest[hash]
	if !ok {
		return values
	}
	for ; i >= 0 && len(values) < limit; i = r.links[i].older {
		if r.links[i].expires > now {
			values = append(values, r.links[i].value)
		}
	}
	return values
}
