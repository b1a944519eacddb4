package session

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// registry finds sessions by id: those in memory, those that are in the store alone,
// and the last few that have ended. It is divided so that senders do not wait for each
// other.
type registry struct {
	seed   maphash.Seed
	shards [64]shard
	live   atomic.Int64 // in memory or asleep
	limit  int64

	// Ended sessions that are still known. Invoked ones are kept apart, so that
	// they do not push out those that somebody may ask for.
	roots, invoked ring
}

// ring keeps the last few sessions.
type ring struct {
	mu       sync.Mutex
	sessions []*session
	oldest   int
}

// put returns the session that s pushes out: s itself when there is no room at
// all, nil while there is some.
func (r *ring) put(s *session) *session {
	if len(r.sessions) == 0 {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.sessions[r.oldest]
	r.sessions[r.oldest] = s
	r.oldest = (r.oldest + 1) % len(r.sessions)
	return out
}

// shard has its share of the sessions. An id is in asleep while its session lives and
// is not in memory; byID may then have one of the same id that was in memory before.
type shard struct {
	mu     sync.RWMutex
	byID   map[string]*session
	asleep map[string]*sleeper
}

func newRegistry(limit, retain int) *registry {
	r := &registry{seed: maphash.MakeSeed(), limit: int64(limit)}
	for i := range r.shards {
		r.shards[i].byID = make(map[string]*session)
		r.shards[i].asleep = make(map[string]*sleeper)
	}
	r.roots.sessions = make([]*session, max(retain, 0))
	r.invoked.sessions = make([]*session, max(retain, 0))
	return r
}

func (r *registry) shard(id string) *shard {
	return &r.shards[maphash.String(r.seed, id)%uint64(len(r.shards))]
}

// find returns what there is of an id: at most one of the two is not nil. A session
// that has ended is returned while it is known.
func (r *registry) find(id string) (*session, *sleeper) {
	sh := r.shard(id)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if sl := sh.asleep[id]; sl != nil {
		return nil, sl
	}
	return sh.byID[id], nil
}

// getLive finds a session in memory that has not ended.
func (r *registry) getLive(id string) *session {
	sh := r.shard(id)
	sh.mu.RLock()
	s := sh.byID[id]
	sh.mu.RUnlock()
	if s != nil && !s.ended.Load() {
		return s
	}
	return nil
}

// alive reports whether a session lives, in memory or not.
func (r *registry) alive(id string) bool {
	s, sl := r.find(id)
	return sl != nil || s != nil && !s.ended.Load()
}

// add makes s known. The errors are ErrExists and ErrTooMany.
func (r *registry) add(s *session) error {
	if r.live.Add(1) > r.limit {
		r.live.Add(-1)
		return ErrTooMany
	}
	sh := r.shard(s.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if old := sh.byID[s.id]; old != nil && !old.ended.Load() || sh.asleep[s.id] != nil {
		r.live.Add(-1)
		return ErrExists
	}
	sh.byID[s.id] = s
	return nil
}

// sleep puts sl in the place of s, which is in memory and has just been marked as
// ended. hand is called before anybody can find sl.
func (r *registry) sleep(s *session, sl *sleeper, hand func()) {
	sh := r.shard(s.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	hand()
	delete(sh.byID, s.id)
	sh.asleep[sl.id] = sl
}

// enlist adds a session that is in the store alone, unless one of this id lives.
func (r *registry) enlist(sl *sleeper) bool {
	sh := r.shard(sl.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if s := sh.byID[sl.id]; s != nil && !s.ended.Load() || sh.asleep[sl.id] != nil {
		return false
	}
	r.live.Add(1)
	sh.asleep[sl.id] = sl
	return true
}

// rouse puts s, which has yet to be loaded, in the place of the sleeper of its id, or of
// nothing. It reports false when the session is in memory already, has ended there, or
// cannot be loaded. take is called with the sleeper, if there is one, before anybody
// can find s.
func (r *registry) rouse(s *session, take func(*sleeper)) bool {
	sh := r.shard(s.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sl := sh.asleep[s.id]
	switch {
	case sl != nil && sl.err != nil:
		return false
	case sl != nil:
		take(sl)
		delete(sh.asleep, s.id)
	case sh.byID[s.id] != nil:
		return false
	default:
		r.live.Add(1)
	}
	sh.byID[s.id] = s
	return true
}

// drop forgets s, which was live.
func (r *registry) drop(s *session) {
	r.live.Add(-1)
	r.forget(s)
}

func (r *registry) forget(s *session) {
	sh := r.shard(s.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.byID[s.id] == s {
		delete(sh.byID, s.id)
	}
}

// abandon forgets the sleepers that unwanted names, and calls take with each.
func (r *registry) abandon(unwanted func(id string) bool, take func(*sleeper)) {
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.Lock()
		for id, sl := range sh.asleep {
			if unwanted(id) {
				delete(sh.asleep, id)
				r.live.Add(-1)
				take(sl)
			}
		}
		sh.mu.Unlock()
	}
}

// retire is told that s, which was live, has ended. The oldest retired session
// is forgotten.
func (r *registry) retire(s *session) {
	r.live.Add(-1)
	kept := &r.roots
	if s.lineage != nil {
		kept = &r.invoked
	}
	if out := kept.put(s); out != nil {
		r.forget(out)
	}
}

// all returns the sessions in memory that have not ended.
func (r *registry) all() []*session {
	var list []*session
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.RLock()
		for _, s := range sh.byID {
			if !s.ended.Load() {
				list = append(list, s)
			}
		}
		sh.mu.RUnlock()
	}
	return list
}

// sleepers returns what is known of the sessions that are not in memory.
func (r *registry) sleepers() []Info {
	var list []Info
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.RLock()
		for _, sl := range sh.asleep {
			list = append(list, Info{ID: sl.id, Passive: true, Err: sl.err})
		}
		sh.mu.RUnlock()
	}
	return list
}
