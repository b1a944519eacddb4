package inspect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// MinAge is the least PruneOptions.Age. The package comment of persistence tells why it is as long as that.
const MinAge = 3 * time.Hour

// PruneOptions are the settings of Prune. nil is the zero value.
type PruneOptions struct {
	// Age is for how long a document has not been put, by the store's clock, that is removed; default
	// 24 hours, at least MinAge.
	Age time.Duration
}

// Pruned says what Prune did about the documents that were old enough.
type Pruned struct {
	Dropped []persistence.DocumentInfo // removed
	Kept    int                        // sessions name them, or somebody has put them again meanwhile
}

// Prune removes the documents that no session of a store names, and that nobody has put for
// PruneOptions.Age. Engines may be at work on the store, in this process or in others, and so may another Prune.
//
// All sessions are read, unless no document is old enough: on a large store that takes its time, so run it when there
// is little to do, and no more than once a day. When a session cannot be read, or names returns an error, nothing
// at all is removed: the document that it needs could be any. The error names the session. While an Import takes long,
// the documents that it has put are safe for Age less two hours.
//
// An error that comes later, while documents are removed, leaves the rest for the next time; what was removed is
// returned beside it.
func Prune(ctx context.Context, s persistence.Store, names Names, opts *PruneOptions) (Pruned, error) {
	var done Pruned
	age := 24 * time.Hour
	if opts != nil && opts.Age != 0 {
		age = opts.Age
	}
	if age < MinAge {
		return done, fmt.Errorf("inspect: prune: %w: PruneOptions.Age is %v, want %v or more: an engine may have put a document and not named it yet", persistence.ErrInvalid, age, MinAge)
	}
	var old []persistence.DocumentInfo
	unnamed := make(map[persistence.Digest]bool)
	for info, err := range s.Documents(ctx, age) {
		if err != nil {
			return done, fmt.Errorf("inspect: prune: nothing was removed: %w", err)
		}
		old = append(old, info)
		unnamed[info.Digest] = true
	}
	if err := strike(ctx, s, names, unnamed); err != nil {
		return done, fmt.Errorf("inspect: prune: nothing was removed: %w", err)
	}
	for _, info := range old {
		dropped := false
		if unnamed[info.Digest] {
			var err error
			dropped, err = s.DropDocument(ctx, info.Digest, info.Put)
			if errors.Is(err, persistence.ErrNotFound) {
				continue // somebody else has removed it
			}
			if err != nil {
				return done, fmt.Errorf("inspect: prune: %w", err)
			}
		}
		if dropped {
			done.Dropped = append(done.Dropped, info)
		} else {
			done.Kept++
		}
	}
	return done, nil
}

// strike takes all documents out of unnamed that a session names.
func strike(ctx context.Context, s persistence.Store, names Names, unnamed map[persistence.Digest]bool) error {
	if len(unnamed) == 0 {
		return nil
	}
	for info, err := range Sessions(ctx, s) {
		if err != nil {
			return err
		}
		p, err := s.Load(ctx, info.ID)
		if errors.Is(err, persistence.ErrNotFound) {
			continue // deleted since it was listed
		}
		if err != nil {
			return err
		}
		named, err := names(p)
		if err != nil {
			return fmt.Errorf("the documents of session %q are not known; Delete it if it cannot be repaired: %w", info.ID, err)
		}
		delete(unnamed, p.Document)
		for _, d := range named {
			delete(unnamed, d)
		}
		if len(unnamed) == 0 {
			return nil
		}
	}
	return nil
}
