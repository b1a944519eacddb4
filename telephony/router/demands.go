package router

// demanding reports whether a request looks at more than the media.
func (q *request) demanding() bool { return q.Alone || q.DNType != 0 }

// meets reports whether an agent is what a request demands beside its targets, the
// state apart.
func (q *request) meets(a *resource) bool {
	if q.DNType != 0 && a.agent.DNs[q.DNType] == "" {
		return false
	}
	if !q.Alone {
		return true
	}
	load, kept := a.total()
	return load+kept == 0
}

// number is where an agent is reached for a request.
func (q *request) number(a *resource) string {
	if q.DNType != 0 {
		return a.agent.DNs[q.DNType]
	}
	return a.dn
}
