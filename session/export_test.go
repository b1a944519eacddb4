package session

// RestoreEachStep makes the engine go on with a restored Machine after every
// macrostep.
func RestoreEachStep(e *Engine) { e.restoreEachStep = true }

// PassivateEachStep makes the engine take a stored session out of memory after every
// macrostep, and bring it back for the next.
func PassivateEachStep(e *Engine) { e.passivateEachStep, e.atOnce = true, 1 }
