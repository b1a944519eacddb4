package otto

import (
	"regexp"
	"strings"
)

// newerSyntax are the marks of language features that otto lacks, the less
// ambiguous ones first.
var newerSyntax = []struct {
	mark *regexp.Regexp
	hint string
}{
	{regexp.MustCompile(`=>`), "arrow functions are ECMAScript 2015"},
	{regexp.MustCompile("`"), "template literals are ECMAScript 2015"},
	{regexp.MustCompile(`\(\?([=!]|<[=!])`), "look-ahead and look-behind are not among the regular expressions of Go, which otto uses"},
	{regexp.MustCompile(`\(\?<|\\k<`), "named groups of regular expressions are ECMAScript 2018"},
	{regexp.MustCompile(`\\[1-9]`), "back references are not among the regular expressions of Go, which otto uses"},
	{regexp.MustCompile(`\basync\b|\bawait\b`), "async functions are ECMAScript 2017"},
	{regexp.MustCompile(`\bfunction\s*\*|\byield\b`), "generators are ECMAScript 2015"},
	{regexp.MustCompile(`\bclass\b|\bsuper\b|\bextends\b`), "classes are ECMAScript 2015"},
	{regexp.MustCompile(`\bconst\b`), "const is ECMAScript 2015"},
	{regexp.MustCompile(`\blet\b`), "let is ECMAScript 2015"},
	{regexp.MustCompile(`\bimport\b|\bexport\b`), "modules are ECMAScript 2015"},
	{regexp.MustCompile(`\bfor\s*\(.*\bof\b`), "for-of loops are ECMAScript 2015"},
	{regexp.MustCompile(`\.\.\.`), "rest and spread are ECMAScript 2015"},
	{regexp.MustCompile(`\?\.[^0-9]|\?\?`), "?. and ?? are ECMAScript 2020"},
	{regexp.MustCompile(`\*\*`), "the operator ** is ECMAScript 2016"},
	{regexp.MustCompile(`\b0[bBoO][0-9]`), "binary and octal literals are ECMAScript 2015"},
	{regexp.MustCompile(`\b[0-9]+n\b`), "BigInt is ECMAScript 2020"},
	{regexp.MustCompile(`\b(var|,)\s*[\[{]`), "destructuring is ECMAScript 2015"},
	{regexp.MustCompile(`\([^()]*\w\s*=[^=()]*\)\s*\{`), "default parameters are ECMAScript 2015"},
	{regexp.MustCompile(`[{,]\s*(\w+\s*(\([^()]*\)\s*\{|[,}])|\[)`), "shorthand members and computed names of objects are ECMAScript 2015"},
}

// newer looks at the line of an error for the mark of something that otto does
// not know; empty when there is none.
func newer(text string, line int) string {
	for range line - 1 {
		_, rest, found := strings.Cut(text, "\n")
		if !found {
			return ""
		}
		text = rest
	}
	if text, _, _ = strings.Cut(text, "\n"); len(text) > 2000 {
		return ""
	}
	for _, n := range newerSyntax {
		if n.mark.MatchString(text) {
			return n.hint
		}
	}
	return ""
}
