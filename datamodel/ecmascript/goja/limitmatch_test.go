package goja

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dop251/goja"
)

// TestMatchers compares the methods that search for all matches with goja's own,
// which follow the standard word by word when a script has replaced exec.
func TestMatchers(t *testing.T) {
	rest := strings.Repeat("z", shortText)
	texts := []string{"", "abc", "aaa", "a1b22c333", "x-y_z", "\U0001f600a\U0001f600", "long", "\nab\n", rest, rest + "abcabc", "aab" + rest + "aab", "a1, b2;\u00e9" + rest + "\U0001f600a1 22",
		strings.Repeat("ab, cd;\u00e9f-\U0001f600 12 ", 60)}
	patterns := []string{"/a/", "/a/g", "/a*/g", "/(?:)/g", "/(?:)/gu", "/(?:)/y", "/b|(c)/g", "/(\\d)(\\d)?/g", "/(?<first>[a-z])(?<second>\\d)?/g",
		"/^./gm", "/(?=a)/g", "/(?=(b))./g", "/a(?!b)/gi", "/\\b/g", "/(a)|(b)|(c)/g", "/a/y", "/a/gy", "/[, ;]+/", "/([, ;])/g", "/./gsu", "/$/g", "/\\d{2}/g", "/[^\\w]+/g", "/b-?/g", "/\\s/g", "/(.)\\1/g"}
	calls := []string{"s.match(p)", "s.replace(p, '[$&]')", "s.replace(p, '$1|$2|$10|$01|$00|$$|$x|$')", "s.replace(p, \"<$'>\").length", "s.replace(p, '$`').length",
		"s.replace(p, '$<first>$<second>$<none>$<first')",
		"s.replace(p, function () { return '(' + Array.prototype.slice.call(arguments, 0, -2).join('~') + ')' })",
		"s.replace(p, function () { var g = arguments[arguments.length - 1]; return typeof g === 'object' ? JSON.stringify(g) : String(g).length })",
		"s.replace(p, function (m, i) { p.lastIndex = 1; return typeof i })",
		"s.split(p)", "s.split(p, 3)", "s.split(p, 0)", "s.search(p)", "p.exec(s)", "p.test(s)",
		"p.global ? Array.from(s.matchAll(p), function (m) { return [m, m.index, m.groups] }) : 0", "p.global ? s.replaceAll(p, '-$&-') : 0",
		"(p.lastIndex = 2, s.replace(p, 'X'))", "(p.lastIndex = 1, s.match(p))", "(p.lastIndex = 1, s.split(p))", "s.replace(p, undefined)", "s.replace(p, 5)"}
	hard, usual, standard := &realm{vm: goja.New()}, &realm{vm: goja.New()}, goja.New()
	must(t, hard.limit(allLimits))
	must(t, usual.limit(limitOf["split"]|limitOf["match"]|limitOf["replace"]|limitOf["replaceAll"])) // as in a document that does not call exec
	_, err := standard.RunString("var exec = RegExp.prototype.exec; RegExp.prototype.exec = function (s) { return exec.call(this, s) }")
	must(t, err)
	for i, s := range texts {
		for j, p := range patterns {
			for k, c := range calls {
				if len(s) >= shortText && (i+j+k)%4 != 0 {
					continue
				}
				text := fmt.Sprintf("(function (p) { var r = %s; return JSON.stringify([r, p.lastIndex]) })(%s)", c, p)
				run := func(vm *goja.Runtime) string {
					must(t, vm.Set("s", s))
					v, err := vm.RunString(text)
					if err != nil {
						return err.Error()
					}
					return v.String()
				}
				want := run(standard)
				for i, vm := range []*goja.Runtime{hard.vm, usual.vm} {
					if got := run(vm); got != want {
						t.Errorf("%d: %s on %.30q:\n got %.200s\nwant %.200s", i, text, s, got, want)
					}
				}
			}
		}
	}
}
