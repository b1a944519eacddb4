package session_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/inspect"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// timedMemory returns a store whose clock is that of the bench to which its second result points.
func timedMemory(t *testing.T) (persistence.Store, **bench) {
	t.Helper()
	b := new(*bench)
	store, err := memstore.New(&memstore.Options{Buckets: 4, Now: func() time.Time {
		if *b == nil {
			return noon
		}
		return (*b).clock.Now()
	}})
	require.NoError(t, err)
	return store, b
}

// named returns a chart whose document is told from others by a name.
func named(name string) string {
	return chart(`<state id="` + name + `"><transition event="go" target="went"/></state><state id="went"/>`)
}

func digest(source string) persistence.Digest { return persistence.DigestOf([]byte(source)) }

// documents returns the documents that a store has.
func documents(t *testing.T, store persistence.Store) (all []persistence.Digest) {
	t.Helper()
	for info, err := range store.Documents(t.Context(), 0) {
		require.NoError(t, err)
		all = append(all, info.Digest)
	}
	return all
}

func prune(t *testing.T, store persistence.Store) (dropped []persistence.Digest, kept int) {
	t.Helper()
	done, err := inspect.Prune(t.Context(), store, session.StoredDocuments, nil)
	require.NoError(t, err)
	for _, info := range done.Dropped {
		dropped = append(dropped, info.Digest)
	}
	return dropped, done.Kept
}

// TestPrune: whatever way a session has come to its document, that stays as long as the session does, and goes
// a day later.
func TestPrune(t *testing.T) {
	store, at := timedMemory(t)
	parent := func(src string) string {
		return chart(`<state id="p"><invoke type="scxml" src="` + src + `"/><transition event="on" target="q"/></state><state id="q"/>`)
	}
	files := fstest.MapFS{"kid.scxml": {Data: []byte(named("kid"))}, "later.scxml": {Data: []byte(named("later"))}}
	loader, err := session.NewLoader(&session.LoaderOptions{FS: fsys(files)})
	require.NoError(t, err)
	opts := session.Options{Loader: loader, IdleTime: time.Hour, MaxAge: -1}
	b := node(t, store, opts)
	*at = b
	start := func(source string) string {
		t.Helper()
		return b.start(source)
	}
	passive, migrated, over := start(named("passive")), start(named("before")), start(named("over"))
	invoker := start(parent("mem:///kid.scxml"))
	scheduled, err := b.Start(deadline(t), session.StartRequest{Document: parse(t, named("scheduled")), At: noon.Add(1000 * time.Hour)})
	require.NoError(t, err)
	byURL, err := b.Start(deadline(t), session.StartRequest{URL: "mem:///later.scxml", At: noon.Add(30 * time.Hour)})
	require.NoError(t, err)
	require.NoError(t, b.Settle(deadline(t)))
	kid := ""
	for _, i := range b.Sessions() {
		if i.Parent == invoker {
			kid = i.ID
		}
	}
	_, err = store.PutDocument(t.Context(), []byte("put by an engine that died then"))
	require.NoError(t, err)

	after := parse(t, chart(`<state id="before"><transition event="go" target="went"/></state><state id="went"/><state id="more"/>`))
	opts.Migrate = func(id string, _ *scxml.Document) (*scxml.Document, error) {
		if id == migrated {
			return after, nil
		}
		return nil, nil
	}
	b = b.restart(store, time.Hour, opts)
	*at = b
	live := start(named("live"))
	b.send(migrated, "go")
	assert.Equal(t, []string{"went"}, b.active(migrated))
	require.NoError(t, b.Terminate(deadline(t), over))
	require.NoError(t, b.Settle(deadline(t)))

	b.clock.Advance(22 * time.Hour)
	dropped, kept := prune(t, store)
	assert.Empty(t, dropped, "nothing is a day old")
	assert.Zero(t, kept)
	b.clock.Advance(3 * time.Hour)
	b.send(live, "other") // in memory, the others are not
	require.NoError(t, b.Settle(deadline(t)))
	require.True(t, b.passive(passive))
	dropped, kept = prune(t, store)
	assert.ElementsMatch(t, []persistence.Digest{digest(named("over")), digest("put by an engine that died then")}, dropped)
	assert.Equal(t, 7, kept)
	want := []persistence.Digest{digest(named("live")), digest(named("passive")), digest(named("before")), after.Digest(),
		digest(parent("mem:///kid.scxml")), digest(named("kid")), digest(named("scheduled"))}
	assert.ElementsMatch(t, want, documents(t, store))

	// One begins now, and names a document that it did not name when it was created.
	b.clock.Advance(30 * time.Hour)
	require.NoError(t, b.Settle(deadline(t)))
	dropped, _ = prune(t, store)
	assert.Empty(t, dropped)
	require.Contains(t, documents(t, store), digest(named("later")))

	// Nobody has a document in memory any more: all sessions go on with those in the store.
	empty, err := session.NewLoader(nil)
	require.NoError(t, err)
	opts.Loader, opts.Migrate = empty, nil
	b = b.restart(store, time.Hour, opts)
	*at = b
	moved := move(t, store)
	for _, id := range []string{live, passive, kid, byURL} {
		b.send(id, "go")
		assert.Equal(t, []string{"went"}, b.active(id), id)
	}
	assert.Equal(t, []string{"went"}, b.active(migrated))
	elsewhere := node(t, moved, session.Options{Loader: empty})
	for _, id := range []string{live, passive, kid, byURL, migrated} {
		elsewhere.send(id, "go")
		assert.Equal(t, []string{"went"}, elsewhere.active(id), "%s, in the store to which it was moved", id)
	}
	b.send(invoker, "on")
	assert.Equal(t, []string{"q"}, b.active(invoker))
	require.NoError(t, b.Reschedule(deadline(t), scheduled, b.clock.Now().Add(time.Second)))
	b.clock.Advance(time.Second)
	assert.Equal(t, []string{"scheduled"}, b.active(scheduled))

	for _, id := range []string{live, passive, migrated, invoker, scheduled, byURL} {
		require.NoError(t, b.Terminate(deadline(t), id))
	}
	require.NoError(t, b.Settle(deadline(t)))
	b.clock.Advance(25 * time.Hour)
	_, kept = prune(t, store)
	assert.Zero(t, kept)
	assert.Empty(t, documents(t, store))
}

// move copies all sessions of a store into a new one.
func move(t *testing.T, from persistence.Store) persistence.Store {
	t.Helper()
	to, err := memstore.New(&memstore.Options{Buckets: 4})
	require.NoError(t, err)
	var file bytes.Buffer
	_, err = inspect.Export(t.Context(), &file, from, session.StoredDocuments, nil)
	require.NoError(t, err)
	_, err = inspect.Import(t.Context(), to, bytes.NewReader(file.Bytes()), nil)
	require.NoError(t, err)
	return to
}

// TestPruneUnreadable: when a session cannot be read, its document could be any. None goes.
func TestPruneUnreadable(t *testing.T) {
	store, at := timedMemory(t)
	b := node(t, store, session.Options{})
	*at = b
	id := b.start(named("a"))
	require.NoError(t, b.Settle(deadline(t)))
	_, err := store.PutDocument(t.Context(), []byte("nobody's"))
	require.NoError(t, err)
	require.NoError(t, b.Shutdown(deadline(t)))
	whole, err := store.Load(t.Context(), id)
	require.NoError(t, err)
	bucket := persistence.BucketOf(id, store.Buckets())
	leases, err := store.Acquire(t.Context(), "another", time.Hour, bucket)
	require.NoError(t, err)
	b.clock.Advance(25 * time.Hour)
	for n := range whole.Snapshot {
		if n > 40 {
			break // what follows the document is cut off
		}
		broken := *whole
		broken.ID, broken.Snapshot = string(persistence.AppendBucket(fmt.Appendf(nil, "%029d", n), bucket)), whole.Snapshot[:n]
		require.NoError(t, store.Create(t.Context(), leases[0].Epoch, &broken))
		done, err := inspect.Prune(t.Context(), store, session.StoredDocuments, nil)
		require.ErrorIs(t, err, session.ErrRecord)
		require.ErrorContains(t, err, broken.ID)
		require.ErrorContains(t, err, "nothing was removed")
		require.Empty(t, done.Dropped)
		require.Len(t, documents(t, store), 2)
		require.NoError(t, store.Delete(t.Context(), leases[0].Epoch, broken.ID))
	}
	dropped, kept := prune(t, store)
	assert.Equal(t, []persistence.Digest{digest("nobody's")}, dropped)
	assert.Equal(t, 1, kept)
}

// puts counts the documents that are put.
type puts struct {
	persistence.Store
	n     int
	after func() // called after each one, where it is not nil
}

func (p *puts) PutDocument(ctx context.Context, body []byte) (persistence.Digest, error) {
	d, err := p.Store.PutDocument(ctx, body)
	p.n++
	if p.after != nil {
		p.after()
	}
	return d, err
}

// TestPruneAndStart: an engine that has put a document does not rely on it for longer than half an hour, so that one that
// another process has removed is there again when a session needs it.
func TestPruneAndStart(t *testing.T) {
	inner, at := timedMemory(t)
	store := &puts{Store: inner}
	b := node(t, store, session.Options{})
	*at = b
	run := func(puts int) {
		t.Helper()
		id := b.start(named("a"))
		require.NoError(t, b.Settle(deadline(t)))
		require.Contains(t, documents(t, store), digest(named("a")))
		require.Equal(t, puts, store.n)
		require.NoError(t, b.Terminate(deadline(t), id))
		require.NoError(t, b.Settle(deadline(t)))
	}
	run(1)
	b.clock.Advance(29 * time.Minute)
	run(1)
	b.clock.Advance(time.Minute)
	run(2)
	b.clock.Advance(25 * time.Hour)
	dropped, _ := prune(t, inner)
	require.Len(t, dropped, 1)
	run(3)

	// While sessions are looked through, one begins that names an old document, in a bucket that has been passed.
	begin := func(bucket int, source string) string {
		id, err := b.Start(deadline(t), session.StartRequest{Document: parse(t, source), SessionID: string(persistence.AppendBucket([]byte(strings.Repeat("A", 29)), bucket))})
		require.NoError(t, err)
		return id
	}
	begin(3, named("b"))
	b.clock.Advance(25 * time.Hour)
	id := ""
	done, err := inspect.Prune(t.Context(), inner, func(stored *persistence.Session) ([]persistence.Digest, error) {
		require.Empty(t, id, "the other one was passed")
		id = begin(0, named("a"))
		return session.StoredDocuments(stored)
	}, nil)
	require.NoError(t, err)
	require.NotEmpty(t, id)
	assert.Empty(t, done.Dropped)
	assert.Equal(t, 2, done.Kept)
	b = b.restart(store, time.Hour, session.Options{})
	*at = b
	b.send(id, "go")
	assert.Equal(t, []string{"went"}, b.active(id))
}

// TestPruneWhileAway: the document of a session that begins while the store is out of reach may be gone when it is back.
func TestPruneWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, at := timedMemory(t)
		cable := &cut{Store: inner}
		store := &puts{Store: cable, after: func() { cable.off.Store(true) }} // before the session is created
		b := node(t, store, session.Options{StoreLost: session.ContinueInMemory})
		*at = b
		id := b.start(named("a"))
		require.NoError(t, b.Settle(t.Context()))
		require.Equal(t, 1, store.n)
		require.Empty(t, stored(t, inner))
		b.clock.Advance(25 * time.Hour)
		dropped, _ := prune(t, inner)
		require.Len(t, dropped, 1)
		store.after = nil
		cable.off.Store(false)
		b.clock.Advance(time.Minute)
		require.NoError(t, b.Settle(t.Context()))
		require.Contains(t, documents(t, inner), digest(named("a")))
		b = b.restart(store, time.Hour, session.Options{})
		*at = b
		b.send(id, "go")
		assert.Equal(t, []string{"went"}, b.active(id))
		require.NoError(t, b.Shutdown(t.Context()))
	})
}
