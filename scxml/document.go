package scxml

import (
	"context"

	"github.com/seed-ff723688/ors/datamodel"
)

// Document is a parsed, checked and compiled SCXML document. It is immutable
// and safe for concurrent use: all sessions of a document share one.
type Document struct {
	name        string // the name attribute; "" without one
	url         string
	dialect     Dialect
	settings    Settings
	sendTarget  func(typ, target string) string // of the dialect; nil: none
	rules       rules                           // of the dialect
	legacy      *datamodel.Legacy               // what scripts find beside the standard; nil: nothing
	language    datamodel.Language
	late        bool // binding="late"
	draft       bool // conflicts are resolved as in the draft of 2009
	placed      bool // a state has _deactivate
	states      []*state
	byID        map[string]int32 // states by id, made-up ids included
	transitions []*transition    // those of states, in document order
	invokes     []*invoke
	scripts     []*scriptAction // top-level scripts, in document order
	modules     []Module        // registered ones, used or not
	attrs       []Attr          // of <scxml>: in foreign namespaces, or beginning with '_'
	warnings    []Diagnostic
	source      string   // the text that was parsed, with its files
	digest      [32]byte // SHA-256 of the source

	links // filled by link.go
}

// Name returns the name attribute of <scxml>.
func (d *Document) Name() string { return d.name }

// URL returns the URL or file name given to Parse.
func (d *Document) URL() string { return d.url }

// Dialect returns the dialect that the document was read in: W3C or ORS.
func (d *Document) Dialect() Dialect { return d.dialect }

// Settings returns what the underscore attributes of <scxml> ask for.
func (d *Document) Settings() Settings { return d.settings }

// DataModel returns the name of the document's data model.
func (d *Document) DataModel() string { return d.language.Name() }

// Digest returns the SHA-256 of Source. It identifies the document in
// snapshots.
func (d *Document) Digest() [32]byte { return d.digest }

// Source returns the text that was parsed. When files belong to it (what it
// includes, src of <script> and <data>) they follow the document, in a form that
// Parse reads: it makes the same Document of it, with the same Digest, and fetches
// nothing.
func (d *Document) Source() string { return d.source }

// Warnings returns what Parse found questionable and accepted, in order of position.
func (d *Document) Warnings() []Diagnostic { return d.warnings }

// Attributes returns the attributes of <scxml> that stand in a foreign namespace
// or whose name begins with an underscore.
func (d *Document) Attributes() []Attr { return d.attrs }

// ParseOptions are the settings of Parse. The zero value is usable for
// documents of the null data model.
type ParseOptions struct {
	// URL names the document in diagnostics and is the base of relative
	// references (src of <data> and <script>). Default "document.scxml".
	URL string

	// Dialect is the form of SCXML; zero: each document tells.
	Dialect Dialect

	// Languages are the data models that documents may choose, beside "null",
	// which is always there. A document without a datamodel attribute gets the
	// first one, or null when there is none (the standard leaves this to the
	// platform); in the ORS dialect it gets the one with the name "ecmascript".
	Languages []datamodel.Language

	// Modules give meaning to elements of further namespaces.
	Modules []Module

	// Fetch reads the resource at an absolute URL, for src of <script> and <data>
	// and href of <xi:include>. nil: such a reference is an error of the document
	// (<script>, <xi:include>) or error.execution when the data is initialized
	// (<data>). The URL is what
	// ResolveURL makes of URL and the reference. It returns at most limit bytes or
	// an error.
	Fetch func(ctx context.Context, url string, limit int64) ([]byte, error)

	// Preload lists absolute URLs of scripts that every document has, before its own. They are
	// fetched like src of <script>, and belong to Document.Source: where Parse reads that, they are
	// those of then. Documents of the null data model have none.
	Preload []string

	// Encoding is that of documents that are not in UTF-8 and name none, as an XML declaration
	// would name it: "iso-8859-1". Default: such a document is an error.
	Encoding string

	Limits ParseLimits
}

// ParseLimits bound what Parse accepts. A zero field means its default.
type ParseLimits struct {
	Bytes       int   // size of the document; default 8 MiB
	Depth       int   // nesting of elements; default 256, at most 10,000
	Elements    int   // number of elements; default 200,000
	Diagnostics int   // errors found before Parse gives up, and warnings kept; default 100
	Fetches     int   // references to resources; default 100
	FetchBytes  int64 // size of one fetched resource, all together 8 times as much; default 4 MiB
	Expression  int   // length of one expression or script; default 1 MiB

	Includes     int   // <xi:include> elements that are carried out, repetitions counted; default 500
	IncludeDepth int   // nesting of inclusions; default 16
	IncludeBytes int64 // size of all included files, and of what is included of them with repetitions; default 16 MiB
}
