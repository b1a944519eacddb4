package session_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// child is inline content of an <invoke>.
func child(states string) string {
	return `<content>` + chart(states) + `</content>`
}

func TestParentAndChild(t *testing.T) {
	b := newBench(t, nil)
	id := b.start(chart(`<state id="s">
		<invoke type="scxml" id="c">` + child(`
			<state id="x"><onentry><send target="#_parent" event="hello"/></onentry>
				<transition event="answer" target="y"/></state>
			<state id="y"><onexit><log label="left y"/></onexit><transition event="finish" target="f"/></state>
			<final id="f"/>`) + `</invoke>
		<transition event="hello"><log label="hello"/><send target="#_c" event="answer"/></transition>
		<transition event="go"><send target="#_c" event="finish"/></transition>
		<transition event="done.invoke.c" target="end"/>
		<transition event="leave" target="out"/>
		</state><state id="out"/><final id="end"/>`))
	assert.Equal(t, []string{"s1: hello"}, b.logged())
	assert.Equal(t, []string{"y"}, b.active("s2"))
	st, err := b.Query(deadline(t), id)
	require.NoError(t, err)
	assert.Equal(t, []string{"s2"}, st.Children)
	st, err = b.Query(deadline(t), "s2")
	require.NoError(t, err)
	assert.Equal(t, session.Info{ID: "s2", Parent: "s1", Root: "s1", InvokeID: "c", URL: "document.scxml"}, st.Info)
	b.send(id, "go")
	assert.Equal(t, []string{"s2: left y"}, b.logged())
	assert.Equal(t, session.Finished, b.result(id).Reason)
	assert.Equal(t, session.Finished, b.result("s2").Reason)
}

func TestCancelledChildIsNotHeard(t *testing.T) {
	b := newBench(t, nil)
	id := b.start(chart(`<state id="s">
		<invoke type="scxml" id="c">` + child(`
			<state id="x"><onexit><log label="left x"/><send target="#_parent" event="bye"/></onexit></state>`) + `</invoke>
		<transition event="again" target="s"/>
		<transition event="leave" target="out"/>
		<transition event="bye"><log label="heard"/></transition>
		</state><state id="out"><transition event="*"><log label="heard outside"/></transition></state>`))
	b.active(id)
	b.send(id, "again")
	assert.Equal(t, []string{"s2: left x"}, b.logged(), "nor by the next invocation of the same id")
	assert.Equal(t, []string{"x"}, b.active("s3"))
	b.send(id, "leave")
	assert.Equal(t, []string{"s3: left x"}, b.logged())
	assert.Equal(t, session.Cancelled, b.result("s3").Reason)
	assert.Equal(t, 1, b.Len())
}

func TestChildrenEndWithTheirParent(t *testing.T) {
	grandchild := child(`<state id="z"/>`)
	b := newBench(t, nil)
	id := b.start(chart(`<state id="s"><invoke type="scxml">` +
		child(`<state id="y"><invoke type="scxml">`+grandchild+`</invoke></state>`) + `</invoke></state>`))
	require.NoError(t, b.Settle(deadline(t)))
	assert.Equal(t, 3, b.Len())
	st, err := b.Query(deadline(t), "s3")
	require.NoError(t, err)
	assert.Equal(t, "s2", st.Parent)
	assert.Equal(t, "s1", st.Root)
	require.NoError(t, b.Terminate(deadline(t), id))
	require.NoError(t, b.Settle(deadline(t)))
	assert.Equal(t, 0, b.Len())
	assert.Equal(t, session.Cancelled, b.result("s3").Reason)
}

func TestChildThatBreaksDown(t *testing.T) {
	b := newBench(t, &session.Options{Machine: scxml.Limits{Microsteps: 50}})
	b.start(chart(`<state id="s"><invoke type="scxml" id="c">` +
		child(`<state id="x"><transition target="y"/></state><state id="y"><transition target="x"/></state>`) + `</invoke>
		<invoke type="scxml" id="d">` + child(`<state id="x"/>`) + `</invoke>
		<transition event="error.platform"><log label="broken"/></transition>
		<transition event="done.invoke"><log label="done"/></transition></state>`))
	assert.Equal(t, []string{"s1: broken"}, b.logged())
	require.NoError(t, b.Terminate(deadline(t), "s3"))
	assert.Equal(t, []string{"s1: broken"}, b.logged())
}

func TestInvokeThatCannotBe(t *testing.T) {
	b := newBench(t, nil)
	for _, c := range []struct{ invoke, want string }{
		{`<invoke type="http://example.com/x" src="a"/>`, "execution"},
		{`<invoke type="scxml"/>`, "execution"},
		{`<invoke type="scxml" src="file:///nowhere.scxml"/>`, "communication"},
		{`<invoke type="scxml"><content>this is no document</content></invoke>`, "communication"},
	} {
		id := b.start(chart(`<state id="s">` + c.invoke + `
			<transition event="error.execution"><log label="execution"/></transition>
			<transition event="error.communication"><log label="communication"/></transition></state>`))
		assert.Equal(t, []string{id + ": " + c.want}, b.logged(), c.invoke)
		require.NoError(t, b.Terminate(deadline(t), id))
		b.result(id)
		require.NoError(t, b.Settle(deadline(t)))
	}
	assert.Equal(t, 0, b.Len())
}

// TestInvokeBomb: a document that invokes itself stops at the nesting limit.
func TestInvokeBomb(t *testing.T) {
	loader, err := session.NewLoader(&session.LoaderOptions{FS: fsys(fstest.MapFS{
		"bomb.scxml": {Data: []byte(chart(`<state id="s"><invoke type="scxml" src="bomb.scxml"/>
			<transition event="error.execution"><log label="too deep"/></transition></state>`))},
	})})
	require.NoError(t, err)
	b := newBench(t, &session.Options{Loader: loader, MaxDepth: 5})
	_, err = b.Start(deadline(t), session.StartRequest{URL: "mem:///bomb.scxml"})
	require.NoError(t, err)
	assert.Equal(t, []string{"s6: too deep"}, b.logged())
	assert.Equal(t, 6, b.Len())
	require.NoError(t, b.Terminate(deadline(t), "s1"))
	require.NoError(t, b.Settle(deadline(t)))
	assert.Equal(t, 0, b.Len())
}

func TestAutoforward(t *testing.T) {
	b := newBench(t, nil)
	id := b.start(chart(`<state id="s"><invoke type="scxml" autoforward="true">` +
		child(`<state id="x"><transition event="*"><log label="child heard"/></transition></state>`) + `</invoke>
		<invoke type="scxml" autoforward="true">` +
		child(`<state id="x"><onentry><send target="#_parent" event="up"/></onentry><transition event="*"><log label="sender heard"/></transition></state>`) + `</invoke>
		<transition event="*"><log label="parent"/></transition></state>`))
	assert.ElementsMatch(t, []string{"s1: parent", "s2: child heard", "s3: sender heard"}, b.logged())
	b.send(id, "e")
	assert.ElementsMatch(t, []string{"s1: parent", "s2: child heard", "s3: sender heard"}, b.logged())
}

func TestTargets(t *testing.T) {
	b := newBench(t, nil)
	other := b.start(chart(`<state id="a"><transition event="e"><log label="e"/></transition></state>`))
	for _, c := range []struct{ target, want string }{
		{"#_scxml_" + other, other + ": e"},
		{"", "ID: e"},
		{"#_scxml_foo", "ID: communication"},
		{"#_parent", "ID: communication"},
		{"#_nochild", "ID: communication"},
		{"baz", "ID: execution"},
		{"#_", "ID: execution"},
		{"#_internal", "ID: e"},
	} {
		id := b.start(chart(`<state id="s"><onentry><send event="e" target="` + c.target + `"/></onentry>
			<transition event="e"><log label="e"/></transition>
			<transition event="error.execution"><log label="execution"/></transition>
			<transition event="error.communication"><log label="communication"/></transition></state>`))
		assert.Equal(t, []string{strings.ReplaceAll(c.want, "ID", id)}, b.logged(), "target %q", c.target)
	}
	// A delayed send finds out when its time comes.
	id := b.start(chart(`<state id="s"><onentry><send event="e" target="#_scxml_foo" delay="1s"/></onentry>
			<transition event="error.communication"><log label="communication"/></transition></state>`))
	assert.Empty(t, b.logged())
	b.clock.Advance(1e9)
	assert.Equal(t, []string{id + ": communication"}, b.logged())
}

// TestManyFamilies starts and cancels children on several workers.
func TestManyFamilies(t *testing.T) {
	b := newBench(t, &session.Options{Workers: 4, Retain: 1 << 20})
	doc := parse(t, chart(`<state id="s"><invoke type="scxml" id="c">`+
		child(`<state id="x"><onentry><send target="#_parent" event="up"/></onentry><transition event="down" target="f"/></state><final id="f"/>`)+`</invoke>
		<transition event="up"><send target="#_c" event="down"/></transition>
		<transition event="done.invoke.c" target="s"/>
		<transition event="leave" target="f"/></state><final id="f"/>`))
	var ids []string
	for i := range 50 {
		id, err := b.Start(deadline(t), session.StartRequest{Document: doc, SessionID: fmt.Sprint("p", i)})
		require.NoError(t, err)
		ids = append(ids, id)
	}
	for _, id := range ids {
		b.send(id, "leave")
	}
	for _, id := range ids {
		assert.Equal(t, session.Finished, b.result(id).Reason)
	}
	require.NoError(t, b.Settle(deadline(t)))
	assert.Equal(t, 0, b.Len())
}

// TestStaleEventsOfAnInvocation: what an ended child has left in the queue does
// not count as coming from the next one with the same invokeid.
func TestStaleEventsOfAnInvocation(t *testing.T) {
	b := newBench(t, nil)
	// With one worker the parent handles 64 events, then the child has its turn and
	// ends, then the parent handles "again" and after it done.invoke.x.
	id := b.start(chart(`<state id="s">
		<invoke id="x">` + child(`<state id="a"><transition event="fin" target="f"><send target="#_parent" event="bye"/></transition></state><final id="f"/>`) + `
			<finalize><log label="finalize"/></finalize></invoke>
		<transition event="poke"><send target="#_x" event="fin"/>` + strings.Repeat(`<send event="nothing"/>`, 70) + `<send event="again"/></transition>
		<transition event="again" target="s"><log label="again"/></transition>
		<transition event="bye"><log label="bye"/></transition>
		<transition event="done.invoke.x"><log label="done"/></transition>
		<transition event="leave" target="out"/></state><state id="out"/>`))
	require.NoError(t, b.Settle(deadline(t)))
	b.send(id, "poke")
	assert.Equal(t, []string{"s1: again", "s1: bye", "s1: done"}, b.logged(), "without finalize")
	assert.Equal(t, []string{"a"}, b.active("s3"))
	b.send(id, "leave")
	require.NoError(t, b.Settle(deadline(t)))
	assert.Equal(t, 1, b.Len(), "the second child was cancelled")
	assert.Equal(t, session.Cancelled, b.result("s3").Reason)
}

// TestBrokenChildIsForgotten: a child that broke down, or could not be had, is
// neither sent to nor cancelled any more.
func TestBrokenChildIsForgotten(t *testing.T) {
	b := newBench(t, nil)
	id := b.start(chart(`<state id="s"><invoke id="x">` + child(`<state id="a"/>`) + `</invoke>
		<invoke id="y" src="file:///nowhere.scxml"/>
		<transition event="error.communication"><log label="no y"/></transition>
		<transition event="error.platform"><log label="no x"/></transition>
		<transition event="try" target="t"><send target="#_x" event="e"/><send target="#_y" event="e"/></transition></state>
		<state id="t"><transition event="error.communication"><log label="nobody"/></transition></state>`))
	assert.Equal(t, []string{id + ": no y"}, b.logged())
	require.NoError(t, b.Terminate(deadline(t), "s2"))
	assert.Equal(t, []string{id + ": no x"}, b.logged())
	b.send(id, "try")
	assert.Equal(t, []string{id + ": nobody", id + ": nobody"}, b.logged())
}

// gatedFetcher gives a document when it is let.
type gatedFetcher struct{ entered, gate chan struct{} }

func (f gatedFetcher) Fetch(context.Context, string, int64) ([]byte, error) {
	close(f.entered)
	<-f.gate
	return []byte(chart(`<state id="c"><onentry><log label="begun"/></onentry></state>`)), nil
}

// TestChildEndsWhileItIsFetched: the parent is told as if the child had run.
func TestChildEndsWhileItIsFetched(t *testing.T) {
	for _, durably := range []bool{false, true} {
		t.Run(fmt.Sprint("durably=", durably), func(t *testing.T) {
			var ended []string
			f := gatedFetcher{make(chan struct{}), make(chan struct{})}
			o := &session.Options{Loader: f, Observer: session.Observer{SessionEnded: func(i session.Info, _ session.Result) { ended = append(ended, i.ID) }}}
			if durably {
				store, err := memstore.New(nil)
				require.NoError(t, err)
				o.Store = store
			}
			b := newBench(t, o)
			if durably {
				_, err := b.Recover(deadline(t))
				require.NoError(t, err)
			}
			id := b.start(chart(`<state id="s"><invoke id="x" src="http://h/x"/>
				<transition event="error.platform"><log label="told"/></transition></state>`))
			<-f.entered
			require.NoError(t, b.Terminate(deadline(t), "s2"))
			close(f.gate)
			assert.Equal(t, []string{id + ": told"}, b.logged())
			assert.Equal(t, session.Terminated, b.result("s2").Reason)
			assert.Equal(t, 1, b.Len())
			st, err := b.Query(deadline(t), id)
			require.NoError(t, err)
			assert.Empty(t, st.Children)
			assert.Empty(t, ended, "it had not started")
		})
	}
}
