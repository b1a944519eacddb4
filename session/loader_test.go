package session_test

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

func fsys(f fs.FS) map[string]fs.FS { return map[string]fs.FS{"mem": f} }

func newLoader(t *testing.T, opts *session.LoaderOptions) *session.Loader {
	l, err := session.NewLoader(opts)
	require.NoError(t, err)
	return l
}

func fileURL(t *testing.T, name string) string {
	u, err := session.FileURL(name)
	require.NoError(t, err)
	return u
}

func TestLoaderFiles(t *testing.T) {
	base := t.TempDir()
	dir, outside := filepath.Join(base, "charts"), filepath.Join(base, "charts2")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	require.NoError(t, os.MkdirAll(outside, 0o755))
	write := func(name string) { require.NoError(t, os.WriteFile(name, []byte(filepath.Base(name)), 0o644)) }
	write(filepath.Join(dir, "a.scxml"))
	write(filepath.Join(dir, "sub", "b c.scxml"))
	write(filepath.Join(outside, "secret"))
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "link")))
	require.NoError(t, os.Symlink("a.scxml", filepath.Join(dir, "inside")))

	l := newLoader(t, &session.LoaderOptions{Allow: []string{fileURL(t, dir)}})
	for _, name := range []string{"a.scxml", "sub/b c.scxml", "inside"} {
		_, err := l.Fetch(t.Context(), fileURL(t, filepath.Join(dir, name)), 0)
		assert.NoError(t, err, name)
	}
	root := fileURL(t, dir)
	for _, u := range []string{
		root + "/link",
		root + "/sub",
		root + "/missing",
		root + "/../charts2/secret",
		root + "/%2e%2e/charts2/secret",
		root + "2/secret",
		"file://elsewhere" + strings.TrimPrefix(root, "file://") + "/a.scxml",
		"file:a.scxml",
		"ftp://host/x", "a.scxml", "", ":", "http://localhost/",
	} {
		_, err := l.Fetch(t.Context(), u, 0)
		assert.Error(t, err, u)
	}
	_, err := l.Fetch(t.Context(), root+"2/secret", 0)
	assert.ErrorIs(t, err, session.ErrDenied)
	_, err = l.Fetch(t.Context(), root+"/a.scxml", 3)
	assert.ErrorIs(t, err, session.ErrTooLarge)

	_, err = newLoader(t, nil).Fetch(t.Context(), root+"/a.scxml", 0)
	assert.ErrorIs(t, err, session.ErrDenied, "nothing is readable by default")
}

func TestLoaderMemory(t *testing.T) {
	l := newLoader(t, &session.LoaderOptions{FS: fsys(fstest.MapFS{"x/a.scxml": {Data: []byte("data")}})})
	for _, u := range []string{"mem:///x/a.scxml", "mem:/x/a.scxml", "mem:x/a.scxml", "mem://x/a.scxml"} {
		b, err := l.Fetch(t.Context(), u, 0)
		require.NoError(t, err, u)
		assert.Equal(t, "data", string(b))
	}
	for _, u := range []string{"mem:///x", "mem:///y", "mem:///", "mem:///../x"} {
		_, err := l.Fetch(t.Context(), u, 0)
		assert.Error(t, err, u)
	}
	_, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{"file": fstest.MapFS{}}})
	assert.Error(t, err)
	_, err = session.NewLoader(&session.LoaderOptions{Allow: []string{"/srv"}})
	assert.ErrorContains(t, err, "want file:///directory/")
}

func TestLoaderWeb(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("other")) }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/charts/a", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("data")) })
	mux.HandleFunc("/charts/big", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, 2000)) })
	mux.HandleFunc("/charts/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/charts/a", http.StatusFound) })
	mux.HandleFunc("/charts/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/charts/loop", http.StatusFound) })
	mux.HandleFunc("/charts/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	mux.HandleFunc("/charts/up", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/secret", http.StatusFound) })
	mux.HandleFunc("/charts/hang", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	server := httptest.NewServer(mux)
	defer server.Close()

	l := newLoader(t, &session.LoaderOptions{Allow: []string{server.URL + "/charts/"}, Bytes: 1000})
	for _, name := range []string{"a", "moved"} {
		b, err := l.Fetch(t.Context(), server.URL+"/charts/"+name, 0)
		require.NoError(t, err)
		assert.Equal(t, "data", string(b))
	}
	for name, want := range map[string]error{
		"/charts/big": session.ErrTooLarge, "/charts/away": session.ErrDenied, "/charts/up": session.ErrDenied,
		"/secret": session.ErrDenied, "/charts/../secret": session.ErrDenied, "/charts/%2e%2e/secret": session.ErrDenied,
		"/charts/..%2fsecret": session.ErrDenied, "/chartsx": session.ErrDenied,
	} {
		_, err := l.Fetch(t.Context(), server.URL+name, 0)
		assert.ErrorIs(t, err, want, name)
	}
	_, err := l.Fetch(t.Context(), server.URL+"/charts/loop", 0)
	assert.ErrorContains(t, err, "more than 3 redirections")
	_, err = l.Fetch(t.Context(), server.URL+"/charts/missing", 0)
	assert.ErrorContains(t, err, "404")
	_, err = l.Fetch(t.Context(), strings.Replace(server.URL, "http://", "http://user:word@", 1)+"/charts/a", 0)
	assert.ErrorIs(t, err, session.ErrDenied)
	assert.NotContains(t, err.Error(), "word")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = l.Fetch(ctx, server.URL+"/charts/hang", 0)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

// counter is a Fetcher that counts.
type counter struct {
	n    atomic.Int32
	gate chan struct{}
	mu   sync.Mutex
	body string
	err  error
}

func (c *counter) Fetch(context.Context, string, int64) ([]byte, error) {
	c.n.Add(1)
	if c.gate != nil {
		<-c.gate
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return []byte(c.body), c.err
}

func (c *counter) set(body string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.body, c.err = body, err
}

func TestDocumentCache(t *testing.T) {
	c := &counter{body: chart(ab)}
	b := newBench(t, &session.Options{Loader: c, Documents: session.CacheLimits{Documents: 2, TTL: time.Minute}})
	load := func(url string) *scxml.Document {
		doc, err := b.Load(deadline(t), url)
		require.NoError(t, err)
		return doc
	}
	first := load("x:1")
	assert.Same(t, first, load("x:1"))
	assert.EqualValues(t, 1, c.n.Load())

	b.clock.Advance(time.Minute)
	second := load("x:1")
	assert.NotSame(t, first, second)
	assert.EqualValues(t, 2, c.n.Load())

	b.clock.Advance(time.Minute)
	c.set("", context.DeadlineExceeded)
	assert.Same(t, second, load("x:1"), "what cannot be read again stays in use")
	_, err := b.Load(deadline(t), "x:2")
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	c.set("<broken", nil)
	_, err = b.Load(deadline(t), "x:1")
	var problems *scxml.ParseError
	assert.ErrorAs(t, err, &problems)

	c.set(chart(ab), nil)
	before := c.n.Load()
	load("x:1")
	load("x:2")
	load("x:1")
	load("x:3") // x:2 is the one used least recently
	load("x:1")
	assert.EqualValues(t, before+3, c.n.Load())
	load("x:2")
	assert.EqualValues(t, before+4, c.n.Load())
}

func TestOneReadingForAll(t *testing.T) {
	c := &counter{body: chart(ab), gate: make(chan struct{})}
	b := newBench(t, &session.Options{Loader: c})
	var wg sync.WaitGroup
	docs := make([]*scxml.Document, 20)
	for i := range docs {
		wg.Go(func() {
			doc, err := b.Load(deadline(t), "x:1")
			assert.NoError(t, err)
			docs[i] = doc
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Load(ctx, "x:1")
	assert.ErrorIs(t, err, context.Canceled)
	close(c.gate)
	wg.Wait()
	for _, doc := range docs {
		assert.Same(t, docs[0], doc)
	}
	assert.EqualValues(t, 1, c.n.Load())
}

func TestNoLoader(t *testing.T) {
	b := newBench(t, nil)
	_, err := b.Start(deadline(t), session.StartRequest{URL: "file:///x"})
	assert.ErrorContains(t, err, "Options.Loader")
	_, err = b.Start(deadline(t), session.StartRequest{})
	assert.Error(t, err)
}

// TestLoaderNamedPipe: a pipe in which nobody writes is refused, and does not
// make the reader wait.
func TestLoaderNamedPipe(t *testing.T) {
	dir := t.TempDir()
	if err := exec.Command("mkfifo", filepath.Join(dir, "pipe")).Run(); err != nil {
		const help = "named pipes need the command mkfifo: apt-get install coreutils && go test ./session -run NamedPipe:"
		if os.Getenv("CI") == "true" {
			t.Fatal(help, err)
		}
		t.Skip(help, err)
	}
	l := newLoader(t, &session.LoaderOptions{Allow: []string{fileURL(t, dir)}, FS: fsys(os.DirFS(dir))})
	for _, u := range []string{fileURL(t, filepath.Join(dir, "pipe")), "mem:///pipe"} {
		_, err := l.Fetch(t.Context(), u, 0)
		assert.ErrorContains(t, err, "not a regular file", u)
	}
}

// endlessFile has no end, and is looked at as often as the reader likes.
type endlessFile struct {
	fstest.MapFS
	read func()
}

func (f endlessFile) Open(name string) (fs.File, error) {
	file, err := f.MapFS.Open(name)
	return endlessReader{file, f.read}, err
}

type endlessReader struct {
	fs.File
	read func()
}

func (r endlessReader) Read(p []byte) (int, error) { r.read(); return len(p), nil }

func TestLoaderContext(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte("x"), 0o644))
	ctx, cancel := context.WithCancel(t.Context())
	reads := 0
	l := newLoader(t, &session.LoaderOptions{Bytes: 1 << 40, Allow: []string{fileURL(t, dir)},
		FS: fsys(endlessFile{fstest.MapFS{"a": {Data: []byte("x")}}, func() {
			if reads++; reads == 3 {
				cancel()
			}
		}})})
	_, err := l.Fetch(ctx, "mem:///a", 0)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 3, reads)
	_, err = l.Fetch(ctx, fileURL(t, filepath.Join(dir, "a")), 0)
	assert.ErrorIs(t, err, context.Canceled)
}

// TestLoaderMessages: the cause stands behind the URL, and nothing of how it was
// looked for.
func TestLoaderMessages(t *testing.T) {
	dir := t.TempDir()
	l := newLoader(t, &session.LoaderOptions{Allow: []string{fileURL(t, dir)}, FS: fsys(fstest.MapFS{})})
	for _, u := range []string{fileURL(t, filepath.Join(dir, "x")), "mem:///x"} {
		_, err := l.Fetch(t.Context(), u, 0)
		assert.ErrorIs(t, err, fs.ErrNotExist)
		assert.Regexp(t, "^session: loading "+regexp.QuoteMeta(u)+": (no such file or directory|file does not exist)$", err.Error())
	}
}

func TestLoaderPathParameters(t *testing.T) {
	l := newLoader(t, &session.LoaderOptions{Allow: []string{"http://ors.example/charts/"}, Client: &http.Client{Transport: refusing{}}})
	for _, p := range []string{"..;/secret", "..;x/secret", "..%3b/secret", "a/..;", "a/..;/..;/secret", "%2e.;/secret"} {
		_, err := l.Fetch(t.Context(), "http://ors.example/charts/"+p, 0)
		assert.ErrorIs(t, err, session.ErrDenied, p)
	}
	for _, p := range []string{"a;v=1", "a..;b"} {
		_, err := l.Fetch(t.Context(), "http://ors.example/charts/"+p, 0)
		assert.ErrorIs(t, err, errRefused, p)
	}
}

var errRefused = errors.New("refused")

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, errRefused }
