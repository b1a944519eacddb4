package ecmatest

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// with is the suite on a language with other settings.
func (s *suite) with(opts *ecmascript.Options) *suite {
	return &suite{engine: s.engine, features: s.features, lang: ecmascript.New(s.engine, opts)}
}

// copies checks the bounds of what leaves a session.
func copies(t *testing.T, s *suite) {
	const build = `var s = 'x'; for (var i = 0; i < 10; i++) s += s; var few = [s, s, s], many = [], big = s + s; for (i = 0; i < 100; i++) many.push(s);
		var names = {}; names[s] = {}; names[s][s] = {}; names[s][s][s] = {}; names[s][s][s][s] = {}`
	small := s.with(&ecmascript.Options{MaxCopy: 4000, MaxSnapshot: 20_000})
	got := 0
	host := datamodel.Host{Globals: map[string]datamodel.Value{"take": datamodel.Func(func(args []datamodel.Value) (datamodel.Value, error) {
		got++
		return nil, nil
	})}}
	m := small.new(t, host).script(build)
	if n := len(m.eval("few").([]datamodel.Value)); n != 3 {
		t.Errorf("%d values", n)
	}
	m.exprFails("many", "names", "[few, few]", "{a: few, b: few}", "s + s + s + s", "[new String(s), new String(s), new String(s), new String(s)]", "take(many)", "take(s + s + s + s)")
	if _, err := m.m.Get("many"); err == nil {
		t.Error("Get gives 100 texts")
	}
	for _, text := range []string{"many", "s + s + s + s"} {
		_, err := m.m.EvalString(m.compile(datamodel.ValueExpression, text))
		m.fails(text, err)
	}
	m.is("take(few)", nil)
	if got != 1 {
		t.Errorf("the function of the host was called %d times", got)
	}
	if _, err := m.m.Snapshot(nil); !errors.Is(err, datamodel.ErrNotSerializable) || !strings.Contains(err.Error(), "many[") {
		t.Errorf("snapshot: %v", err)
	}
	m.script("many.length = 5")
	if b, err := m.m.Snapshot(make([]byte, 100_000)); err != nil {
		t.Errorf("snapshot of %d bytes: %v", len(b), err)
	}

	m = s.with(&ecmascript.Options{MaxCopy: -1, MaxSnapshot: -1}).new(t, datamodel.Host{}).script(build)
	if n := len(m.eval("many").([]datamodel.Value)); n != 100 {
		t.Errorf("%d values", n)
	}
	if _, err := m.m.Snapshot(nil); err != nil {
		t.Error(err)
	}

	// By default.
	m = s.new(t, datamodel.Host{}).script(`var s = 'x'; for (var i = 0; i < 22; i++) s += s; var many = [s, s, s]`)
	m.exprFails("many")
	if _, ok := m.eval("s").(string); !ok {
		t.Error("no text")
	}

	if !s.features.UTF16 { // copies texts without looking at them
		return
	}
	// Without bounds there is the time.
	m = s.with(&ecmascript.Options{MaxCopy: -1, MaxSnapshot: -1}).new(t, datamodel.Host{Limits: datamodel.Limits{Time: 2 * time.Second, Memory: -1}})
	for i := 0; i < 24; i++ {
		m.script(`var s = (typeof s === 'undefined' ? 'x' : s); s += s`)
	}
	for range 4 {
		m.script(`var many = typeof many === 'undefined' ? [] : many; for (var i = 0; i < 50; i++) many.push(s, s, s, s, s, s, s, s, s, s)`)
	}
	for range 3 {
		m.script(`many = many.concat(many, many)`)
	}
	if _, err := m.evalErr("many"); !errors.Is(err, datamodel.ErrLimit) {
		t.Errorf("copying without end: %v", err)
	}
}

// neighbours checks that a session beside one that takes too much memory, and in
// a process that does, goes on. Their time is long: it is not what is looked at, and a busy machine takes it.
func neighbours(t *testing.T, s *suite) {
	limits := datamodel.Limits{Time: time.Minute}
	for _, c := range []struct{ name, hog string }{
		{"array", `var a = []; for (;;) a.push([1, 2, 3])`},
		{"text", `var s = 'x'; for (;;) s += s`},
		{"host", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var over atomic.Bool
			host := func() datamodel.Host {
				return datamodel.Host{Limits: limits, Globals: map[string]datamodel.Value{"over": datamodel.Func(func([]datamodel.Value) (datamodel.Value, error) { return over.Load(), nil })}}
			}
			var work sync.WaitGroup
			errs := make([]error, 3)
			for i, text := range []string{
				`var n = 0; while (!over()) { for (var i = 0; i < 1000; i++) n += i }`,
				`(function () { var o; while (!over()) { o = {}; for (var i = 0; i < 1000; i++) o['k' + i] = [i] } })()`,
				`function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) } while (!over()) fib(12)`,
			} {
				m := s.new(t, host())
				p := m.compile(datamodel.Script, text)
				work.Go(func() { errs[i] = m.m.Exec(p) })
			}
			if c.hog != "" {
				err := s.new(t, datamodel.Host{Limits: limits}).scriptErr(c.hog)
				if !errors.Is(err, datamodel.ErrLimit) || !strings.Contains(err.Error(), "memory") {
					t.Errorf("the hog: %v", err)
				}
			} else {
				var keep [][]byte
				for range 400 {
					b := make([]byte, 1<<20)
					for i := 0; i < len(b); i += 4096 {
						b[i] = 1
					}
					keep = append(keep, b)
				}
				for begun := time.Now(); time.Since(begun) < 200*time.Millisecond; {
					keep[0][0]++
				}
			}
			over.Store(true)
			work.Wait()
			if err := errors.Join(errs...); err != nil {
				t.Error(err)
			}
		})
	}
}
