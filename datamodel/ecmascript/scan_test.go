package ecmascript

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckSourceRefuses(t *testing.T) {
	const n = 100_000
	for _, s := range []string{"(", "[", "{", "!", "-", "- ", "typeof ", "a=", "a=>", "a?b:", "a**", "function(){", "(a)=>{", "`${", "if(1)", "new ", "a+", "a.b.", "f()()",
		"if(a){}else ", "'x'+", "[[", "({a:", "a\n+b\n+", "x=++/'/.y;(((((((", "while(1)/'/;((((((", "a=/[/]'/;(((("} {
		require.Error(t, CheckSource(strings.Repeat(s, n), 0), s)
	}
	// What hides brackets from a careless scanner.
	for _, s := range []string{"'\\''", `"\""`, "/* ' */", "// '\n", "`'`", "`${'`'}`", "/'/;", "a=b/c;", "a/'x'/", "/[']/;", "if(1)/'/;", "return/'/;", "a.return/1;"} {
		require.Error(t, CheckSource(strings.Repeat(" ", 600)+s+strings.Repeat("(", n), 0), s)
	}
	for _, s := range []string{"}/'/;", "x=++/'/.y;", "<!-- `\n"} {
		require.Error(t, CheckSource(s+strings.Repeat("(", n+50_000), 0), s)
	}
	require.ErrorContains(t, CheckSource("12345", 4), "5 bytes exceeds the limit of 4")
}

func TestCheckSourceAccepts(t *testing.T) {
	for _, s := range []string{"a = b + 1;\n", "a = b + 1\n", "f(x)[1].y\n", "if (a) { b() } else { c() }\n", "x = '((((' // ((((\n", "/* (( */ y = /[((]/g\n",
		"var s = `a ${b + `c`} ((`\n", "[1,2,3],", "o = { a: 1, b: [2] },\n", "function f(a) { return a / 2 }\n", "x = a / b / c;\n", "for (;;) {}\n"} {
		require.NoError(t, CheckSource(strings.Repeat(s, 50_000), 0), s)
	}
	require.NoError(t, CheckSource(strings.Repeat("(", 400)+"1"+strings.Repeat(")", 400), 0))
	require.NoError(t, CheckSource(strings.Repeat("'x' + ", 5000)+"'y'", 0))
}
