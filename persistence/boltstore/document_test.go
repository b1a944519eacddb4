package boltstore

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/storetest"
)

// TestDocumentTimes: a put renews the time of a document when it is an hour old, and only then.
func TestDocumentTimes(t *testing.T) {
	var now atomic.Int64
	now.Store(1_900_000_000_123)
	s, _ := reopen(t, filepath.Join(t.TempDir(), "store.db"), &Options{Now: func() time.Time { return time.UnixMilli(now.Load()) }})
	storetest.DocumentTimes(t, s, func(d time.Duration) { now.Add(d.Milliseconds()) })
}

// TestDamagedDocument: a value without its time is an error, and is written anew when the document is put.
func TestDamagedDocument(t *testing.T) {
	s, _ := reopen(t, filepath.Join(t.TempDir(), "store.db"), nil)
	d, err := s.PutDocument(t.Context(), []byte("body"))
	require.NoError(t, err)
	require.NoError(t, s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(treeDoc).Put(d[:], []byte("body")) }))
	_, err = s.Document(t.Context(), d)
	require.ErrorIs(t, err, errDocument)
	_, err = s.DropDocument(t.Context(), d, time.Now())
	require.ErrorIs(t, err, errDocument)
	for _, err := range s.Documents(t.Context(), 0) {
		require.ErrorContains(t, err, d.String())
	}
	_, err = s.PutDocument(t.Context(), []byte("body"))
	require.NoError(t, err)
	body, err := s.Document(t.Context(), persistence.DigestOf([]byte("body")))
	require.NoError(t, err)
	require.Equal(t, "body", string(body))
}
