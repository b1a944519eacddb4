package otto

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
)

// session is one session and the language it belongs to.
type session struct {
	t testing.TB
	datamodel.Model
	lang datamodel.Language
}

func start(t testing.TB, limits datamodel.Limits) *session {
	lang := New(nil)
	m, err := lang.New(datamodel.Host{
		SessionID: "s1", Name: "test", Limits: limits,
		In:  func(id string) bool { return id == "on" },
		Now: func() time.Time { return time.UnixMilli(1_700_000_000_000) },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return &session{t, m, lang}
}

func (s *session) exec(text string) error {
	p, err := s.lang.Compile(datamodel.Source{Text: text, Kind: datamodel.Script, File: "f", Line: 1, Column: 1})
	require.NoError(s.t, err)
	return s.Exec(p)
}

func (s *session) eval(text string) (datamodel.Value, error) {
	p, err := s.lang.Compile(datamodel.Source{Text: text, Kind: datamodel.ValueExpression, File: "f", Line: 1, Column: 1})
	if err != nil {
		return nil, err
	}
	return s.Eval(p)
}

func (s *session) is(want any, text string) {
	s.t.Helper()
	v, err := s.eval(text)
	require.NoError(s.t, err, text)
	w, err := datamodel.From(want)
	require.NoError(s.t, err)
	require.Equal(s.t, string(datamodel.EncodeJSON(w)), string(datamodel.EncodeJSON(v)), text)
}

func (s *session) assign(location, expr string) error {
	p, err := s.lang.CompileAssign(datamodel.Source{Text: location, File: "f", Line: 1, Column: 1}, datamodel.Source{Text: expr, File: "f", Line: 1, Column: 1})
	if err != nil {
		return err
	}
	return s.Exec(p)
}

func TestAssignments(t *testing.T) {
	s := start(t, datamodel.Limits{})
	s.SetEvent(&datamodel.Event{Name: "e", Data: datamodel.NewObject(datamodel.Member{Name: "x", Value: 4.0})})
	require.NoError(t, s.Declare("a"))
	require.NoError(t, s.assign("a", "1+1"))
	s.is(2, "a")
	require.NoError(t, s.assign("a", "{b:[1,2]}"))
	require.NoError(t, s.assign("a.b[0]", "'x'"))
	require.NoError(t, s.assign("a['c']", "_event.data.x"))
	s.is(map[string]any{"b": []any{"x", 2}, "c": 4}, "a")
	for _, l := range []string{"undeclared", "undeclared.x", "_event", "_sessionid", "_name", "_ioprocessors", "_x", "In",
		"_event.name", "_event.other", "_x.y", "a.b.c.d.e", "null.x"} {
		err := s.assign(l, "'v'")
		t.Log(l, err)
		var ee *datamodel.EvalError
		require.ErrorAs(t, err, &ee, l)
	}
	for _, l := range []string{"", "1", "'a'", "f()", "a b", "this", "a+b"} {
		var ce *datamodel.CompileError
		require.ErrorAs(t, s.assign(l, "1"), &ce, l)
	}
	s.is("s1", "_sessionid")
	s.is("e", "_event.name")
	for _, text := range []string{"_event = 1", "_event.name = 2", "var _sessionid = 3", "var In", "function _x(){}", "_name += 1", "In = function(){ return true }"} {
		require.Error(t, s.exec(text), text)
	}
	require.NoError(t, s.exec("sloppy = 1; (function(){ var _event = 5; return _event })()"))
	s.is(1, "sloppy")
	require.Error(t, s.exec("'use strict'; other = 1"))
	require.Error(t, s.exec("function f(){ 'use strict'; other = 1 } f()"))
	s.is("undefined", "typeof other")
	s.is(true, "In('on')")
	s.is(false, "In('off')")
	s.is(true, "_event.data.x > 3 && In('on')")
}

func TestSyntaxHints(t *testing.T) {
	s := start(t, datamodel.Limits{})
	for text, want := range map[string]string{
		"(a) => a": "arrow", "x => x + 1": "arrow", "() => 1": "arrow", "`a${1}`": "template", "[...a]": "spread", "a ** 2": "**",
		"a?.b": "?.", "a ?? b": "??", "({a, b})": "shorthand", "({f() {}})": "shorthand", "/(?=a)b/": "look-ahead", "class {}": "class",
		"function*(){}": "generator", "10n": "BigInt", "/(a)\\1/": "back reference",
	} {
		_, err := s.eval(text)
		var ce *datamodel.CompileError
		require.ErrorAs(t, err, &ce, text)
		require.Contains(t, ce.Message, want, text)
		require.Contains(t, ce.Message, "goja", text)
	}
	for _, text := range []string{"let x = 1", "const x = 1", "for (var a of b) {}", "class A {}", "var {a} = b", "var [a] = b", "async function f() {}", "function f(a = 1) {}"} {
		_, err := s.lang.Compile(datamodel.Source{Text: text, Kind: datamodel.Script, File: "f", Line: 3, Column: 1})
		var ce *datamodel.CompileError
		require.ErrorAs(t, err, &ce, text)
		require.Contains(t, ce.Message, "goja", text)
		require.Equal(t, 3, ce.Line)
	}
}

func TestHardened(t *testing.T) {
	s := start(t, datamodel.Limits{})
	s.is(`{"b":1,"a":[1,null,{"c":"<&>"}],"d":"2023-11-14T22:13:20.000Z"}`, "JSON.stringify({b:1,a:[1,undefined,{c:'<&>'}],d:new Date()})")
	s.is(`z,y,a`, "(function(o){var k=[];for(var i in o)k.push(i);return k.join()})(JSON.parse('{\"z\":1,\"y\":2,\"a\":3}'))")
	s.is("{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}", "JSON.stringify({a:[1,2],b:{}},null,2)")
	s.is(1_700_000_000_000, "Date.now()")
	s.is(1_700_000_000_000, "+new Date")
	s.is(true, "new Date(5) instanceof Date && new Date().constructor === Date && typeof Date() === 'string'")
	s.is(2020, "new Date(2020, 1, 3).getFullYear()")
	s.is(0, "Math.random()")
	s.is([]any{1, 2, 3, 10}, "[10,3,1,2].sort(function(a,b){return a-b})")
	s.is([]any{1, 10, 2, 3}, "[10,3,1,2].sort()")
	s.is("a-b-c", "['a','b','c'].join('-')")
	s.is("1,2,3,4", "String([1,[2,3],4])")
	s.is("xbxb", "'abab'.replace(/a/g,'x')")
	s.is("[a]b[a]b", "'abab'.replace(/a/g,'[$&]')")
	s.is("b-a", "'a-b'.replace(/(\\w)-(\\w)/,'$2-$1')")
	s.is([]any{"a", "b", "c"}, "'a,b,c'.split(',')")
	s.is([]any{"a", "b"}, "'a,b,c'.split(',', 2)")
	s.is([]any{"1", "2"}, "'a1b2'.match(/\\d/g)")
	s.is(nil, "'a1b2'.match(/x/g)||undefined")
	s.is(3, "eval('1+2')")
	s.is(7, "new Function('a','b','return a+b')(3,4)")
	s.is(7, "Function('a,b','return a+b')(3,4)")
	s.is(true, "(function(){}) instanceof Function")
	s.is(1.5, "parseFloat(' 1.5abc')")
	s.is(6, "Math.max.apply(null,[1,6,3])")
	s.is([]any{2, 4}, "[1,2].map(function(x){return x*2})")
	s.is([]any{1, 2, 3}, "[1].concat([2,3])")
	s.is(true, "(function(){var o={};try{[1,2].forEach(function(){throw o})}catch(e){return e===o}})()")
	s.is(true, "(function(){var o={};try{[1,2].sort(function(){throw o})}catch(e){return e===o}})()")
	s.is(true, "(function(){try{eval('throw g')}catch(e){return e.name}})() === 'ReferenceError'")
	s.is(true, "/a/ instanceof RegExp && new RegExp('a','g').global && /b/.constructor === RegExp")
	s.is("b", "(/a(.)/.test('ab'), RegExp.$1)")
	require.Error(t, s.exec("JSON.parse('{')"))
	require.Error(t, s.exec("console.log(1)"))
	_, err := s.eval("(function(){throw new TypeError('boo')})()")
	require.ErrorContains(t, err, "TypeError: boo")
}

// What the suite does not have: scripts that go against how this package keeps
// otto in its limits.
var hostile = []string{
	"while(true){ try { while(true){} } finally { continue } }",
	"function f(){ try { f() } finally { f() } } f()",
	"(function f(n){ [1].map(function(){ f(n+1) }) })(0)",
	"function f(){ try { f() } catch (e) { return 1 } } f(); while(1){}",
	"with({'%caught':function(){}}){ (function f(){ try { f() } catch(e) { f() } })() }",
	"function f(){ return f()" + strings.Repeat("+1", 5000) + "} f()",
	"function f(){ " + strings.Repeat("if(1){", 400) + "f()" + strings.Repeat("}", 400) + "} f()",
	"var a=[];a.length=4294967295;a.length=0", "var a=[];a[4294967294]=1;a['len'+'gth']=0",
	"var a=[];a[4294967294]=1;Object.defineProperty(a,'length',{value:0})", "var a=[];a[4294967294]=1;a.length-=4e9", "''+Array(4e9)",
	"var s='('; for(var i=0;i<24;i++) s+=s; new RegExp(s)", "var s='('; for(var i=0;i<24;i++) s+=s; ''.match(s)",
	"var s='x'; for(var i=0;i<22;i++) s+=s; s.split('')", "var s='1'; for(var i=0;i<20;i++) s+=s; parseFloat(s+'x');while(1);",
	"var s='a'; for(var i=0;i<20;i++) s+=s; s.replace(/a*b|a/g,'')", "var s='a'; for(var i=0;i<20;i++) s+=s; s.split(/a*b|a/)",
	"var s='a'; for(var i=0;i<18;i++) s+=s; s.match(/a*b|a/g)", "Object.prototype.get=5; Object.prototype.set=5; for(;;);",
	"Function.prototype.call=null; Function.prototype.apply=null; for(;;) [1].map(String)", "throw {toString:function(){ throw this }}",
	"this['%caught']=1; delete this['%set']; for(;;) try { throw 1 } catch(e) {}", "for(;;) 'x'.localeCompare('y')",
	"_event['%dynamic'].x=1; var d=_event['%dynamic']; d.self=d; var o={'%dynamic':o}; o['%dynamic']=o; o.x; for(;;);",
	"x=1;eval('for(;;){ try { throw 1 } catch(e) { continue } }')", "(function(){ return arguments.callee() })()",
	"Array.prototype.sort=null; Date.prototype.getTime=function(){ for(;;); }; JSON.stringify([new Date()]); for(;;);",
}

func TestMoreHostile(t *testing.T) {
	for _, text := range hostile {
		s := start(t, datamodel.Limits{Time: 50 * time.Millisecond})
		s.SetEvent(&datamodel.Event{Name: "e"})
		begin := time.Now()
		s.BeginStep()
		err := s.exec(text)
		s.EndStep()
		took := time.Since(begin)
		require.Error(t, err, text)
		t.Logf("%5d ms  %-60.60s  %.120s", took.Milliseconds(), text, err.Error()[max(0, len(err.Error())-120):])
		start(t, datamodel.Limits{}).is(3, "1+2")
	}
}
