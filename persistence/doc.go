// Package persistence is the contract between the session engine and the place
// where sessions survive a crash: the [Store] interface, the records that go
// through it, and its errors.
//
// A store moves opaque bytes. It knows nothing of SCXML, of telephony or of the
// engine: snapshots, events, timers and effects are byte strings with a name.
// What a store does know is order, atomicity and who may write.
//
//	memstore    in memory; for tests and for hosts that want no durability
//	inspect     lists the sessions of any store, moves them to another one, removes documents
//	storetest   the conformance suite that every store has to pass
//
// # A session's record
//
// [Session] is everything there is about one session:
//
//   - Snapshot: its state after the last committed step, and Rev, a number that
//     each commit raises by one;
//   - Inbox: events accepted and not handled yet. They are numbered from 1
//     without a gap; those up to Acked are handled and gone;
//   - Timers: what is to happen at a point in time;
//   - Outbox: effects decided by a commit and not confirmed yet, in order;
//   - Document: the digest of the document it was started on; the body is kept
//     in the store (PutDocument), so that a session resumes on the very text it
//     began with, whatever the web server serves by then;
//   - Claim: a key, such as a call id, that at most one session holds.
//
// # The life of an event
//
// Append puts an event into the inbox; when it returns nil the event will not be
// lost, at the store's level of durability. The owner of the session handles it
// and writes what came of it with one Commit: new snapshot, inbox position,
// timers set and cleared, effects added. Either all of that is visible afterwards
// or nothing is, so each accepted event moves the session exactly once. Effects
// are carried out only after the commit and are then removed with Confirm (or with
// the next Commit, which saves a write). A crash in between repeats them: at least
// once, under the same id, by which a receiver can drop the repeat.
//
// # Buckets, leases and epochs
//
// Sessions live in a fixed number of buckets, [DefaultBuckets] unless the store
// was created with another number. The bucket is a pure function of the session
// id, [BucketOf]; ids in the form of ORS carry it in their last three characters
// ([AppendBucket]). A node owns buckets, never single sessions.
//
// Acquire gives a node a [Lease] on buckets that are free, whose lease has lapsed,
// or which the same owner held before. Each time the bucket's epoch rises. Every
// write to a session states the epoch its writer holds, and the store itself
// compares it with the bucket's, in the same atomic step: a writer that has been
// replaced gets [ErrFenced] and nothing of its write is visible. That is the
// safety; it depends on no clock. The lease's time only says when others may try:
// an owner whose lease has lapsed may still write as long as nobody has taken the
// bucket from it. Lease times are judged by the store's clock alone.
//
// Append is the exception: any node may append to any session, so it carries no
// epoch.
//
// # Claims
//
// Two nodes may see the same call at the same moment and both want to start a
// session for it. Both create theirs with the call id as Claim; one wins, the other
// gets a [*ClaimedError] that names the winner. A claim has to be decided in one
// atomic step with the session, so the session must live in the claim's own bucket:
//
//	bucket := persistence.BucketOf(call, store.Buckets())
//	id := persistence.AppendBucket(random29, bucket)
//
// Create refuses any other combination with [ErrInvalid]. The claim ends with the
// session.
//
// # Repeats
//
// Append drops an event whose Key it has seen and returns the number of the first.
// A store remembers a key while its event is unhandled and after that until
// [KeyWindow] more events have been appended to the session.
//
// # Errors
//
// Compare with errors.Is; see the variables of this package. One rule matters most:
// an error that is not [ErrOutcomeUnknown] means that nothing was written. After
// ErrOutcomeUnknown the write may have happened, may not have, or may still happen
// later (an answer was lost, a connection broke, the context ended while the
// request was under way). How to go on, by operation:
//
//   - Append: repeat it with the same Key;
//   - Commit: repeat it unchanged until the answer is known. ErrConflict then
//     means that the first one took effect if Load shows Rev+1 of the commit: nobody
//     else can have written under this epoch;
//   - Create: repeat it; ErrExists then means that it took effect, if the id was
//     new and random;
//   - Confirm, PutDocument: repeat;
//   - DropDocument: repeat; ErrNotFound then means that it took effect;
//   - Delete: repeat; ErrNotFound then means that it took effect;
//   - Acquire: acquire again, and use only the epoch that was returned; Renew and
//     Release: repeat.
//
// # Lists
//
// Ready, Due, List and Documents are iterators. Stores fetch page by page behind them and hold
// no lock while the loop's body runs, so that the body may call the store. They see
// a moving picture: what was there before the loop began and is still there at its
// end appears exactly once; what came or went meanwhile may or may not appear.
// An error is yielded once, with a zero value, and ends the loop.
//
// # Bytes and names
//
// A store keeps no slice it was given and hands out none that it still uses: both
// sides may change theirs afterwards. Names (session ids, claims, event keys, timer
// and effect ids, owners) are 1 to [MaxName] bytes of UTF-8 without control
// characters. Times are kept to the millisecond; what is finer is cut off.
//
// # Documents
//
// Documents are few, large and shared by many sessions. A store does not know who names one: the digest in
// [Session] is that of the document a session was started on, and an engine may write others into
// snapshots. So nothing is removed on its own; inspect.Prune looks through all sessions and
// removes what none of them names. It does so while engines are at work. Three rules make
// that safe:
//
//   - who is about to name a document, with Create or Commit, has put it within the last hour;
//   - the time of a put is kept, to within [DocumentRefresh], another hour;
//   - a document is removed only when its time is three hours ago or more as the search for names
//     begins, and has not changed when it ends.
//
// Whoever names a document after the search has passed his session has put it later than an hour before the search began. So its
// time was less than three hours ago then, or was renewed since: the hour that is left over is for clocks that differ.
//
// Text that is made anew at run time, such as inline content of an invoke, belongs into
// the snapshot instead.
//
// # Writing a store
//
// Implement Store, and let the conformance suite be its test:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(tb testing.TB) persistence.Store { return open(tb) })
//	}
//
// Call the Validate methods before anything else and [CheckNames], [CheckLease] and
// [CheckBuckets] for single ones.
// Every operation is about one bucket (or one document, or one lease of several),
// so a store spread over machines can keep a bucket in one place: a hash slot, a
// partition, a file. A store whose partitions are smaller than a bucket has to make
// Create with a claim look atomic all the same: a claim is never seen to point to a
// session that does not exist and never will.
package persistence
