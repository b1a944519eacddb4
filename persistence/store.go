package persistence

import (
	"context"
	"iter"
	"time"
)

// Store keeps sessions. The package comment explains the concepts; this is the
// contract, operation by operation.
//
// All methods may be called by many goroutines at once. Every operation is atomic.
// Every method that takes a context returns its error, and has done nothing, when the
// context has ended before; when it ends during a write, the error is
// ErrOutcomeUnknown or the write succeeds. After Close every method but Buckets
// and Close returns ErrClosed.
//
// The argument epoch is that of the Lease on the bucket of the session. Where it is
// not the bucket's present one the error is ErrFenced, ahead of any other about the
// session.
type Store interface {
	// Buckets returns the number of buckets, 1 to MaxBuckets, fixed when the store was
	// created.
	Buckets() int

	// Acquire takes the buckets for owner for the time lease (more than zero), those
	// of them that are free, whose lease has lapsed or that owner itself holds. It
	// returns the leases it got, in the order asked for, each with an epoch that was
	// never used before. It is atomic for each bucket, not over all: on an error the
	// leases returned beside it are held.
	Acquire(ctx context.Context, owner string, lease time.Duration, buckets ...int) ([]Lease, error)

	// Renew prolongs leases to lease (more than zero) from now, also those that have
	// lapsed but were taken by nobody. It returns the renewed ones, in order; those that
	// are missing are lost. It is atomic for each bucket, not over all.
	Renew(ctx context.Context, lease time.Duration, leases ...Lease) ([]Lease, error)

	// Release gives leases up. Their epochs rise, so that nothing written under them
	// gets in any more. Leases already lost are ignored.
	Release(ctx context.Context, leases ...Lease) error

	// Leases returns the state of all buckets, in order.
	Leases(ctx context.Context) ([]Lease, error)

	// Create adds a session as it is given, but for the numbers of its inbox, which
	// follow Acked, and for Rev, where 0 becomes 1. It fails with ErrExists where the id
	// exists, with a *ClaimedError where another session holds its claim, and with
	// ErrInvalid and ErrFull.
	//
	// What Load returned, from this or another store, may be given to Create.
	Create(ctx context.Context, epoch uint64, s *Session) error

	// Append adds an event to a session's inbox and returns its number. Any node may
	// append. An event whose key is remembered is not added; the number of the first
	// is returned. It fails with ErrNotFound, ErrInvalid and ErrFull.
	Append(ctx context.Context, id string, e Event) (uint64, error)

	// Commit writes a step of a session. It fails with ErrNotFound, with a
	// *ConflictError where c.Rev is not the stored revision, with ErrInvalid (as where
	// Acked lies outside the inbox) and ErrFull. Like Create, Append and PutDocument it
	// fails with ErrTooLarge where the store bounds the size of a write.
	Commit(ctx context.Context, epoch uint64, c *Commit) error

	// Confirm removes effects from a session's outbox. It leaves the revision alone.
	// Ids that are not there are ignored. It fails with ErrNotFound.
	Confirm(ctx context.Context, epoch uint64, id string, effects ...string) error

	// Delete removes a session with all that belongs to it, its claim and its remembered
	// keys included. It fails with ErrNotFound.
	Delete(ctx context.Context, epoch uint64, id string) error

	// Load returns a session. It fails with ErrNotFound.
	Load(ctx context.Context, id string) (*Session, error)

	// Inbox returns the unhandled events of a session whose numbers are above after,
	// in order, at most limit of them (all where limit is below 1). It fails with
	// ErrNotFound.
	Inbox(ctx context.Context, id string, after uint64, limit int) ([]Event, error)

	// Lookup returns the id of the session that holds a claim. It fails with
	// ErrNotFound.
	Lookup(ctx context.Context, claim string) (string, error)

	// Ready iterates over the sessions of a bucket that have unhandled events or
	// unconfirmed effects, in no particular order.
	Ready(ctx context.Context, bucket int) iter.Seq2[Info, error]

	// Due iterates over the timers of a bucket set to until or earlier, by time. A timer
	// stays until a commit clears or replaces it.
	Due(ctx context.Context, bucket int, until time.Time) iter.Seq2[Due, error]

	// List iterates over the sessions of a bucket whose ids are greater than after, by
	// id in byte order. The last id of a page is the next page's after.
	List(ctx context.Context, bucket int, after string) iter.Seq2[Info, error]

	// PutDocument keeps the body of a document and returns its digest. Of one that is
	// there already only the time is renewed, and that only where it is DocumentRefresh
	// or more ago, so that a repeat is mostly a read. It fails with ErrFull.
	PutDocument(ctx context.Context, body []byte) (Digest, error)

	// Document returns the body of a document. It fails with ErrNotFound.
	Document(ctx context.Context, d Digest) ([]byte, error)

	// Documents iterates over the documents whose time is idle (zero or more) or longer
	// ago, by the store's clock, in no particular order.
	Documents(ctx context.Context, idle time.Duration) iter.Seq2[DocumentInfo, error]

	// DropDocument removes a document whose time is put or earlier, as Documents has told
	// it, and reports whether it did: where the time has been renewed since, the document
	// stays. Comparing and removing are one atomic step. No store knows who names a document;
	// the package comment says when one may be removed. It fails with ErrNotFound.
	DropDocument(ctx context.Context, d Digest, put time.Time) (bool, error)

	// Close releases what the store holds, after operations under way have ended. It may
	// be called more than once. Leases are left to lapse; Release them first.
	Close() error
}
