package router

import (
	"time"
)

// NoQueue is the virtual queue of requests that name none.
const NoQueue = "none"

// VirtualQueue is what is configured of a virtual queue. Queues that are not
// configured exist while they are used.
type VirtualQueue struct {
	Name string
	// Priority goes before that of the requests: all of a queue with a higher
	// one go before all of a queue with a lower one. Default 0.
	Priority int
	// Objective is the wait within which a request has to be served to count for
	// the service level; default Options.Objective.
	Objective time.Duration
}

// queue is a virtual queue.
type queue struct {
	VirtualQueue
	configured bool
	waiting    sorted[*request]
	last       int64         // Unix nanoseconds: of the latest selection, or since when somebody waits
	interval   time.Duration // mean time between two selections while somebody waited
	served     int
	counters
}

// SetVirtualQueue configures a virtual queue. The error is a *ConfigError or
// matches ErrTooMany.
func (r *Router) SetVirtualQueue(v VirtualQueue) error {
	if v.Name == "" || v.Objective < 0 {
		return &ConfigError{"virtual queue " + v.Name, "the name is missing, or the objective is negative"}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	q, err := r.virtualQueue(v.Name)
	if err != nil {
		return err
	}
	q.configured = true
	moved := q.Priority != v.Priority
	q.VirtualQueue = v
	if moved {
		all := make([]*request, 0, q.waiting.n)
		for x := range q.waiting.all() {
			all = append(all, x)
		}
		for _, x := range all {
			r.leave(x)
			r.enter(x)
		}
	}
	return nil
}

// virtualQueue returns a queue, which is made when it is first named.
func (r *Router) virtualQueue(name string) (*queue, error) {
	if v := r.queues[name]; v != nil {
		return v, nil
	}
	if len(r.queues) >= r.opts.MaxQueues {
		for other, v := range r.queues {
			if v.waiting.n == 0 && !v.configured {
				delete(r.queues, other)
			}
		}
	}
	if len(r.queues) >= r.opts.MaxQueues {
		return nil, tooMany("virtual queues", r.opts.MaxQueues)
	}
	v := &queue{VirtualQueue: VirtualQueue{Name: name}, waiting: sorted[*request]{compare: before}}
	r.queues[name] = v
	return v, nil
}

// Queues lists the virtual queues and how many requests wait in each.
func (r *Router) Queues() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting := make(map[string]int, len(r.queues))
	for name, v := range r.queues {
		waiting[name] = v.waiting.n
	}
	return waiting
}

const meanOf = 16 // selections that the expected wait goes by

// came notes that somebody waits.
func (v *queue) came(now int64) {
	if v.waiting.n == 1 {
		v.last = max(v.last, now)
	}
}

// chose notes a selection. The time in which nobody waited does not count.
func (v *queue) chose(now time.Time) {
	gap := time.Duration(now.UnixNano() - v.last)
	v.served++
	v.interval += (gap - v.interval) / time.Duration(min(v.served, meanOf)) // a moving mean
	v.last = now.UnixNano()
}

// pace is the time that one request in front takes: the mean, or what the
// present one has taken so far when that is more.
func (v *queue) pace(now time.Time) time.Duration {
	if v.waiting.n == 0 {
		return v.interval
	}
	return max(v.interval, time.Duration(now.UnixNano()-v.last))
}

// expected is the wait of a new request.
func (v *queue) expected(now time.Time) time.Duration {
	return time.Duration(v.waiting.n+1) * v.pace(now)
}

// objective is the wait that counts for the service level.
func (r *Router) objective(v *queue) time.Duration {
	if v.Objective > 0 {
		return v.Objective
	}
	return r.opts.Objective
}

// Position is where a waiting request stands.
type Position struct {
	Queue    string
	Priority int
	Position int           // in its virtual queue, from 1, by priority and age
	Waited   time.Duration // so far
	// Expected is how long it will still take at the pace of the last selections from
	// the queue; 0 when there is nothing to go by.
	Expected time.Duration
}

// Query tells where a request stands that waits. The error is ErrNotFound.
func (r *Router) Query(id ID) (Position, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.requests[id]
	if q == nil || q.state != waiting {
		return Position{}, ErrNotFound
	}
	now := r.clock.Now()
	at := q.queue.waiting.rank(q) + 1
	return Position{
		Queue: q.Queue, Priority: q.Priority, Position: at, Waited: now.Sub(q.since),
		Expected: time.Duration(at) * q.queue.pace(now),
	}, nil
}
