package session_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

const described = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">
<datamodel><data id="order" expr="({number: 7, card: '4111', items: [{card: '1'}, 2]})"/><data id="pin" expr="'1234'"/></datamodel>
<state id="a">
  <onentry><send event="late" delay="1h" id="t"><param name="pin" expr="pin"/><param name="n" expr="1"/></send></onentry>
  <invoke type="scxml" id="kid"><content><scxml version="1.0" datamodel="ecmascript"><datamodel><data id="other" expr="1"/></datamodel><state id="k"/></scxml></content></invoke>
  <state id="b"/>
</state></scxml>`

// storedSession runs a chart over a store, shuts the engine down, and returns the store and the session's id.
func storedSession(t *testing.T, source string) (persistence.Store, string) {
	store, err := memstore.New(nil)
	require.NoError(t, err)
	opts := scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}
	b := newBench(t, &session.Options{Store: store, Parse: opts})
	_, err = b.Recover(deadline(t))
	require.NoError(t, err)
	opts.URL = "mem:///described.scxml"
	doc, err := scxml.Parse(t.Context(), []byte(source), &opts)
	require.NoError(t, err)
	id, err := b.Start(deadline(t), session.StartRequest{Document: doc})
	require.NoError(t, err)
	require.NoError(t, b.Settle(deadline(t)))
	require.NoError(t, b.Shutdown(deadline(t)))
	_, err = store.Append(t.Context(), id, persistence.Event{Key: "bad", Data: []byte{99}})
	require.NoError(t, err)
	return store, id
}

func describeOptions(store persistence.Store) *session.DescribeOptions {
	return &session.DescribeOptions{
		Parse:  scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}},
		Source: store.Document,
		Mask:   func(name string) bool { return name == "card" || name == "pin" },
	}
}

func TestDescribe(t *testing.T) {
	store, id := storedSession(t, described)
	stored, err := store.Load(t.Context(), id)
	require.NoError(t, err)
	d, err := session.Describe(t.Context(), stored, describeOptions(store))
	require.NoError(t, err)
	assert.Equal(t, "running", d.State)
	assert.Equal(t, "mem:///described.scxml", d.URL)
	assert.Equal(t, stored.Document.String(), d.Document)
	assert.Equal(t, []string{"a", "b"}, d.Configuration)
	assert.Equal(t, []string{"b"}, d.Active)
	assert.JSONEq(t, `{"order":{"number":7,"card":"***","items":[{"card":"***"},2]},"pin":"***"}`, string(d.Data))
	require.Len(t, d.Children, 1)
	assert.Equal(t, "kid", d.Children[0].InvokeID)
	require.Len(t, d.Timers, 1)
	assert.Equal(t, "send", d.Timers[0].Kind)
	assert.Equal(t, "late", d.Timers[0].Event.Name)
	assert.Equal(t, "t", d.Timers[0].Event.SendID)
	assert.JSONEq(t, `{"pin":"***","n":1}`, string(d.Timers[0].Event.Data))
	assert.Equal(t, noon.Add(3600e9), *d.Timers[0].Due)
	require.Len(t, d.Problems, 1, "the entry that cannot be read, and nothing else")
	assert.Contains(t, d.Problems[0], "inbox entry 1")
	text, err := json.Marshal(d)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "4111")
	assert.NotContains(t, string(text), "1234")

	kid, err := store.Load(t.Context(), d.Children[0].ID)
	require.NoError(t, err)
	k, err := session.Describe(t.Context(), kid, describeOptions(store))
	require.NoError(t, err)
	assert.True(t, k.Inline)
	assert.Equal(t, id, k.Parent)
	assert.Equal(t, []string{"k"}, k.Active)
	assert.JSONEq(t, `{"other":1}`, string(k.Data))

	// Without the document there are no states; the rest is there.
	d, err = session.Describe(t.Context(), stored, nil)
	require.NoError(t, err)
	assert.Empty(t, d.Configuration)
	assert.Len(t, d.Timers, 1)
	assert.Contains(t, strings.Join(d.Problems, "\n"), "states and data")
}

// TestDescribeDamaged: whatever stands in the record, there is an error or a description.
func TestDescribeDamaged(t *testing.T) {
	store, id := storedSession(t, described)
	stored, err := store.Load(t.Context(), id)
	require.NoError(t, err)
	good := stored.Snapshot
	for n := range good {
		for _, snapshot := range [][]byte{good[:n], flipped(good, n)} {
			stored.Snapshot = snapshot
			_, err := session.Describe(t.Context(), stored, describeOptions(store))
			if err != nil {
				assert.ErrorIs(t, err, session.ErrRecord)
			}
		}
	}
	_, err = session.Describe(t.Context(), nil, nil)
	assert.ErrorIs(t, err, persistence.ErrInvalid)
}

func flipped(b []byte, n int) []byte {
	out := bytes.Clone(b)
	out[n] ^= 0x55
	return out
}

// TestDamagedRecordsStay: of sessions whose records are cut off or changed, in every place, an engine brings back those
// that can be read; the others stay in the store as they are, are told of, and harm nobody.
func TestDamagedRecordsStay(t *testing.T) {
	from, id := storedSession(t, described)
	stored, err := from.Load(t.Context(), id)
	require.NoError(t, err)
	body, err := from.Document(t.Context(), stored.Document)
	require.NoError(t, err)
	store, err := memstore.New(&memstore.Options{Buckets: 1})
	require.NoError(t, err)
	leases, err := store.Acquire(t.Context(), "filler", 1e9, 0)
	require.NoError(t, err)
	_, err = store.PutDocument(t.Context(), body)
	require.NoError(t, err)
	records := make(map[string][]byte)
	put := func(snapshot []byte) {
		p := *stored
		p.ID, p.Snapshot = "damaged"+string(rune('a'+len(records)%26))+strings.Repeat("x", len(records)/26), snapshot
		p.Inbox = nil
		records[p.ID] = snapshot
		require.NoError(t, store.Create(t.Context(), leases[0].Epoch, &p))
	}
	for n := 0; n < len(stored.Snapshot); n += 3 {
		put(stored.Snapshot[:n])
		put(flipped(stored.Snapshot, n))
	}
	whole := *stored
	whole.ID, whole.Inbox = "whole", nil
	require.NoError(t, store.Create(t.Context(), leases[0].Epoch, &whole))
	require.NoError(t, store.Release(t.Context(), leases...))

	var log bytes.Buffer
	b := newBench(t, &session.Options{
		Store: store, Parse: scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}},
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	_, err = b.Recover(deadline(t))
	require.NoError(t, err)
	bad := 0
	for id := range records {
		err := b.Send(deadline(t), id, &scxml.Event{Name: "x"})
		var unreadable *session.UnreadableError
		if err != nil {
			require.True(t, errors.As(err, &unreadable) || errors.Is(err, session.ErrNotFound), "%v", err)
		}
	}
	require.NoError(t, b.Send(deadline(t), "whole", &scxml.Event{Name: "x"}))
	require.NoError(t, b.Settle(deadline(t)))
	for _, info := range b.Sessions() {
		if info.Err == nil {
			continue
		}
		bad++
		p, err := store.Load(t.Context(), info.ID)
		require.NoError(t, err)
		require.Equal(t, records[info.ID], append([]byte{}, p.Snapshot...), "it stays as it was")
	}
	require.Greater(t, bad, len(records)/2)
	assert.Equal(t, []string{"b"}, b.active("whole"))
}
