package goja

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
)

func TestSmoke(t *testing.T) {
	l := New(nil)
	m, err := l.New(datamodel.Host{In: func(s string) bool { return s == "s1" }, SessionID: "sid"})
	require.NoError(t, err)
	ev := func(s string) (datamodel.Value, error) {
		p, err := l.Compile(datamodel.Source{Text: s, Kind: datamodel.ValueExpression})
		require.NoError(t, err)
		return m.Eval(p)
	}
	for s, want := range map[string]datamodel.Value{"1+2": 3.0, "'a'+'b'": "ab", "_sessionid": "sid", "In('s1')": true, "typeof _event": "undefined", "[1,2].join()": "1,2", "JSON.parse('[1]')[0]": 1.0,
		"(function(){ return this === undefined })()": true} {
		v, err := ev(s)
		require.NoError(t, err, s)
		require.Equal(t, want, v, s)
	}
}
