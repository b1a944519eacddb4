package config_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
)

// fakeSource gives what it is told to, once each.
type fakeSource struct {
	next []any // *config.Objects or error
	read int
}

func (f *fakeSource) Read(context.Context) (*config.Objects, error) {
	f.read++
	if len(f.next) == 0 {
		return nil, config.ErrUnchanged
	}
	now := f.next[0]
	f.next = f.next[1:]
	if err, ok := now.(error); ok {
		return nil, err
	}
	return now.(*config.Objects), nil
}

// notifyingSource waits for a word on its channel.
type notifyingSource struct {
	fakeSource
	changed chan struct{}
}

func (n *notifyingSource) Wait(ctx context.Context) error {
	select {
	case <-n.changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func tenants(names ...string) *config.Objects {
	o := &config.Objects{}
	for _, name := range names {
		t := &config.Tenant{Name: name}
		config.Locate(t, "memory", 0)
		o.Tenants = append(o.Tenants, t)
	}
	return o
}

func TestJoin(t *testing.T) {
	ctx := context.Background()
	down := errors.New("is down")
	wrong := func(problem string) error { return config.Errors{{Problem: problem}} }
	a := &fakeSource{next: []any{down, tenants("a"), wrong("first"), tenants("a2"), config.ErrUnchanged, down, config.ErrUnchanged, tenants("a3")}}
	b := &fakeSource{next: []any{tenants("b"), config.ErrUnchanged, wrong("second"), config.ErrUnchanged, config.ErrUnchanged, tenants("b2"), tenants("b3")}}
	j := config.Join(a, b)
	read := func() ([]string, []*config.Error) {
		t.Helper()
		o, err := j.Read(ctx)
		require.NoError(t, err)
		var l []string
		for _, t := range o.Tenants {
			l = append(l, t.Name)
		}
		return l, o.Warnings
	}
	_, err := j.Read(ctx)
	assert.ErrorIs(t, err, down, "it has never been read")
	names, _ := read()
	assert.Equal(t, []string{"a", "b"}, names)
	_, err = j.Read(ctx)
	assert.EqualError(t, err, "config: 2 errors:\n\tfirst\n\tsecond", "the errors of both")
	_, err = j.Read(ctx)
	assert.EqualError(t, err, "config: second", "what is wrong stays so until it is mended")
	_, err = j.Read(ctx)
	assert.ErrorIs(t, err, config.ErrUnchanged)
	names, warnings := read()
	assert.Equal(t, []string{"a2", "b2"}, names, "one is down, and the other one has changed")
	require.Len(t, warnings, 1)
	assert.EqualError(t, warnings[0], "config: a source cannot be read, and what it gave last counts: is down")
	names, warnings = read()
	assert.Equal(t, []string{"a2", "b3"}, names)
	assert.Len(t, warnings, 1, "it is still down")
	names, warnings = read()
	assert.Equal(t, []string{"a3", "b3"}, names)
	assert.Empty(t, warnings)
	_, err = j.Read(ctx)
	assert.ErrorIs(t, err, config.ErrUnchanged)

	// What a reading that was broken off has got is not lost.
	broken, cancel := context.WithCancel(ctx)
	cancel()
	a.next, b.next = []any{tenants("a4")}, []any{context.Canceled}
	_, err = j.Read(broken)
	require.ErrorIs(t, err, context.Canceled)
	a.next, b.next = nil, []any{tenants("b4")}
	names, _ = read()
	assert.Equal(t, []string{"a4", "b4"}, names)

	_, err = config.Open(ctx, config.Join(&fakeSource{next: []any{tenants("a")}}, &fakeSource{next: []any{tenants("a")}}), nil)
	assert.EqualError(t, err, "config: memory: Tenant a: is there twice, first at memory")
	o, err := config.Join().Read(ctx)
	require.NoError(t, err)
	assert.Equal(t, &config.Objects{}, o)
}

func TestLiveLooksWhenItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := &notifyingSource{fakeSource: fakeSource{next: []any{tenants("a"), tenants("b")}}, changed: make(chan struct{})}
		other := &notifyingSource{fakeSource: fakeSource{next: []any{tenants("c")}}, changed: make(chan struct{})}
		quiet := &fakeSource{next: []any{tenants("d")}}
		l, err := config.Open(context.Background(), config.Join(told, other, quiet), &config.LiveOptions{Interval: time.Hour})
		require.NoError(t, err)
		updates := make(chan config.Update, 1)
		l.Subscribe(func(u config.Update) { updates <- u })
		start := time.Now()
		told.changed <- struct{}{}
		u := <-updates
		assert.Equal(t, time.Now(), start, "no interval has passed")
		assert.Equal(t, "b", u.Site.Objects().Tenants[0].Name)
		other.changed <- struct{}{} // it waits again
		synctest.Wait()
		assert.Empty(t, updates, "nothing was new")
		assert.Equal(t, 3, quiet.read)
		require.NoError(t, l.Close())
	})
}

func TestNobodyWaitsWithoutAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &notifyingSource{fakeSource: fakeSource{next: []any{tenants("a")}}, changed: make(chan struct{})}
		l, err := config.Open(context.Background(), n, &config.LiveOptions{Interval: -1})
		require.NoError(t, err)
		synctest.Wait()
		select {
		case n.changed <- struct{}{}:
			t.Error("somebody waits")
		default:
		}
		require.NoError(t, l.Close())

		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		assert.ErrorIs(t, config.Join(&fakeSource{}).Wait(ctx), context.Canceled)
	})
}
