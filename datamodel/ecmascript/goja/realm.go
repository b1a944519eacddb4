package goja

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// realm is the global scope of one session.
type realm struct {
	engine *engine
	vm     *goja.Runtime
	cfg    ecmascript.Config

	system  uint32  // the lazy system variables that are defined
	limits  limited // the built-ins that have been replaced
	matches bool    // what searches for more than one match is among them
	shapes  bool    // a program that has run may have made accessors and the like,
	hides   bool    // or other than prototypes; see facts
	throws  goja.Value
	hosts   *goja.Object // the prototype of errors of the host; nil before the first one
	lexical []ecmascript.Binding
	ran     []*code // the programs with functions that have run
	natives *natives
	waiting *waiting // functions of libraries; nil without

	pauseName string // of the function of points.go in text for eval; empty: it is not there
	authored  int    // see maxAuthored

	textOf goja.Callable // Function.prototype.toString of the engine; nil: nobody has replaced it

	paused atomic.Pointer[func()] // see points.go
	cause  atomic.Pointer[error]  // of the interruption
}

// firstName is no name that a program can have.
const firstName = "[[first]]"

// NewRuntime makes an empty global scope.
func (e *engine) NewRuntime(cfg ecmascript.Config) (ecmascript.Runtime, error) {
	r := &realm{engine: e, vm: goja.New(), cfg: cfg}
	if cfg.CallDepth > 0 {
		r.vm.SetMaxCallStackSize(cfg.CallDepth)
	}
	r.vm.SetTimeSource(cfg.Now)
	r.vm.SetRandSource(cfg.Random)
	r.vm.SetParserOptions(parser.WithDisableSourceMaps)
	// What a program declares first would be all that the engine lists of the global
	// object, without the built-ins that have been overwritten; this property goes before.
	if err := r.vm.GlobalObject().DefineDataProperty(firstName, goja.Undefined(), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
		return nil, err
	}
	if err := r.vm.GlobalObject().Delete(firstName); err != nil {
		return nil, err
	}
	for _, name := range cfg.Scope.Names() {
		if _, lazy := lazyBits[name]; lazy {
			continue
		}
		if err := r.define(name); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// define makes a name of the Scope visible: an accessor that cannot be
// redefined and whose setter throws, in sloppy mode too.
func (r *realm) define(name string) error {
	if r.throws == nil {
		r.throws = r.vm.ToValue(func(goja.FunctionCall) goja.Value {
			panic(r.vm.NewTypeError("system variables are read-only"))
		})
	}
	get := r.vm.ToValue(func(goja.FunctionCall) goja.Value {
		v, _ := r.cfg.Scope.Lookup(name)
		return js(v)
	})
	return r.vm.GlobalObject().DefineAccessorProperty(name, get, r.throws, goja.FLAG_FALSE, goja.FLAG_FALSE)
}

// prepare makes the runtime fit for a program that is about to run.
func (r *realm) prepare(f *facts) error {
	if missing := f.system &^ r.system; missing != 0 {
		r.system |= missing
		if missing&keyBit != 0 {
			if err := r.defineKey(); err != nil {
				return err
			}
		}
		if missing&authorBit != 0 {
			if err := r.offerAuthors(); err != nil {
				return err
			}
		}
		if missing&pauseBit != 0 {
			if err := r.definePause(); err != nil {
				return err
			}
		}
		for i, name := range lazyNames {
			if missing>>i&1 == 0 {
				continue
			}
			if _, ok := r.cfg.Scope.Lookup(name); ok {
				if err := r.define(name); err != nil {
					return err
				}
			}
		}
	}
	if missing := f.limits &^ r.limits; missing != 0 {
		r.limits |= missing
		if err := r.limit(missing); err != nil {
			return err
		}
	}
	r.shapes = r.shapes || f.shapes
	r.hides = r.hides || f.hides
	return nil
}

// Run runs a program.
func (r *realm) Run(c ecmascript.Code) (ecmascript.Value, error) {
	p := c.(*code)
	if !r.shapes && len(r.lexical) == 0 {
		if p.value != nil {
			if v := r.simple(p.value); v != nil {
				return v, nil
			}
		} else if p.store != nil {
			if v := r.simpleStore(p.store); v != nil {
				return v, nil
			}
		}
	}
	return r.run(p)
}

// Cond runs a program and converts its value to a boolean.
func (r *realm) Cond(c ecmascript.Code) (bool, error) {
	p := c.(*code)
	if p.cond != nil && !r.shapes && len(r.lexical) == 0 {
		if t := r.simpleCond(p.cond); t != unknown {
			return t == yes, nil
		}
	}
	v, err := r.run(p)
	if err != nil {
		return false, err
	}
	return v.ToBoolean(), nil
}

// run runs a program in the engine.
func (r *realm) run(p *code) (v goja.Value, err error) {
	defer func() {
		if x := recover(); x != nil {
			v, err = goja.Undefined(), r.caught(x)
		}
	}()
	if p.system&^r.system != 0 || p.limits&^r.limits != 0 || p.shapes && !r.shapes || p.hides && !r.hides {
		if err := r.prepare(&p.facts); err != nil {
			return goja.Undefined(), err
		}
	}
	if p.functions != nil || p.authors != nil {
		r.remember(p)
	}
	r.cfg.Arm()
	if r.waiting != nil && len(p.declared) > 0 {
		if err := r.makeAll(p.declared); err != nil {
			return goja.Undefined(), err
		}
	}
	if p.library != nil {
		if err := r.adopt(p.library); err != nil {
			return goja.Undefined(), r.failed(err)
		}
	}
	v, err = r.vm.RunProgram(p.prog)
	if p.lexical != nil {
		r.declared(p.lexical)
	}
	if err != nil {
		return goja.Undefined(), r.failed(err)
	}
	return v, nil
}

// remember keeps what the tree of a program told about its functions.
func (r *realm) remember(p *code) {
	for _, q := range r.ran {
		if q == p {
			return
		}
	}
	r.ran = append(r.ran, p)
}

// declared notes top-level let, const and class, as far as they exist.
func (r *realm) declared(list []ecmascript.Binding) {
	for _, b := range list {
		if !r.isLexical(b.Name) {
			r.lexical = append(r.lexical, b)
		}
	}
}

func (r *realm) isLexical(name string) bool {
	for _, b := range r.lexical {
		if b.Name == name {
			return true
		}
	}
	return false
}

// Protect runs f, with exceptions as errors.
func (r *realm) Protect(f func() error) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = r.caught(x)
		}
	}()
	if ex := r.vm.Try(func() { err = f() }); ex != nil {
		return r.failed(ex)
	}
	return err
}

// hostError makes the exception of a function of the host: an Error. goja has a
// class of its own for them, by which it finds err again; its prototype is left
// with what it inherits from that of Error.
func (r *realm) hostError(err error) *goja.Object {
	o := r.vm.NewGoError(err)
	if r.hosts == nil {
		r.hosts = o.Prototype()
		for _, name := range []string{"name", "constructor"} {
			if err := r.hosts.Delete(name); err != nil {
				return o // a script has found and frozen it
			}
		}
	}
	// Not enumerable; a new object takes it.
	_ = o.DefineDataProperty("value", r.vm.ToValue(err), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	return o
}

// caught turns a panic into an error. Exceptions have been caught before; what
// gets here are limits, and failures after which the session cannot go on.
func (r *realm) caught(x any) error {
	switch x := x.(type) {
	case *goja.Exception:
		return r.failed(x)
	case *goja.InterruptedError:
		return r.failed(x)
	case *goja.StackOverflowError:
		return r.failed(x)
	}
	return fmt.Errorf("%w: the engine failed: %s", datamodel.ErrLimit, failure(x))
}

// failed turns an error of goja into one of the interface.
func (r *realm) failed(err error) error {
	var interrupted *goja.InterruptedError
	if errors.As(err, &interrupted) {
		if cause := r.cause.Load(); cause != nil {
			return *cause
		}
		return datamodel.ErrLimit
	}
	var overflow *goja.StackOverflowError
	if errors.As(err, &overflow) {
		return fmt.Errorf("%w: calls nested deeper than %d", datamodel.ErrLimit, r.cfg.CallDepth)
	}
	var ex *goja.Exception
	if !errors.As(err, &ex) {
		return &ecmascript.Exception{Message: plain(err.Error()), Err: err}
	}
	out := &ecmascript.Exception{Message: "an exception", Err: errors.Unwrap(ex)}
	if thrown := ex.Value(); thrown != nil {
		if err := r.Protect(func() error { out.Message = plain(thrown.String()); return nil }); errors.Is(err, datamodel.ErrLimit) {
			return err
		}
	}
	if out.Err != nil {
		out.Message = strings.TrimPrefix(out.Message, "Error: ")
	}
	return out
}

// Interrupt ends the evaluation that is under way.
func (r *realm) Interrupt(cause error) {
	r.cause.CompareAndSwap(nil, &cause)
	r.vm.Interrupt(cause)
}

// Close releases nothing: the collector does.
func (r *realm) Close() {}

// Declare creates a global variable.
func (r *realm) Declare(name string) error {
	if r.has(name) {
		return nil
	}
	return r.SetGlobal(name, goja.Undefined())
}

func (r *realm) has(name string) bool {
	_, ok := r.Global(name)
	return ok
}

// SetGlobal sets a global variable.
func (r *realm) SetGlobal(name string, v ecmascript.Value) error {
	if r.shapes {
		r.cfg.Arm()
	}
	if err := r.vm.Set(name, js(v)); err != nil {
		return r.failed(err)
	}
	return nil
}

// Global returns a global binding.
func (r *realm) Global(name string) (v ecmascript.Value, ok bool) {
	if bit := lazyBits[name]; bit != 0 && r.system&bit == 0 {
		return r.cfg.Scope.Lookup(name)
	}
	if r.shapes || r.lexical != nil || r.waiting != nil && r.waiting.Has(name) {
		// An accessor may run, or a let may not have its value yet.
		r.cfg.Arm()
		err := r.Protect(func() error {
			g := r.vm.Get(name)
			v, ok = g, g != nil
			return nil
		})
		if err != nil {
			return goja.Undefined(), true
		}
		return v, ok
	}
	if g := r.vm.Get(name); g != nil {
		return g, true
	}
	return nil, false
}

// temporary is a global that exists while a const is made.
const temporary = "$initial"

// Bind recreates a binding.
func (r *realm) Bind(b ecmascript.Binding, v ecmascript.Value) error {
	if b.Kind == ecmascript.VarBinding {
		return r.SetGlobal(b.Name, v)
	}
	word := "let "
	if b.Kind == ecmascript.ConstBinding {
		word = "const "
	}
	c, err := compile("", word+b.Name+" = "+temporary, false)
	if err != nil {
		return err
	}
	if len(c.lexical) != 1 || c.lexical[0] != b {
		return fmt.Errorf("goja: %q is not the name of a variable", b.Name)
	}
	g := r.vm.GlobalObject()
	if err := g.DefineDataProperty(temporary, js(v), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
		return r.failed(err)
	}
	_, err = r.run(c)
	return errors.Join(err, g.Delete(temporary))
}

// js returns the value of the engine; nil is undefined.
func js(v ecmascript.Value) goja.Value {
	if v == nil {
		return goja.Undefined()
	}
	return v.(goja.Value)
}

// Undefined, Null and the From methods make primitive values.
func (r *realm) Undefined() ecmascript.Value           { return goja.Undefined() }
func (r *realm) Null() ecmascript.Value                { return goja.Null() }
func (r *realm) FromBool(b bool) ecmascript.Value      { return r.vm.ToValue(b) }
func (r *realm) FromNumber(f float64) ecmascript.Value { return r.vm.ToValue(f) }
func (r *realm) FromText(s string) ecmascript.Value    { return text(r.vm, s) }

// FromBigInt makes a BigInt.
func (r *realm) FromBigInt(digits string) (ecmascript.Value, error) {
	i, ok := new(big.Int).SetString(digits, 10)
	if !ok || len(digits) > 10_000 {
		return nil, errors.New("goja: malformed BigInt")
	}
	return r.vm.ToValue(i), nil
}

// text makes a string from UTF-8 in which surrogates may stand in the manner of
// WTF-8.
func text(vm *goja.Runtime, s string) goja.Value {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return wide(s)
		}
	}
	return vm.ToValue(s)
}

func wide(s string) goja.Value {
	units := make([]uint16, 0, len(s))
	for i := 0; i < len(s); {
		c, n := datamodel.DecodeUnit(s[i:])
		i += n
		if c >= 0x10000 {
			c -= 0x10000
			units = append(units, 0xd800|uint16(c>>10), 0xdc00|uint16(c&0x3ff))
		} else {
			units = append(units, uint16(c))
		}
	}
	return goja.StringFromUTF16(units)
}

// Text returns the text of a string, BigInt or symbol.
func (r *realm) Text(v ecmascript.Value) string {
	s, ok := v.(goja.String)
	if !ok {
		return js(v).String()
	}
	t := s.String()
	if !strings.ContainsRune(t, utf8.RuneError) {
		return t
	}
	// Perhaps a lone surrogate, which String does not show.
	out := make([]byte, 0, len(t))
	for i := 0; i < s.Length(); i++ {
		u := s.CharAt(i)
		if u&0xfc00 == 0xd800 && i+1 < s.Length() {
			if low := s.CharAt(i + 1); low&0xfc00 == 0xdc00 {
				out = utf8.AppendRune(out, 0x10000+(rune(u)&0x3ff)<<10+rune(low)&0x3ff)
				i++
				continue
			}
		}
		out = datamodel.AppendUnit(out, u)
	}
	return string(out)
}

// Bool returns the value of a boolean.
func (r *realm) Bool(v ecmascript.Value) bool { return js(v).ToBoolean() }

// Number returns the value of a number.
func (r *realm) Number(v ecmascript.Value) float64 { return js(v).ToFloat() }

// ToString converts as String(v) does.
func (r *realm) ToString(v ecmascript.Value) string {
	if s, ok := v.(goja.String); ok {
		return r.Text(s)
	}
	if s, ok := v.(*goja.Symbol); ok {
		return "Symbol(" + s.String() + ")"
	}
	if o, ok := v.(*goja.Object); ok {
		// What converts an array is not to be found in the text of any program.
		r.fit(&facts{limits: limitOf["toString"]})
		return r.Text(o.ToString())
	}
	return r.Text(js(v).ToString())
}
