package fm

// maxHeld is how many actions on a call wait for its route request.
const maxHeld = 100

// postpone keeps an action that needs the route request while the call is queued at
// a DN and that request is still to come, as it is when a document starts with
// interaction.added. It reports whether the action is kept: run is then called
// once, with c.mu held, when the request has come or will not come any more, and not
// at all when the call ends before.
func (c *Connector) postpone(k *call, run func(*call)) bool {
	if k.due == "" || k.waiting != "" || k.routing != nil || len(k.held) == maxHeld {
		return false
	}
	k.held = append(k.held, run)
	return true
}

// release carries out what was kept, in order.
func (c *Connector) release(k *call) {
	held := k.held
	k.held = nil
	for _, run := range held {
		run(k.now())
	}
}

// routed ends what has no use any more once a call is routed. A sound that was to
// last until then is done.
func (c *Connector) routed(k *call) {
	const why = "the call was routed"
	if t := k.treatment; t != nil && t.action == actionPlaySound && t.busy == nil {
		c.treatmentOver(k, t, ".done")
	}
	c.cancelTreatment(k, why)
	c.dropSubmissions(k, why)
}
