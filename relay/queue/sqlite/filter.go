package sqlite

import "encoding/binary"

// filter is a Bloom filter over hashes: where it says no, one is not in the
// table. With 4 MiB and four bits a hash, one look-up in a hundred is in vain
// at 3 million hashes; with many more, most are looked up.
type filter struct {
	bits []uint64
}

const filterWords = 4 << 20 / 8

func newFilter() *filter { return &filter{bits: make([]uint64, filterWords)} }

// positions takes four bit numbers from a hash, which is random already.
func positions(h idHash) (p [4]uint32) {
	for i := range p {
		p[i] = binary.LittleEndian.Uint32(h[4*i:]) % (filterWords * 64)
	}
	return p
}

// add does nothing on a nil filter.
func (f *filter) add(h idHash) {
	if f == nil {
		return
	}
	for _, p := range positions(h) {
		f.bits[p/64] |= 1 << (p % 64)
	}
}

func (f *filter) has(h idHash) bool {
	for _, p := range positions(h) {
		if f.bits[p/64]&(1<<(p%64)) == 0 {
			return false
		}
	}
	return true
}
