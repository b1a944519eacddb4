package session

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
)

// Options are the settings of an Engine. The zero value runs documents of the
// null data model, loads nothing by URL and talks to nobody outside.
type Options struct {
	// Parse is used for every document that the engine parses. URL and Fetch are
	// set by the engine; Languages, Modules and Limits are the host's.
	Parse scxml.ParseOptions

	// Loader reads documents, scripts and data by URL. nil: none can be loaded;
	// sessions start from StartRequest.Document and invoke inline content.
	Loader Fetcher

	// Store keeps the sessions, so that they outlive the process. nil: sessions live
	// in memory alone, as do those of documents with _persist="false" (ORS dialect),
	// unless they have been invoked by one that is stored, or were scheduled by URL.
	// With a store, Recover is called after New; the engine does not close it.
	Store persistence.Store

	// Owner is the engine's name as an owner of the store's buckets, 1 to 255 bytes
	// of UTF-8. It must be one that no other living engine uses. With the name of an engine
	// that was killed, Recover has its buckets at once; with any other when their lease has
	// run out. Default: a random one.
	Owner string

	// Lease is how long the store reserves buckets for the engine without hearing
	// of it; default 15 s. They are renewed, and others looked for, when a third of it has
	// passed, or up to a tenth of that earlier.
	Lease time.Duration

	// Claim says which buckets the engine is to take when no other engine holds them:
	// Recover asks it, and the engine itself as often as it renews its leases. What it
	// holds it keeps, whatever Claim says. A host that assigns buckets to engines calls
	// Recover when what Claim says has changed, so that nobody has to wait for the next
	// renewal. It is called concurrently and must be quick. nil: all of them.
	Claim func(bucket int) bool

	// StoreLost is what the engine does while the store does not answer; default
	// RefuseWork. Observer.Store is told in any case.
	StoreLost StorePolicy

	// Migrate is asked whenever a session is brought back from the store, which document it
	// is to go on with: from is the one on which it has been running. It returns that or
	// nil for no change, or another one that the session then belongs to; its
	// snapshot is converted by scxml.MigrateSnapshot. It is called concurrently and must be
	// quick. An error, its own or that of the conversion, leaves the session in the store
	// as it is (UnreadableError). nil: sessions stay on the document with which they began.
	Migrate func(sessionID string, from *scxml.Document) (to *scxml.Document, err error)

	// IdleTime is how long a stored session that has nothing to do stays in memory.
	// After that it is in the store alone (it is passivated), at the cost of some 300
	// bytes, until an event or one of its delayed sends comes. Default 5 min; negative:
	// no session is passivated for its age.
	IdleTime time.Duration

	// Resident is the number of stored sessions in memory beyond which those that have
	// rested longest are passivated before their time; default 100,000. Negative: every
	// one is passivated as soon as it has nothing to do.
	Resident int

	// RecoverParallel is the number of sessions that Recover brings back into memory at
	// the same time, while others are at work; default 4 times runtime.GOMAXPROCS(0).
	RecoverParallel int

	// Documents bounds the cache of compiled documents.
	Documents CacheLimits

	// Limits is asked for the limits of a session when it gets its document: when it
	// begins, and when it is brought back from the store. What it returns counts for that session
	// in place of Machine, Inbox and MaxAge. It is called concurrently and must be quick. nil:
	// those count. It must not call the Engine.
	Limits func(Info) SessionLimits

	// Persist says whether a session is to be stored, when it is started, not invoked or
	// scheduled by URL. It is called concurrently, must be quick and must not call the Engine. Default:
	// doc.Persist(). Without a Store it has no meaning.
	Persist func(info Info, doc *scxml.Document) bool

	// Machine limits every session's Machine.
	Machine scxml.Limits

	// Workers is the number of macrosteps that run at the same time; default
	// runtime.GOMAXPROCS(0). With 1 and a VirtualClock the order of everything that happens
	// inside the engine is the same in every run.
	Workers int

	// StoreParallel is the number of sessions that may wait for the store at the same time, at
	// least Workers; default 512, and 1 where Workers is 1. A store that writes in groups needs
	// many at once. Without a Store it has no meaning.
	StoreParallel int

	// Inbox is the number of events that may wait in one session; default 1,000.
	// Beyond it Send returns ErrInboxFull, and a <send> from another session
	// gives its sender error.communication. A document of the ORS dialect may lower it
	// (_maxPendingEvents), and raise the default up to 1,000,000.
	Inbox int

	// MaxSessions is the number of sessions that may be alive; default 1,000,000.
	MaxSessions int

	// Scheduled is the number of sessions that may wait for StartRequest.At; default
	// 10,000. They count in MaxSessions too.
	Scheduled int

	// MaxAge is the longest life of a session, counted from its beginning and across
	// restarts. One that is older ends with the reason Expired: its onexit handlers
	// run. A document of the ORS dialect may shorten it (_maxtime), and choose freely
	// where it is not given. Default: 7 days for documents of the ORS dialect, no limit
	// for others; negative: none.
	MaxAge time.Duration

	// MaxDepth is how deep invoked sessions may nest; default 16. The session
	// that goes beyond gets error.execution.
	MaxDepth int

	// Timers is the number of delayed sends that one session may have pending;
	// default 10,000. Beyond it the sender gets error.execution.
	Timers int

	// Chain bounds sessions that keep themselves busy: it is the number of macrosteps
	// of one session each of which brings the next about, by a <send> without a
	// delay for instance, with nothing from outside in between; default 100,000,
	// negative: no limit. The session that goes on fails with ErrEndless. Where
	// several sessions keep each other busy it happens after twice as many in all.
	Chain int

	// Retain is the number of ended sessions whose Status and Result can still be
	// asked for; default 1,000, and as many invoked ones. Negative: none.
	Retain int

	// Processors are event I/O processors beside the SCXML one. The engine calls
	// their Open and Close.
	Processors []IOProcessor

	// Outgoing is the number of sends to Processors that may be under way at the
	// same time, over all sessions; default 64. Those of one session are carried
	// out one after the other, and at most Inbox of them may wait.
	Outgoing int

	// OutgoingTimeout bounds one send to a processor; default 10 s.
	OutgoingTimeout time.Duration

	// Modules carry out the effects of module elements, by the namespace that the
	// effect names. The modules themselves, which compile the elements, are in
	// Parse.Modules; one that emits effects is registered in both places. A call in
	// a namespace without a handler gives the session error.execution.
	Modules map[string]ModuleHandler

	// NodeID is the node's DBID in the configuration layer, 1 to 2147483647. The ids that
	// the engine makes begin with it, as in ~4665~029I4G7KGCET96MLCCSH5B5AES01M138, and
	// NodeOf reads it back. 0: ids have no node part.
	NodeID int

	// NewID makes session ids; it is called concurrently and must not repeat
	// itself. With a store, an id in a bucket that the engine does not hold
	// (persistence.BucketOf) is refused with ErrNotOwner. Default: ids in the form of
	// Orchestration Server, 32 characters of 0-9 and A-V after the node part. At least
	// 145 bits of them are random, so that nobody can guess one. With a store the last
	// three characters tell the bucket, one that the engine holds; invoked sessions
	// lie in the bucket of their parent.
	NewID func() string

	// Clock is where time comes from. Default SystemClock.
	Clock Clock

	// Random returns numbers in [0,1) for scripts; it is called concurrently.
	// Default math/rand/v2.
	Random func() float64

	// Logger gets a line for what an operator should know: sessions that failed,
	// error events that a document does not handle, contained panics, events that
	// are lost. What a call of the Engine refuses is the error of that call and is not
	// logged. nil is silent.
	Logger *slog.Logger

	// Log receives every executed <log>. Calls for one session come in order.
	// Default: Logger, at level Info.
	Log func(sessionID string, entry scxml.LogEntry)

	// Trace returns the trace hooks of a session; nil hooks cost nothing.
	Trace func(sessionID string, doc *scxml.Document) *scxml.Trace

	// Observer is told about sessions.
	Observer Observer
}

const (
	defaultLease           = 15 * time.Second
	defaultIdleTime        = 5 * time.Minute
	defaultResident        = 100_000
	defaultStoreParallel   = 512
	defaultInbox           = 1000
	defaultMaxSessions     = 1_000_000
	defaultScheduled       = 10_000
	defaultMaxDepth        = 16
	defaultTimers          = 10_000
	defaultChain           = 100_000
	defaultRetain          = 1000
	defaultOutgoing        = 64
	defaultOutgoingTimeout = 10 * time.Second
)

// withDefaults returns a copy of o with zero fields set; nil is the zero value.
func (o *Options) withDefaults() Options {
	var r Options
	if o != nil {
		r = *o
	}
	positive(&r.Workers, runtime.GOMAXPROCS(0))
	switch {
	case r.Store == nil, r.StoreParallel <= 0 && r.Workers == 1:
		r.StoreParallel = r.Workers
	case r.StoreParallel <= 0:
		r.StoreParallel = max(r.Workers, defaultStoreParallel)
	default:
		r.StoreParallel = max(r.Workers, r.StoreParallel)
	}
	positive(&r.Lease, defaultLease)
	positive(&r.Inbox, defaultInbox)
	positive(&r.RecoverParallel, 4*runtime.GOMAXPROCS(0))
	if r.IdleTime == 0 {
		r.IdleTime = defaultIdleTime
	}
	if r.Resident == 0 {
		r.Resident = defaultResident
	}
	positive(&r.MaxSessions, defaultMaxSessions)
	positive(&r.Scheduled, defaultScheduled)
	positive(&r.MaxDepth, defaultMaxDepth)
	positive(&r.Timers, defaultTimers)
	positive(&r.Outgoing, defaultOutgoing)
	positive(&r.OutgoingTimeout, defaultOutgoingTimeout)
	if r.Chain == 0 {
		r.Chain = defaultChain
	}
	if r.Retain == 0 {
		r.Retain = defaultRetain
	}
	if r.Clock == nil {
		r.Clock = SystemClock{}
	}
	if r.Owner == "" {
		r.Owner = randomID()
	}
	if r.Random == nil {
		r.Random = randomFloat
	}
	if r.Logger == nil {
		r.Logger = slog.New(slog.DiscardHandler)
	}
	return r
}

func positive[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// Observer is a set of optional callbacks. They are called on the engine's
// goroutines, outside of any lock, and must return quickly; those about one
// session come in order. They may call the Engine, except for Recover and what
// waits for the same session (Query, Wait).
type Observer struct {
	SessionStarted func(Info)         // its initial macrostep is about to run
	Store          func(err error)    // the store has stopped to answer, with its error; nil: it answers again
	SessionEnded   func(Info, Result) // a session that had started has ended, or was taken out of memory (Lost, ShutDown); also one that waited for StartRequest.At and did not begin, and one in the store alone that is lost: Info has ID and Passive then

	StartBegins func()                           // Engine.Start has been called; on its caller's goroutine, as StartEnds
	StartEnds   func(d time.Duration, err error) // it returns, after d
	// EventWaited: an entry of an inbox, mostly an event, is taken to be handled, d after it
	// was put in. It is called for each that came into an empty inbox, and for one in 16 of
	// those that found others there.
	EventWaited func(sessionID string, d time.Duration)
}

// Info says what a session is.
type Info struct {
	ID       string
	Parent   string // id of the session that invoked it; "" without one
	Root     string // id of the outermost session of its family; ID itself without a parent
	InvokeID string // the parent's name for it
	URL      string // of the document; "" for inline content without one
	Name     string // the document's name
	Value    any    // StartRequest.Value, of the root

	// Scheduled is when a session is to begin that waits for it; else zero.
	Scheduled time.Time

	// Passive is true for a session that is in the store alone. Engine.Sessions tells
	// no more of it than ID and Err.
	Passive bool

	// Err is why a session that is in the store cannot be brought back, an
	// *UnreadableError; nil for others.
	Err error
}

// SessionLimits are limits of one session. A zero field means that of Options.
type SessionLimits struct {
	Machine scxml.Limits  // each field for itself
	Inbox   int           // as Options.Inbox
	MaxAge  time.Duration // as Options.MaxAge
}

// StartRequest says what to start. One of Document and URL is required.
type StartRequest struct {
	URL      string          // absolute; read through Options.Loader
	Document *scxml.Document // takes precedence over URL

	// Fetch says how the document at URL is read. A session that waits for its time (At) does
	// not keep it.
	Fetch FetchPolicy

	// SessionID becomes _sessionid: 1 to 255 bytes of UTF-8 without control
	// characters. Default: Options.NewID.
	SessionID string

	// Params override top-level <data> items of the same name; other names are
	// ignored (section 6.4). They are copied, as is X.
	Params *datamodel.Object

	// X is the value of _x.
	X *datamodel.Object

	// Value is the host's own: it is found again in Info, also of invoked
	// sessions. In memory it is not looked at. A session that is stored keeps it, so it
	// is brought into canonical form (datamodel.From), and what that refuses is an
	// error.
	Value any

	// At is when the session is to begin; zero, or a time that has passed, means at
	// once. Until then it has its id, takes events, which wait, and is found by Query
	// and Sessions (Info.Scheduled); Terminate ends it without a beginning,
	// Engine.Reschedule changes the time. A document that is given by URL is loaded
	// at that time; when that fails the session ends with the reason Failed. With a
	// store the session is stored at once, and begins also after a restart.
	At time.Time
}

// EndReason says why a session ended.
type EndReason uint8

// The reasons.
const (
	Finished   EndReason = iota + 1 // a top-level final state was reached
	Terminated                      // Engine.Terminate
	Cancelled                       // the parent left the state that invoked it, or ended
	Failed                          // an error, in Result.Err: a limit, a document that cannot run, a panic
	ShutDown                        // Engine.Shutdown
	Lost                            // the store refused it or cannot be reached; it lives on there
	Expired                         // it was older than Options.MaxAge or _maxtime allows
)

var reasonNames = [...]string{"running", "finished", "terminated", "cancelled", "failed", "shut down", "lost", "expired"}

func (r EndReason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

// Result is how a session ended.
type Result struct {
	Reason        EndReason
	Data          datamodel.Value // done data of the final state (section 5.5); nil without
	Err           error           // when Reason is Failed
	Configuration []string        // the last one, ids in document order; finals included
	Active        []string        // the atomic states of it
}

// Status is a session at one moment, between two macrosteps.
type Status struct {
	Info
	Configuration []string       // ids of all active states, in document order
	Active        []string       // ids of the active atomic states, in document order
	Queued        int            // events waiting in the inbox
	Macrosteps    uint64         // handled so far
	Timers        []PendingTimer // delayed sends, in order of time
	Children      []string       // ids of the invoked sessions
	Ended         bool
	Result        Result // when Ended
}

// PendingTimer is a delayed send that waits for its time.
type PendingTimer struct {
	SendID string
	Event  string // name
	Target string
	Due    time.Time
}

// ModuleHandler carries out the effects of a module's elements (ModuleCall). It
// is called on a worker, in order, after the macrostep has been committed and
// while no other step of the session runs: it must not block. A handler with
// I/O to do starts it and reports the outcome with ModuleCall.Engine.Send. An error gives the
// session error.communication, whose data carries the request id.
//
// An effect of a stored session is carried out at least once. With nil, or an error, it is
// done when Call returns: what a handler has begun by then and not finished is lost when
// the process dies. A handler that returns ErrPending says itself when it is done
// (Engine.Confirm), and is called again after a crash or restart that comes before; also when the session had
// been taken out of memory (Lost), of which Observer.SessionEnded tells. Passivation changes
// nothing: what is under way is not called for again. The end of a session ends what it has
// pending.
type ModuleHandler interface {
	Call(ctx context.Context, call *ModuleCall) error
}

// ModuleCall is an effect of a module's element, and whose it is.
type ModuleCall struct {
	Effect  EffectID
	Session Info

	// Engine has the session: the handler answers with Engine.Send or Engine.Confirm.
	Engine *Engine

	// Repeated: the effect was found in the store when the session was brought back. It may
	// have been carried out before, wholly or in part, or not at all.
	Repeated bool
	*scxml.ModuleCall
}

// EffectID names an effect. It is the same when an effect is carried out again
// after a crash, so that a receiver can drop the repeat.
type EffectID struct {
	Session   string
	Macrostep uint64 // counted from 1, the initial one
	Index     int    // of the effect in the macrostep, from 0
}

// String returns the three parts with dots between them.
func (id EffectID) String() string { return id.Session + "." + id.local() }

// local is the name of the effect in its session.
func (id EffectID) local() string {
	b := strconv.AppendUint(make([]byte, 0, 24), id.Macrostep, 10)
	return string(strconv.AppendInt(append(b, '.'), int64(id.Index), 10))
}

// effectID reads what local wrote.
func effectID(session, local string) (EffectID, error) {
	m, i, _ := strings.Cut(local, ".")
	macrostep, err := strconv.ParseUint(m, 10, 64)
	index, err2 := strconv.Atoi(i)
	if err != nil || err2 != nil {
		return EffectID{}, fmt.Errorf("%w: effect %q", ErrRecord, local)
	}
	return EffectID{Session: session, Macrostep: macrostep, Index: index}, nil
}
