package scxml

// Severity ranks a Diagnostic.
type Severity uint8

// The severities. A document with an Error is not accepted.
const (
	Warning Severity = iota
	Error
)

func (s Severity) String() string {
	if s == Error {
		return "error"
	}
	return "warning"
}

// Diagnostic is one problem of a document.
type Diagnostic struct {
	Severity Severity
	Pos      Position
	Message  string // what is wrong, lower case, naming the element or attribute
	Hint     string // what to do about it; may be empty
	Section  string // section of the SCXML Recommendation, such as "3.5"; may be empty
	Line     string // the source line, for display; may be empty
}

// ParseError reports a document that was not accepted, with all that was found.
type ParseError struct {
	URL         string
	Diagnostics []Diagnostic // in order of position; at least one Error
}
