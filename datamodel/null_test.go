package datamodel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNullLanguage(t *testing.T) {
	var l NullLanguage
	require.Equal(t, "null", l.Name())
	m, err := l.New(Host{In: func(id string) bool { return id == "s1" }})
	require.NoError(t, err)
	for text, want := range map[string]bool{`In('s1')`: true, ` In ( "s1" ) `: true, `In(s1)`: true, `In('s2')`: false} {
		p, err := l.Compile(Source{Text: text, Kind: ConditionalExpression})
		require.NoError(t, err, text)
		ok, err := m.Cond(p)
		require.NoError(t, err)
		require.Equal(t, want, ok, text)
	}
	for _, text := range []string{``, `true`, `In`, `In(`, `In()`, `In('')`, `In('a"`, `In('a') && In('b')`, `!In('a')`, `Into('a')`, `in('a')`, `In('a','b')`} {
		_, err := l.Compile(Source{Text: text, Kind: ConditionalExpression, File: "a.scxml", Line: 3, Column: 4})
		var ce *CompileError
		require.ErrorAs(t, err, &ce, text)
		require.Equal(t, 3, ce.Line)
	}
	for _, k := range []Kind{ValueExpression, LocationExpression, Script} {
		_, err := l.Compile(Source{Text: "x", Kind: k})
		require.Error(t, err)
	}
	_, err = l.CompileAssign(Source{}, Source{})
	require.Error(t, err)
	_, err = l.CompileForeach(Source{}, Source{}, Source{})
	require.Error(t, err)
	require.ErrorIs(t, m.Declare("x"), ErrUnsupported)
	require.ErrorIs(t, m.Set("x", 1.0), ErrUnsupported)
	_, err = m.Cond("not a program of this language")
	require.ErrorIs(t, err, ErrUnsupported)

	snap, err := m.Snapshot(nil)
	require.NoError(t, err)
	require.NoError(t, m.Restore(snap))
	require.Error(t, m.Restore([]byte{1}))

	p, err := l.Compile(Source{Text: "In('s1')", Kind: ConditionalExpression})
	require.NoError(t, err)
	ev := &Event{Name: "e"}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		m.BeginStep()
		m.SetEvent(ev)
		_, _ = m.Cond(p)
		m.EndStep()
	}))
}
