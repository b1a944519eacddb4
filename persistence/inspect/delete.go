package inspect

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-ff723688/ors/persistence"
)

// Delete removes a session from a store with all that waits for it, whatever is stored of it: nobody is told, and nothing of it
// is run. It is for sessions that cannot be read, which no engine can end; Export keeps a copy. The error is ErrHeld when an
// engine has the session's bucket, or persistence.ErrNotFound.
func Delete(ctx context.Context, s persistence.Store, id string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("inspect: delete session %q: %w", id, err)
		}
	}()
	bucket := persistence.BucketOf(id, s.Buckets())
	h := &holding{s: s, epochs: make(map[int]uint64)}
	if err := h.acquire(ctx, defaultOwner, []int{bucket}); err != nil {
		return errors.Join(err, h.release(ctx))
	}
	return errors.Join(s.Delete(ctx, h.epochs[bucket], id), h.release(ctx))
}
