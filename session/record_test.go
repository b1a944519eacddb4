package session

import (
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
)

func someObject() *datamodel.Object {
	return datamodel.NewObject(datamodel.Member{Name: "a", Value: []datamodel.Value{1.0, "x", datamodel.Null{}}})
}

func someRecords() []*record {
	return []*record{
		{url: "file:///a.scxml"},
		{begun: true, url: "u", digest: persistence.DigestOf([]byte("x")), macrosteps: 7, machine: []byte("machine"), x: someObject(),
			value: "v", born: 1700000000123456789,
			lineage: &lineage{"p", "r", "i", 9, 3, scxml.Position{File: "p.scxml", Line: 7, Column: 2}}, children: []child{{"i1", 1, "s1", false, 0}, {"i2", 300, "s2", true, 17}}},
		{content: "<scxml/>", params: someObject(), value: someObject()},
		{url: "u", at: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)},
		{begun: true, ended: true, result: Result{Reason: Failed, Data: someObject(), Err: errors.New("broken"), Configuration: []string{"a", "b"}, Active: []string{"b"}}},
	}
}

func someItems() []*queuedEvent {
	return []*queuedEvent{
		{stop: Cancelled},
		{event: scxml.Event{Name: "e", Type: datamodel.Platform, SendID: "s", Data: someObject(), Raw: "raw", Context: "c", InvokeID: "i", InvokeSerial: 4}, seldom: &seldom{from: "c1"}, last: true, forwarded: true, chain: chain{7, 300}},
		{event: scxml.Event{}},
		{void: true},
	}
}

func someErrands() []errand {
	ev := &scxml.Event{Name: "e", InvokeID: "i", Data: 1.0}
	return []errand{
		{to: "t", effect: &scxml.Send{ID: "id", Type: "y", Target: "#_t", Delay: time.Second, HasContent: true, Event: ev,
			Params: []datamodel.Member{{Name: "a", Value: 1.0}, {Name: "a", Value: nil}}, Pos: scxml.Position{File: "f", Line: 1, Column: 9}}},
		{to: "c", effect: &scxml.Invoke{ID: "i", Type: "scxml", Src: "s", Content: datamodel.XML{Text: "<a/>"}, Params: someObject(), Autoforward: true, Serial: 5}},
		{to: "c", effect: &scxml.Forward{InvokeID: "i", Event: ev}},
		{effect: &scxml.ModuleCall{Namespace: "n", Name: "m", RequestID: "r", Args: someObject(), Pos: scxml.Position{File: "f", Line: 300}}},
		{to: "p", last: ev},
		{to: "c"},
	}
}

func TestRecordsRoundTrip(t *testing.T) {
	for _, want := range someRecords() {
		got, err := readRecord(want.append(nil))
		require.NoError(t, err)
		if len(got.machine) == 0 {
			got.machine = nil
		}
		assert.Equal(t, want, got)
	}
	for _, want := range someItems() {
		got, err := readItem(appendItem(nil, want))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, want := range someErrands() {
		got, err := readErrand(appendErrand(nil, &want))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	stop, err := readErrand(appendErrand(nil, &errand{to: "c", effect: &scxml.CancelInvoke{ID: "i"}}))
	require.NoError(t, err)
	assert.Equal(t, errand{to: "c"}, stop, "a cancellation is stored as what it comes to")

	id := EffectID{Session: "s.1", Macrostep: 12, Index: 3}
	got, err := effectID("s.1", id.local())
	require.NoError(t, err)
	assert.Equal(t, id, got)
	assert.Equal(t, "s.1.12.3", id.String())
}

// TestRecordsCutOff: no beginning of a record is one.
func TestRecordsCutOff(t *testing.T) {
	for _, r := range someRecords() {
		r.machine = nil
		b := r.append(nil)
		for n := range b {
			_, err := readRecord(b[:n])
			assert.ErrorIs(t, err, ErrRecord, "%d of %d bytes", n, len(b))
		}
	}
	for _, x := range someErrands() {
		b := appendErrand(nil, &x)
		for n := range b {
			_, err := readErrand(b[:n])
			assert.ErrorIs(t, err, ErrRecord)
		}
		_, err := readErrand(append(b, 0))
		assert.ErrorIs(t, err, ErrRecord)
	}
	_, err := readRecord([]byte{recordVersion + 1})
	assert.ErrorContains(t, err, "version 4")
	_, err = effectID("s", "x.1")
	assert.ErrorIs(t, err, ErrRecord)
}

// FuzzRecords: what a store hands back may be anything.
func FuzzRecords(f *testing.F) {
	for _, r := range someRecords() {
		f.Add(r.append(nil))
	}
	for _, q := range someItems() {
		f.Add(appendItem(nil, q))
	}
	for _, x := range someErrands() {
		f.Add(appendErrand(nil, &x))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := readRecord(b); err == nil {
			again, err := readRecord(r.append(nil))
			require.NoError(t, err)
			require.Equal(t, r.append(nil), again.append(nil))
		}
		if q, err := readItem(b); err == nil {
			_, err := readItem(appendItem(nil, q))
			require.NoError(t, err)
		}
		if x, err := readErrand(b); err == nil {
			_, err := readErrand(appendErrand(nil, &x))
			require.NoError(t, err)
		}
	})
}

// TestRecordsOfVersion1: what version 1 wrote is read, with zero values for what
// it did not have. testdata/records-1.txt has the entries of that version, in order,
// in hexadecimal.
func TestRecordsOfVersion1(t *testing.T) {
	var records []*record
	for i, r := range someRecords() {
		if r.value, r.born = nil, 0; r.lineage != nil {
			r.lineage.pos = scxml.Position{}
		}
		if len(r.children) > 0 {
			r.children[1].over, r.children[1].until = false, 0
		}
		if i != 3 { // one that is scheduled
			records = append(records, r)
		}
	}
	items, errands := someItems(), someErrands()
	body, err := os.ReadFile("testdata/records-1.txt")
	require.NoError(t, err)
	for _, line := range strings.Split(strings.TrimSpace(string(body)), "\n") {
		kind, text, _ := strings.Cut(line, " ")
		b, err := hex.DecodeString(text)
		require.NoError(t, err)
		switch kind {
		case "R":
			got, err := readRecord(b)
			require.NoError(t, err)
			if len(got.machine) == 0 {
				got.machine = nil
			}
			assert.Equal(t, records[0], got)
			records = records[1:]
		case "I":
			got, err := readItem(b)
			require.NoError(t, err)
			assert.Equal(t, items[0], got)
			items = items[1:]
		case "E":
			want := errands[0]
			switch v := want.effect.(type) {
			case *scxml.Send:
				v.Pos = scxml.Position{}
			case *scxml.ModuleCall:
				v.Pos = scxml.Position{}
			}
			got, err := readErrand(b)
			require.NoError(t, err)
			assert.Equal(t, want, got)
			errands = errands[1:]
		}
	}
	assert.Empty(t, records)
	assert.Len(t, items, 1, "one that version 1 did not have")
	assert.Empty(t, errands)
}
