package rest

import (
	"container/list"
	"sync"
	"time"
)

// Rate is a number of requests per second, and how many may come at once. A Rate with a
// zero or negative PerSecond is the default; Burst is then that default's, too, unless
// given, and is otherwise twice PerSecond, at least 1.
type Rate struct {
	PerSecond float64
	Burst     int
}

func (r *Rate) orDefault(def Rate) {
	if r.PerSecond <= 0 {
		r.PerSecond = def.PerSecond
		if r.Burst <= 0 {
			r.Burst = def.Burst
		}
	}
	if r.Burst <= 0 {
		r.Burst = max(1, int(2*r.PerSecond))
	}
}

// bucket is a token bucket. It is not safe for concurrent use.
type bucket struct {
	key  string
	left float64
	at   time.Time
}

func (b *bucket) refill(rate Rate, now time.Time) {
	if d := now.Sub(b.at); d > 0 {
		b.left = min(float64(rate.Burst), b.left+d.Seconds()*rate.PerSecond)
		b.at = now
	}
}

// limiter bounds the rate of each of many clients, of which it remembers the most
// recent ones.
type limiter struct {
	rate Rate
	size int

	mu      sync.Mutex
	buckets map[string]*list.Element // of *bucket
	order   list.List                // most recent first
}

// limiterClients is the number of clients that a limiter remembers.
const limiterClients = 10_000

func newLimiter(rate Rate, size int) *limiter {
	return &limiter{rate: rate, size: size, buckets: map[string]*list.Element{}}
}

// take takes n from the client's bucket; false when it has not got that many. With
// n = 0 it asks whether there is 1.
func (l *limiter) take(key string, n float64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.buckets[key]
	if e == nil {
		if n == 0 {
			return true // not known: a full bucket
		}
		if l.order.Len() >= l.size {
			oldest := l.order.Back()
			delete(l.buckets, oldest.Value.(*bucket).key)
			l.order.Remove(oldest)
		}
		e = l.order.PushFront(&bucket{key: key, left: float64(l.rate.Burst), at: now})
		l.buckets[key] = e
	} else {
		l.order.MoveToFront(e)
	}
	b := e.Value.(*bucket)
	b.refill(l.rate, now)
	if b.left < max(n, 1) {
		return false
	}
	b.left -= n
	return true
}

// gate bounds how many do something at the same time.
type gate chan struct{}

func newGate(n int) gate { return make(gate, n) }

func (g gate) enter() bool {
	select {
	case g <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g gate) leave() { <-g }
