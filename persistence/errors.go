package persistence

import (
	"errors"
	"fmt"
)

// What callers branch on, with errors.Is. An error that is none of these says that
// the store itself failed (disk, network, server) before anything was written.
var (
	// ErrNotFound: there is no such session, claim or document.
	ErrNotFound = errors.New("not found")
	// ErrExists: Create found a session of this id.
	ErrExists = errors.New("session exists")
	// ErrClaimed: Create found the claim in another session's hands; see
	// ClaimedError.
	ErrClaimed = errors.New("claimed by another session")
	// ErrFenced: the epoch is not the bucket's present one; see FencedError.
	ErrFenced = errors.New("fenced out")
	// ErrConflict: the commit builds on a revision that is not the stored one; see
	// ConflictError.
	ErrConflict = errors.New("revision conflict")
	// ErrFull: a limit of the store (its options name them) is reached, or the disk
	// or server is full.
	ErrFull = errors.New("store full")
	// ErrTooLarge: a single write is larger than the store takes, however much room it has.
	ErrTooLarge = errors.New("too large for the store")
	// ErrInvalid: the arguments break a rule of this package; the text says which.
	ErrInvalid = errors.New("invalid argument")
	// ErrOutcomeUnknown: the write may or may not have happened, or may happen
	// later. The package comment says how to go on.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store closed")
)

// ClaimedError is the ErrClaimed of Create: it names the session that holds the claim.
type ClaimedError struct {
	Claim   string
	Session string
}

func (e *ClaimedError) Error() string {
	return fmt.Sprintf("claim %q: claimed by another session, %q", e.Claim, e.Session)
}

// Is reports whether target is ErrClaimed.
func (e *ClaimedError) Is(target error) bool { return target == ErrClaimed }

// FencedError is the ErrFenced of a write whose epoch is not the bucket's.
type FencedError struct {
	Bucket  int
	Epoch   uint64 // of the writer
	Current uint64 // of the bucket; 0 where it was never acquired
}

func (e *FencedError) Error() string {
	if e.Current == 0 {
		return fmt.Sprintf("fenced out: bucket %d has no owner yet: acquire it first", e.Bucket)
	}
	return fmt.Sprintf("fenced out: bucket %d is at epoch %d, the writer at %d: drop what is held of it in memory; acquire it before writing again",
		e.Bucket, e.Current, e.Epoch)
}

// Is reports whether target is ErrFenced.
func (e *FencedError) Is(target error) bool { return target == ErrFenced }

// ConflictError is the ErrConflict of a Commit that builds on another revision than
// the stored one.
type ConflictError struct {
	Session string
	Rev     uint64 // the commit's
	Current uint64 // the stored one
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("revision conflict: session %q is at revision %d, the commit builds on %d: load it again", e.Session, e.Current, e.Rev)
}

// Is reports whether target is ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// invalid makes an ErrInvalid with a text.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}
