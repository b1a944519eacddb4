package session

// RestoreEachStep makes the engine go on with a restored Machine after every
// macrostep.
func RestoreEachStep(e *Engine) { e.restoreEachStep = true }
