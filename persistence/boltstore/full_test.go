//go:build linux

package boltstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/boltstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// inProcess runs this test in a process of its own, in a folder, with limits that end with it.
func inProcess(t *testing.T, inside func(t *testing.T, folder string)) {
	const variable = "BOLTSTORE_FULL_FOLDER"
	if folder := os.Getenv(variable); folder != "" {
		inside(t, folder)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), variable+"="+t.TempDir())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NotContains(t, string(out), "no tests to run")
}

// limitFiles has the system refuse to write beyond a size, as a full disk does; 0: no limit.
func limitFiles(t *testing.T, size uint64) {
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	if limit.Cur = limit.Max; size > 0 {
		limit.Cur = size
	}
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
}

// fileSize returns the size of a file.
func fileSize(t *testing.T, path string) uint64 {
	info, err := os.Stat(path)
	require.NoError(t, err)
	return uint64(info.Size())
}

// TestDiskFull: when the disk is full, writes fail with ErrFull and change nothing; what is there can be read, and
// what makes room still works. When there is room again, the store goes on.
func TestDiskFull(t *testing.T) {
	inProcess(t, func(t *testing.T, folder string) {
		ctx := t.Context()
		path := filepath.Join(folder, "store.db")
		s, err := boltstore.Open(path, &boltstore.Options{Buckets: 1})
		require.NoError(t, err)
		leases, err := s.Acquire(ctx, "owner", time.Hour, 0)
		require.NoError(t, err)
		epoch := leases[0].Epoch
		limitFiles(t, max(fileSize(t, path), 256<<10))

		body := bytes.Repeat([]byte("x"), 20<<10)
		made := 0
		for ; ; made++ {
			require.Less(t, made, 1000, "the disk never filled up")
			if err = s.Create(ctx, epoch, &persistence.Session{ID: fmt.Sprint("s", made), Snapshot: body}); err != nil {
				break
			}
		}
		require.ErrorIs(t, err, persistence.ErrFull)
		require.NotErrorIs(t, err, persistence.ErrOutcomeUnknown)
		require.Positive(t, made)
		_, err = s.Load(ctx, fmt.Sprint("s", made))
		require.ErrorIs(t, err, persistence.ErrNotFound, "nothing of it is there")
		for i := range made {
			p, err := s.Load(ctx, fmt.Sprint("s", i))
			require.NoError(t, err)
			require.Equal(t, body, p.Snapshot)
		}
		// Pages that are freed are used again, once the transaction that freed them is over.
		for i := range min(made, 4) {
			require.NoError(t, s.Delete(ctx, epoch, fmt.Sprint("s", i)))
		}
		require.NoError(t, s.Create(ctx, epoch, &persistence.Session{ID: "small", Snapshot: []byte("x")}))

		limitFiles(t, 0)
		for i := range 50 {
			require.NoError(t, s.Create(ctx, epoch, &persistence.Session{ID: fmt.Sprint("more", i), Snapshot: body}))
		}
		require.NoError(t, s.Close())
		s, err = boltstore.Open(path, nil)
		require.NoError(t, err)
		for i := range 50 {
			_, err := s.Load(ctx, fmt.Sprint("more", i))
			require.NoError(t, err)
		}
		require.NoError(t, s.Close())
	})
}

// asNobody calls do on a thread that may no more than everybody may with files, also where the tests run as root.
func asNobody(t *testing.T, do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if os.Geteuid() == 0 {
			if err := syscall.Setfsuid(65534); err != nil {
				t.Error(err)
				return
			}
		}
		do()
	}()
	<-done
}

// TestReadOnlyFile: a file that may be read only is refused, and left as it is.
func TestReadOnlyFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store.db")
	s, err := boltstore.Open(path, nil)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, os.Chmod(path, 0o444))
	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	asNobody(t, func() {
		if body, err := os.ReadFile(path); err != nil || !bytes.Equal(body, before) {
			t.Errorf("the file cannot be read: %v", err)
		}
		s, err := boltstore.Open(path, nil)
		if !errors.Is(err, os.ErrPermission) || !strings.Contains(fmt.Sprint(err), path) {
			t.Errorf("error is %v, want one of permission that names the file", err)
		}
		if err == nil {
			t.Error(s.Close())
		}
	})
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(before, after), "the file was changed")
}

// adding keeps what it is given, and sums it up when it is asked to.
const adding = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">
<datamodel><data id="seen" expr="[]"/><data id="ballast" expr="''"/></datamodel>
<state id="s">
  <transition event="add"><script>seen.push(_event.data.n); ballast += _event.data.text</script></transition>
  <transition event="end" target="f"/>
</state>
<final id="f"><donedata><content expr="seen.join(' ')"/></donedata></final></scxml>`

// TestEngineOnAFullDisk: an event for which there is no room is refused; those that were accepted are handled once there
// is room again, each once.
func TestEngineOnAFullDisk(t *testing.T) {
	inProcess(t, func(t *testing.T, folder string) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		path := filepath.Join(folder, "store.db")
		s, err := boltstore.Open(path, &boltstore.Options{Buckets: 4})
		require.NoError(t, err)
		opts := scxml.ParseOptions{URL: "adding.scxml", Languages: []datamodel.Language{goja.New(nil)}}
		doc, err := scxml.Parse(ctx, []byte(adding), &opts)
		require.NoError(t, err)
		ended := make(chan session.Result, 10)
		engine, err := session.New(&session.Options{Store: s, Parse: opts, Observer: session.Observer{
			SessionEnded: func(_ session.Info, r session.Result) {
				if r.Reason != session.Lost {
					ended <- r
				}
			},
		}})
		require.NoError(t, err)
		_, err = engine.Recover(ctx)
		require.NoError(t, err)
		id, err := engine.Start(ctx, session.StartRequest{Document: doc})
		require.NoError(t, err)
		send := func(n int) error {
			data := datamodel.NewObject(datamodel.Member{Name: "n", Value: float64(n)}, datamodel.Member{Name: "text", Value: strings.Repeat("x", 8<<10)})
			return engine.SendOnce(ctx, id, fmt.Sprint(n), &scxml.Event{Name: "add", Data: data})
		}
		limitFiles(t, max(fileSize(t, path), 512<<10))
		var accepted []string
		n, refused := 0, 0
		for ; refused < 3; n++ {
			require.Less(t, n, 10_000, "the disk never filled up")
			switch err := send(n); {
			case err == nil:
				accepted = append(accepted, fmt.Sprint(n))
			default:
				require.ErrorIs(t, err, persistence.ErrFull)
				refused++
			}
		}
		limitFiles(t, 0)
		require.Eventually(t, func() bool { return send(n) == nil }, 20*time.Second, 20*time.Millisecond)
		accepted = append(accepted, fmt.Sprint(n))
		require.NoError(t, engine.SendOnce(ctx, id, "end", &scxml.Event{Name: "end"}))
		select {
		case r := <-ended:
			require.Equal(t, session.Finished, r.Reason)
			require.Equal(t, strings.Join(accepted, " "), r.Data)
		case <-ctx.Done():
			t.Fatal("the session did not go on")
		}
		require.NoError(t, errors.Join(engine.Shutdown(ctx), s.Close()))
	})
}
