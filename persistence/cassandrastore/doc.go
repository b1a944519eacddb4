// Package cassandrastore is a persistence.Store on Apache Cassandra. It is a module of its own, so that
// programs without it do not carry the driver.
//
//	store, err := cassandrastore.Open(ctx, []string{"10.0.0.1", "10.0.0.2"}, &cassandrastore.Options{
//		StrategyClass: "NetworkTopologyStrategy", StrategyOptions: "DC1:3;DC2:3", DataCentre: "DC1",
//	})
//	…
//	defer store.Close()
//
// Cassandra 4.1 or later is needed; set paxos_variant to v2, which halves what a decision costs. The
// tests run on 5.0.
//
// # Levels of durability
//
// What a write that has returned nil survives depends on [Options.Level], and on the commit log
// of the servers:
//
//	LevelLocal       (the default) LOCAL_QUORUM and LOCAL_SERIAL: a majority of the replicas in the
//	                 data centre of the engine have it. It survives the loss of any minority of them. All engines
//	                 of a cluster must use the same data centre (Options.DataCentre): two data
//	                 centres would decide without each other, and could both own a bucket. Another
//	                 data centre gets the write soon after; if the first is lost
//	                 for good, the last writes are.
//	LevelReplicated  QUORUM and SERIAL: a majority of all replicas. With replicas in three data
//	                 centres it survives the loss of one whole, and goes on without it. Engines may be anywhere.
//	LevelEach        EACH_QUORUM and SERIAL: a majority in each data centre. Every data centre has
//	                 every answered write; while one of them cannot be reached, nothing is written.
//
// "Have it" means, with commitlog_sync batch or group, on disk; with periodic, which is
// Cassandra's default, in the memory of that many machines, and on disk up to ten seconds later: lost only
// if a majority of them lose power within that time. A node's process may be killed at any of these. With one replica
// there is no majority to fall back on: what that node loses is lost.
//
// A read returns what was answered at the same level. Nothing is answered before it is decided:
// a node that fails, returns or is cut off can make a write fail or its outcome unknown, and never
// undo one.
//
// # Where lightweight transactions are used
//
// For what needs an order or one winner: a lease changes hands, a session is changed, a claim is
// taken, a document is put, its time renewed, or it is dropped. Each session is a partition, and each write to it one conditional batch on that partition.
// The first row has a version, a random number; a write reads the row, decides, and takes effect only if the version is still
// the same. So it can be repeated until its outcome is known, and a repeat finds out if the
// first took effect. Only what stays open when the time is over ends with persistence.ErrOutcomeUnknown: the
// servers have answered neither yes nor no (a write time-out, a lost connection). When too few
// replicas are there to begin with (unavailable), nothing was written, and the error says so by not being ErrOutcomeUnknown.
//
// Everything else is plain writes and reads at the level's quorum: the hints that lists are made of.
//
// # Why a replaced owner cannot write
//
// The epoch of a bucket is in its lease, a row of its own, and a condition cannot look into another
// partition. So each session also keeps the highest epoch under which it was seen, and four rules hold:
//
//  1. A write under an epoch reads the lease before it writes, and goes on only if the epoch is the
//     present one. Its condition is the version it has read.
//  2. Whoever looks at a session, to read it or to append to it, reads the lease as well; if the session's epoch
//     is lower, it raises that first, which changes the version.
//  3. What has to be found in a list is hinted at before the lease is read for rule 1.
//  4. A session is made in two transactions: first its first row, as one that is not there yet; then,
//     after its claim, its hints and rule 1, the rest, on condition that the row is still the same. Whoever meets the row under a
//     later epoch removes it.
//
// Let an owner be replaced: Acquire has returned a higher epoch to somebody. A write that
// the old owner begins now reads the lease, whose new state was on a quorum before Acquire returned, and
// is refused. A write it had begun may have read the lease before. If its session, or the session's
// absence, has been looked at since, the version has changed by rule 2, or the row is gone by rule 4, and the
// write is refused for ever. If not, the write may still take effect, once; then nobody has seen the session
// without it, the first to look will see it whole, and it counts as written before the take-over.
// A list cannot have missed it either: the hint was written before the lease was read, so either
// the list saw the hint, and looked at the session, or the lease was read after the list began, and so
// after Acquire. There is no clock in this, and no window in which a write is lost, half
// visible, or seen and then undone.
//
// A claim is a row that names a session and its birth, a random number. It counts only while that
// session lives, and is taken over by a transaction once that session cannot come to life any
// more, as it was removed, or never was made. So a claim is never seen to point to a session that
// does not exist and never will, and two sessions never hold the same one. If the
// process that was creating the holder has died, others wait two seconds before they remove what it left.
//
// # Tables
//
// The keyspace, "orchestration" if Options does not say otherwise, holds for all clusters of engines:
//
//	meta      version of the tables; number of buckets of each cluster
//	lease     by bucket: owner, epoch, until
//	session   by session: revision, inbox position, snapshot, timers, outbox; its events; its keys
//	claim     by claim: session
//	document  by digest: body, time of the last put by a server's clock
//	listed, ready, due    by bucket: hints
//
// Hints are checked when they are read, and removed when they lead nowhere. A session with work has
// one in ready, from its first event or effect to its last; one with timers has one in due, no later than its first
// timer, which is left alone when that timer is cleared and moved when it comes up. So a session costs
// few of them however often it changes. The tombstones they leave are kept for an hour (gc_grace_seconds). A
// bucket's lists get slow when it sees more than some ten thousand sessions begin or end in an hour: give the store
// more buckets then.
//
// Sessions leave no tombstones behind but for their whole partition: timers and outbox are rewritten
// in place, and events that were handled are deleted as one range. What was begun by a process
// that died while it created a session expires after a day. Nothing else expires.
//
// A session, with its unhandled events, has to fit into one answer of the servers, and one write
// below Options.MaxWrite, or it ends with persistence.ErrTooLarge.
package cassandrastore
