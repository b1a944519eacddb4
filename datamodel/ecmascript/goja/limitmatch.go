package goja

import (
	"strconv"
	"strings"

	"github.com/dop251/goja"
)

// goja looks for all matches of a regular expression at once, where no interrupt
// reaches it. These replacements look for one after the other, as the standard
// describes it, and stop in between. One match of an expression that needs
// backtracking has the time of regexp2.DefaultMatchTimeout; the others need time
// in proportion to the text and to the expression.
const (
	maxSearch   = 1 << 29 // length of a text times length of an expression, for one match
	shortText   = 1000    // up to which goja's own will do for a plain expression
	shortSource = 100
)

// limitExec puts a check in front of exec. It makes goja forget its short cuts
// for regular expressions, so that matchAll goes through it, too.
func limitExec(r *realm) error { return r.replace(r.builtin("RegExp", true), "exec", checkSearch) }

func limitTest(r *realm) error { return r.replace(r.builtin("RegExp", true), "test", checkSearch) }

// limitMatchers replaces what searches for more than one match, unless it has.
func limitMatchers(r *realm) error {
	if r.matches {
		return nil
	}
	r.matches = true
	proto := r.builtin("RegExp", true)
	if proto == nil {
		return nil
	}
	construct, ok := goja.AssertConstructor(proto.Get("constructor"))
	if !ok {
		return nil
	}
	for _, m := range []struct {
		symbol *goja.Symbol
		f      func(e *expression, s goja.String, arg goja.Value) goja.Value
	}{
		{goja.SymMatch, (*expression).match},
		{goja.SymReplace, (*expression).replace},
		{goja.SymSplit, func(e *expression, s goja.String, arg goja.Value) goja.Value { return e.split(construct, s, arg) }},
	} {
		if err := r.replaceMatcher(proto, m.symbol, m.f); err != nil {
			return err
		}
	}
	return nil
}

func checkSearch(r *realm, call goja.FunctionCall) error {
	r.poll()
	if o, ok := call.This.(*goja.Object); ok && o.ClassName() == "RegExp" {
		return checkSize(o, lengthOf(call.Argument(0)))
	}
	return nil
}

func checkSize(o *goja.Object, n float64) error {
	if n < 1<<13 { // no expression is longer than maxEval
		return nil
	}
	if source := lengthOf(o.Get("source")); n*source > maxSearch {
		return tooLong("length of text times length of regular expression", n*source, maxSearch)
	}
	return nil
}

// replaceMatcher replaces a method that has a symbol.
func (r *realm) replaceMatcher(proto *goja.Object, symbol *goja.Symbol, f func(*expression, goja.String, goja.Value) goja.Value) error {
	old, ok := proto.GetSymbol(symbol).(*goja.Object)
	if !ok {
		return nil
	}
	search, ok := native(old)
	if !ok {
		return nil
	}
	fn := r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		s := str(call.Argument(0))
		if e := r.expression(call.This, s, call.Argument(1)); e != nil {
			return f(e, s, call.Argument(1))
		}
		return search(goja.FunctionCall{This: call.This, Arguments: []goja.Value{s, call.Argument(1)}})
	}).(*goja.Object)
	for _, p := range [...]string{"name", "length"} {
		if err := fn.DefineDataProperty(p, old.Get(p), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
			return err
		}
	}
	return proto.DefineDataPropertySymbol(symbol, fn, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
}

// expression is a regular expression that is searched for.
type expression struct {
	r                       *realm
	o                       *goja.Object
	global, sticky, unicode bool
	flags                   string
}

// str converts as String(v) does.
func str(v goja.Value) goja.String {
	if o, ok := v.(*goja.Object); ok {
		v = o.ToString()
	}
	if s, ok := v.(goja.String); ok {
		return s
	}
	var b goja.StringBuilder
	b.WriteUTF8String(v.String())
	return b.String()
}

// expression returns nil for what is no regular expression, and where goja's own
// will do.
func (r *realm) expression(v goja.Value, s goja.String, arg goja.Value) *expression {
	o, ok := v.(*goja.Object)
	if !ok || o.ClassName() != "RegExp" {
		return nil
	}
	if err := checkSize(o, float64(s.Length())); err != nil {
		r.throwRange(err)
	}
	e := &expression{r: r, o: o, flags: o.Get("flags").String()}
	e.global, e.sticky, e.unicode = strings.Contains(e.flags, "g"), strings.Contains(e.flags, "y"), strings.Contains(e.flags, "u")
	if e.global && !e.sticky && !e.unicode && s.Length() <= shortText && lengthOf(arg) <= shortText && isPlain(o.Get("source").String()) {
		return nil
	}
	return e
}

// isPlain reports whether an expression is short and a sequence of characters and
// classes, which never matches the empty text. With others goja differs from the
// standard.
func isPlain(source string) bool {
	if len(source) > shortSource || source == "(?:)" {
		return false
	}
	class := false
	for i := 0; i < len(source); i++ {
		switch c := source[i]; {
		case c == '\\':
			if i++; i == len(source) || !strings.ContainsRune(`dDsSwWnrt.*+?|^$/-,()[]{}\"'`, rune(source[i])) {
				return false
			}
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case strings.IndexByte("*?|{}()^$", c) >= 0:
			return false
		}
	}
	return true
}

// exec looks for the next match; nil when there is none.
func (e *expression) exec(s goja.String) *goja.Object {
	e.r.poll()
	f, ok := goja.AssertFunction(e.o.Get("exec"))
	if !ok {
		panic(e.r.vm.NewTypeError("exec is not a function"))
	}
	v, err := f(e.o, s)
	if err != nil {
		panic(err)
	}
	m, ok := v.(*goja.Object)
	if !ok && !goja.IsNull(v) {
		panic(e.r.vm.NewTypeError("exec returned neither an object nor null"))
	}
	return m
}

func (e *expression) seek(index int) {
	if err := e.o.Set("lastIndex", index); err != nil {
		panic(err)
	}
}

func (e *expression) lastIndex() int { return length(e.o.Get("lastIndex")) }

// next is the index of the character after the one at an index.
func (e *expression) next(s goja.String, i int) int {
	if e.unicode && i+1 < s.Length() && s.CharAt(i)&0xfc00 == 0xd800 && s.CharAt(i+1)&0xfc00 == 0xdc00 {
		return i + 2
	}
	return i + 1
}

// each calls f for every match, or for the first when the flag g is not set.
func (e *expression) each(s goja.String, f func(m *goja.Object, matched goja.String)) {
	if e.global {
		e.seek(0)
	}
	for n := 0; ; n++ {
		m := e.exec(s)
		if m == nil {
			return
		}
		if n >= maxNodes {
			e.r.throwRange(tooLong("number of matches", float64(n), maxNodes))
		}
		matched := str(member(m, "0"))
		f(m, matched)
		if !e.global {
			return
		}
		if matched.Length() == 0 {
			e.seek(e.next(s, e.lastIndex()))
		}
	}
}

func member(o *goja.Object, name string) goja.Value {
	if v := o.Get(name); v != nil {
		return v
	}
	return goja.Undefined()
}

// length is ToLength, within what strings can have.
func length(v goja.Value) int {
	if v == nil {
		return 0
	}
	return int(max(0, min(v.ToInteger(), 1<<40)))
}

// match is RegExp.prototype[Symbol.match].
func (e *expression) match(s goja.String, _ goja.Value) goja.Value {
	if !e.global {
		if m := e.exec(s); m != nil {
			return m
		}
		return goja.Null()
	}
	var list []any
	e.each(s, func(_ *goja.Object, matched goja.String) { list = append(list, matched) })
	if list == nil {
		return goja.Null()
	}
	return e.r.vm.NewArray(list...)
}

// found is a match with its groups.
type found struct {
	at     int
	groups []goja.Value // the first is the whole match
	named  goja.Value
}

// replace is RegExp.prototype[Symbol.replace].
func (e *expression) replace(s goja.String, by goja.Value) goja.Value {
	call, callable := goja.AssertFunction(by)
	var text goja.String
	if !callable {
		text = str(by)
	}
	var list []found
	values := 0
	e.each(s, func(m *goja.Object, matched goja.String) {
		f := found{at: min(length(m.Get("index")), s.Length()), groups: []goja.Value{matched}, named: member(m, "groups")}
		n := length(m.Get("length"))
		if values += max(n, 1); values > maxNodes {
			e.r.throwRange(tooLong("number of matches and groups", float64(values), maxNodes))
		}
		for i := 1; i < n; i++ {
			g := member(m, strconv.Itoa(i))
			if !goja.IsUndefined(g) {
				g = g.ToString()
			}
			f.groups = append(f.groups, g)
		}
		list = append(list, f)
	})
	var out goja.StringBuilder
	total, done := 0, 0
	write := func(from goja.String, start, end int) {
		if start >= end {
			return
		}
		if total += end - start; total > maxText {
			e.r.throwRange(tooLong("text length", float64(total), maxText))
		}
		out.WriteSubstring(from, start, end)
	}
	for _, f := range list {
		e.r.poll()
		matched := f.groups[0].(goja.String)
		var result goja.String
		if callable {
			args := append(f.groups, e.r.vm.ToValue(f.at), s)
			if !goja.IsUndefined(f.named) {
				args = append(args, f.named)
			}
			v, err := call(goja.Undefined(), args...)
			if err != nil {
				panic(err)
			}
			result = str(v)
		}
		if f.at < done {
			continue
		}
		write(s, done, f.at)
		done = f.at + matched.Length()
		if callable {
			write(result, 0, result.Length())
		} else {
			e.expand(text, s, f, write)
		}
	}
	write(s, done, s.Length())
	return out.String()
}

// expand writes a replacement text for a match (ECMAScript 2015, 21.1.3.14.1).
func (e *expression) expand(by, s goja.String, f found, write func(from goja.String, start, end int)) {
	group := func(v goja.Value) {
		if !goja.IsUndefined(v) {
			t := str(v)
			write(t, 0, t.Length())
		}
	}
	digit := func(i int) int {
		if i < by.Length() {
			if c := by.CharAt(i); '0' <= c && c <= '9' {
				return int(c - '0')
			}
		}
		return -1
	}
	plain, i, end := 0, 0, by.Length()
	for i < end-1 {
		if by.CharAt(i) != '$' {
			i++
			continue
		}
		size := 2 // of what stands for something else
		var put func()
		switch by.CharAt(i + 1) {
		case '$':
			put = func() { write(by, i, i+1) }
		case '&':
			put = func() { group(f.groups[0]) }
		case '`':
			put = func() { write(s, 0, f.at) }
		case '\'':
			put = func() { write(s, f.at+f.groups[0].(goja.String).Length(), s.Length()) }
		case '<':
			if goja.IsUndefined(f.named) {
				break
			}
			for j := i + 2; j < end; j++ {
				if by.CharAt(j) == '>' {
					name := by.Substring(i+2, j).String()
					size = j + 1 - i
					put = func() { group(member(f.named.ToObject(e.r.vm), name)) }
					break
				}
			}
		default:
			n := digit(i + 1)
			if d := digit(i + 2); n >= 0 && d >= 0 && n*10+d > 0 && n*10+d < len(f.groups) {
				n, size = n*10+d, 3
			}
			if n > 0 && n < len(f.groups) {
				put = func() { group(f.groups[n]) }
			}
		}
		if put == nil {
			i++
			continue
		}
		write(by, plain, i)
		put()
		i += size
		plain = i
	}
	write(by, plain, end)
}

// split is RegExp.prototype[Symbol.split]. The flag g does what the standard does
// with y, without a search for every character.
func (e *expression) split(construct goja.Constructor, s goja.String, limit goja.Value) goja.Value {
	most := maxArray
	if !goja.IsUndefined(limit) {
		most = int(min(int64(uint32(limit.ToInteger())), maxArray))
	}
	if most == 0 {
		return e.r.vm.NewArray()
	}
	flags := strings.ReplaceAll(e.flags, "y", "")
	if !e.global {
		flags += "g"
	}
	o, err := construct(nil, e.o, e.r.vm.ToValue(flags))
	if err != nil {
		panic(err)
	}
	e = &expression{r: e.r, o: o, unicode: e.unicode}
	size := s.Length()
	var list []any
	if size == 0 {
		if e.exec(s) == nil {
			list = append(list, s)
		}
		return e.r.vm.NewArray(list...)
	}
	done := 0
	for at := 0; at < size; {
		e.seek(at)
		m := e.exec(s)
		if m == nil {
			break
		}
		index := length(m.Get("index"))
		if index >= size {
			break
		}
		end := min(e.lastIndex(), size)
		if end == done {
			at = e.next(s, index)
			continue
		}
		list = append(list, s.Substring(done, index))
		for i, n := 1, length(m.Get("length")); i < n && len(list) < most; i++ {
			list = append(list, member(m, strconv.Itoa(i)))
		}
		if len(list) >= most {
			return e.r.vm.NewArray(list...)
		}
		done, at = end, end
	}
	return e.r.vm.NewArray(append(list, s.Substring(done, size))...)
}
