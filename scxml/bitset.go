package scxml

import "math/bits"

// bitset is a set of small numbers: states or transitions of one document.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i int32) bool { return b[i>>6]&(1<<(uint(i)&63)) != 0 }
func (b bitset) add(i int32)      { b[i>>6] |= 1 << (uint(i) & 63) }
func (b bitset) remove(i int32)   { b[i>>6] &^= 1 << (uint(i) & 63) }

func (b bitset) clear() {
	for i := range b {
		b[i] = 0
	}
}

func (b bitset) empty() bool {
	for _, w := range b {
		if w != 0 {
			return false
		}
	}
	return true
}

func (b bitset) intersects(c bitset) bool {
	for i, w := range b {
		if w&c[i] != 0 {
			return true
		}
	}
	return false
}

// next returns the smallest member that is at least i, or -1.
func (b bitset) next(i int32) int32 {
	w := int(i >> 6)
	if w >= len(b) {
		return -1
	}
	if x := b[w] >> (uint(i) & 63); x != 0 {
		return i + int32(bits.TrailingZeros64(x))
	}
	for w++; w < len(b); w++ {
		if x := b[w]; x != 0 {
			return int32(w<<6 + bits.TrailingZeros64(x))
		}
	}
	return -1
}

// prev returns the largest member that is at most i, or -1.
func (b bitset) prev(i int32) int32 {
	if i < 0 {
		return -1
	}
	w := int(i >> 6)
	if x := b[w] << (63 - uint(i)&63); x != 0 {
		return i - int32(bits.LeadingZeros64(x))
	}
	for w--; w >= 0; w-- {
		if x := b[w]; x != 0 {
			return int32(w<<6 + 63 - bits.LeadingZeros64(x))
		}
	}
	return -1
}

// addRange adds the members of c in [from, to].
func (b bitset) addRange(c bitset, from, to int32) {
	for i := c.next(from); i >= 0 && i <= to; i = c.next(i + 1) {
		b.add(i)
	}
}
