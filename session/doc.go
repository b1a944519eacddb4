// Package session runs SCXML documents: many at once, fed with events, talking
// to each other and to the outside world.
//
// # A first session
//
//	loader, err := session.NewLoader(&session.LoaderOptions{Allow: []string{"file:///srv/charts/"}})
//	…
//	engine, err := session.New(&session.Options{
//		Parse:  scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}},
//		Loader: loader,
//		Logger: slog.Default(),
//	})
//	…
//	defer engine.Shutdown(ctx)
//	id, err := engine.Start(ctx, session.StartRequest{URL: "file:///srv/charts/order.scxml"})
//	err = engine.Send(ctx, id, &scxml.Event{Name: "add", Data: map[string]any{"price": 12}})
//	result, err := engine.Wait(ctx, id)
//
// Documents can also come from a file system of the program, under a scheme of the
// host's choice: with LoaderOptions.FS{"app": files} the URL is
// "app:///order.scxml". The examples of this package, [VirtualClock] among them,
// show whole programs; examples/custom-module adds elements of its own.
//
// # What an Engine does
//
// A session is a [scxml.Machine] with an inbox. Events are handled in the order
// in which they were accepted, one macrostep at a time, and never by two
// goroutines. A bounded number of workers serves all sessions; one with much to do lets
// others have a turn. Options.Workers bounds the macrosteps that run at the same time,
// Options.StoreParallel the sessions that wait for the store. An idle session costs memory and
// nothing else: no goroutine, no channel, no timer. When all sessions are idle,
// the Engine has no goroutine.
//
// The Machine computes; the Engine acts. After each macrostep its outcome goes
// through one place, where it is committed, and only then are the effects carried
// out, in order: sends, delayed sends, cancellations, invocations, calls of
// modules. Each effect has an [EffectID].
//
// # Session ids
//
// An id is what StartRequest.SessionID says, or one in the form of Orchestration Server:
// 32 characters of 0-9 and A-V, with ~NODE~ before them where Options.NodeID is given,
// as in ~4665~029I4G7KGCET96MLCCSH5B5AES01M138. [NodeOf] reads the node back.
//
// # Targets and processors
//
// A <send> without a type, or with [SCXMLProcessor], goes to a session of the
// same engine (appendix C.1): to itself without a target, "#_scxml_ID",
// "#_parent", "#_INVOKEID"; "#_internal" is the internal queue. The event's origin
// is a target that reaches the sender. Events of an invoked session carry its
// invokeid. When the parameters of a <send> repeat a name, which the data of an
// event cannot show, _event.raw has all of them in the form of an HTML form.
//
// [BasicHTTP] is the Basic HTTP event I/O processor; a host adds others by
// implementing [IOProcessor]. Their messages are sent in the background, those of
// one session in order.
//
// # Errors
//
// A Go error means that the host's call failed. Inside a chart, an error is an
// event:
//
//   - error.execution: a type or target that does not exist, an <invoke> of a
//     type other than SCXML or nested too deeply, too many delayed sends, a module
//     without a handler;
//   - error.communication: a target that cannot be reached, a full inbox, a
//     document that <invoke> could not load, a module's handler that failed;
//   - error.platform, with the invokeid: an invoked session broke down or was
//     terminated by the host; there will be no done.invoke.
//
// What is known inside the macrostep is raised there, in the internal queue, as
// the standard demands (section 6.2.5). What shows later (a delayed send whose
// target has gone, an HTTP server that does not answer) comes as an external event
// of type "platform" and with the sendid, if the document gave one. Both have
// description, document, element and linenumber in their data, and target where
// there is one. In the ORS dialect they have the names of that dialect
// ([scxml.Document.ErrorEvent]): error.send.nosuchsession, error.send.targetunavailable,
// error.send.failed, error.badfetch.PROTOCOL.STATUS for a document that <invoke>
// could not load, error.unsupported.element.
//
// A session that exceeds a limit, keeps itself busy without end, or in which code of the host panics, ends with
// [Failed]; nothing else is touched.
//
// # Invoked sessions
//
// <invoke type="scxml"> starts a session of the same engine, from src or from
// content. It ends when the parent leaves the invoking state or ends: its onexit
// handlers run, and nothing of it is heard any more. A session that has been
// accepted always begins, even when it is to end at once; one whose document is
// still being fetched does not.
//
// # Beginning and end by time
//
// A session with StartRequest.At waits for its time, also across restarts
// ([Engine.Reschedule], [Engine.Terminate]). One that is older than Options.MaxAge,
// or _maxtime of its document, ends with the reason [Expired]; its age is counted
// from its beginning, and goes on while no process has it.
//
// # Durability
//
// With Options.Store sessions outlive the process. After [New] the host calls
// [Engine.Recover], which takes over what the store has:
//
//	store, err := boltstore.Open("sessions.db", nil)
//	…
//	defer store.Close() // after Shutdown
//	engine, err := session.New(&session.Options{Store: store, Owner: "node-1", Parse: parse, Loader: loader})
//	…
//	n, err := engine.Recover(ctx)
//	…
//	id, err := engine.Start(ctx, session.StartRequest{SessionID: "order-17", URL: "file:///srv/charts/order.scxml"}) // ErrExists: it goes on
//	err = engine.SendOnce(ctx, id, "payment-4711", &scxml.Event{Name: "pay"})                                       // repeat it until it returns nil
//
// From then on:
//
//   - Send returning nil means that the event is in the store;
//   - what a macrostep changes, the events it has handled, the delayed sends it
//     has started or cancelled and the effects it has decided on are written in
//     one atomic step, so that each accepted event moves the session exactly once;
//   - effects are carried out after that, at least once; a repeat after a crash has
//     the same [EffectID]. Events between sessions carry it as a key by which the
//     store drops repeats; the Basic HTTP processor sends it as Idempotency-Key,
//     and drops the repeat of a request that has one. A call of a module's handler is done
//     when it returns, unless that says [ErrPending];
//   - a caller that may repeat an event names it with [Engine.SendOnce].
//
// A <send> that is repeated after a crash and whose target has ended meanwhile is taken to have
// been delivered: the target was alive when the send was executed. For a delayed send that
// cannot be known, and its sender may get an error.communication too many.
//
// A document with _persist="false" (ORS dialect) keeps its sessions out of the store:
// they live in memory beside the others, and end with the process. An invoked session
// is where the one is that invoked it; one that was scheduled by URL is stored.
//
// A session resumes on the text of the document with which it began, and of the
// files that belong to it, unless Options.Migrate names another. Data that no snapshot can
// hold (a function that uses local variables of another one, a running generator, a Promise,
// a Proxy, see package datamodel/ecmascript) ends the session when it is to be stored with
// it, with reason [Failed] and an error that names its place and matches
// datamodel.ErrNotSerializable. A document of the ORS dialect that needs such data has
// _persist="false".
//
// # Passivation
//
// A stored session that has nothing to do leaves memory after Options.IdleTime, or earlier
// when there are more than Options.Resident. It costs some 300 bytes then, and comes back
// with the next event or when one of its delayed sends is due. For those who talk to
// it nothing changes: it is alive, counted by [Engine.Len], found by [Engine.Query], which
// reads the store, and [Engine.Wait] goes on waiting. Only callbacks that belong to a
// Machine are asked for anew (Options.Trace).
//
// These stay in memory: sessions with events to handle or messages to processors under
// way; those that have not begun; those that a module needs there, as long as it has
// state of its own in their snapshots ([scxml.Resident] lets it be more precise; those of
// telephony/fm may leave with their interactions);
// and those with an active state that has _deactivate="mustnot" (ORS dialect). With
// _deactivate="must" they leave as soon as they have nothing to do. A call of a module's
// handler does not keep a session in memory: its outcome comes with Engine.Send (ModuleCall.Engine).
//
// # Trouble with the store
//
// An operation that fails is repeated for a while. When the outcome of a write is not
// known, the repeat finds out, so that nothing happens twice.
//
//   - The store does not answer: Observer.Store is told, and Options.StoreLost says what
//     happens until it does. By default sessions whose outcome cannot be written are taken
//     out of memory, with reason [Lost], and go on from their last commit afterwards; Send
//     and Start return the store's errors. With [ContinueInMemory] those in memory go on
//     and are written when the store is back.
//   - The store is full: likewise, session by session.
//   - An inbox is full in the store (MaxInbox of its options): what comes from outside is refused, and
//     a <send> gives its sender error.communication. What the engine itself has to say is not lost:
//     an error event, the answer to a <cancel> or a delayed send of the session's own waits in
//     memory, and its effect in the outbox, until it has been handled; Options.Inbox of them at
//     most, then the session fails. A session that has ended stays until its parent's
//     inbox has room for done.invoke.
//   - The store will never take a step (persistence.ErrTooLarge, persistence.ErrInvalid): the
//     session ends with [Failed] and the error in Result.Err, its parent gets error.platform,
//     and it is removed from the store, so that no restart comes to the same again.
//   - Another engine has taken a bucket over: an engine owns buckets, by leases that it
//     renews. The store refuses what the first owner still writes, nothing of it is
//     visible, and it drops the session, with reason [Lost].
//   - Another engine died, or was shut down: its buckets are free when their lease has run
//     out, or at once. An engine that has called Recover takes them over by itself when it
//     next renews its own, and with them the sessions. Options.Claim says which it wants.
//   - Another engine has put an event into an inbox: it is found at the latest when the
//     leases are renewed, after a third of Options.Lease.
//   - A session cannot be read (damaged, of a newer version, of another document): an
//     [UnreadableError] tells, [Engine.Sessions] lists it, and it stays in the store.
//   - The clock of the machine goes back: delayed sends come late, and none is lost.
//
// # Time
//
// All time comes from one [Clock]. With a [VirtualClock] a test runs a week in a
// millisecond: Advance fires what is due, in order, and lets the engine come to
// rest in between. With Options.Workers = 1 the order of everything is then
// the same in every run, except for what goes through a processor's network.
// [Engine.Settle] waits until nothing is being done. With the system clock an
// Engine works inside a testing/synctest bubble.
//
// # Documents
//
// A [Loader] reads documents, and what they refer to, from directories, web
// servers and file systems in memory, within an allow-list; nothing is allowed
// unless it is listed. Responses of web servers are kept for as long as these allow,
// and asked for again only if they have changed. The Engine compiles each document once and shares it between
// sessions; [CacheLimits] bounds what it keeps.
//
// # Concurrency
//
// An Engine is safe for concurrent use. Callbacks (Observer, Log, Trace, module
// handlers) are called on its workers: they must be quick, and may call the
// Engine, but not wait in it for a session (Query, Wait, Settle, Shutdown).
package session
