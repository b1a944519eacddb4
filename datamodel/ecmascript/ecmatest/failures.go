package ecmatest

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-ff723688/ors/datamodel"
)

func failures(t *testing.T, s *suite) {
	v := s.new(t, datamodel.Host{})
	_, err := v.evalErr("nowhere.x")
	var ee *datamodel.EvalError
	if !errors.As(err, &ee) || ee.Text != "nowhere.x" || !strings.Contains(ee.Message, "nowhere") {
		t.Errorf("%#v", ee)
	}
	for _, p := range []datamodel.Program{nil, "x", 1} {
		_, err := v.m.Cond(p)
		v.fails("foreign program", err)
		v.fails("foreign program", v.m.Exec(p))
		v.fails("foreign program", v.m.Assign(p, 1.0))
		v.fails("foreign program", v.m.Foreach(p, nil))
	}
	v.fails("an expression is no location", v.m.Assign(v.compile(datamodel.ValueExpression, "1"), 1.0))
	if _, err := s.lang.New(datamodel.Host{}); err == nil {
		t.Error("a Host without In is accepted")
	}
	m, err := s.lang.New(datamodel.Host{In: func(string) bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Close(), m.Close()); err != nil {
		t.Error(err)
	}
	if err := m.Declare("x"); err == nil {
		t.Error("a closed model can be used")
	}
}

// messages: what an error says is the same in every session and speaks of
// ECMAScript alone.
func messages(t *testing.T, s *suite) {
	texts := []string{"'' + bare", "bare - 1", "String(bare)", "bare()", "new bare()", "[bare].join()", "[1].map(bare)", "JSON.parse(bare)", "new Date(bare)", "isNaN(bare)", "({}) instanceof bare",
		"odd + ''", "throw bare", "throw odd", "null.x", "null[bare]", "bare.x.y", "(function () { throw bare })()"}
	if s.features.ES2015 {
		texts = append(texts, "Array.from([1], bare)", "new Set([1]).forEach(bare)", "new Promise(bare)", "`${bare}`", "Reflect.apply(bare)", "new Proxy({}, {get: bare}).x")
	}
	ugly := regexp.MustCompile(`0x|%!|&\{|goja|otto`)
	for _, text := range texts {
		var seen [2][2]string
		for i := range seen {
			v := s.new(t, datamodel.Host{}).script("var bare = Object.create(null), odd = {toString: function () { return {} }, valueOf: function () { return {} }}, caught;")
			for range i {
				v.script("new Date(); ({}).toString(); [1].join()")
			}
			err := v.scriptErr(text)
			v.fails(text, err)
			seen[i][0] = err.Error()
			v.script("try { " + text + " } catch (e) { caught = typeof e.message + e.message }")
			seen[i][1], _ = v.eval("caught").(string)
			if s.features.ES2015 {
				v.script("try { " + text + " } catch ({message}) { var alone = typeof message + message }").holds("alone === caught")
			}
		}
		if seen[0] != seen[1] || ugly.MatchString(seen[0][0]+seen[0][1]) {
			t.Errorf("%s: %q", text, seen)
		}
	}
}
