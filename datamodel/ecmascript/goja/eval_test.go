package goja

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
)

// TestEvalIsLookedAt: a program that mentions eval gets the limits of the texts
// that it evaluates, when it evaluates them.
func TestEvalIsLookedAt(t *testing.T) {
	assert.Equal(t, limitOf["eval"], analyzeText(t, "eval('(' + text + ')')").limits)
	for text, short := range map[string]string{
		`eval("'x'.repeat(1e9)")`:                                       "length of 1000000000 exceeds the limit",
		`(0, eval)("'x'.repeat(1e9)")`:                                  "length of 1000000000 exceeds the limit",
		`var e = eval; e("'x'.repeat(1e9)")`:                            "length of 1000000000 exceeds the limit",
		`eval("var k = 're' + 'peat'; 'x'[k](1e9)")`:                    "length of 1000000000 exceeds the limit",
		`eval("eval(\"'x'.repeat(1e9)\")")`:                             "length of 1000000000 exceeds the limit",
		`eval("var {['re' + 'peat']: f} = 'x'; f.call('x', 1e9)")`:      "length of 1000000000 exceeds the limit",
		`eval("'x'.at(0).constructor.prototype.repeat.call('x', 1e9)")`: "length of 1000000000 exceeds the limit",
	} {
		t.Run(text, func(t *testing.T) {
			l := New(nil)
			m, err := l.New(datamodel.Host{In: func(string) bool { return false }})
			require.NoError(t, err)
			defer m.Close()
			p, err := l.Compile(datamodel.Source{Text: text, Kind: datamodel.Script})
			require.NoError(t, err)
			assert.ErrorContains(t, m.Exec(p), short)
		})
	}
}
