package router

import "math/bits"

// bitset is a set of agents by slot.
type bitset []uint64

func (b bitset) has(i int) bool {
	return i>>6 < len(b) && b[i>>6]&(1<<(i&63)) != 0
}

// set adds or removes i.
func (b *bitset) set(i int, in bool) {
	w := i >> 6
	if !in {
		if w < len(*b) {
			(*b)[w] &^= 1 << (i & 63)
		}
		return
	}
	for w >= len(*b) {
		*b = append(*b, 0)
	}
	(*b)[w] |= 1 << (i & 63)
}

// and keeps what is in x too.
func (b bitset) and(x bitset) {
	for i := range b {
		if i < len(x) {
			b[i] &= x[i]
		} else {
			b[i] = 0
		}
	}
}

// or adds what is in x.
func (b *bitset) or(x bitset) {
	for len(*b) < len(x) {
		*b = append(*b, 0)
	}
	for i, w := range x {
		(*b)[i] |= w
	}
}

// common returns how many are in both sets.
func (b bitset) common(x bitset) int {
	n := 0
	for i := range min(len(b), len(x)) {
		n += bits.OnesCount64(b[i] & x[i])
	}
	return n
}

// both calls f for what is in both sets, in order.
func (b bitset) both(x bitset, f func(i int)) {
	for i := range min(len(b), len(x)) {
		for w := b[i] & x[i]; w != 0; w &= w - 1 {
			f(i<<6 | bits.TrailingZeros64(w))
		}
	}
}
