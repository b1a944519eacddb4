// Package boltstore is a persistence.Store in one file, on go.etcd.io/bbolt: durable sessions
// without a server.
//
//	store, err := boltstore.Open("sessions.db", nil)
//	…
//	defer store.Close()
//
// # What it promises
//
// A write that has returned nil is on the disk: it survives SIGKILL and the loss of power,
// as far as the disk keeps its promise to flush. A write is there as a whole or not at
// all. Nothing needs repair after a crash; opening takes a moment.
//
// Writes that wait at the same time share one transaction, and so one flush of the disk (a
// group commit). A single writer therefore gets what the disk can flush in a second, many
// writers together far more.
//
// # Speed
//
// BenchmarkRatio has 1000 sessions commit at the same time, 4 KB each with an effect and a timer, on two cores:
//
//	go test -run '^$' -bench Ratio -benchtime 1x ./persistence/boltstore
//
// A Store makes about 0.8 times as many commits a second as a bare loop around bbolt that puts the same rows into
// transactions of the same size and decides nothing: 57,000 to 64,000 against 75,000 to 82,000. With nine idle sessions
// beside each of them, and so a file of ten times the size, it is 0.9 times.
//
// How much a group commit gains over one flush for each commit is a matter of the disk. A commit by itself is two flushes. Where a flush
// takes 0.12 ms, 3,000 such commits were made a second, and 20 to 21 times as many in groups; 12 to 13 times with the idle sessions, since
// each commit then writes pages of its own. The slower the flush, the greater the gain.
//
// # One process
//
// The file is locked while it is open. A second Open, in this process or another, fails
// with a [*LockedError] that says who has it. Several engines of one process may share a
// Store; leases, epochs and claims hold as on a server. As the lock shows that nobody else
// is writing, Open ends all leases that an earlier process left behind, so that recovery
// need not wait for them to lapse.
//
// # Size
//
// Pages that are no longer used are used again, but the file never shrinks by itself;
// [Compact] rewrites it while nobody has it open. [Options] bounds the file, the number of
// sessions and their inboxes; beyond, writes fail with persistence.ErrFull, as they do when
// the disk is full, and change nothing. What makes room (Commit, Confirm, Delete, DropDocument)
// still works as long as the file has free pages. A new file has pages of 8 KB, or of what the
// system has where that is more.
//
// # Failures
//
// When the disk reports an error other than being full, what it has written is not known:
// the writes under way fail with persistence.ErrOutcomeUnknown and the store refuses all
// later ones. Close it and open it again; what is there then is what was written. A file that
// is truncated, no store of this package, or of a newer format is refused by Open.
//
// A context that ends while its write waits takes the write back. One that ends while
// the disk is writing gives persistence.ErrOutcomeUnknown at once.
package boltstore
