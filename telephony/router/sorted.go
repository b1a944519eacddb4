package router

import (
	"iter"
	"slices"
)

// sorted is a list in order, in pieces so that changes cost little however long
// it is. No two elements may be equal in the order, and what the order looks at must not change while
// they are in the list.
type sorted[T any] struct {
	compare func(x, y T) int
	pieces  [][]T // none is empty
	n       int
}

const pieceLength = 256

// piece returns the piece where x is, or belongs.
func (s *sorted[T]) piece(x T) int {
	lo, hi := 0, len(s.pieces)-1
	for lo < hi {
		mid := (lo + hi + 1) / 2
		if s.compare(s.pieces[mid][0], x) <= 0 {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo
}

func (s *sorted[T]) insert(x T) {
	s.n++
	if len(s.pieces) == 0 {
		s.pieces = append(s.pieces, []T{x})
		return
	}
	i := s.piece(x)
	p := s.pieces[i]
	at, _ := slices.BinarySearchFunc(p, x, s.compare)
	p = slices.Insert(p, at, x)
	s.pieces[i] = p
	if len(p) >= 2*pieceLength {
		upper := slices.Clone(p[pieceLength:])
		clear(p[pieceLength:])
		s.pieces[i] = p[:pieceLength]
		s.pieces = slices.Insert(s.pieces, i+1, upper)
	}
}

// remove takes x out; nothing happens when it is not there.
func (s *sorted[T]) remove(x T) {
	if len(s.pieces) == 0 {
		return
	}
	i := s.piece(x)
	at, found := slices.BinarySearchFunc(s.pieces[i], x, s.compare)
	if !found {
		return
	}
	s.n--
	s.pieces[i] = slices.Delete(s.pieces[i], at, at+1)
	if len(s.pieces[i]) == 0 {
		s.pieces = slices.Delete(s.pieces, i, i+1)
	}
}

// first returns the first element; ok is false when there is none.
func (s *sorted[T]) first() (x T, ok bool) {
	if len(s.pieces) == 0 {
		return x, false
	}
	return s.pieces[0][0], true
}

// rank returns how many stand before x.
func (s *sorted[T]) rank(x T) int {
	if len(s.pieces) == 0 {
		return 0
	}
	i, n := s.piece(x), 0
	for _, p := range s.pieces[:i] {
		n += len(p)
	}
	at, _ := slices.BinarySearchFunc(s.pieces[i], x, s.compare)
	return n + at
}

// all goes through the elements in order. The list must not change meanwhile.
func (s *sorted[T]) all() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, p := range s.pieces {
			for _, x := range p {
				if !yield(x) {
					return
				}
			}
		}
	}
}
