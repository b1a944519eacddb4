package session_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// bench is an engine under a virtual clock, and what its sessions have logged.
type bench struct {
	*session.Engine
	t     testing.TB
	clock *session.VirtualClock

	mu    sync.Mutex
	lines []string
}

// newBench makes an engine; opts may be nil. Ids are s1, s2, … in order.
func newBench(t testing.TB, opts *session.Options) *bench {
	b := &bench{t: t, clock: session.NewVirtualClock(noon)}
	var o session.Options
	if opts != nil {
		o = *opts
	}
	if o.Workers == 0 {
		o.Workers = 1
	}
	o.Clock = b.clock
	if o.NewID == nil {
		n := 0
		o.NewID = func() string {
			b.mu.Lock()
			defer b.mu.Unlock()
			n++
			return fmt.Sprintf("s%d", n)
		}
	}
	o.Log = func(id string, e scxml.LogEntry) {
		text := id + ": " + e.Label
		if e.Text != "" {
			text += "=" + e.Text
		}
		b.note(text)
	}
	e, err := session.New(&o)
	require.NoError(t, err)
	b.Engine = e
	t.Cleanup(func() { require.NoError(t, e.Shutdown(deadline(t))) })
	return b
}

// deadline is a context that keeps a broken test from hanging.
func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (b *bench) note(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line)
}

// logged returns what was logged since the last call, after everything has
// come to rest.
func (b *bench) logged() []string {
	require.NoError(b.t, b.Settle(deadline(b.t)))
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := b.lines
	b.lines = nil
	return lines
}

func (b *bench) start(source string) string {
	b.t.Helper()
	id, err := b.Start(deadline(b.t), session.StartRequest{Document: parse(b.t, source)})
	require.NoError(b.t, err)
	return id
}

func (b *bench) send(id, event string) {
	b.t.Helper()
	require.NoError(b.t, b.Send(deadline(b.t), id, &scxml.Event{Name: event}))
}

func (b *bench) active(id string) []string {
	b.t.Helper()
	require.NoError(b.t, b.Settle(deadline(b.t)))
	st, err := b.Query(deadline(b.t), id)
	require.NoError(b.t, err)
	return st.Active
}

func (b *bench) result(id string) session.Result {
	b.t.Helper()
	r, err := b.Wait(deadline(b.t), id)
	require.NoError(b.t, err)
	return r
}

// chart wraps states into a document of the null data model.
func chart(states string) string {
	return `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null">` + states + `</scxml>`
}

func parse(t testing.TB, source string) *scxml.Document {
	t.Helper()
	doc, err := scxml.Parse(context.Background(), []byte(source), nil)
	var problems *scxml.ParseError
	if errors.As(err, &problems) {
		t.Fatal(problems.Detail())
	}
	require.NoError(t, err)
	return doc
}
