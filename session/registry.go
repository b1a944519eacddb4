package session

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// registry finds sessions by id: live ones and the last few that have ended.
// It is divided so that senders do not wait for each other.
type registry struct {
	seed   maphash.Seed
	shards [64]shard
	live   atomic.Int64
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

type shard struct {
	mu   sync.RWMutex
	byID map[string]*session
}

func newRegistry(limit, retain int) *registry {
	r := &registry{seed: maphash.MakeSeed(), limit: int64(limit)}
	for i := range r.shards {
		r.shards[i].byID = make(map[string]*session)
	}
	r.roots.sessions = make([]*session, max(retain, 0))
	r.invoked.sessions = make([]*session, max(retain, 0))
	return r
}

func (r *registry) shard(id string) *shard {
	return &r.shards[maphash.String(r.seed, id)%uint64(len(r.shards))]
}

// get finds a session, ended ones included; nil when there is none.
func (r *registry) get(id string) *session {
	sh := r.shard(id)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.byID[id]
}

// live finds a session that has not ended.
func (r *registry) getLive(id string) *session {
	if s := r.get(id); s != nil && !s.ended.Load() {
		return s
	}
	return nil
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
	if old := sh.byID[s.id]; old != nil && !old.ended.Load() {
		r.live.Add(-1)
		return ErrExists
	}
	sh.byID[s.id] = s
	return nil
}

// retire is told that s, which was live, has ended. The oldest retired session
// is forgotten.
func (r *registry) retire(s *session) {
	r.live.Add(-1)
	kept := &r.roots
	if s.lineage != nil {
		kept = &r.invoked
	}
	forget := kept.put(s)
	if forget == nil {
		return
	}
	sh := r.shard(forget.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.byID[forget.id] == forget {
		delete(sh.byID, forget.id)
	}
}

// all returns the live sessions.
func (r *registry) all() []*session {
	list := make([]*session, 0, r.live.Load())
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
