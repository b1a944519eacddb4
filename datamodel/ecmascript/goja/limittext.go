package goja

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/dop251/goja"
)

// Limits of what makes strings and of regular expressions.

func checkRepeat(_ *realm, call goja.FunctionCall) error {
	n := lengthOf(call.This.ToString()) * call.Argument(0).ToFloat()
	if n > maxText {
		return tooLong("text length", n, maxText)
	}
	return nil
}

func limitPad(r *realm) error {
	c := func(_ *realm, call goja.FunctionCall) error {
		if n := call.Argument(0).ToFloat(); n > maxText {
			return tooLong("text length", n, maxText)
		}
		return nil
	}
	proto := r.builtin("String", true)
	if err := r.replace(proto, "padStart", c); err != nil {
		return err
	}
	return r.replace(proto, "padEnd", c)
}

func checkTexts(_ *realm, call goja.FunctionCall) error {
	n := lengthOf(call.This)
	for _, a := range call.Arguments {
		if s, ok := a.(goja.String); ok {
			n += float64(s.Length())
		}
	}
	if n > maxText {
		return tooLong("text length", n, maxText)
	}
	return nil
}

// checkReplace judges the longest text that the replacement of texts may give;
// what takes the place of matches is counted.
func checkReplace(r *realm, call goja.FunctionCall) error {
	r.match(call.Argument(0))
	n := lengthOf(call.This)
	if n > maxText {
		return tooLong("text length", n, maxText)
	}
	replacement, ok := call.Argument(1).(goja.String)
	if !ok {
		return nil
	}
	if p, ok := call.Argument(0).(goja.String); ok {
		each := float64(replacement.Length()) + n*float64(strings.Count(replacement.String(), "$"))
		if n := float64(strings.Count(call.This.String(), p.String())); n*each > maxText {
			return tooLong("text length", n*each, maxText)
		}
	}
	return nil
}

func checkSplit(r *realm, call goja.FunctionCall) error {
	r.match(call.Argument(0))
	if n := lengthOf(call.This); n > maxArray {
		return tooLong("text length", n, maxArray)
	}
	return nil
}

// match is called before a method of a string hands its work to what may be a regular
// expression. Its prototype is large, so it is left alone until then.
func (r *realm) match(v goja.Value) {
	if _, ok := v.(*goja.Object); ok {
		r.mayMatch()
	}
}

func (r *realm) mayMatch() {
	if err := limitMatchers(r); err != nil {
		panic(r.hostError(err))
	}
}

// limitMatch checks the patterns that methods of strings compile.
func limitMatch(r *realm) error {
	proto := r.builtin("String", true)
	for _, name := range []string{"match", "matchAll", "search"} {
		if err := r.replace(proto, name, func(_ *realm, call goja.FunctionCall) error {
			if name == "match" {
				r.mayMatch()
			}
			if n := lengthOf(call.This); n > maxText {
				return tooLong("text length", n, maxText)
			}
			return checkPattern(call.Argument(0))
		}); err != nil {
			return err
		}
	}
	return nil
}

func limitRegExp(r *realm) error {
	if err := r.replace(r.builtin("RegExp", true), "compile", func(_ *realm, call goja.FunctionCall) error {
		return checkPattern(call.Argument(0))
	}); err != nil {
		return err
	}
	return r.proxy("RegExp", func(args []goja.Value) error {
		if len(args) == 0 {
			return nil
		}
		return checkPattern(args[0])
	}, nil)
}

func checkPattern(v goja.Value) error {
	if s, ok := v.(goja.String); ok {
		return checkPatterns([]string{s.String()})
	}
	return nil
}

// checkPatterns refuses regular expressions whose counted repetitions multiply:
// an engine that does not backtrack writes them out.
func checkPatterns(patterns []string) error {
	for _, p := range patterns {
		if len(p) > maxEval {
			return tooLong("regular expression", float64(len(p)), maxEval)
		}
		product, depth := 1.0, 0
		for i := 0; i < len(p); i++ {
			switch p[i] {
			case '\\':
				i++
			case '(':
				if depth++; depth > 200 {
					return fmt.Errorf("regular expression nested deeper than the limit of 200")
				}
			case ')':
				depth--
			case '{':
				if n := count(p[i+1:]); n > 1 {
					product *= n
				}
			}
		}
		if product > maxRepeat {
			return tooLong("repetition in a regular expression", product, maxRepeat)
		}
	}
	return nil
}

// count is the larger number of {n,m}.
func count(s string) float64 {
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return 0
	}
	largest := 0.0
	for _, part := range strings.SplitN(s[:end], ",", 2) {
		if n, err := strconv.ParseFloat(part, 64); err == nil {
			largest = math.Max(largest, n)
		}
	}
	return largest
}
