package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// keeper is the language with the data of the sessions at hand.
type keeper struct {
	datamodel.Scoper
	hosts  []datamodel.Host
	models []datamodel.Model
}

func (k *keeper) New(host datamodel.Host) (datamodel.Model, error) {
	m, err := k.Scoper.New(host)
	k.hosts, k.models = append(k.hosts, host), append(k.models, m)
	return m, err
}

// call brings a session of the frame to the first announcement, and returns the
// centre and the language.
func call(t testing.TB) (*centre, *keeper) {
	k := &keeper{Scoper: goja.New(nil).(datamodel.Scoper)}
	p, _ := find("routed")
	c, err := newCentre(p, settings{url: frameURL, language: k})
	require.NoError(t, err)
	t.Cleanup(c.close)
	_, err = c.sw.Call("5000", sim.Caller{ANI: "+49 30 1234567"})
	require.NoError(t, err)
	c.clock.Advance(0)
	require.Len(t, k.models, 1)
	return c, k
}

// TestSnapshotIsSmall guards what is written of a session after each of its steps.
func TestSnapshotIsSmall(t *testing.T) {
	_, k := call(t)
	snapshot, err := k.models[0].Snapshot(nil)
	require.NoError(t, err)
	assert.Less(t, len(snapshot), 8_000)
	m, err := k.Scoper.New(k.hosts[0])
	require.NoError(t, err)
	defer m.Close()
	require.NoError(t, m.Restore(snapshot))
	again, err := m.Snapshot(nil)
	require.NoError(t, err)
	assert.Equal(t, snapshot, again)
}

// BenchmarkSnapshot saves and restores the data of a session at the first
// announcement.
func BenchmarkSnapshot(b *testing.B) {
	_, k := call(b)
	snapshot, err := k.models[0].Snapshot(nil)
	require.NoError(b, err)
	b.Run("save", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			if buf, err = k.models[0].Snapshot(buf[:0]); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(snapshot)), "bytes")
	})
	b.Run("restore", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m, err := k.Scoper.New(k.hosts[0])
			if err == nil {
				err = m.Restore(snapshot)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
