package goja

import (
	"math/big"
	"reflect"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/token"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// facts is what the tree of a program tells about it.
type facts struct {
	system uint32  // the lazy system variables that it mentions
	shapes bool    // it may make accessors, change attributes or prototypes
	hides  bool    // it may make accessors or change attributes
	limits limited // the built-ins that it mentions and that need a limit
	bigInt bool    // it has a BigInt literal

	patterns []string // of its regular expressions

	lexical   []ecmascript.Binding    // its top-level let, const and class
	functions map[string]functionFact // by source text; nil without
	authors   map[string]string       // what the author wrote for a function, by source text, where that differs
	made      []madeFunction          // the functions again, in the order in which they end
}

// madeFunction is a function at its place.
type madeFunction struct {
	source string
	at     file.Idx
	name   string // of a function statement at the top level
	fact   functionFact
}

// functionFact is what the place of a function in a program tells about it.
type functionFact struct {
	strict  bool
	capture string // a variable of a function or block around it that it uses
}

// The system variables that are defined when a program that mentions one runs
// for the first time, where the Scope has them: the last ones belong to the ORS
// dialect. Names of modules are defined from the start.
var lazyNames = [...]string{"_event", "_sessionid", "_name", "_ioprocessors", "_x", "In", "_assigned", "__GetCurrentStates",
	"__GetDocumentBaseURL", "__GetDocumentType", "__GetDocumentURL", "__GetQueuedEvents", "__Log", "__Raise"}

const allLazy = 1<<len(lazyNames) - 1

var lazyBits = func() map[string]uint32 {
	m := map[string]uint32{}
	for i, n := range lazyNames {
		m[n] = 1 << i
	}
	return m
}()

// shapeNames are those through which a script gets at prototypes and at the
// attributes of properties.
var shapeNames = set("Object Reflect Proxy Symbol prototype __proto__ defineProperty defineProperties __defineGetter__ __defineSetter__ create " +
	"freeze seal preventExtensions setPrototypeOf getPrototypeOf")

// prototypeNames are those of them that lead to prototypes and no further.
var prototypeNames = set("prototype __proto__ setPrototypeOf getPrototypeOf")

// reachNames are those through which a script gets at a built-in without
// mentioning its name. eval is none of them: its text is looked at when it is called.
var reachNames = set("Reflect Function constructor getOwnPropertyDescriptor getOwnPropertyDescriptors")

// plainMembers are the members of Object that do nothing of the kind.
var plainMembers = set("keys values entries assign is hasOwn fromEntries")

func set(names string) map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(names) {
		m[n] = true
	}
	return m
}

func analyze(tree *ast.Program, u ecmascript.Unit) facts {
	a := &analyzer{strict: u.Strict, numeric: numericNames(tree), written: u.Written, statements: statementNames(tree)}
	a.open()
	a.hoist(tree.DeclarationList)
	a.declareLexical(tree.Body)
	for _, s := range tree.Body {
		a.lexicalBinding(s)
		a.walk(reflect.ValueOf(s))
	}
	a.finish()
	return a.facts
}

// finish draws the conclusions.
func (a *analyzer) finish() {
	if a.reach {
		a.shapes, a.hides = true, true
		a.system |= allLazy
		a.limits = allLimits
	}
}

// analyzer walks a tree. Nodes that open a scope are treated by hand, all
// others by reflection.
type analyzer struct {
	facts
	strict bool
	scopes []scope
	inside []function // the functions around

	targets map[*ast.BracketExpression]bool // that are assigned to
	reach   bool                            // it may use built-ins that it does not mention
	numeric numeric
	names   *nameCollector // nil: names are not asked for

	statements map[*ast.FunctionLiteral]string // function statements at the top level: their names

	written func(start, end int) string // see ecmascript.Unit
}

type scope map[string]bool

// function is a function whose body is being walked.
type function struct {
	fact  *functionFact
	arrow bool
	start int // the number of scopes outside of it
}

func (a *analyzer) open() { a.scopes = append(a.scopes, nil) }

func (a *analyzer) close() { a.scopes = a.scopes[:len(a.scopes)-1] }

func (a *analyzer) declare(name string) {
	// The names of the global scope are not captured.
	if len(a.scopes) == 1 {
		return
	}
	s := &a.scopes[len(a.scopes)-1]
	if *s == nil {
		*s = scope{}
	}
	(*s)[name] = true
	if a.names != nil {
		a.names.Inner = append(a.names.Inner, name)
	}
}

// use notes that a name is read or written.
func (a *analyzer) use(id *ast.Identifier) {
	a.mention(id.Name.String())
	a.resolve(id)
}

// resolve finds out where a name comes from.
func (a *analyzer) resolve(id *ast.Identifier) {
	name := id.Name.String()
	for i := len(a.scopes) - 1; i > 0; i-- {
		if !a.scopes[i][name] {
			continue
		}
		for _, f := range a.inside {
			if i < f.start && f.fact.capture == "" {
				f.fact.capture = name
			}
		}
		return
	}
	if a.names != nil {
		a.names.use(id)
	}
}

// mention notes a name, of a variable or of a member.
func (a *analyzer) mention(name string) {
	a.system |= lazyBits[name]
	if name == "getOwnPropertyNames" { // of the global object, perhaps
		a.system |= allLazy
	}
	a.limits |= limitOf[name]
	if shapeNames[name] {
		a.shapes = true
		a.hides = a.hides || !prototypeNames[name]
	}
	a.reach = a.reach || reachNames[name]
}

// targets calls f for each name that a binding target declares.
func targets(t ast.Node, f func(string)) {
	switch t := t.(type) {
	case *ast.Identifier:
		f(t.Name.String())
	case *ast.Binding:
		targets(t.Target, f)
	case *ast.AssignExpression:
		targets(t.Left, f)
	case *ast.ArrayPattern:
		for _, e := range t.Elements {
			if e != nil {
				targets(e, f)
			}
		}
		if t.Rest != nil {
			targets(t.Rest, f)
		}
	case *ast.ObjectPattern:
		for _, p := range t.Properties {
			switch p := p.(type) {
			case *ast.PropertyShort:
				f(p.Name.Name.String())
			case *ast.PropertyKeyed:
				targets(p.Value, f)
			}
		}
		if t.Rest != nil {
			targets(t.Rest, f)
		}
	}
}

func (a *analyzer) hoist(list []*ast.VariableDeclaration) {
	for _, d := range list {
		for _, b := range d.List {
			targets(b, a.declare)
		}
	}
}

// declareLexical declares what let, const, class and function statements of a
// block declare.
func (a *analyzer) declareLexical(list []ast.Statement) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.LexicalDeclaration:
			for _, b := range s.List {
				targets(b, a.declare)
			}
		case *ast.ClassDeclaration:
			if s.Class.Name != nil {
				a.declare(s.Class.Name.Name.String())
			}
		case *ast.FunctionDeclaration:
			if s.Function.Name != nil {
				a.declare(s.Function.Name.Name.String())
			}
		}
	}
}

// lexicalBinding notes the top-level let, const and class of the program.
func (a *analyzer) lexicalBinding(s ast.Statement) {
	add := func(kind ecmascript.BindingKind) func(string) {
		return func(name string) { a.lexical = append(a.lexical, ecmascript.Binding{Name: name, Kind: kind}) }
	}
	switch s := s.(type) {
	case *ast.LexicalDeclaration:
		kind := ecmascript.LetBinding
		if s.Token == token.CONST {
			kind = ecmascript.ConstBinding
		}
		for _, b := range s.List {
			targets(b, add(kind))
		}
	case *ast.ClassDeclaration:
		add(ecmascript.LetBinding)(s.Class.Name.Name.String())
	}
}

func (a *analyzer) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			a.walk(v.Elem())
		}
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		if v.CanInterface() && a.node(v.Interface()) {
			return
		}
		a.walk(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			a.walk(v.Index(i))
		}
	case reflect.Struct:
		if id, ok := v.Interface().(ast.Identifier); ok {
			a.use(&id)
			return
		}
		for i := range v.NumField() {
			if t := v.Type().Field(i); t.IsExported() && t.Name != "DeclarationList" && t.Name != "File" {
				a.walk(v.Field(i))
			}
		}
	}
}

// visit walks nodes.
func visit[T ast.Node](a *analyzer, list ...T) {
	for _, n := range list {
		a.walk(reflect.ValueOf(n))
	}
}

// node treats the nodes that mean more than their children; false for others.
func (a *analyzer) node(n any) bool {
	if a.names != nil {
		a.names.node(n)
	}
	switch n := n.(type) {
	case *ast.Identifier:
		a.use(n)
	case *ast.DotExpression:
		a.dot(n)
	case *ast.BracketExpression:
		a.bracket(n)
	case *ast.NewExpression:
		return a.object(n.Callee, n.ArgumentList)
	case *ast.CallExpression:
		return a.object(n.Callee, n.ArgumentList)
	case *ast.LabelledStatement:
		visit(a, n.Statement)
	case *ast.BranchStatement:
	case *ast.ThisExpression:
		a.captureThis()
	case *ast.StringLiteral:
		// "_event" in this: at the top level, and in a function called without an object,
		// this is the global object.
		a.system |= lazyBits[n.Value.String()]
	case *ast.AssignExpression:
		a.target(n.Left)
		return false
	case *ast.UnaryExpression:
		a.target(n.Operand)
		return false
	case *ast.ForIntoExpression:
		a.target(n.Expression)
		return false
	case *ast.NumberLiteral:
		if _, ok := n.Value.(*big.Int); ok {
			a.bigInt = true
		}
	case *ast.ArrayLiteral:
		for _, e := range n.Value {
			switch e.(type) {
			case *ast.NumberLiteral, *ast.StringLiteral, *ast.BooleanLiteral, *ast.NullLiteral:
			default:
				// Arrays of arrays: converting one to a string may take for ever.
				a.limits |= limitOf["join"]
			}
		}
		return false
	case *ast.RegExpLiteral:
		a.patterns = append(a.patterns, n.Pattern)
	case *ast.WithStatement, *ast.ClassLiteral, *ast.MetaProperty:
		if c, ok := n.(*ast.ClassLiteral); ok {
			a.author(c.Source, c.Class)
		}
		a.shapes, a.hides = true, true
		return a.scope(n)
	case *ast.PropertyKeyed:
		a.property(n)
	default:
		return a.scope(n)
	}
	return true
}

// object treats a call of the constructor Object, which leads to none of its members;
// false for other calls.
func (a *analyzer) object(callee ast.Expression, args []ast.Expression) bool {
	id, ok := callee.(*ast.Identifier)
	if !ok || id.Name != "Object" {
		return false
	}
	a.limits |= limitOf["Object"]
	a.resolve(id)
	visit(a, args...)
	return true
}

// captureThis notes that arrow functions take this from a function around them.
func (a *analyzer) captureThis() {
	for i := len(a.inside) - 1; i >= 0; i-- {
		if a.inside[i].arrow {
			continue
		}
		for _, f := range a.inside[i+1:] {
			f.fact.capture = "this"
		}
		return
	}
}

// target notes what may change the length of an array.
func (a *analyzer) target(n ast.Node) {
	switch n := n.(type) {
	case *ast.DotExpression:
		if n.Identifier.Name == "length" {
			a.limits |= arrayLimits
		}
	case *ast.BracketExpression:
		if a.targets == nil {
			a.targets = map[*ast.BracketExpression]bool{}
		}
		a.targets[n] = true
	case *ast.AssignExpression:
		a.target(n.Left)
	case *ast.ArrayPattern:
		for _, e := range n.Elements {
			if e != nil {
				a.target(e)
			}
		}
		if n.Rest != nil {
			a.target(n.Rest)
		}
	case *ast.ObjectPattern:
		for _, p := range n.Properties {
			if p, ok := p.(*ast.PropertyKeyed); ok {
				a.target(p.Value)
			}
		}
		if n.Rest != nil {
			a.target(n.Rest)
		}
	}
}

// dot judges a member access.
func (a *analyzer) dot(n *ast.DotExpression) {
	member := n.Identifier.Name.String()
	a.mention(member)
	if id, ok := n.Left.(*ast.Identifier); ok && id.Name == "Object" && (plainMembers[member] || prototypeNames[member]) {
		return
	}
	visit(a, n.Left)
}

// bracket judges a member access with a computed name.
func (a *analyzer) bracket(n *ast.BracketExpression) {
	visit(a, n.Left, n.Member)
	switch m := n.Member.(type) {
	case *ast.StringLiteral:
		a.mention(m.Value.String())
	case *ast.NumberLiteral:
		if f, ok := number(m); !ok || f >= maxArray {
			a.limits |= arrayLimits
		}
	default:
		if a.targets[n] {
			a.limits |= limitOf["join"] // an array may become one of long texts
		}
		if a.targets[n] || !a.plainKey(m) {
			a.system |= keyBit
			guardKey(n)
		}
	}
}

func (a *analyzer) property(n *ast.PropertyKeyed) {
	if n.Kind == ast.PropertyKindGet || n.Kind == ast.PropertyKindSet {
		a.shapes, a.hides = true, true
	}
	switch k := n.Key.(type) {
	case *ast.StringLiteral:
		a.mention(k.Value.String())
	case *ast.Identifier: // computed
		a.use(k)
	case *ast.NumberLiteral:
	default:
		a.reach = true // in a pattern, it reads any member
		visit(a, n.Key)
	}
	if n.Value != nil {
		visit(a, n.Value)
	}
}
