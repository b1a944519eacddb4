package session

import (
	"context"
	"fmt"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
)

// RestoreEachStep makes the engine go on with a restored Machine after every
// macrostep.
func RestoreEachStep(e *Engine) { e.restoreEachStep = true }

// PassivateEachStep makes the engine take a stored session out of memory after every
// macrostep, and bring it back for the next.
func PassivateEachStep(e *Engine) { e.passivateEachStep, e.atOnce = true, 1 }

// StoredEvent is an entry of an inbox as another engine writes it.
func StoredEvent(name string) []byte {
	return appendItem(nil, &queuedEvent{event: scxml.Event{Name: name}})
}

// Spoil makes a record that cannot be brought back.
func Spoil(record []byte, kind string) ([]byte, error) {
	r, err := readRecord(record)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "truncated":
		return record[:20], nil
	case "newer":
		return append([]byte{recordVersion + 1}, record[1:]...), nil
	case "other document":
		r.machine[5]++
	case "no document":
		r.digest = persistence.DigestOf([]byte("lost"))
	default:
		return nil, fmt.Errorf("unknown kind %q", kind)
	}
	return r.append(nil), nil
}

// RecordVersion is the version in which sessions are stored.
const RecordVersion = recordVersion

// Back tells the engine that the store answers again.
func Back(e *Engine) { e.durable.back() }

// Wake brings a session back into memory.
func Wake(e *Engine, id string) { e.wake(id) }

// Renew does what an engine does when it is time to renew its leases.
func Renew(ctx context.Context, e *Engine) error {
	if err := e.durable.renew(ctx); err != nil {
		return err
	}
	e.durable.claim(ctx)
	return nil
}

// Underway is the number of effects of a session that handlers have.
func Underway(e *Engine, id string) int { return len(e.durable.knownOf(id)) }
