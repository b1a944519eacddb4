package router

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSortedList(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	s := sorted[int]{compare: cmp.Compare[int]}
	var plain []int
	_, ok := s.first()
	assert.False(t, ok)
	s.remove(1)
	for range 20_000 {
		x := rnd.IntN(5000)
		i, found := slices.BinarySearch(plain, x)
		require.Equal(t, i, s.rank(x))
		if found {
			plain = slices.Delete(plain, i, i+1)
			s.remove(x)
		} else {
			plain = slices.Insert(plain, i, x)
			s.insert(x)
		}
		require.Equal(t, len(plain), s.n)
	}
	assert.Equal(t, plain, slices.Collect(s.all()))
	for range s.all() {
		break
	}
	for _, x := range plain {
		first, ok := s.first()
		require.True(t, ok)
		require.Equal(t, x, first)
		s.remove(x)
	}
	assert.Empty(t, s.pieces)
}

func TestBitsets(t *testing.T) {
	var a, b bitset
	for _, i := range []int{0, 63, 64, 200} {
		a.set(i, true)
	}
	b.set(64, true)
	b.set(1000, false)
	b.set(70, true)
	assert.True(t, a.has(200))
	assert.False(t, a.has(5000))
	assert.Equal(t, 1, a.common(b))
	var both []int
	a.both(b, func(i int) { both = append(both, i) })
	assert.Equal(t, []int{64}, both)
	b.or(a)
	assert.Equal(t, 5, b.common(b))
	b.and(bitset{1})
	assert.Equal(t, 1, b.common(b))
}
