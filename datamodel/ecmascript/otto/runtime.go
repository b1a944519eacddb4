package otto

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"

	js "github.com/robertkrimen/otto"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// Stack of the Go program. otto evaluates by recursion, so that what a script
// may nest is the product of the depth of its calls and of its syntax. A Go
// program does not survive the overflow of its stack (1 GB).
const (
	stackBudget = 128 << 20 // bytes for one evaluation
	stackUnit   = 512       // bytes that a unit of weight takes
	callWeight  = 24        // units that a call takes beside its syntax
)

// overflowed is the message of otto's exception for a call too deep.
const overflowed = "RangeError: Maximum call stack size exceeded"

// runtime implements ecmascript.Runtime.
type runtime struct {
	engine *engine
	vm     *js.Otto
	cfg    ecmascript.Config
	global *js.Object
	native natives

	// An interruption is a function in the channel that puts itself back and
	// panics. So it cannot be caught: the first thing that a catch or finally
	// block evaluates panics again.
	interrupts chan func()
	halted     atomic.Pointer[halt]
	paused     atomic.Pointer[func()]

	running  bool   // within Run
	dirty    bool   // functions of the document may be called implicitly
	hardened groups // see harden.go
	weight   int    // greatest weight of a program that has run
	limit    int    // present limit of the stack depth

	seen     map[*code]bool    // programs that have run
	met      []*code           // the same, in order
	readOnly map[string]bool   // names of the Scope; true when the global object has it
	helpers  map[string]bool   // functions for rewritten code that the global object has
	many     bool              // functions that cannot be saved, more than captures has
	captures map[string]string // functions that cannot be saved, by text: why
	authors  map[string]string // what the author wrote for a function, by text; nil: nothing else
	setter   js.Value          // throws: shared by all read-only members

	// See dynamic.go.
	named   js.Value            // the prototype of what NewDynamic makes
	names   map[string]bool     // that it has
	getters map[string]js.Value // descriptors of the accessors of keys

	funcs       map[string]error       // errors of host functions in this evaluation, by message
	thrown      js.Value               // exception on its way through a built-in function
	joining     []js.Value             // objects that join is working on
	expressions map[string]*expression // regular expressions, by flags and source
}

// maxMet is how many programs, and functions that cannot be saved, are kept in
// mind. Only eval and Function can exceed it.
const maxMet = 4096

// halt is why a runtime was interrupted.
type halt struct{ cause error }

// NewRuntime makes the global scope of a session.
func (e *engine) NewRuntime(cfg ecmascript.Config) (ecmascript.Runtime, error) {
	r := &runtime{
		engine:     e,
		vm:         js.New(),
		cfg:        cfg,
		interrupts: make(chan func(), 1),
		getters:    map[string]js.Value{},
	}
	r.vm.SetRandomSource(cfg.Random)
	r.setWeight(0)
	if err := r.init(); err != nil {
		return nil, err
	}
	return r, nil
}

// setWeight bounds the depth of calls for programs of a weight.
func (r *runtime) setWeight(weight int) {
	r.weight = max(r.weight, weight)
	limit := stackBudget / (stackUnit * (r.weight + callWeight))
	if r.cfg.CallDepth > 0 {
		// A call of a script takes one level, a built-in function between two calls
		// takes another.
		limit = min(limit, 2*r.cfg.CallDepth)
	}
	if limit != r.limit {
		r.limit = limit
		r.vm.SetStackDepthLimit(max(limit, 2))
	}
}

// Interrupt ends the evaluation.
func (r *runtime) Interrupt(cause error) {
	if r.halted.CompareAndSwap(nil, &halt{cause}) {
		select {
		case r.interrupts <- r.panic:
		default:
		}
	}
}

// Pause has f called in the middle of the evaluation.
func (r *runtime) Pause(f func()) {
	r.paused.Store(&f)
	select {
	case r.interrupts <- r.pause:
	default: // another such call waits there
	}
}

// pause is called by otto in the middle of an evaluation.
func (r *runtime) pause() {
	if f := r.paused.Swap(nil); f != nil {
		(*f)()
	}
	if r.halted.Load() != nil { // the interruption may have found no room
		r.panic()
	}
}

// Root is where all data of a session hang.
func (r *runtime) Root() (any, reflect.Type) { return r.vm, reflect.TypeFor[js.Script]() }

// panic is called by otto in the middle of an evaluation.
func (r *runtime) panic() {
	select {
	case r.interrupts <- r.panic:
	default:
	}
	panic(haltValue)
}

var haltValue, _ = js.ToValue("interrupted")

// overflow makes exceeding the call depth final.
func (r *runtime) overflow() {
	depth := r.cfg.CallDepth
	if depth <= 0 || r.limit < depth {
		depth = r.limit
	}
	r.Interrupt(fmt.Errorf("%w: calls are nested deeper than %d", datamodel.ErrLimit, depth))
}

// prepare readies the runtime for a program.
func (r *runtime) prepare(c *code) error {
	for _, name := range c.vars {
		if r.isReadOnly(name) {
			return &ecmascript.Exception{Message: "TypeError: " + name + " is read-only and cannot be declared"}
		}
	}
	if c.weight > r.weight {
		r.setWeight(c.weight)
	}
	if err := r.harden(c.hard); err != nil {
		return err
	}
	r.dirty = r.dirty || c.functions || c.hard != 0
	if !r.seen[c] {
		if err := r.meet(c); err != nil {
			return err
		}
	}
	// Without a channel otto is twice as fast.
	if !r.running {
		r.vm.Interrupt = nil
	}
	if r.dirty || !c.small() {
		r.vm.Interrupt = r.interrupts
		r.cfg.Arm()
	}
	return nil
}

// meet learns what it must know of a program that it sees for the first time.
func (r *runtime) meet(c *code) error {
	if len(r.met) < maxMet {
		r.met = append(r.met, c)
	}
	if r.seen == nil {
		r.seen = map[*code]bool{}
	}
	if !c.evaluated {
		r.seen[c] = true
	}
	for text, why := range c.captures {
		r.capture(text, why)
	}
	if len(c.authors) > 0 {
		if err := r.noteAuthors(c.authors); err != nil {
			return err
		}
	}
	return r.Protect(func() error {
		for _, name := range c.helpers {
			r.help(name)
		}
		// A read-only name is there when a program can read it.
		for _, name := range c.free {
			r.offer(name)
		}
		for _, name := range c.members {
			r.offer(name)
		}
		if c.hard == all {
			for _, name := range r.cfg.Scope.Names() {
				r.offer(name)
			}
		}
		if r.named.IsDefined() {
			r.nameBelow(c)
		}
		return nil
	})
}

// noteAuthors has Function.prototype.toString give what the author wrote.
func (r *runtime) noteAuthors(authors map[string]string) error {
	if r.authors == nil {
		r.authors = map[string]string{}
		if err := r.Protect(func() error {
			r.makeInvoke()
			r.replace(r.prototype("Function"), "toString", func(old js.Value, call js.FunctionCall) js.Value {
				v := r.pass(old, call)
				if was, ok := r.authors[v.String()]; ok {
					return fromText(was)
				}
				return v
			})
			return nil
		}); err != nil {
			return err
		}
	}
	for text, was := range authors {
		if len(r.authors) < maxMet {
			r.authors[text] = was
		}
	}
	return nil
}

// capture notes why a function cannot be saved.
func (r *runtime) capture(text, why string) {
	if r.captures == nil {
		r.captures = map[string]string{}
	}
	if len(r.captures) < maxMet {
		r.captures[text] = why
	} else {
		r.many = true
	}
}

// Run runs a program.
func (r *runtime) Run(p ecmascript.Code) (ecmascript.Value, error) {
	v, err := r.run(p)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Cond runs a program and converts its completion value to a boolean.
func (r *runtime) Cond(p ecmascript.Code) (bool, error) {
	v, err := r.run(p)
	if err != nil {
		return false, err
	}
	return truth(v), nil
}

func (r *runtime) run(p ecmascript.Code) (v js.Value, err error) {
	c, ok := p.(*code)
	if !ok {
		return v, errors.New("ecmascript: the program belongs to another engine")
	}
	if err := r.prepare(c); err != nil {
		return v, err
	}
	r.running, r.funcs = true, nil
	defer func() {
		r.running = false
		if p := recover(); p != nil {
			err = r.panicked(p)
		}
	}()
	v, err = r.vm.Run(c.source())
	if err != nil || r.halted.Load() != nil {
		return js.Value{}, r.failed(err)
	}
	return v, nil
}

// Protect runs f.
func (r *runtime) Protect(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = r.panicked(p)
		}
	}()
	if !r.running {
		r.vm.Interrupt = nil
		if r.dirty {
			r.vm.Interrupt = r.interrupts
		}
	}
	if err := f(); err != nil {
		return err
	}
	if r.halted.Load() != nil {
		return r.failed(nil)
	}
	return nil
}

// failed turns the error of an evaluation into that of the interface.
func (r *runtime) failed(err error) error {
	if err != nil && strings.HasPrefix(err.Error(), overflowed) {
		r.overflow()
	}
	if h := r.halted.Load(); h != nil {
		if errors.Is(h.cause, datamodel.ErrLimit) {
			return h.cause
		}
		return fmt.Errorf("%w: %w", datamodel.ErrLimit, h.cause)
	}
	ex := &ecmascript.Exception{Message: err.Error()}
	ex.Err = r.funcs[ex.Message]
	return ex
}

// panicked turns a panic into an error: an exception that a native function of
// this package threw, or a fault of otto.
func (r *runtime) panicked(p any) error {
	if r.halted.Load() != nil {
		return r.failed(nil)
	}
	switch p := p.(type) {
	case js.Value:
		s, err := p.ToString()
		if err != nil {
			s = err.Error()
		}
		return r.failed(errors.New(s))
	case error:
		return r.failed(fmt.Errorf("the engine failed: %w", p))
	}
	// otto's own exception, which its conversion to a string has thrown.
	return r.failed(errors.New("an exception that cannot be converted to a string"))
}

// throw throws err as an exception of the script.
func (r *runtime) throw(err error) {
	if r.halted.Load() != nil {
		panic(haltValue)
	}
	message := err.Error()
	name, rest, found := strings.Cut(message, ": ")
	if !found || !strings.HasSuffix(name, "Error") || strings.ContainsAny(name, " .") {
		name, rest = "Error", message
	}
	panic(r.exception(name, rest))
}

func (r *runtime) exception(name, message string) js.Value {
	switch name {
	case "TypeError":
		return r.vm.MakeTypeError(message)
	case "RangeError":
		return r.vm.MakeRangeError(message)
	case "SyntaxError":
		return r.vm.MakeSyntaxError(message)
	}
	return r.vm.MakeCustomError(name, message)
}

// must throws the error of a call into otto.
func (r *runtime) must(v js.Value, err error) js.Value {
	if err != nil {
		r.throw(err)
	}
	return v
}

// Close releases nothing: a runtime is memory alone.
func (r *runtime) Close() {}
