package ecmascript

import (
	"fmt"
	"reflect"
	"time"
)

// Engine is an ECMAScript implementation as this package needs it. Everything
// that does not depend on the implementation (wrapping and checking of source
// text, system variables, conversion of values, DOM, limits of time and memory,
// the snapshot format) is done above it. An Engine is immutable and safe for
// concurrent use.
type Engine interface {
	// Features says where the engine falls short of ECMAScript 2015.
	Features() Features

	// Compile compiles a complete program. Its Text has passed the checks for
	// length and nesting. The error is a *SyntaxError.
	Compile(u Unit) (Code, error)

	// Functions lists the functions in the text of a program, in the order of Start:
	// those that can be made by themselves, since they use no variable of a function
	// or block around them. Of function statements at the top level with the same
	// name only the last one has its Name.
	Functions(c Code) []FunctionText

	// NewRuntime makes an empty global scope. It runs no script.
	NewRuntime(cfg Config) (Runtime, error)
}

// FunctionText is a function in the text of a program.
type FunctionText struct {
	Start, End int    // in bytes of Unit.Text
	Text       string // as Shape.Text of the function has it
	Strict     bool   // as Shape.Strict of the function has it
	Name       string // of a function statement at the top level: the variable; else empty
}

// Features declares what an engine can do, for users and for the conformance
// suite. The zero value is an engine that can do none of it.
type Features struct {
	Name      string
	ES2015    bool // let, const, arrow functions, classes, templates, Map, Set, typed arrays, …
	Strict    bool // "use strict" is obeyed
	UTF16     bool // strings are sequences of 16-bit units; lone surrogates are kept
	Lookahead bool // regular expressions have look-ahead and back references
	KeyOrder  bool // JSON.stringify keeps the order of members
	Instances bool // objects made by new can be saved, with their constructors
}

// Unit is a program to compile.
type Unit struct {
	Text   string
	Name   string // of the document, for messages
	Strict bool   // compile as strict mode code, without a directive in Text

	// Written returns what the author wrote for the piece of Text between two
	// offsets in bytes: a function shows it as its source. Empty: the piece itself.
	// nil: nothing was changed.
	Written func(start, end int) string
	// Names has the names that the author gave to variables which Text calls
	// otherwise. A function that is declared with such a name, or is assigned to
	// it without having one, has the author's.
	Names map[string]string
}

// Code is a compiled Unit. It belongs to the Engine that made it, is immutable
// and is shared by runtimes on different goroutines.
type Code any

// SyntaxError says why a Unit does not compile.
type SyntaxError struct {
	Message      string // without position
	Line, Column int    // 1-based in Unit.Text, the column in bytes; 0 when unknown
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("ecmascript: %d:%d: %s", e.Line, e.Column, e.Message)
}

// Exception is an exception that a script threw and did not catch.
type Exception struct {
	Message string // as String(exception) gives it
	Err     error  // the error of a host function that was the cause, when it was
}

func (e *Exception) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Exception) Unwrap() error { return e.Err }

// Config is what a Runtime is made with.
type Config struct {
	CallDepth int              // nesting of script calls; ≤ 0 is no limit
	Now       func() time.Time // the clock of Date; never nil
	Random    func() float64   // Math.random; never nil

	// Scope holds the read-only global names.
	Scope Scope

	// In answers the In predicate, for an engine that evaluates In('id') without
	// a call; Scope offers it as a function all the same.
	In func(stateID string) bool

	// Arm must be called before anything that may run for long: a script, or an
	// operation on an object that may run one. It is cheap when it has been called
	// already in the same macrostep.
	Arm func()

	// Look may be called, by a running script, before something that takes much
	// memory at once. It may call Pause and Interrupt.
	Look func()

	// Eval returns what eval runs in place of a text; nil: every text as it is.
	Eval func(text string) string
}

// Scope is the read-only part of the global scope: _event, In and the like. A
// script's attempt to write to one of its names throws a TypeError, in sloppy
// mode too, and so does its declaration by var or function.
type Scope interface {
	// Names lists the names. It does not change in the life of a Runtime.
	Names() []string
	// Lookup returns the present value of a name; false when there is no such
	// name. Called on every read.
	Lookup(name string) (Value, bool)
}

// Peeker is implemented by the Scope that this package makes. An engine may use
// it to read _event.data.x without objects being made for the event.
type Peeker interface {
	// Peek returns the primitive value at the end of a path of members; false
	// when it cannot tell, or when it is no primitive value.
	Peek(path []string) (Value, bool)
}

// Value is a value of an engine, opaque to this package. Two Values that hold
// the same object are equal under ==.
type Value any

// Runtime is the global scope of one session. One goroutine at a time uses it;
// only Interrupt and Pause may be called from others.
//
// Methods of the group "objects" may run script code (accessors, proxies) and
// panic with an exception of the engine; this package calls them within Protect
// only, or from within a script.
type Runtime interface {
	// Run runs a program and returns its completion value.
	//
	// The error of Run, Cond and Protect is an *Exception, or it matches
	// datamodel.ErrLimit when the script was ended by Interrupt or by the call
	// depth. No script can catch the latter two. Panics of the engine come back
	// as errors.
	Run(c Code) (Value, error)

	// Cond runs a program and converts its completion value to a boolean.
	Cond(c Code) (bool, error)

	// Protect runs f, with exceptions as errors.
	Protect(f func() error) error

	// Interrupt ends the evaluation that is under way with an error that wraps
	// cause. It is safe for concurrent use. A Runtime is not used for evaluation
	// again after it.
	Interrupt(cause error)

	// Pause has f called once, on the goroutine of the evaluation that is under
	// way, when it comes to a place where the data of the Runtime can be looked
	// at; not at all when there is none before its end. A script comes to one in
	// every loop. It is safe for concurrent use; of two calls the later counts.
	Pause(f func())

	// Root returns a pointer that all data of the Runtime can be reached from, and
	// a type that all sessions share.
	Root() (root any, shared reflect.Type)

	// Global scope.

	// Declare creates a global variable with the value undefined; when it exists
	// already nothing happens.
	Declare(name string) error
	// SetGlobal sets a global variable, which is created when it does not exist.
	SetGlobal(name string, v Value) error
	// Global returns a global binding: a variable, a let or const, a built-in, or
	// a name of the Scope; false when there is none.
	Global(name string) (Value, bool)
	// GlobalNames lists the bindings that the document made, in the order in
	// which they were made: variables, functions, and after these let, const and
	// class. The names of the Scope and built-ins are not among them, nor are those
	// of which Unmade is true.
	GlobalNames() []Binding
	// Define declares, in an empty Runtime, what the function statements at the top
	// level of programs declare, as running one after the other does, and runs
	// nothing. Variables with one of the names in except are not made.
	Define(programs []Code, except []string) error
	// Unmade reports whether a variable has been declared by a function statement and
	// its function does not exist yet, because nobody has asked for it.
	Unmade(name string) bool
	// Bind recreates a binding of GlobalNames in an empty Runtime.
	Bind(b Binding, v Value) error

	// Primitive values. They run no script.

	// Class classifies a value.
	Class(v Value) Class
	// Bool, Number and Text return the value of a Boolean, Number, String. Text
	// is UTF-8, with lone surrogates in the manner of WTF-8. BigInt and Symbol
	// have a Text too: the decimal digits, the description.
	Bool(v Value) bool
	Number(v Value) float64
	Text(v Value) string
	// Undefined, Null, FromBool, FromNumber, FromText and FromBigInt make values.
	Undefined() Value
	Null() Value
	FromBool(b bool) Value
	FromNumber(f float64) Value
	FromText(s string) Value
	FromBigInt(digits string) (Value, error)

	// Objects.

	// ToString converts as String(v) does.
	ToString(v Value) string
	// Keys lists the own enumerable string keys in order.
	Keys(obj Value) []string
	// Get reads a property; undefined when it does not exist.
	Get(obj Value, key string) Value
	// Length is the length of an array.
	Length(array Value) int
	// Index reads an element of an array; undefined for a hole.
	Index(array Value, i int) Value
	// Time is the value of a Date in milliseconds since 1970 UTC; NaN for an
	// invalid one.
	Time(date Value) float64

	// NewObject, NewArray, NewDate and NewFunc make objects. An array is given
	// its elements. An error of a function is thrown as an Error whose message
	// is the text of the error; Exception.Err keeps it.
	NewObject() Value
	NewArray(items []Value) Value
	NewDate(ms float64) Value
	NewFunc(name string, f func(args []Value) (Value, error)) Value
	// NewMethod is NewFunc for a function that is called on an object.
	NewMethod(name string, f func(this Value, args []Value) (Value, error)) Value
	// NewDynamic makes an object whose members are d's. Writing to it throws a
	// TypeError, in sloppy mode too, unless d is a Writable; when d is Lenient, in
	// strict mode only.
	NewDynamic(d Dynamic) Value
	// DynamicOf returns what NewDynamic was given; nil for other values.
	DynamicOf(v Value) Dynamic
	// NewList makes a read-only array with the elements of l. Writing to it is as
	// with NewDynamic.
	NewList(l List) Value
	// ListOf returns what NewList was given; nil for other values.
	ListOf(v Value) List
	// SetMember sets, or creates as an ordinary property, an own property, without
	// calling a setter; "__proto__" is no exception. For an array the key may be an
	// index.
	SetMember(obj Value, key string, v Value)

	// Call calls a function of a script.
	Call(f, this Value, args []Value) Value
	// GlobalObject is the global object.
	GlobalObject() Value

	// Snapshots.

	// Inspect describes an object in s, of whose former content it uses the memory of
	// Props alone. The text of its error says why no Shape can describe the object: an
	// accessor, a symbol as a key, a frozen object, a prototype of its own, a
	// class, a generator, a native function, a function that uses variables of a
	// function or block around it, ….
	Inspect(obj Value, s *Shape) error
	// Build makes an object from a Shape without its Items, Props and elements,
	// which the caller adds with SetMember and AddItem; an Array has its Length. It
	// does not keep s.
	Build(s *Shape) (Value, error)
	// ConstructorOf returns the function whose prototype property an object has
	// been from the beginning; nil for other objects.
	ConstructorOf(obj Value) Value
	// SetProto gives an object that Build made, or the prototype of a function, a
	// prototype, which may get members; the Go nil: it keeps the one that it has.
	SetProto(obj, proto Value) error
	// SetHidden is SetMember for a property that is not enumerable. The prototype of
	// a function is one.
	SetHidden(obj Value, key string, v Value)
	// AddItem adds an element to a Map, or (with key alone) to a Set.
	AddItem(collection, key, value Value)

	// Close releases what the runtime holds.
	Close()
}

// Dynamic is an object whose members are computed. It is called while a script
// runs, on its goroutine.
type Dynamic interface {
	// Get returns a member. The same member is the same value every time.
	Get(name string) (Value, bool)
	// Keys lists the enumerable members in order.
	Keys() []string
}

// Writable is a Dynamic that scripts can change. An error of its methods is thrown
// as a TypeError. An engine that is not told of new members, such as one without
// proxies, keeps these itself, as ordinary properties of the object.
type Writable interface {
	Dynamic
	// Set writes, or adds, a member.
	Set(name string, v Value) error
	// Delete removes a member.
	Delete(name string) error
}

// Lenient is a Dynamic that ignores, like a frozen object, what sloppy mode code
// writes to it.
type Lenient interface {
	Dynamic
	// Lenient reports whether it does.
	Lenient() bool
}

// List is an array whose elements are computed. It is called as Dynamic is.
type List interface {
	Len() int
	// Item returns an element; 0 ≤ i < Len. It is the same value every time.
	Item(i int) Value
	// Lenient is that of Lenient.
	Lenient() bool
}

// Binding is a global name that a document made.
type Binding struct {
	Name string
	// Kind is how it was made.
	Kind BindingKind
}

// BindingKind says how a global name was made.
type BindingKind uint8

// The kinds of binding.
const (
	VarBinding   BindingKind = iota // var, function, data item, or implicit
	LetBinding                      // let or class
	ConstBinding                    // const
)

// Class is the kind of a value or object.
type Class uint8

// The classes. Those from Object on are objects.
const (
	Undefined Class = iota
	Null
	Boolean
	Number
	String
	BigInt
	Symbol
	Object // an ordinary object, or one of a class that is not listed
	Array
	Function
	Date
	RegExp
	Error
	BooleanObject
	NumberObject
	StringObject
	Map
	Set
	ArrayBuffer
	TypedArray
	DynamicObject
)

// Shape describes an object for a snapshot. Which fields are used depends on
// Class.
type Shape struct {
	Class    Class
	NullProt bool // the prototype is null (Object only)

	// Proto is the prototype of an Object when it is another than Object.prototype
	// and null. Members is the object that a Function had as its prototype property
	// from the beginning, and has, when that is not as it was. A prototype property
	// that was replaced is among Props.
	Proto, Members Value

	Bool   bool    // BooleanObject
	Number float64 // Date (milliseconds), NumberObject, RegExp (lastIndex)

	// Text is the source of a Function, the pattern of a RegExp, the value of a
	// StringObject, the constructor's name of an Error ("TypeError") and of a
	// TypedArray ("Uint8Array", also "DataView").
	Text   string
	Flags  string // RegExp
	Strict bool   // Function: of strict mode code

	// Program is the program in which a Function that Build makes is that of the
	// number Index in Engine.Functions. Text, Strict and Written are not used then.
	// nil for other functions, and for what Inspect returns.
	Program Code
	Index   int

	// Written is what the author wrote for a Function, when Text is not that; see
	// Unit.
	Written string

	Bytes  []byte // ArrayBuffer
	Buffer Value  // TypedArray: its ArrayBuffer
	Offset int    // TypedArray: in bytes
	Length int    // Array, TypedArray: number of elements

	// Items are the elements of a Set, keys and values in turn of a Map, and the
	// elements of a dense Array, where the Go nil is a hole. A sparse Array has
	// its elements in Props.
	Items []Value

	// Props are the own properties that are not implied by the rest, in order. An
	// Error's message and stack are among them when they are its own.
	Props []Property
}

// Property is an own data property of an object.
type Property struct {
	Name   string
	Value  Value
	Hidden bool // not enumerable (only of an Error: message, stack; of a Function: prototype)
}
