package session

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// session is one running document. An idle one has nothing but this struct and
// its Machine: no goroutine, no channel, no map.
type session struct {
	engine   *Engine
	id       string
	location string          // target that reaches it: "#_scxml_" + id
	doc      *scxml.Document // nil until it is loaded
	limits   *SessionLimits  // from Options.Limits; nil without
	most     int             // events that may wait in the inbox
	lineage  *lineage        // of an invoked session; nil for others
	value    any             // StartRequest.Value
	x        *datamodel.Object
	known    bool   // to the registry
	saved    *saved // what a store has of it; nil for one that lives in memory alone. Settled before others know the session

	next *session // in the run queue; guarded by Engine.mu

	chain chain // of the macrostep at hand; used by the worker alone

	timers     *delayedSend // guarded by timers.mu
	timerCount int          // likewise
	alarm      *timer       // when it is to begin, or when its life ends; likewise
	trace      *scxml.Trace
	born       int64 // when it began, in nanoseconds since 1970; used by the worker alone

	finishing atomic.Bool // it has come to its end by itself, and is telling so
	urgent    atomic.Bool // stopping is set
	ended     atomic.Bool // it is no longer in memory; set with mu held
	undone    atomic.Bool // an effect could not be carried out, since the store was away; see Engine.undo
	gone      atomic.Bool // it has ended in memory alone and lives on, or never was there; set before ended

	// What follows is guarded by mu. machine, step and drained are used without it
	// by whoever has set phase to running.
	mu       sync.Mutex
	drained  bool // by Shutdown: no event is handled any more
	cold     bool // it has yet to be loaded from the store
	phase    phase
	stopping EndReason // a stop was asked for; 0: no
	children []child
	begin    *beginning // until it has begun
	revival  *revival   // until it has been resumed from a store
	inbox    inbox
	out      *outgoing      // sends to processors under way; nil when there are none
	keys     *recentKeys    // of a session that lives in memory alone; nil before the first
	watch    *watch         // somebody waits for the session; nil when nobody does
	result   *Result        // when ended
	machine  *scxml.Machine // nil before the beginning and after the end
	step     uint64         // macrosteps handled
}

// phase says who works on a session.
type phase uint8

const (
	idle    phase = iota
	queued        // stands in the run queue
	running       // a worker has it
	loading       // waits for its document
	waiting       // for the time when it is to begin
)

// beginning is what only the start of a session needs.
type beginning struct {
	params *datamodel.Object
	chain  chain // that it continues
	never  bool  // it was to end before it had its document

	at       time.Time           // when it is to begin; zero: at once
	url      string              // of the document, of one that waits for its time
	document scxml.DocumentTrace // how it got the document
}

// lineage links an invoked session to its parent. Sessions know each other by
// id alone.
type lineage struct {
	parent   string
	root     string
	invokeID string
	serial   uint64 // of the invocation
	depth    int
	pos      scxml.Position // of the <invoke>
}

// child is an entry in a session's list of invoked sessions. It stays until the
// child's last event has been put into the inbox, or the child was cancelled. In a
// stored session it is then marked, until the entries of the inbox that were accepted
// before have been handled: when these are read from the store once more, they
// still count.
type child struct {
	invokeID string
	serial   uint64
	id       string
	over     bool
	until    uint64 // number of the last entry of the inbox that counts, when over
}

// watch holds the channels of those who wait. Each is made when it is needed
// and closed once.
type watch struct {
	idle   chan struct{} // closed when the present turn is over
	ending *ending
}

// ending is what those have who wait for the end of a session, also while it is not
// in memory.
type ending struct {
	done   chan struct{}
	result Result // set before done is closed
}

func (x *ending) tell(r *Result) {
	if x != nil {
		x.result = *r
		close(x.done)
	}
}

const sessionTarget = "#_scxml_"

func newSession(e *Engine, id string) *session {
	location := sessionTarget + id
	return &session{engine: e, id: location[len(sessionTarget):], location: location, most: e.opts.Inbox}
}

// setDocument is called once. s.mu is held where others know the session.
func (s *session) setDocument(doc *scxml.Document) {
	s.doc = doc
	if f := s.engine.opts.Limits; f != nil {
		if l := f(s.describe()); l != (SessionLimits{}) {
			s.limits = &l
		}
	}
	s.most = s.inboxLimit()
}

// info describes s. s.mu is held, or nobody else knows s.
func (s *session) info() Info {
	if s.cold {
		return Info{ID: s.id, Passive: true}
	}
	return s.describe()
}

// describe is info for a session that is in memory, or is just coming there.
func (s *session) describe() Info {
	i := Info{ID: s.id, Root: s.id, Value: s.value}
	switch {
	case s.doc != nil:
		i.URL, i.Name = s.doc.URL(), s.doc.Name()
	case s.saved != nil:
		i.URL = s.saved.url
	case s.begin != nil:
		i.URL = s.begin.url
	}
	if s.phase == waiting {
		i.Scheduled = s.begin.at
	}
	if s.lineage != nil {
		i.Parent, i.Root, i.InvokeID = s.lineage.parent, s.lineage.root, s.lineage.invokeID
	}
	return i
}

func (s *session) depth() int {
	if s.lineage == nil {
		return 0
	}
	return s.lineage.depth
}

// machineOptions are the same for the first start and for every restore.
func (s *session) machineOptions() *scxml.MachineOptions {
	e := s.engine
	o := &scxml.MachineOptions{
		SessionID:    s.id,
		IOProcessors: e.locations(s),
		Now:          e.clock.Now,
		Random:       e.opts.Random,
		X:            s.x,
		CheckSend:    s.checkSend,
		Unhandled:    s.unhandled,
		Limits:       s.machineLimits(),
	}
	if e.log != nil {
		o.Log = s.log
	}
	if e.opts.Trace != nil {
		o.Trace = e.opts.Trace(s.id, s.doc)
		s.trace = o.Trace
	}
	return o
}

// tracePersist tells of a snapshot that was written, or read back.
func (s *session) tracePersist(restored bool, bytes int, err error) {
	if t := s.trace; t != nil && t.Persist != nil {
		t.Persist(scxml.PersistTrace{Restored: restored, Bytes: bytes, Err: err})
	}
}

// unhandled tells the operator of an error that the document does not handle.
func (s *session) unhandled(ev *scxml.Event) {
	data, _ := ev.Data.(*datamodel.Object)
	description, _ := data.Get("description")
	s.engine.logger.Warn("error event without a transition", "session", s.id, "event", ev.Name, "description", description)
}

func (s *session) log(entry scxml.LogEntry) { s.engine.log(s.id, entry) }

// watching returns s.watch, made if necessary. s.mu is held.
func (s *session) watching() *watch {
	if s.watch == nil {
		s.watch = new(watch)
	}
	return s.watch
}

// tellEnd tells those who wait for the end, as s.result has it. s.mu is held.
func (s *session) tellEnd() {
	if s.watch != nil {
		s.watch.ending.tell(s.result)
		s.watch.ending = nil
	}
}

// childByInvoke returns the id of an invoked session, or "". With serial 0 it is
// the one that was invoked last. s.mu is held.
func (s *session) childByInvoke(invokeID string, serial uint64) string {
	for i := len(s.children) - 1; i >= 0; i-- {
		if c := &s.children[i]; !c.over && c.invokeID == invokeID && (serial == 0 || c.serial == serial) {
			return c.id
		}
	}
	return ""
}

// addChild notes an invoked session.
func (s *session) addChild(inv *scxml.Invoke, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.children = append(s.children, child{invokeID: inv.ID, serial: inv.Serial, id: id})
}

// childIDs returns the ids of the invoked sessions.
func (s *session) childIDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for i := range s.children {
		if !s.children[i].over {
			ids = append(ids, s.children[i].id)
		}
	}
	return ids
}

// savedChildren returns a copy of the list of invoked sessions for the store. What
// counts no more, since the inbox has been handled up to there, is dropped.
func (s *session) savedChildren() []child {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.children = slices.DeleteFunc(s.children, func(c child) bool { return c.over && c.until <= s.saved.handled })
	if len(s.children) == 0 {
		s.children = nil
	}
	return slices.Clone(s.children)
}

// hears reports whether an entry of the inbox that comes from the session with the
// given id counts: that was invoked, and had not been cancelled when the entry came.
// s.mu is held.
func (s *session) hears(q *queuedEvent) bool {
	for i := range s.children {
		if c := &s.children[i]; c.id == q.from() {
			return !c.over || q.number != 0 && q.number <= c.until
		}
	}
	return false
}

// uncouple takes the session that was invoked as invokeID and serial off the list and
// returns its id. One that is coming to its end by itself stays, and "" is
// returned: what it has to say still counts.
func (s *session) uncouple(c *scxml.CancelInvoke) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.childByInvoke(c.ID, c.Serial)
	if id == "" {
		return ""
	}
	if c := s.engine.sessions.getLive(id); c != nil && c.finishing.Load() {
		return ""
	}
	s.removeChild(id)
	return id
}

// removeChild takes a session off the list. s.mu is held.
func (s *session) removeChild(id string) {
	for i := range s.children {
		if c := &s.children[i]; c.id != id || c.over {
			continue
		} else if s.saved != nil {
			c.over, c.until = true, s.saved.tail
		} else if s.children = append(s.children[:i], s.children[i+1:]...); len(s.children) == 0 {
			s.children = nil
		}
		return
	}
}

// status describes s. s.mu is held and no worker has s.
func (s *session) status() Status {
	st := Status{Info: s.info(), Queued: s.inbox.len(), Macrosteps: s.step}
	for _, c := range s.children {
		if !c.over && s.engine.sessions.alive(c.id) {
			st.Children = append(st.Children, c.id)
		}
	}
	switch {
	case s.ended.Load():
		st.Ended, st.Result = true, *s.result
		st.Configuration, st.Active = s.result.Configuration, s.result.Active
	case s.machine != nil:
		st.Configuration, st.Active = s.machine.Configuration(), s.machine.Active()
	}
	return st
}

// sessionOfTarget returns the session id in a target such as "#_scxml_abc".
func sessionOfTarget(target string) (id string, ok bool) {
	return strings.CutPrefix(target, sessionTarget)
}
