package boltstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/storetest"
)

func open(opts Options) storetest.Open {
	return func(tb testing.TB) persistence.Store {
		s, err := Open(filepath.Join(tb.TempDir(), "store.db"), &opts)
		require.NoError(tb, err)
		return s
	}
}

func TestStore(t *testing.T)     { storetest.Run(t, open(Options{})) }
func TestOneBucket(t *testing.T) { storetest.Run(t, open(Options{Buckets: 1})) }

// What has no place in a session's head stands in rows of its own: all, or some.
func TestRowsOfTheirOwn(t *testing.T) {
	for _, room := range []int{0, 120} {
		t.Run(fmt.Sprint(room), func(t *testing.T) {
			storetest.Run(t, func(tb testing.TB) persistence.Store {
				s := open(Options{Buckets: 7})(tb).(*Store)
				s.headRoom = room
				return s
			})
		})
	}
}

func TestSmallBatch(t *testing.T) { storetest.Run(t, open(Options{Buckets: 3, MaxBatch: 1})) }

const id = "004BUJ1C0KBHF8NIG7HNK2LAES000000" // of bucket 0

func reopen(t *testing.T, path string, opts *Options) (*Store, uint64) {
	t.Helper()
	s, err := Open(path, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	leases, err := s.Acquire(t.Context(), "owner", time.Hour, 0)
	require.NoError(t, err)
	require.Len(t, leases, 1)
	return s, leases[0].Epoch
}

func TestOptionsAreChecked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	for _, opts := range []Options{{Buckets: -1}, {Buckets: persistence.MaxBuckets + 1}, {MaxBatch: -1}, {LockTimeout: -1}} {
		_, err := Open(path, &opts)
		require.ErrorIs(t, err, persistence.ErrInvalid)
	}
	require.NoFileExists(t, path)
	s, err := Open(path, &Options{Buckets: 7})
	require.NoError(t, err)
	require.Equal(t, 7, s.Buckets())
	require.NoError(t, s.Close())
	_, err = Open(path, &Options{Buckets: 8})
	require.ErrorIs(t, err, persistence.ErrInvalid)
	require.ErrorContains(t, err, "created with 7")
	s, err = Open(path, nil)
	require.NoError(t, err)
	require.Equal(t, 7, s.Buckets())
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "a second Close is nothing")
}

func TestEverythingIsThereAfterOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	ctx := t.Context()
	s, err := Open(path, nil)
	require.NoError(t, err)
	leases, err := s.Acquire(ctx, "first", time.Hour, 0, 1)
	require.NoError(t, err)
	d, err := s.PutDocument(ctx, []byte("<scxml/>"))
	require.NoError(t, err)
	want := &persistence.Session{
		ID: id, Claim: "0123456789ABCDEF0123456789ABC000", Document: d, Rev: 7, Snapshot: []byte("state"), Acked: 3,
		Inbox:  []persistence.Event{{Number: 4, Key: "k", Data: []byte("event")}},
		Timers: []persistence.Timer{{ID: "t", At: time.UnixMilli(1_900_000_000_123).UTC(), Data: []byte("timer")}},
		Outbox: []persistence.Effect{{ID: "e2", Data: []byte("2")}, {ID: "e1", Data: []byte("1")}},
	}
	require.NoError(t, s.Create(ctx, leases[0].Epoch, want))
	require.NoError(t, s.Close())
	_, err = s.Load(ctx, id)
	require.ErrorIs(t, err, persistence.ErrClosed)

	s, epoch := reopen(t, path, nil)
	got, err := s.Load(ctx, id)
	require.NoError(t, err)
	require.Equal(t, want, got)
	body, err := s.Document(ctx, d)
	require.NoError(t, err)
	require.Equal(t, "<scxml/>", string(body))
	holder, err := s.Lookup(ctx, want.Claim)
	require.NoError(t, err)
	require.Equal(t, id, holder)
	n, err := s.Append(ctx, id, persistence.Event{Key: "k"})
	require.NoError(t, err)
	require.EqualValues(t, 4, n, "the key is remembered")

	require.Greater(t, epoch, leases[0].Epoch, "an epoch is never used twice")
	all, err := s.Leases(ctx)
	require.NoError(t, err)
	require.Equal(t, persistence.Lease{Bucket: 1, Epoch: leases[1].Epoch + 1}, all[1], "leases of the process before are ended")
	require.ErrorIs(t, s.Delete(ctx, leases[0].Epoch, id), persistence.ErrFenced)
}

func TestOpenElsewhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	reopen(t, path, nil)
	_, err := Open(path, &Options{LockTimeout: time.Millisecond})
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	require.Contains(t, locked.Holder, fmt.Sprintf("process %d on host", os.Getpid()))
	require.ErrorContains(t, Compact(t.Context(), path), "is open elsewhere")
}

func TestFilesThatAreNoStores(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, body []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, body, 0o600))
		return path
	}
	good := filepath.Join(dir, "good.db")
	s, epoch := reopen(t, good, nil)
	for i := range 200 {
		p := &persistence.Session{ID: fmt.Sprintf("%029d000", i), Snapshot: make([]byte, 4096)}
		require.NoError(t, s.Create(t.Context(), epoch, p))
	}
	require.NoError(t, s.Close())
	body, err := os.ReadFile(good)
	require.NoError(t, err)
	change := func(name string, edit func(*bbolt.Tx) error) string {
		path := file(name, body)
		db, err := bbolt.Open(path, 0o600, nil)
		require.NoError(t, err)
		require.NoError(t, db.Update(edit))
		require.NoError(t, db.Close())
		return path
	}
	other := filepath.Join(dir, "other.db")
	db, err := bbolt.Open(other, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("mine")); return err }))
	require.NoError(t, db.Close())

	for path, problem := range map[string]string{
		file("text", []byte(strings.Repeat("not a store ", 1000))): "is not a session store",
		file("short", []byte("x")):                                 "is not a session store",
		file("truncated", body[:len(body)/4096/8*4096]):            "is truncated",
		other: "but not a session store",
		change("newer", func(tx *bbolt.Tx) error {
			return tx.Bucket(treeMeta).Put(keyFormat, binary.BigEndian.AppendUint64(nil, format+1))
		}): "this version reads 3",
		change("older", func(tx *bbolt.Tx) error {
			return tx.Bucket(treeMeta).Put(keyFormat, binary.BigEndian.AppendUint64(nil, format-1))
		}): "has format 2",
		change("treeless", func(tx *bbolt.Tx) error { return tx.DeleteBucket(treeDue) }): `lacks the tree "due"`,
	} {
		_, err := Open(path, nil)
		var bad *FormatError
		require.ErrorAs(t, err, &bad, path)
		require.ErrorContains(t, err, problem)
		require.Equal(t, path, bad.Path)
		require.NoFileExists(t, holderPath(path))
	}
	_, err = Open(filepath.Join(dir, "no", "such", "folder.db"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestDamagedPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s, epoch := reopen(t, path, nil)
	for i := range 500 {
		require.NoError(t, s.Create(t.Context(), epoch, &persistence.Session{ID: fmt.Sprintf("%029d000", i), Snapshot: make([]byte, 1000)}))
	}
	require.NoError(t, s.Close())
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	info, err := f.Stat()
	require.NoError(t, err)
	for at := int64(2 * 4096); at < info.Size(); at += 4096 { // all but the two meta pages
		_, err := f.WriteAt([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, at)
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
	_, err = Open(path, nil)
	require.Error(t, err, "an error, and no panic")
}

func TestLimits(t *testing.T) {
	ctx := t.Context()
	s, e := reopen(t, filepath.Join(t.TempDir(), "store.db"), &Options{MaxSessions: 2, MaxInbox: 2})
	name := func(i int) string { return fmt.Sprintf("%029d000", i) }
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: name(1)}))
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: name(2)}))
	err := s.Create(ctx, e, &persistence.Session{ID: name(3)})
	require.ErrorIs(t, err, persistence.ErrFull)
	require.ErrorContains(t, err, "Options.MaxSessions is 2")
	require.NoError(t, s.Delete(ctx, e, name(1)))
	require.ErrorIs(t, s.Create(ctx, e, &persistence.Session{ID: name(3), Inbox: make([]persistence.Event, 3)}), persistence.ErrFull)
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: name(3), Inbox: make([]persistence.Event, 2)}))
	_, err = s.Append(ctx, name(3), persistence.Event{})
	require.ErrorIs(t, err, persistence.ErrFull)
	require.ErrorContains(t, err, "Options.MaxInbox is 2")
}

// A file that may not grow refuses what does not fit, whole, and still takes what makes room.
func TestMaxSize(t *testing.T) {
	ctx := t.Context()
	s, e := reopen(t, filepath.Join(t.TempDir(), "store.db"), &Options{MaxSize: 32 << 20})
	var ids []string
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		ids = append(ids, fmt.Sprintf("%029d000", i))
		err = s.Create(ctx, e, &persistence.Session{ID: ids[i], Snapshot: make([]byte, 1<<18)})
	}
	require.ErrorIs(t, err, persistence.ErrFull)
	last := ids[len(ids)-1]
	_, err = s.Load(ctx, last)
	require.ErrorIs(t, err, persistence.ErrNotFound)
	for _, id := range ids[:10] {
		require.NoError(t, s.Delete(ctx, e, id))
	}
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: last, Snapshot: make([]byte, 1<<18)}))
}

func TestKeysAreForgotten(t *testing.T) {
	ctx := t.Context()
	s, e := reopen(t, filepath.Join(t.TempDir(), "store.db"), nil)
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: id}))
	rows := func() (n int) {
		require.NoError(t, s.view(ctx, func(tx *bbolt.Tx) error {
			for _, tree := range [][]byte{treeRow, treeKey} {
				require.NoError(t, tx.Bucket(tree).ForEach(func(_, _ []byte) error { n++; return nil }))
			}
			return nil
		}))
		return n
	}
	for i := range uint64(3 * persistence.KeyWindow) {
		n, err := s.Append(ctx, id, persistence.Event{Key: fmt.Sprint(i)})
		require.NoError(t, err)
		require.NoError(t, s.Commit(ctx, e, &persistence.Commit{ID: id, Rev: n, Acked: n}))
	}
	require.LessOrEqual(t, rows(), 2*(persistence.KeyWindow+2)+2)
	require.NoError(t, s.Delete(ctx, e, id))
	require.Zero(t, rows(), "nothing of the session stays")
}

// A context that ends while a write waits takes it back; one that ends while the file is
// written leaves the outcome open.
func TestContextEndsWhileWaiting(t *testing.T) {
	s, e := reopen(t, filepath.Join(t.TempDir(), "store.db"), &Options{MaxBatch: 1})
	require.NoError(t, s.Create(t.Context(), e, &persistence.Session{ID: id}))
	running, proceed := make(chan struct{}), make(chan struct{})
	results := make(chan error, 2)
	first, cancelFirst := context.WithCancel(t.Context())
	go func() {
		results <- s.do(first, func(*txn) error {
			close(running)
			<-proceed
			return nil
		})
	}()
	<-running
	second, cancelSecond := context.WithCancel(t.Context())
	go func() {
		_, err := s.Append(second, id, persistence.Event{Data: []byte("x")})
		results <- err
	}()
	cancelSecond()
	err := <-results
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, persistence.ErrOutcomeUnknown)
	cancelFirst()
	err = <-results
	require.ErrorIs(t, err, persistence.ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.Canceled)
	close(proceed)

	got, err := s.Load(t.Context(), id)
	require.NoError(t, err)
	require.Empty(t, got.Inbox)
	_, err = s.Append(t.Context(), id, persistence.Event{})
	require.NoError(t, err, "the writer goes on")
}

func TestCompact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	ctx := t.Context()
	s, e := reopen(t, path, &Options{Buckets: 1})
	for i := range 2000 {
		require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: fmt.Sprint(i), Snapshot: make([]byte, 4096)}))
	}
	for i := range 2000 {
		if i%10 != 0 {
			require.NoError(t, s.Delete(ctx, e, fmt.Sprint(i)))
		}
	}
	require.NoError(t, s.Close())
	before, err := size(path)
	require.NoError(t, err)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, Compact(cancelled, path), context.Canceled)
	require.ErrorIs(t, Compact(ctx, path+".none"), os.ErrNotExist)
	require.NoFileExists(t, path+".none")
	require.NoError(t, Compact(ctx, path))
	after, err := size(path)
	require.NoError(t, err)
	require.Less(t, after, before)

	s, e = reopen(t, path, nil)
	require.Equal(t, 1, s.Buckets())
	n := 0
	for info, err := range s.List(ctx, 0, "") {
		require.NoError(t, err)
		got, err := s.Load(ctx, info.ID)
		require.NoError(t, err)
		require.Len(t, got.Snapshot, 4096)
		n++
	}
	require.Equal(t, 200, n)
	require.NoError(t, s.Delete(ctx, e, "10"))
}
