package session

import "github.com/seed-ff723688/ors/scxml"

// RestoreEachStep makes the engine go on with a restored Machine after every
// macrostep.
func RestoreEachStep(e *Engine) { e.restoreEachStep = true }

// SendKeyed is Send with the key by which a store drops repeats.
func SendKeyed(e *Engine, id, key string, ev *scxml.Event) error {
	return e.durable.append(id, &queuedEvent{event: *ev}, false, key)
}
