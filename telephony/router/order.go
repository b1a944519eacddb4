package router

import (
	"cmp"
	"slices"
	"time"
)

// Tuning says what counts among requests of one priority. The zero Tuning is
// the time since the request came.
type Tuning struct {
	// Age counts the time since the interaction began, Request.Created.
	Age bool
	// PredictedWait adds the wait that is still expected in the virtual queue.
	PredictedWait bool
	// ServiceObjective divides the time: who has waited 60 s of 30 goes before
	// one who has waited 60 s of 120. Where one request has an objective and the other has none, that of
	// Options counts for the other. 0: none.
	ServiceObjective time.Duration
}

// class is requests whose order among each other does not change as time goes
// by. Whether a request of one class is before one of another is found out when it matters.
type class struct {
	key      classKey
	requests int
	heads    sorted[*wait] // of wide pools, by the first request of each
}

type classKey struct {
	media     *media
	objective time.Duration
	predicted *queue
}

// classOf returns the class of a request, which is made when it is first needed.
func (r *Router) classOf(q *request) *class {
	k := classKey{media: q.media, objective: q.Tuning.ServiceObjective}
	if q.Tuning.PredictedWait {
		k.predicted = q.queue
	}
	for _, c := range q.media.classes {
		if c.key == k {
			return c
		}
	}
	c := &class{key: k, heads: sorted[*wait]{compare: func(x, y *wait) int { return compareHeads(x, y) }}}
	q.media.classes = append(q.media.classes, c)
	return c
}

func compareHeads(x, y *wait) int {
	if c := before(x.head, y.head); c != 0 {
		return c
	}
	return cmp.Compare(x.pool.number, y.pool.number)
}

// before orders requests of one class: priority of the virtual queue, priority,
// time, order of arrival.
func before(x, y *request) int {
	switch {
	case x.rank != y.rank:
		return cmp.Compare(y.rank, x.rank)
	case x.Priority != y.Priority:
		return cmp.Compare(y.Priority, x.Priority)
	case x.from != y.from:
		return cmp.Compare(x.from, y.from)
	}
	return cmp.Compare(x.id, y.id)
}

// ahead orders requests of any class as they stand now.
func (r *Router) ahead(x, y *request, now int64) int {
	if x.class != y.class && x.rank == y.rank && x.Priority == y.Priority {
		if c := cmp.Compare(r.score(y, now), r.score(x, now)); c != 0 {
			return c
		}
	}
	return before(x, y)
}

// score is what counts among requests of one priority: the greater goes first.
func (r *Router) score(q *request, now int64) float64 {
	wait := now - q.from
	if v := q.class.key.predicted; v != nil {
		wait += int64(v.expected(r.clock.Now()))
	}
	objective := q.class.key.objective
	if objective <= 0 {
		objective = r.opts.Objective
	}
	return float64(wait) / float64(objective)
}

// waitFor puts a request among those that wait for a pool.
func (r *Router) waitFor(q *request, p *pool) {
	r.wake(p)
	i := slices.IndexFunc(p.waits, func(w *wait) bool { return w.class == q.class })
	var w *wait
	if i >= 0 {
		w = p.waits[i]
	} else {
		w = &wait{pool: p, class: q.class, list: sorted[*request]{compare: before}}
		p.waits = append(p.waits, w)
	}
	w.list.insert(q)
	w.setHead()
}

// waitNoMore takes a request out again.
func (r *Router) waitNoMore(q *request, p *pool) {
	i := slices.IndexFunc(p.waits, func(w *wait) bool { return w.class == q.class })
	if i < 0 {
		return
	}
	w := p.waits[i]
	w.list.remove(q)
	w.setHead()
	if w.list.n == 0 {
		p.waits = slices.Delete(p.waits, i, i+1)
		r.rest(p)
	}
}

// setHead brings the heads of the class up to date.
func (w *wait) setHead() {
	first, _ := w.list.first()
	if !w.pool.wide || first == w.head {
		return
	}
	if w.head != nil {
		w.class.heads.remove(w)
	}
	if w.head = first; first != nil {
		w.class.heads.insert(w)
	}
}
