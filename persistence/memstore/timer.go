package memstore

import (
	"container/heap"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// timer is a pending timer, a member of its session's list and of its bucket's heap.
type timer struct {
	session *record
	id      string
	data    []byte
	at      int64 // Unix milliseconds
	index   int   // in the heap
}

func newTimer(r *record, p persistence.Timer) *timer {
	return &timer{session: r, id: p.ID, at: p.At.UnixMilli(), data: clone(p.Data)}
}

func (t *timer) time() time.Time { return time.UnixMilli(t.at).UTC() }

// timerHeap is the timers of a bucket as a heap, so that those that are due are found
// without looking at the others.
type timerHeap []*timer

func (h *timerHeap) add(t *timer)    { heap.Push(h, t) }
func (h *timerHeap) remove(t *timer) { heap.Remove(h, t.index) }

// due collects the timers set to limit or earlier, in no order. In a heap the timers below
// one that is later are later still.
func (h timerHeap) due(limit int64) []persistence.Due {
	var out []persistence.Due
	var walk func(i int)
	walk = func(i int) {
		if i >= len(h) || h[i].at > limit {
			return
		}
		out = append(out, persistence.Due{Session: h[i].session.id, Timer: h[i].id, At: h[i].time()})
		walk(2*i + 1)
		walk(2*i + 2)
	}
	walk(0)
	return out
}

// Len, Less, Swap, Push and Pop are heap.Interface.
func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at < h[j].at }

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	if len(*h) == 0 {
		*h = nil
	}
	return t
}
