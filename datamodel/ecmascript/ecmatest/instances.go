package ecmatest

import (
	"errors"
	"testing"

	"github.com/seed-ff723688/ors/datamodel"
)

// instances checks that objects made by new are saved, with their constructors.
func instances(t *testing.T, s *suite) {
	if !s.features.Instances {
		return // refusals says so
	}
	for _, c := range []struct {
		script string
		holds  []string
	}{
		{"function A(x) { this.x = x } var a = new A(1), b = new A(a)",
			[]string{"a instanceof A", "a.constructor === A", "b.x === a", "Object.getPrototypeOf(a) === A.prototype", "new A(3).x === 3"}},
		{"var a = new A(1); function A(x) { this.x = x } A.prototype.get = function () { return this.x + A.more }; A.more = 5; A.prototype.kind = {n: 1}; var kind = A.prototype.kind",
			[]string{"a.get() === 6 && new A(2).get() === 7", "!a.hasOwnProperty('get')", "a.kind === kind", "!A.prototype.propertyIsEnumerable('constructor')", "Object.keys(A.prototype).join() === 'get,kind'"}},
		{"var list = [new A(), new A()]; function A() { A.last = this; this.own = A } A.prototype.me = A; A.prototype.one = list",
			[]string{"A.last === list[1] || A.last instanceof A", "list[0].me === A", "list[0].one === undefined || list[0].one === list", "list[0].own === A"}},
		{"function A() {} A.one = new A(); A.prototype.owner = A.one; var one = A.one", []string{"one.owner === one", "A.one === one && one instanceof A"}},
		{"function A() {} A.prototype = {constructor: A, m: function () { return 'm' }}; var a = new A(), p = A.prototype", []string{"a.m() === 'm' && a instanceof A", "Object.getPrototypeOf(a) === p", "new A().m() === 'm'"}},
		{"function A() {} A.prototype = {m: function () { return 'm' }}; var a = new A(); A = null", []string{"a.m() === 'm'", "A === null"}},
		{"function A() {} A.prototype.a = 1; function B() {} B.prototype = new A(); B.prototype.constructor = B; B.prototype.b = 2; var b = new B()",
			[]string{"b instanceof B && b instanceof A", "b.a + b.b === 3", "b.constructor === B"}},
		{"function A() {} A.prototype.a = 1; function B() {} B.prototype = Object.create(A.prototype); B.prototype.b = 2; var b = new B()", []string{"b instanceof A && b.a + b.b === 3", "new B() instanceof A"}},
		{"function A() {} function B() {} Object.setPrototypeOf(B.prototype, A.prototype); A.prototype.a = 1; var b = new B(), q = B.prototype", []string{"b instanceof A && b.a === 1", "q === B.prototype"}},
		{"var base = {inherited: 1}, o = {a: Object.create(base)}, n = Object.create(o.a)", []string{"o.a.inherited === 1 && !o.a.hasOwnProperty('inherited')", "Object.getPrototypeOf(o.a) === base", "n.inherited === 1"}},
		{"var ns = {Point: function (x) { this.x = x }}; ns.Point.prototype.sum = function () { return this.x + 1 }; var proto = ns.Point.prototype, p = new ns.Point(2)",
			[]string{"p.sum() === 3 && p instanceof ns.Point", "proto === ns.Point.prototype"}},
	} {
		v := s.new(t, datamodel.Host{}).script(c.script)
		v.holds(c.holds...)
		v.restored(datamodel.Host{}).holds(c.holds...).restored(datamodel.Host{}).holds(c.holds...)
	}
	for _, script := range []string{"function mk(n) { function C() { this.n = n } return C } var C = mk(1), c = new C()", "function A() { var x = 1; this.f = function () { return x } } var a = new A()",
		"class K {} var k = new K()", "function A() {} Object.defineProperty(A.prototype, 'x', {value: 1}); var a = new A()"} {
		if _, err := s.new(t, datamodel.Host{}).script(script).m.Snapshot(nil); !errors.Is(err, datamodel.ErrNotSerializable) {
			t.Errorf("%s: %v", script, err)
		}
	}
}
