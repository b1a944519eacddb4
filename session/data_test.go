package session_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

func TestData(t *testing.T) {
	language := goja.New(nil)
	doc, err := scxml.Parse(context.Background(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">
<datamodel><data id="a" expr="1"/><data id="b" expr="{c: ['x']}"/><data id="f" expr="function () {}"/></datamodel>
<state id="s"><datamodel><data id="d" expr="'inner'"/></datamodel>
<transition event="next"><assign location="a" expr="a + 1"/></transition><transition event="end" target="over"/></state><final id="over"/></scxml>`),
		&scxml.ParseOptions{Languages: []datamodel.Language{language}})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "f", "d"}, doc.DataIDs())
	ctx := context.Background()
	b := newBench(t, nil)
	id, err := b.Start(ctx, session.StartRequest{Document: doc})
	require.NoError(t, err)
	require.NoError(t, b.Send(ctx, id, &scxml.Event{Name: "next"}))
	require.NoError(t, b.Settle(deadline(t)))
	o, err := b.Data(ctx, id)
	require.NoError(t, err)
	require.JSONEq(t, `{"a":2,"b":{"c":["x"]},"d":"inner"}`, string(datamodel.EncodeJSON(o)), "a function cannot be copied")
	require.NoError(t, b.Send(ctx, id, &scxml.Event{Name: "end"}))
	require.NoError(t, b.Settle(deadline(t)))
	_, err = b.Data(ctx, id)
	require.ErrorIs(t, err, session.ErrNotFound)
	_, err = b.Data(ctx, "none")
	require.ErrorIs(t, err, session.ErrNotFound)

	store, err := memstore.New(nil)
	require.NoError(t, err)
	stored := newBench(t, &session.Options{Store: store, Resident: -1})
	_, err = stored.Recover(ctx)
	require.NoError(t, err)
	id, err = stored.Start(ctx, session.StartRequest{Document: doc})
	require.NoError(t, err)
	require.NoError(t, stored.Send(ctx, id, &scxml.Event{Name: "next"}))
	require.NoError(t, stored.Settle(deadline(t)))
	require.True(t, stored.Sessions()[0].Passive)
	o, err = stored.Data(ctx, id)
	require.NoError(t, err)
	require.JSONEq(t, `{"a":2,"b":{"c":["x"]},"d":"inner"}`, string(datamodel.EncodeJSON(o)), "as it was in memory")
	require.True(t, stored.Sessions()[0].Passive, "it stays where it is")
	later, err := stored.Start(ctx, session.StartRequest{Document: doc, At: stored.clock.Now().Add(time.Hour)})
	require.NoError(t, err)
	o, err = stored.Data(ctx, later)
	require.NoError(t, err)
	require.Zero(t, o.Len(), "it has not begun")
}
