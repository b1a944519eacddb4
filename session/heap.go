package session

// item is an element of a heap that remembers its place.
type item[T any] interface {
	comparable
	before(T) bool
	place(index int) // -1: no longer in the heap
}

// heap is a priority queue from which any element can be removed.
type heap[T item[T]] struct{ items []T }

func (h *heap[T]) len() int { return len(h.items) }

func (h *heap[T]) push(x T) {
	h.items = append(h.items, x)
	x.place(len(h.items) - 1)
	h.up(len(h.items) - 1)
}

// remove takes x, which stands at index i, out of the heap. It reports false
// when x is not in the heap.
func (h *heap[T]) remove(i int, x T) bool {
	if i < 0 || i >= len(h.items) || h.items[i] != x {
		return false
	}
	last := len(h.items) - 1
	if i != last {
		h.items[i] = h.items[last]
		h.items[i].place(i)
	}
	var zero T
	h.items[last] = zero
	h.items = h.items[:last]
	if i != last {
		h.down(i)
		h.up(i)
	}
	if cap(h.items) > 1024 && len(h.items) < cap(h.items)/4 {
		h.items = append(make([]T, 0, cap(h.items)/2), h.items...)
	}
	x.place(-1)
	return true
}

// A node has four children: half as many levels as two, and siblings share a
// cache line.
const heapArity = 4

func (h *heap[T]) up(i int) {
	for i > 0 {
		parent := (i - 1) / heapArity
		if !h.items[i].before(h.items[parent]) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *heap[T]) down(i int) {
	for {
		first := heapArity*i + 1
		if first >= len(h.items) {
			return
		}
		best := first
		for c := first + 1; c < min(first+heapArity, len(h.items)); c++ {
			if h.items[c].before(h.items[best]) {
				best = c
			}
		}
		if !h.items[best].before(h.items[i]) {
			return
		}
		h.swap(i, best)
		i = best
	}
}

func (h *heap[T]) swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	h.items[i].place(i)
	h.items[j].place(j)
}
