package scxml

import (
	"time"

	"github.com/seed-ff723688/ors/datamodel"
)

// Position is a place in a source document. Line and Column count from 1, the
// column in bytes; a zero Line means that the place is not known.
type Position struct {
	File         string
	Line, Column int
}

// The parsed document. parse.go fills these structures, check.go judges them,
// link.go derives the tables that the interpreter runs on; after that nothing
// changes them any more and all sessions share them.

type stateKind uint8

const (
	rootState stateKind = iota // <scxml>, always states[0], never active
	atomicState
	compoundState
	parallelState
	finalState
	shallowHistory
	deepHistory
)

// state is one of <scxml>, <state>, <parallel>, <final>, <history>. Its index
// is its place in document order. <initial> is no state: its transition is
// state.initial.
type state struct {
	id       string // never empty; made up when the document gives none
	noID     bool   // the id was made up
	kind     stateKind
	index    int32
	parent   int32   // -1 for the root
	last     int32   // index of the last descendant; index itself when there is none
	children []int32 // states of every kind, histories included, in document order
	pos      Position

	// initial is the default entry of the root or a compound state: of <initial>,
	// of the initial attribute, or of the first child; nil for other states. For
	// a history it is the default transition.
	initial *transition

	transitions []*transition // in document order
	onentry     []block       // one for each <onentry>
	onexit      []block
	invokes     []*invoke
	data        []*data
	donedata    *payload // of a <final>

	// variables are what the scripts of the state declare, by their names in the
	// data model, where states have scopes of their own.
	variables []string

	attrs []Attr // attributes in foreign namespaces, or beginning with '_'

	// prefix is what the ids inside were prefixed with when the state was included
	// from another document (resolveid of <xi:include>); scripts inside see it as
	// _my_prefix. Empty for states that were not the root of such an inclusion.
	prefix string

	residence Residence // what _deactivate asks for
}

// transition is a <transition>, wherever it stands. Those of states are
// numbered in document order; the ones of <initial> and <history> have index -1.
type transition struct {
	index    int32
	source   int32
	events   []string // descriptors without trailing ".*" or "."; "*" stays; empty: eventless
	cond     *expression
	targets  []int32
	internal bool
	content  block
	pos      Position

	table // filled by link.go
}

// block is a list of executable content. An error ends the block (section 4).
type block []action

// expression is a compiled expression of the document's language.
type expression struct {
	text    string
	program datamodel.Program
	err     error // it does not compile; raised when it is evaluated
	pos     Position
	state   int32 // the innermost state around it, whose scope it runs in; 0 for the root
}

// text is an attribute that is either literal or an expression (…expr).
// The zero value means that neither is given.
type text struct {
	literal string
	expr    *expression // nil: literal
	given   bool
}

// data is a <data> element.
type data struct {
	id      string
	init    *expression     // assignment of the expr attribute to id; nil without one
	body    datamodel.Value // inline content or the content of src, when hasBody
	hasBody bool
	err     error // src could not be fetched, or id is illegal: error.execution when initialized
	pos     Position

	parameter bool   // a start parameter of the same name takes the place of the initial value
	attrs     []Attr // attributes in foreign namespaces, or beginning with '_'
}

// payload is what <donedata>, <send> and <invoke> carry. At most one of content
// and params/namelist is given.
type payload struct {
	namelist []*parameter // name and location are the same text
	params   []*parameter
	content  *content
}

// parameter is a <param> or one name of a namelist.
type parameter struct {
	name     string
	expr     *expression
	location *expression // where an empty <finalize> writes the value back; nil without one
	pos      Position
}

// content is a <content> element: an expression, or a literal value.
type content struct {
	expr *expression
	body datamodel.Value // a string, null/JSON value or XML, by the rules of appendix B.2
	text string          // the markup or text as it stands in the document, for <invoke>
	pos  Position
}

// invoke is an <invoke> element.
type invoke struct {
	index       int32 // number of the invoke in the document
	state       int32
	typ         text
	src         text
	id          string
	idlocation  *expression
	autoforward bool
	payload     payload
	finalize    block
	hasFinalize bool // an empty <finalize> copies the parameters back (section 6.5)
	pos         Position
}

// The executable content (section 4). Each has a method exec in exec.go.
type (
	raiseAction struct {
		event   string
		payload payload // only in the ORS dialect
		pos     Position
	}

	ifAction struct {
		branches []branch // <if>, <elseif>…, <else>; cond is nil for <else>
		pos      Position
	}

	branch struct {
		cond    *expression
		content block
	}

	foreachAction struct {
		head    *expression // from Language.CompileForeach
		content block
		pos     Position
	}

	logAction struct {
		label string
		expr  *expression // nil: only the label
		level int
		pos   Position
	}

	assignAction struct {
		location *expression     // used with body
		assign   *expression     // location = expr in one program; nil when body is given
		body     datamodel.Value // inline content
		pos      Position
	}

	scriptAction struct {
		script *expression
		pos    Position
	}

	sendAction struct {
		event        text
		target       text
		typ          text
		id           string
		idlocation   *expression
		delay        text
		literalDelay time.Duration // of a literal delay
		payload      payload
		pos          Position
	}

	cancelAction struct {
		sendID text
		answer bool // Cancel.Answer
		pos    Position
	}

	// moduleAction is an element of a registered module.
	moduleAction struct {
		namespace, name string
		action          Action
		pos             Position
	}

	// unsupportedAction is an element of executable content that nobody has
	// registered; it raises error.execution (section 4.10).
	unsupportedAction struct {
		namespace, name string
		pos             Position
	}
)

// action is one element of executable content. An error that exec returns ends
// the block and raises error.execution; errReported only ends the block.
type action interface {
	exec(m *Machine) error
	position() (element string, pos Position)
}
