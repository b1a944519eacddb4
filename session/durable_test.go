package session_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/persistence/storetest"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// mortal is the store as a process sees it that is killed at its n-th write:
// that one and everything after it fails. With after, the last write is carried
// out and only its answer is lost.
type mortal struct {
	persistence.Store
	after bool
	left  atomic.Int64
}

var errKilled = fmt.Errorf("%w: killed", persistence.ErrClosed)

func newMortal(s persistence.Store, n int, after bool) *mortal {
	m := &mortal{Store: s, after: after}
	m.left.Store(int64(n))
	return m
}

func (m *mortal) dead() bool { return m.left.Load() <= 0 }

func (m *mortal) write(op func() error) error {
	switch left := m.left.Add(-1); {
	case left > 0:
		return op()
	case left == 0 && m.after:
		_ = op()
	}
	return errKilled
}

func (m *mortal) Create(ctx context.Context, epoch uint64, s *persistence.Session) error {
	return m.write(func() error { return m.Store.Create(ctx, epoch, s) })
}

func (m *mortal) Append(ctx context.Context, id string, e persistence.Event) (n uint64, err error) {
	err = m.write(func() (err error) { n, err = m.Store.Append(ctx, id, e); return err })
	return n, err
}

func (m *mortal) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	return m.write(func() error { return m.Store.Commit(ctx, epoch, c) })
}

func (m *mortal) Confirm(ctx context.Context, epoch uint64, id string, effects ...string) error {
	return m.write(func() error { return m.Store.Confirm(ctx, epoch, id, effects...) })
}

func (m *mortal) Delete(ctx context.Context, epoch uint64, id string) error {
	return m.write(func() error { return m.Store.Delete(ctx, epoch, id) })
}

func (m *mortal) PutDocument(ctx context.Context, body []byte) (d persistence.Digest, err error) {
	err = m.write(func() (err error) { d, err = m.Store.PutDocument(ctx, body); return err })
	return d, err
}

func (m *mortal) Load(ctx context.Context, id string) (*persistence.Session, error) {
	if m.dead() {
		return nil, errKilled
	}
	return m.Store.Load(ctx, id)
}

func (m *mortal) Inbox(ctx context.Context, id string, after uint64, limit int) ([]persistence.Event, error) {
	if m.dead() {
		return nil, errKilled
	}
	return m.Store.Inbox(ctx, id, after, limit)
}

func (m *mortal) Release(ctx context.Context, leases ...persistence.Lease) error {
	if m.dead() {
		return errKilled
	}
	return m.Store.Release(ctx, leases...)
}

func (m *mortal) List(ctx context.Context, bucket int, after string) iter.Seq2[persistence.Info, error] {
	if m.dead() {
		return func(yield func(persistence.Info, error) bool) { yield(persistence.Info{}, errKilled) }
	}
	return m.Store.List(ctx, bucket, after)
}

// counting is a chart that counts what it does: an event handled twice, lost,
// or of a child that ran twice shows in its done data.
const counting = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">
<datamodel><data id="adds" expr="0"/><data id="echoes" expr="0"/><data id="ticks" expr="0"/><data id="kids" expr="''"/></datamodel>
<state id="work">
  <onentry><send event="tick" delay="1s"/><send event="never" delay="2s" id="n"/><cancel sendid="n"/><send event="never" delay="2500ms" id="m"/></onentry>
  <invoke type="scxml" id="kid" autoforward="true"><content>
    <scxml version="1.0" datamodel="ecmascript"><datamodel><data id="seen" expr="0"/></datamodel><state id="x">
      <onentry><send target="#_parent" event="hi"/></onentry>
      <transition event="add"><assign location="seen" expr="seen+1"/></transition>
      <transition event="poke" target="f"/></state>
      <final id="f"><donedata><param name="seen" expr="seen"/></donedata></final></scxml>
  </content></invoke>
  <transition event="hi"><assign location="kids" expr="kids+'hi '"/></transition>
  <transition event="done.invoke.kid"><assign location="kids" expr="kids+_event.data.seen"/></transition>
  <transition event="tick" cond="ticks &lt; 2"><assign location="ticks" expr="ticks+1"/><cancel sendid="m"/><send event="tick" delay="1s"/></transition>
  <transition event="tick"><assign location="ticks" expr="ticks+1"/><send target="#_kid" event="poke"/></transition>
  <transition event="never"><assign location="ticks" expr="1000"/></transition>
  <transition event="add"><assign location="adds" expr="adds+1"/><send event="echo"/></transition>
  <transition event="echo"><assign location="echoes" expr="echoes+1"/></transition>
  <transition event="end" target="f"/>
</state>
<final id="f"><donedata><content expr="adds+' '+echoes+' '+ticks+' '+kids"/></donedata></final>
</scxml>`

const counted = "3 3 3 hi 3"

// family is an engine on a store, and what is known of its root session.
type family struct {
	t     *testing.T
	under persistence.Store
	parse scxml.ParseOptions
	clock *session.VirtualClock
	ids   atomic.Int64

	engine *session.Engine
	store  *mortal

	workers int
	passive bool // sessions are out of memory after every macrostep
	lives   func() (writes int, after bool)

	mu    sync.Mutex
	ended map[string][]session.Result // of root sessions that finished
}

// boot makes an engine; it dies at its n-th write.
func (f *family) boot(n int, after bool) {
	f.store = newMortal(f.under, n, after)
	e, err := session.New(&session.Options{
		Store: f.store, Owner: "node", Lease: 1000 * time.Hour, Workers: f.workers, Clock: f.clock, Parse: f.parse,
		NewID: func() string { return fmt.Sprint("kid", f.ids.Add(1)) },
		Observer: session.Observer{SessionEnded: func(i session.Info, r session.Result) {
			if i.Parent == "" && i.URL == "counting" && r.Reason == session.Finished {
				f.mu.Lock()
				f.ended[i.ID] = append(f.ended[i.ID], r)
				f.mu.Unlock()
			}
		}},
	})
	require.NoError(f.t, err)
	f.engine = e
	if f.passive {
		session.PassivateEachStep(e)
	}
	if _, err = e.Recover(deadline(f.t)); errors.Is(err, storetest.ErrInjected) {
		_, err = e.Recover(deadline(f.t))
	}
	require.NoError(f.t, err)
}

// reboot takes the place of an engine that was killed. It dies in turn after
// lives writes, if that is set.
func (f *family) reboot() {
	require.NoError(f.t, f.engine.Settle(deadline(f.t)))
	_ = f.engine.Shutdown(deadline(f.t)) // nothing of it reaches the store any more
	if f.lives == nil {
		f.boot(1<<30, false)
		return
	}
	f.boot(f.lives())
}

// insist does something until it is done, whatever dies meanwhile.
func (f *family) insist(op func() error) {
	for op() != nil {
		require.True(f.t, f.store.dead())
		f.reboot()
	}
}

// live runs the whole life of the counting chart, in as many sessions as asked.
func (f *family) live(doc *scxml.Document, roots int) {
	ctx := deadline(f.t)
	for i := range roots {
		f.insist(func() error {
			_, err := f.engine.Start(ctx, session.StartRequest{Document: doc, SessionID: fmt.Sprint("root", i)})
			if errors.Is(err, session.ErrExists) {
				return nil
			}
			return err
		})
	}
	step := func(op func() error) {
		require.NoError(f.t, f.engine.Settle(ctx))
		for f.store.dead() {
			f.reboot()
			require.NoError(f.t, f.engine.Settle(ctx))
		}
		f.insist(op)
	}
	send := func(key, event string) {
		for i := range roots {
			id := fmt.Sprint("root", i)
			send := func() error {
				err := f.engine.SendOnce(ctx, id, key, &scxml.Event{Name: event})
				f.mu.Lock()
				defer f.mu.Unlock()
				if errors.Is(err, session.ErrNotFound) && len(f.ended[id]) > 0 {
					return nil // an earlier try has ended it
				}
				return err
			}
			if i == 0 {
				step(send)
			} else {
				f.insist(send)
			}
		}
	}
	send("1", "add")
	send("2", "add")
	send("3", "add")
	for range 8 {
		step(func() error { f.clock.Advance(500 * time.Millisecond); return nil })
	}
	send("4", "end")
	step(func() error { return f.engine.Settle(ctx) })
	for f.store.dead() {
		f.reboot()
		require.NoError(f.t, f.engine.Settle(ctx))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Len(f.t, f.ended, roots)
	for id, results := range f.ended {
		for _, r := range results {
			require.Equal(f.t, counted, r.Data, id)
		}
	}
	for bucket := range f.under.Buckets() {
		for info, err := range f.under.List(ctx, bucket, "") {
			require.NoError(f.t, err)
			require.Fail(f.t, "a session is left", info.ID)
		}
	}
}

func newFamily(t *testing.T) (*family, *scxml.Document) {
	store, err := memstore.New(&memstore.Options{Buckets: 4})
	require.NoError(t, err)
	f := &family{t: t, under: store, clock: session.NewVirtualClock(noon), workers: 1, ended: make(map[string][]session.Result)}
	f.parse = scxml.ParseOptions{URL: "counting", Languages: []datamodel.Language{goja.New(nil)}}
	doc, err := scxml.Parse(t.Context(), []byte(counting), &f.parse)
	require.NoError(t, err)
	return f, doc
}

// TestKilledAtEveryWrite runs the same life again and again; each time the
// process dies at another write, before it or after it, and a new one takes
// over. Nothing may be missing, nothing may have happened twice.
func TestKilledAtEveryWrite(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			var done bool
			t.Run(fmt.Sprintf("after=%v/%d", after, n), func(t *testing.T) {
				f, doc := newFamily(t)
				f.boot(n, after)
				f.live(doc, 1)
				done = !f.store.dead() && f.store.left.Load() < 1<<29
				require.NoError(t, f.engine.Shutdown(deadline(t)))
			})
			if done || t.Failed() {
				t.Logf("after=%v: %d writes", after, n)
				break
			}
		}
	}
}

// TestKilledAtRandom kills process after process, while several workers run
// several families.
func TestKilledAtRandom(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			f, doc := newFamily(t)
			f.workers = 4
			f.lives = func() (int, bool) { return 60 + random.IntN(200), random.IntN(2) == 0 }
			f.boot(f.lives())
			f.live(doc, 8)
			_ = f.engine.Shutdown(deadline(t))
		})
	}
}

// TestStoreHiccups lets each operation fail once, in each way; the engine
// notices nothing but a pause.
func TestStoreHiccups(t *testing.T) {
	for _, point := range []storetest.Point{storetest.Before, storetest.Lost, storetest.After} {
		for n, hit := 1, true; hit; n++ {
			synctest.Test(t, func(t *testing.T) { // the engine pauses before it tries again
				f, doc := newFamily(t)
				faulty := storetest.Fail(f.under, n, point)
				under := f.under
				f.under = faulty
				f.boot(1<<30, false)
				f.under = under
				f.live(doc, 1)
				require.NoError(t, f.engine.Shutdown(deadline(t)))
				hit = faulty.Hit() != ""
			})
		}
	}
}

// broken is a store whose commits fail as long as it is told so.
type broken struct {
	persistence.Store
	off atomic.Bool
	err error
}

func (b *broken) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	if b.off.Load() {
		return b.err
	}
	return b.Store.Commit(ctx, epoch, c)
}

// TestStoreAway: a session whose store stays away is taken out of memory; it
// goes on when the store is back, and nothing is missing.
func TestStoreAway(t *testing.T) {
	for _, cause := range []error{errors.New("disk on fire"), fmt.Errorf("%w: no room", persistence.ErrFull)} {
		synctest.Test(t, func(t *testing.T) {
			mem, err := memstore.New(nil)
			require.NoError(t, err)
			store := &broken{Store: mem, err: cause}
			var lost []session.Result
			b := newBench(t, &session.Options{Store: store, Observer: session.Observer{SessionEnded: func(_ session.Info, r session.Result) {
				if r.Reason == session.Lost {
					lost = append(lost, r)
				}
			}}})
			_, err = b.Recover(deadline(t))
			require.NoError(t, err)
			id := b.start(chart(ab))
			require.NoError(t, b.Settle(deadline(t)))
			store.off.Store(true)
			b.send(id, "go")
			require.NoError(t, b.Settle(deadline(t)))
			st, err := b.Query(deadline(t), id)
			require.NoError(t, err)
			assert.True(t, st.Passive)
			assert.Equal(t, 1, st.Queued)
			assert.Equal(t, []string{"a"}, st.Active)
			assert.Len(t, lost, 1)
			assert.ErrorIs(t, lost[0].Err, cause)
			b.clock.Advance(time.Second) // in vain
			b.clock.Advance(time.Second)
			b.send(id, "end")
			require.NoError(t, b.Settle(deadline(t)))
			store.off.Store(false)
			b.clock.Advance(2 * time.Second)
			assert.Equal(t, session.Finished, b.result(id).Reason)
			require.NoError(t, b.Shutdown(deadline(t)))
		})
	}
}

func TestRecoverNeedsAStore(t *testing.T) {
	b := newBench(t, nil)
	_, err := b.Recover(deadline(t))
	assert.ErrorContains(t, err, "Options.Store")

	store, err := memstore.New(nil)
	require.NoError(t, err)
	c := newBench(t, &session.Options{Store: store})
	_, err = c.Start(deadline(t), session.StartRequest{Document: parse(t, chart(ab))})
	assert.ErrorIs(t, err, session.ErrNotOwner)
}

// TestTwoOwners: a second engine cannot take buckets that are held; once it has
// them, the first is shut out.
func TestTwoOwners(t *testing.T) {
	now := noon
	var mu sync.Mutex
	store, err := memstore.New(&memstore.Options{Buckets: 1, Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
	require.NoError(t, err)
	first := newBench(t, &session.Options{Store: store, Lease: time.Hour})
	_, err = first.Recover(deadline(t))
	require.NoError(t, err)
	doc := parse(t, chart(ab))
	id, err := first.Start(deadline(t), session.StartRequest{Document: doc})
	require.NoError(t, err)
	require.NoError(t, first.Settle(deadline(t)))

	second := newBench(t, &session.Options{Store: store, Lease: time.Hour})
	n, err := second.Recover(deadline(t))
	require.NoError(t, err)
	assert.Zero(t, n)
	assert.ErrorIs(t, second.Send(deadline(t), id, &scxml.Event{Name: "go"}), session.ErrNotOwner)

	mu.Lock()
	now = now.Add(2 * time.Hour)
	mu.Unlock()
	third := newBench(t, &session.Options{Store: store, Lease: time.Hour})
	n, err = third.Recover(deadline(t))
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	assert.Equal(t, []string{"a"}, third.active(id))

	// The first does not know yet. Its commit is refused and nothing of it shows.
	require.NoError(t, first.Send(deadline(t), id, &scxml.Event{Name: "go"}))
	require.NoError(t, first.Settle(deadline(t)))
	st, err := first.Query(deadline(t), id)
	require.NoError(t, err)
	assert.Equal(t, session.Lost, st.Result.Reason)
	require.NoError(t, third.Send(deadline(t), id, &scxml.Event{Name: "end"}))
	assert.Equal(t, session.Finished, third.result(id).Reason, "go, which the first had accepted, came before")
	// It learns it when it renews its leases.
	first.clock.Advance(time.Hour)
	assert.ErrorIs(t, first.Send(deadline(t), id, &scxml.Event{Name: "x"}), session.ErrNotOwner)
}

// TestShutdownKeepsSessions: with a store, Shutdown ends no session.
func TestShutdownKeepsSessions(t *testing.T) {
	store, err := memstore.New(nil)
	require.NoError(t, err)
	first := newBench(t, &session.Options{Store: store})
	_, err = first.Recover(deadline(t))
	require.NoError(t, err)
	id := first.start(chart(`<state id="a"><onentry><send event="late" delay="3600s"/></onentry><onexit><log label="left"/></onexit>
		<transition event="go" target="b"/></state><state id="b"><transition event="late" target="f"/></state><final id="f"/>`))
	first.send(id, "go")
	require.NoError(t, first.Shutdown(deadline(t)))
	assert.Equal(t, []string{id + ": left"}, first.logged())

	second := newBench(t, &session.Options{Store: store})
	n, err := second.Recover(deadline(t))
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	st, err := second.Query(deadline(t), id)
	require.NoError(t, err)
	require.Len(t, st.Timers, 1)
	assert.Equal(t, noon.Add(time.Hour), st.Timers[0].Due)
	assert.Equal(t, []string{"b"}, second.active(id))
	second.clock.Advance(time.Hour)
	assert.Equal(t, session.Finished, second.result(id).Reason)
	require.NoError(t, second.Settle(deadline(t)))
	_, err = store.Load(t.Context(), id)
	assert.ErrorIs(t, err, persistence.ErrNotFound)
}

func TestTerminateDurably(t *testing.T) {
	store, err := memstore.New(nil)
	require.NoError(t, err)
	b := newBench(t, &session.Options{Store: store})
	_, err = b.Recover(deadline(t))
	require.NoError(t, err)
	id := b.start(chart(ab))
	require.NoError(t, b.Settle(deadline(t)))
	require.NoError(t, b.Terminate(deadline(t), id))
	assert.Equal(t, session.Terminated, b.result(id).Reason)
	assert.Equal(t, []string{id + ": left a"}, b.logged())
	assert.ErrorIs(t, b.Terminate(deadline(t), id), session.ErrNotFound)
	assert.ErrorIs(t, b.Send(deadline(t), id, &scxml.Event{Name: "x"}), session.ErrNotFound)
}

// TestResumeWithIncludedFiles: inline content resumes on the files with which it
// began, and these may be gone.
func TestResumeWithIncludedFiles(t *testing.T) {
	store, err := memstore.New(nil)
	require.NoError(t, err)
	files := fstest.MapFS{"part.xml": {Data: []byte(`<state xmlns="http://www.w3.org/2005/07/scxml" id="a"><transition event="go" target="b"/></state>`)}}
	parse := scxml.ParseOptions{URL: "mem:///main.scxml", Languages: []datamodel.Language{goja.New(nil)}}
	first := newBench(t, &session.Options{Store: store, Parse: parse, Loader: newLoader(t, &session.LoaderOptions{FS: fsys(files)})})
	_, err = first.Recover(deadline(t))
	require.NoError(t, err)
	// As a string: an element would be part of the parent, with what it includes.
	inline := `<scxml xmlns='http://www.w3.org/2005/07/scxml' xmlns:xi='http://www.w3.org/2001/XInclude' version='1.0' datamodel='null'><xi:include href='part.xml'/><state id='b'/></scxml>`
	doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"><datamodel><data id="inline">"`+
		strings.ReplaceAll(inline, "<", "&lt;")+`"</data></datamodel><state id="s"><invoke id="x"><content expr="inline"/></invoke>
		<transition event="go"><send target="#_x" event="go"/></transition></state></scxml>`), &parse)
	require.NoError(t, err)
	id, err := first.Start(deadline(t), session.StartRequest{Document: doc})
	require.NoError(t, err)
	assert.Equal(t, []string{"a"}, first.active("s2"))
	require.NoError(t, first.Shutdown(deadline(t)))

	second := newBench(t, &session.Options{Store: store, Parse: parse})
	_, err = second.Recover(deadline(t))
	require.NoError(t, err)
	assert.Equal(t, []string{"a"}, second.active("s2"))
	second.send(id, "go")
	require.NoError(t, second.Settle(deadline(t)))
	assert.Equal(t, []string{"b"}, second.active("s2"))
}

// TestResumedTimersKeepTheirOrder: delayed sends that are due at the same time
// fire in the order in which they were executed, also after a restart.
func TestResumedTimersKeepTheirOrder(t *testing.T) {
	store, err := memstore.New(nil)
	require.NoError(t, err)
	first := newBench(t, &session.Options{Store: store})
	_, err = first.Recover(deadline(t))
	require.NoError(t, err)
	var states, events, want []string
	for i := range 15 {
		events = append(events, fmt.Sprint("e", i))
		states = append(states, fmt.Sprintf(`<transition event="e%d"><send event="t%d" delay="1h"/></transition><transition event="t%d"><log label="%d"/></transition>`, i, i, i, i))
		want = append(want, fmt.Sprintf("s1: %d", i))
	}
	id := first.start(chart(`<state id="s">` + strings.Join(states, "") + `</state>`))
	for _, ev := range events {
		first.send(id, ev)
	}
	require.NoError(t, first.Shutdown(deadline(t)))

	second := newBench(t, &session.Options{Store: store})
	_, err = second.Recover(deadline(t))
	require.NoError(t, err)
	second.clock.Advance(time.Hour)
	assert.Equal(t, want, second.logged())
}

// TestRepeatedSendToTheDead: a send that is repeated after a crash is no error when its target
// has handled it, and ended, before.
func TestRepeatedSendToTheDead(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n, died := 1, true; died; n++ {
			store := memory(t)
			b := node(t, store, session.Options{})
			ctx := deadline(t)
			start := func(id, states string) {
				_, err := b.Start(ctx, session.StartRequest{SessionID: id, Document: parse(t, chart(states))})
				require.NoError(t, err)
			}
			start("aim", `<state id="a"><transition event="poke" target="f"/></state><final id="f"/>`)
			start("sender", `<state id="a"><transition event="go" target="b"><send target="#_scxml_aim" event="poke"/></transition></state>
				<state id="b"><transition event="error.*" target="c"/></state><state id="c"/>`)
			require.NoError(t, b.Settle(ctx))
			dying := newMortal(store, n, after)
			b = b.restart(dying, 0, session.Options{})
			accepted := b.SendOnce(ctx, "sender", "1", &scxml.Event{Name: "go"}) == nil
			require.NoError(t, b.Settle(ctx))
			died = dying.dead()
			_ = b.Shutdown(ctx)
			b = b.restart(store, 0, session.Options{})
			if !accepted {
				require.NoError(t, b.SendOnce(ctx, "sender", "1", &scxml.Event{Name: "go"}))
			}
			require.Equal(t, []string{"b"}, b.active("sender"), "after=%v, write %d", after, n)
			require.Equal(t, []string{"sender"}, stored(t, store))
		}
	}
}
