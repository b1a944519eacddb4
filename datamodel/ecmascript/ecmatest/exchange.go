package ecmatest

import (
	"errors"
	"runtime"
	"testing"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// Exchange saves sessions on one engine and restores them on another, as far as
// both have the language features that the data needs. The document is compiled by
// both: snapshots refer to its functions.
func Exchange(t *testing.T, from, to ecmascript.Engine) {
	a := &suite{engine: from, features: from.Features(), lang: ecmascript.New(from, nil)}
	b := &suite{engine: to, features: to.Features(), lang: ecmascript.New(to, nil)}
	v := a.new(t, datamodel.Host{}).declare("u").set("data", obj("b", list(1.0, datamodel.Null{}, nil), "a", "grün 😀")).set("x", datamodel.XML{Text: "<a><b k='v'/></a>"})
	v.m.SetEvent(&datamodel.Event{Name: "kept", Data: obj("p", 1.0, "l", list(1.0, obj("k", 2.0)))})
	const document = `
		var n = -0, inf = Infinity, nan = NaN, shared = {k: 1}, pair = [shared, shared], cyc = {}; cyc.self = cyc;
		var sparse = [1, , 3], far = []; far[50000] = 1;
		var date = new Date(5), re = /a+/gi, err = new RangeError('far'), bo = new Boolean(false), no = new Number(2), so = new String('s');
		function add(a, b) { return a + b + shared.k }
		var f = function (x) { return add(x, 1) }, ev = _event, node = x.getElementsByTagName('b')[0];
		re.exec('aa');
	`
	v.script(document)
	snap, err := v.m.Snapshot(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := b.new(t, datamodel.Host{})
	var missing *datamodel.EvalError
	if err := w.m.Restore(snap); !errors.Is(err, datamodel.ErrProgramMissing) || !errors.As(err, &missing) || missing.Text != "f" {
		t.Errorf("without the document: %v", err)
	}
	compiled := w.compile(datamodel.Script, document)
	defer runtime.KeepAlive(compiled)
	w = b.new(t, datamodel.Host{})
	if err := w.m.Restore(snap); err != nil {
		t.Fatal(err)
	}
	w.holds("typeof u === 'undefined'", "data.a === 'grün 😀'", "data.b[1] === null", "1 / n === -Infinity", "inf === Infinity", "nan !== nan", "pair[0] === pair[1]", "pair[0] === shared",
		"cyc.self === cyc", "!(1 in sparse)", "sparse.length === 3", "far.length === 50001", "far[50000] === 1", "date.getTime() === 5", "re.lastIndex === 2", "re.source === 'a+'", "re.global",
		"err instanceof RangeError", "err.message === 'far'", "bo.valueOf() === false", "no + 1 === 3", "so + '' === 's'", "add(1, 2) === 4", "f(1) === 3", "ev.name === 'kept'", "ev.data.p === 1", "ev.data.l[1].k === 2",
		"node.getAttribute('k') === 'v'", "node.parentNode.parentNode === x")
	w.assignFails("ev.name", "'x'").assignFails("ev.data.l[0]", "2").assignFails("ev.data.l[1].k", "2")
	again, err := w.m.Snapshot(nil)
	if err != nil {
		t.Fatal(err)
	}
	back := a.new(t, datamodel.Host{})
	if err := back.m.Restore(again); err != nil {
		t.Fatal(err)
	}
	back.holds("f(1) === 3", "cyc.self === cyc", "re.lastIndex === 2", "node.parentNode.parentNode === x")

	// What the other engine does not have is refused, not changed.
	if a.features.ES2015 && !b.features.ES2015 {
		for _, text := range []string{"var m = new Map()", "var f = x => x", "var u8 = new Uint8Array(2)", "function A() {} var a = new A()"} {
			snap, err := a.new(t, datamodel.Host{}).script(text).m.Snapshot(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.new(t, datamodel.Host{}).m.Restore(snap); err == nil {
				t.Errorf("%s: restored on %s", text, b.features.Name)
			}
		}
	}
}
