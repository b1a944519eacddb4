package session

// Application is what runs for a call or another piece of work: where its documents are, and what
// its sessions get. The zero value means that nothing is to run.
type Application struct {
	// URLs are the documents in the order in which to try them: the next one when one cannot
	// be read or compiled.
	URLs []string

	// Params become StartRequest.Params. The map must not be changed.
	Params map[string]string

	// Fetch and Value become those of StartRequest.
	Fetch FetchPolicy
	Value any
}
