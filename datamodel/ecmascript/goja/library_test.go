package goja

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
)

// lib is a library: a, b and c return their names, sum adds, count counts.
const lib = `
var n = 0;
function a() { return 'a' }
function b() { return 'b' }
function c() { return a() + b() + 'c' }
function sum(list) { var s = 0, i; for (i = 0; i < list.length; i++) { s += list[i] } return s }
function count() { return ++n }
function fact(k) { return k < 2 ? 1 : k * fact(k - 1) }
function Point(x) { this.x = x }
Point.prototype.twice = function () { return 2 * this.x };
var early = c();
`

// TestLibraries: it does not show that functions are made when they are needed.
func TestLibraries(t *testing.T) {
	for _, c := range []struct {
		scripts []string
		read    string
		want    datamodel.Value
	}{
		{nil, "early + c() + fact(5) + sum([1, 2])", "abcabc1203"},
		{nil, "typeof a + typeof nothing + ('a' in this)", "functionundefinedtrue"},
		{nil, "count() + count() + n", 5.0},
		{nil, "new Point(4).twice() + (new Point(1) instanceof Point ? 1 : 0)", 9.0},
		{nil, "a === a && a.name === 'a' && fact.length === 1", true},
		{nil, "this.b()", "b"},
		{nil, "this['b']()", "b"},
		{nil, "eval('b()')", "b"},
		{[]string{"a = function () { return 'z' };"}, "a() + c()", "zzbc"},
		{[]string{"a = 5;"}, "a", 5.0},
		{[]string{"a = 5;", "var a;"}, "a", 5.0},
		{[]string{"var a;"}, "a()", "a"},
		{[]string{"var a = 1;"}, "a", 1.0},
		{[]string{"function a() { return 'y' }"}, "c()", "ybc"},
		{[]string{lib}, "count() + n", 2.0},
		{[]string{"function a() { return 1 } function b() { return 2 } function d() { return a() + b() } function e() {}"}, "c() + d()", "3c3"},
		{[]string{"a.seen = 1;", "b.seen = a.seen + 1"}, "b.seen", 2.0},
		{[]string{"var k, names = []; for (k in this) { names.push(k) }"}, "names.indexOf('sum') >= 0 && names.indexOf('fact') >= 0", true},
		{[]string{"(function () { a = 7; })()"}, "a", 7.0},
		{[]string{"function toString() { return 't' } function escape(x) { return x } function p() {} function q() {}"}, "escape('ä') + typeof toString", "äfunction"},
	} {
		t.Run(fmt.Sprint(c.scripts, c.read), func(t *testing.T) {
			l := New(nil)
			host := datamodel.Host{In: func(string) bool { return false }}
			m, err := l.New(host)
			require.NoError(t, err)
			for _, text := range append([]string{lib}, c.scripts...) {
				p, err := l.Compile(datamodel.Source{Text: text, Kind: datamodel.Script})
				require.NoError(t, err)
				require.NoError(t, m.Exec(p))
			}
			read, err := l.Compile(datamodel.Source{Text: c.read, Kind: datamodel.ValueExpression})
			require.NoError(t, err)
			// The same after a snapshot, which is taken before anything else is read.
			var again datamodel.Model
			if snapshot, err := m.Snapshot(nil); err == nil {
				again, err = l.New(host)
				require.NoError(t, err)
				require.NoError(t, again.Restore(snapshot))
			} else {
				assert.ErrorContains(t, err, "Point") // its prototype has members
			}
			got, err := m.Eval(read)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
			if again != nil {
				got, err = again.Eval(read)
				require.NoError(t, err)
				assert.Equal(t, c.want, got, "restored")
			}
		})
	}
}

// TestLibraryIsNotDeclaredTwice: let and const of the name of a function fail, as
// they do without libraries.
func TestLibraryIsNotDeclaredTwice(t *testing.T) {
	l := New(nil)
	m, err := l.New(datamodel.Host{In: func(string) bool { return false }})
	require.NoError(t, err)
	for i, text := range []string{lib, "let a = 1;"} {
		p, err := l.Compile(datamodel.Source{Text: text, Kind: datamodel.Script})
		require.NoError(t, err)
		if err = m.Exec(p); i == 0 {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "'a' has already been declared")
		}
	}
}

// TestLibraryConflicts: what is declared twice inside of a library is an error.
func TestLibraryConflicts(t *testing.T) {
	_, err := New(nil).Compile(datamodel.Source{Text: lib + "let a = 1;", Kind: datamodel.Script})
	require.ErrorContains(t, err, "'a' has already been declared")
}

// TestLibraryLimits: the built-ins that functions use are limited when the functions
// are made.
func TestLibraryLimits(t *testing.T) {
	l := New(nil)
	m, err := l.New(datamodel.Host{In: func(string) bool { return false }})
	require.NoError(t, err)
	p, err := l.Compile(datamodel.Source{Kind: datamodel.Script, Text: `
function a(n) { return 'x'.repeat(n) }
function b(n) { return new Array(n).fill(0) }
function c() { return [].constructor(1e9) }
function d() { d() }`})
	require.NoError(t, err)
	require.NoError(t, m.Exec(p))
	// The last one is the end of the session.
	for _, c := range [][2]string{{"a(1e9)", "exceeds the limit"}, {"b(1e9)", "exceeds the limit"}, {"c()", "exceeds the limit"}, {"d()", "deep"}} {
		p, err := l.Compile(datamodel.Source{Text: c[0], Kind: datamodel.ValueExpression})
		require.NoError(t, err)
		_, err = m.Eval(p)
		assert.ErrorContains(t, err, c[1], c[0])
	}
}
