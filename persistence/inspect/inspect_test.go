package inspect_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/boltstore"
	"github.com/seed-ff723688/ors/persistence/inspect"
	"github.com/seed-ff723688/ors/persistence/memstore"
)

// name is an id or a claim in a bucket.
func name(n, bucket int) string {
	return string(persistence.AppendBucket(fmt.Appendf(nil, "%029d", n), bucket))
}

// fill puts sessions with everything that there is into a store, and returns them.
func fill(t *testing.T, s persistence.Store) (all []*persistence.Session) {
	leases, err := s.Acquire(t.Context(), "owner", time.Hour, 1, 2)
	require.NoError(t, err)
	require.Len(t, leases, 2)
	d, err := s.PutDocument(t.Context(), []byte("<scxml/>"))
	require.NoError(t, err)
	for _, p := range []*persistence.Session{
		{ID: name(1, 1), Rev: 1, Snapshot: []byte("only")},
		{ID: name(2, 2), Claim: name(7, 2), Document: d, Rev: 9, Snapshot: []byte("s\x00\xff"), Acked: 4,
			Inbox:  []persistence.Event{{Number: 5, Key: "k", Data: []byte("five")}, {Number: 6, Data: []byte("six")}},
			Timers: []persistence.Timer{{ID: "1.0", At: time.UnixMilli(1_900_000_000_123).UTC(), Data: []byte("t")}, {ID: "mark", At: time.Unix(1_900_000_001, 0).UTC()}},
			Outbox: []persistence.Effect{{ID: "9.1", Data: []byte("e")}, {ID: "9.0", Data: []byte("f")}}},
		{ID: name(3, 2), Document: d, Rev: 2},
	} {
		require.NoError(t, s.Create(t.Context(), leases[persistence.BucketOf(p.ID, s.Buckets())-1].Epoch, p))
		all = append(all, p)
	}
	require.NoError(t, s.Release(t.Context(), leases...))
	return all
}

// none: sessions name no document but that of their record.
func none(*persistence.Session) ([]persistence.Digest, error) { return nil, nil }

func memory(t *testing.T) persistence.Store {
	s, err := memstore.New(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func export(t *testing.T, s persistence.Store) string {
	var out bytes.Buffer
	n, err := inspect.Export(t.Context(), &out, s, none, nil)
	require.NoError(t, err)
	require.Equal(t, inspect.Counts{Documents: 1, Sessions: 3}, n)
	return out.String()
}

// TestMove: what is exported from one store and imported into another is the same there.
func TestMove(t *testing.T) {
	from, err := boltstore.Open(filepath.Join(t.TempDir(), "from.db"), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, from.Close()) }()
	all := fill(t, from)
	file := export(t, from)

	to := memory(t)
	n, err := inspect.Import(t.Context(), to, strings.NewReader(file), nil)
	require.NoError(t, err)
	require.Equal(t, inspect.Counts{Documents: 1, Sessions: 3}, n)
	for _, want := range all {
		got, err := to.Load(t.Context(), want.ID)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	owner, err := to.Lookup(t.Context(), name(7, 2))
	require.NoError(t, err)
	require.Equal(t, name(2, 2), owner)
	require.Equal(t, file, export(t, to), "the file of the copy is the same, byte for byte")
	leases, err := to.Acquire(t.Context(), "another", time.Hour, 1, 2)
	require.NoError(t, err)
	require.Len(t, leases, 2, "the buckets are free again")

	var one bytes.Buffer
	n, err = inspect.Export(t.Context(), &one, to, none, func(i persistence.Info) bool { return i.ID == name(1, 1) })
	require.NoError(t, err)
	require.Equal(t, inspect.Counts{Sessions: 1}, n)
}

// TestNothingIsOverwritten: a session that is there stays as it is.
func TestNothingIsOverwritten(t *testing.T) {
	from, to := memory(t), memory(t)
	fill(t, from)
	file := export(t, from)
	_, err := inspect.Import(t.Context(), to, strings.NewReader(file), nil)
	require.NoError(t, err)

	changed := strings.Replace(file, `"rev":9`, `"rev":90`, 1)
	_, err = inspect.Import(t.Context(), to, strings.NewReader(changed), nil)
	var at *inspect.LineError
	require.ErrorAs(t, err, &at)
	require.Equal(t, 2, at.Line)
	require.ErrorIs(t, err, persistence.ErrExists)
	n, err := inspect.Import(t.Context(), to, strings.NewReader(changed), &inspect.ImportOptions{SkipExisting: true})
	require.NoError(t, err)
	require.Zero(t, n.Sessions)
	p, err := to.Load(t.Context(), name(2, 2))
	require.NoError(t, err)
	require.EqualValues(t, 9, p.Rev)

	stranger := strings.Replace(file, name(2, 2), name(8, 2), 1)
	_, err = inspect.Import(t.Context(), to, strings.NewReader(stranger), &inspect.ImportOptions{SkipExisting: true})
	require.ErrorIs(t, err, persistence.ErrClaimed)
}

// TestHeldBuckets: an engine that is at work is not disturbed.
func TestHeldBuckets(t *testing.T) {
	from, to := memory(t), memory(t)
	fill(t, from)
	_, err := to.Acquire(t.Context(), "engine", time.Hour, 2)
	require.NoError(t, err)
	_, err = inspect.Import(t.Context(), to, strings.NewReader(export(t, from)), nil)
	require.ErrorIs(t, err, inspect.ErrHeld)
	require.ErrorContains(t, err, "bucket 2")
	for range inspect.Sessions(t.Context(), to) {
		require.Fail(t, "something was written")
	}
}

// TestBrokenFiles: the line is named, and nothing is written.
func TestBrokenFiles(t *testing.T) {
	from := memory(t)
	fill(t, from)
	good := strings.Split(strings.TrimSuffix(export(t, from), "\n"), "\n")
	require.Len(t, good, 6)
	change := func(line int, old, with string) []string {
		require.Contains(t, good[line-1], old)
		lines := append([]string(nil), good...)
		lines[line-1] = strings.Replace(lines[line-1], old, with, 1)
		return lines
	}
	without := func(line int) []string { return append(append([]string(nil), good[:line-1]...), good[line:]...) }
	for _, c := range []struct {
		what  string
		lines []string
		line  int
		text  string
	}{
		{"empty", nil, 1, `"end" is missing`},
		{"cut off", good[:5], 6, `"end" is missing`},
		{"cut off in a line", append(append([]string(nil), good[:4]...), good[4][:40]), 5, "unexpected EOF"},
		{"no header", without(1), 1, `the first line`},
		{"two headers", append([]string{good[0]}, good...), 2, `the first line`},
		{"newer version", change(1, `"version":1`, `"version":2`), 1, "version 2, this package reads up to 1"},
		{"unknown member", change(2, `"rev"`, `"color":1,"rev"`), 2, `unknown field "color"`},
		{"nothing in a line", change(2, good[1], `{}`), 2, "want one of"},
		{"two in a line", change(2, good[1], good[1]+good[1]), 2, "more than one object"},
		{"not JSON", change(4, good[3], `hello`), 4, "invalid character"},
		{"another body", change(3, `"body":"PHNjeG1sLz4="`, `"body":"AAAA"`), 3, "digest"},
		{"document missing", without(3), 3, "does not stand above"},
		{"session missing", without(5), 5, "it counts 1 documents and 3 sessions, there are 1 and 2"},
		{"session twice", append(append([]string(nil), good[:5]...), good[4], good[5]), 6, "stands above already"},
		{"more after the end", append(append([]string(nil), good...), good[4]), 7, "something follows the end"},
		{"broken base64", change(2, `"snapshot":"b25seQ=="`, `"snapshot":"%"`), 2, "illegal base64"},
		{"bad id", change(2, name(1, 1), ""), 2, "empty session id"},
		{"claim of another bucket", change(4, name(7, 2), name(7, 3)), 4, "lies in bucket 2, its claim"},
		{"bad digest", change(4, `"document":"`, `"document":"x`), 4, "65 characters"},
	} {
		t.Run(c.what, func(t *testing.T) {
			to := memory(t)
			file := strings.Join(c.lines, "\n")
			_, err := inspect.Import(t.Context(), to, strings.NewReader(file), nil)
			var at *inspect.LineError
			require.ErrorAs(t, err, &at)
			require.Equal(t, c.line, at.Line, "%v", err)
			require.ErrorContains(t, err, c.text)
			for range inspect.Sessions(t.Context(), to) {
				require.Fail(t, "something was written")
			}
		})
	}
	_, err := inspect.Import(t.Context(), memory(t), strings.NewReader(strings.Join(good, "\n")), &inspect.ImportOptions{MaxLine: 200})
	require.ErrorContains(t, err, "line 4: not a file of exported sessions, or damaged: it has more than 200 bytes")
}

// FuzzImport: a file may be anything.
func FuzzImport(f *testing.F) {
	s, err := memstore.New(nil)
	if err != nil {
		f.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := inspect.Export(context.Background(), &out, s, none, nil); err != nil {
		f.Fatal(err)
	}
	f.Add(out.String())
	f.Add(`{"ors-sessions":{"version":1,"buckets":4}}` + "\n" + `{"session":{"id":"a","rev":1,"timers":[{"id":"t","at":"2026-01-02T03:04:05Z"}]}}` + "\n" + `{"end":{"documents":0,"sessions":1}}`)
	f.Fuzz(func(t *testing.T, file string) {
		to, err := memstore.New(nil)
		require.NoError(t, err)
		n, err := inspect.Import(t.Context(), to, strings.NewReader(file), nil)
		if err != nil {
			return
		}
		var again bytes.Buffer
		m, err := inspect.Export(t.Context(), &again, to, none, nil)
		require.NoError(t, err)
		require.Equal(t, n.Sessions, m.Sessions)
	})
}
