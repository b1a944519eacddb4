package otto

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"

	js "github.com/robertkrimen/otto"
	"github.com/robertkrimen/otto/parser"
)

// What is hardened about strings and regular expressions. Those of Go need time
// in proportion to the text and to their own size, but cannot be interrupted.
const (
	maxMatch  = 50_000_000 // size of the text times size of the expression, for one match
	maxCached = 64         // expressions whose size is kept
)

// expression is what is known of a regular expression.
type expression struct {
	re   *regexp.Regexp
	size int // instructions
}

func (r *runtime) hardenTexts() {
	proto := r.prototype("String")
	for _, name := range []string{"match", "search"} {
		r.replace(proto, name, func(old js.Value, call js.FunctionCall) js.Value {
			p := call.Argument(0)
			r.checkMatch(p, r.text(call.This), name == "match" && truth(r.get(p, "global")))
			v := r.pass(old, call)
			if v.IsUndefined() { // for otto, no match of a global expression
				v = js.NullValue()
			}
			return v
		})
	}
	for _, name := range []string{"exec", "test"} {
		r.replace(r.prototype("RegExp"), name, func(old js.Value, call js.FunctionCall) js.Value {
			if call.This.Class() == "RegExp" {
				r.checkMatch(call.This, r.text(call.Argument(0)), false)
			}
			return r.pass(old, call)
		})
	}
	r.replace(proto, "split", r.split)
	r.replace(proto, "replace", r.replaceText)
	r.SetHidden(r.global.Value(), "parseFloat", r.function(r.parseFloat))

	regexp := r.own(`(function (RE, check) {
	var flags = function (p) { return (p.global ? "g" : "") + (p.ignoreCase ? "i" : "") + (p.multiline ? "m" : ""); };
	return function RegExp(p, f) {
		if (p instanceof RE && f === undefined) return this instanceof RegExp ? new RE(p.source, flags(p)) : p;
		check(p);
		return f === undefined ? new RE(p) : new RE(p, f);
	};
})`, r.native.constructors["RegExp"], r.function(func(call js.FunctionCall) js.Value {
		r.checkPattern(call.Argument(0))
		return js.Value{}
	}))
	r.replaceConstructor("RegExp", regexp)
}

// hardenLegacy forwards RegExp.$1 and the like to the constructor that has them.
func (r *runtime) hardenLegacy() {
	from, to := r.native.constructors["RegExp"].Object(), r.member(r.global, "RegExp").Object()
	if to == nil { // a script has put something else there
		return
	}
	for name := range strings.FieldsSeq(legacyNames) {
		r.define(to, name, r.accessor(func(js.FunctionCall) js.Value { return r.member(from, name) }, false, true))
	}
}

// checkMatch checks a search of p, a RegExp or the text of one, in s, for all
// matches or for one.
func (r *runtime) checkMatch(p js.Value, s string, every bool) {
	source, flags := "", ""
	if p.Class() == "RegExp" {
		source = r.text(r.get(p, "source"))
		if truth(r.get(p, "ignoreCase")) {
			flags += "i"
		}
		if truth(r.get(p, "multiline")) {
			flags += "m"
		}
	} else {
		r.checkPattern(p)
		if p.IsDefined() {
			source = r.text(p)
		}
	}
	if every && len(s) > maxMatched {
		r.rangeError("a string of %d bytes cannot be searched for all matches, the limit is %d", len(s), maxMatched)
	}
	if len(s) < 256 && len(source) < 100 {
		return
	}
	e := r.expression(source, flags)
	if e == nil {
		return // otto reports it
	}
	if float64(e.size)*float64(len(s)) > maxMatch {
		r.rangeError("the regular expression is too large for a string of %d bytes", len(s))
	}
	if every {
		// All matches may take the square of the time of one. What can be
		// interrupted between two matches finds out.
		e.re.ReplaceAllStringFunc(s, func(string) string {
			r.poll()
			return ""
		})
	}
}

// expression compiles a regular expression as otto does; nil when it is illegal.
func (r *runtime) expression(source, flags string) *expression {
	key := flags + "/" + source
	if e, ok := r.expressions[key]; ok {
		return e
	}
	var e *expression
	if text, err := parser.TransformRegExp(source); err == nil {
		if flags != "" {
			text = "(?" + flags + ":" + text + ")"
		}
		if tree, err := syntax.Parse(text, syntax.Perl); err == nil {
			if prog, err := syntax.Compile(tree.Simplify()); err == nil {
				if re, err := regexp.Compile(text); err == nil {
					e = &expression{re, len(prog.Inst)}
				}
			}
		}
	}
	if r.expressions == nil || len(r.expressions) >= maxCached {
		r.expressions = map[string]*expression{}
	}
	r.expressions[key] = e
	return e
}

func (r *runtime) checkPattern(v js.Value) {
	if v.IsDefined() {
		if n := len(r.text(v)); n > maxPattern {
			panic(r.vm.MakeSyntaxError(fmt.Sprintf("a regular expression of %d characters, the limit is %d", n, maxPattern)))
		}
	}
}

// split is String.prototype.split with a limit of the result.
func (r *runtime) split(old js.Value, call js.FunctionCall) js.Value {
	separator, limit := call.Argument(0), float64(maxMade+1)
	if separator.Class() == "RegExp" {
		r.checkMatch(separator, r.text(call.This), true)
	}
	if l := call.Argument(1); l.IsDefined() {
		limit = min(limit, unsigned(number(l)))
	}
	v := r.call(old, call.This, separator, fromNumber(limit))
	if r.items(v) > maxMade {
		r.rangeError("split makes more than %d elements", maxMade)
	}
	return v
}

// replaceText is String.prototype.replace. When the result could be too long to be
// made without looking, a function expands the replacement and counts.
func (r *runtime) replaceText(old js.Value, call js.FunctionCall) js.Value {
	s, p, by := r.text(call.This), call.Argument(0), call.Argument(1)
	every := p.Class() == "RegExp" && truth(r.get(p, "global"))
	if p.Class() == "RegExp" {
		r.checkMatch(p, s, every)
	}
	if !by.IsFunction() {
		t := r.text(by)
		by = fromText(t)
		each := float64(len(t)) + float64(strings.Count(t, "$"))*float64(len(s))
		if every {
			each *= float64(len(s)) + 1
		}
		if each+float64(len(s)) > maxResult {
			by = r.expander(t)
		}
	}
	return r.call(old, fromText(s), p, by)
}

// expander makes the function that replace calls for each match in place of a
// text with $ in it. It counts what it returns.
func (r *runtime) expander(by string) js.Value {
	e := &expansion{by: by}
	total := 0
	return r.function(func(call js.FunctionCall) js.Value {
		out := e.expand(call.ArgumentList, maxResult-total)
		if total += len(out); total > maxResult {
			r.rangeError("the result of replace is longer than the limit of %d bytes", maxResult)
		}
		r.poll()
		return fromText(out)
	})
}

var dollar = regexp.MustCompile("\\$(?:[$&'`]|[1-9][0-9]|0[1-9]|[1-9])")

// expansion is a text with $ in it. Matches come in order, so that it keeps the
// place up to which it has counted characters.
type expansion struct {
	by           string
	chars, bytes int
}

// expand expands the text (ECMAScript 5.1, table 22). args are the match, its
// groups, its position in characters and the whole string. Beyond the limit the
// result is not complete.
func (e *expansion) expand(args []js.Value, limit int) string {
	if len(args) < 3 {
		return e.by
	}
	match, groups := args[0].String(), args[1:len(args)-2]
	whole := args[len(args)-1].String()
	for at := int(number(args[len(args)-2])); e.chars < at && e.bytes < len(whole); e.chars++ {
		_, size := utf8.DecodeRuneInString(whole[e.bytes:])
		e.bytes += size
	}
	var b strings.Builder
	rest := e.by
	for b.Len() <= limit {
		at := dollar.FindStringIndex(rest)
		if at == nil {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:at[0]])
		switch s := rest[at[0]+1 : at[1]]; s {
		case "$":
			b.WriteByte('$')
		case "&":
			b.WriteString(match)
		case "`":
			b.WriteString(whole[:e.bytes])
		case "'":
			b.WriteString(whole[min(e.bytes+len(match), len(whole)):])
		default:
			if n, _ := strconv.Atoi(s); n <= len(groups) && groups[n-1].IsDefined() {
				b.WriteString(groups[n-1].String())
			}
		}
		rest = rest[at[1]:]
	}
	return b.String()
}

// floats is the part of a string that parseFloat takes.
var floats = regexp.MustCompile(`^[+-]?(Infinity|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)`)

// parseFloat is the global function; otto's needs quadratic time.
func (r *runtime) parseFloat(call js.FunctionCall) js.Value {
	s := strings.TrimLeft(r.text(call.Argument(0)), "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff")
	f, err := strconv.ParseFloat(floats.FindString(s), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		f = math.NaN()
	}
	return fromNumber(f)
}
