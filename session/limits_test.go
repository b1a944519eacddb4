package session_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// limitsByValue has the limits of a session stand in StartRequest.Value.
func limitsByValue(info session.Info) session.SessionLimits {
	o, ok := info.Value.(*datamodel.Object)
	if !ok {
		return session.SessionLimits{}
	}
	number := func(name string) int {
		v, _ := o.Get(name)
		n, _ := v.(float64)
		return int(n)
	}
	return session.SessionLimits{Inbox: number("inbox"), MaxAge: time.Duration(number("age")) * time.Second, Machine: scxml.Limits{StateEntries: number("loops")}}
}

func value(name string, n float64) *datamodel.Object {
	return datamodel.NewObject(datamodel.Member{Name: name, Value: n})
}

func TestSessionLimits(t *testing.T) {
	b := newBench(t, &session.Options{Limits: limitsByValue, MaxAge: time.Hour})
	start := func(source string, v any) string {
		id, err := b.Start(deadline(t), session.StartRequest{Document: parse(t, source), Value: v})
		require.NoError(t, err)
		return id
	}
	loop := chart(`<state id="a"><transition event="go" target="b"/></state><state id="b"><transition target="c"/></state><state id="c"><transition target="b"/></state>`)
	short, long := start(loop, value("loops", 3)), start(loop, nil)
	for _, id := range []string{short, long} {
		b.send(id, "go")
		assert.Equal(t, session.Failed, b.result(id).Reason)
	}
	assert.ErrorContains(t, b.result(short).Err, "3")
	assert.ErrorContains(t, b.result(long).Err, "2000")

	idle := chart(`<state id="a"/>`)
	young, old := start(idle, value("age", 10)), start(idle, nil)
	require.NoError(t, b.Settle(deadline(t)))
	b.clock.Advance(11 * time.Second)
	assert.Equal(t, session.Expired, b.result(young).Reason)
	assert.Equal(t, []string{"a"}, b.active(old))
	b.clock.Advance(time.Hour)
	assert.Equal(t, session.Expired, b.result(old).Reason)

	narrow, err := b.Start(deadline(t), session.StartRequest{Document: parse(t, idle), Value: value("inbox", 2), At: b.clock.Now().Add(time.Hour)})
	require.NoError(t, err)
	b.send(narrow, "x")
	b.send(narrow, "x")
	assert.ErrorIs(t, b.Send(deadline(t), narrow, &scxml.Event{Name: "x"}), session.ErrInboxFull)
}

// Limits of a session stay with it when another engine goes on with it.
func TestSessionLimitsAfterRestart(t *testing.T) {
	store := memory(t)
	first := node(t, store, session.Options{Limits: limitsByValue})
	id, err := first.Start(deadline(t), session.StartRequest{Document: parseORS(t, orsChart("", `<state id="a"/>`)), Value: value("age", 100)})
	require.NoError(t, err)
	require.NoError(t, first.Settle(deadline(t)))
	second := first.restart(store, 50*time.Second, session.Options{Limits: limitsByValue})
	assert.Equal(t, []string{"a"}, second.active(id))
	second.clock.Advance(51 * time.Second)
	assert.Equal(t, session.Expired, second.result(id).Reason)
}

func TestPersistHook(t *testing.T) {
	store := memory(t)
	b := node(t, store, session.Options{Persist: func(info session.Info, doc *scxml.Document) bool { return doc.Persist() && info.Value != nil }})
	start := func(attrs string, v any) {
		_, err := b.Start(deadline(t), session.StartRequest{Document: parseORS(t, orsChart(attrs, `<state id="a"/>`)), Value: v})
		require.NoError(t, err)
	}
	start("", nil)
	start(`_persist="false"`, 1.0)
	assert.Empty(t, stored(t, store))
	start("", 1.0)
	assert.Len(t, stored(t, store), 1)
}

// library is a Fetcher that can fail, and remembers the policies it was given.
type library struct {
	mu       sync.Mutex
	reads    int
	down     bool
	policies []session.FetchPolicy
	deadline time.Duration
}

func (l *library) Fetch(ctx context.Context, url string, limit int64) ([]byte, error) {
	return l.FetchWith(ctx, url, limit, &session.FetchPolicy{})
}

func (l *library) FetchWith(ctx context.Context, _ string, _ int64, p *session.FetchPolicy) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	l.policies = append(l.policies, *p)
	if at, ok := ctx.Deadline(); ok {
		l.deadline = time.Until(at)
	}
	if l.down {
		return nil, errors.New("nobody is there")
	}
	return []byte(chart(`<state id="a"/>`)), nil
}

func TestFetchPolicyOfDocuments(t *testing.T) {
	lib := &library{}
	b := newBench(t, &session.Options{Loader: lib})
	start := func(p session.FetchPolicy) error {
		_, err := b.Start(deadline(t), session.StartRequest{URL: "http://a.example/a.scxml", Fetch: p})
		return err
	}
	require.NoError(t, start(session.FetchPolicy{UserAgent: "ORS", HTTP: "1.0", Timeout: 3 * time.Second}))
	assert.Equal(t, "ORS 1.0", lib.policies[0].UserAgent+" "+lib.policies[0].HTTP)
	assert.LessOrEqual(t, lib.deadline, 3*time.Second)
	require.NoError(t, start(session.FetchPolicy{}))
	assert.Equal(t, 1, lib.reads)
	require.NoError(t, start(session.FetchPolicy{MaxAge: -1}))
	assert.Equal(t, 2, lib.reads, "it is asked for each time")
	b.clock.Advance(59 * time.Second)
	require.NoError(t, start(session.FetchPolicy{MaxAge: 10 * time.Second}))
	assert.Equal(t, 3, lib.reads, "it is older than that")
	b.clock.Advance(2 * time.Minute)
	require.NoError(t, start(session.FetchPolicy{MaxAge: time.Hour}))
	assert.Equal(t, 3, lib.reads)

	lib.down = true
	assert.NoError(t, start(session.FetchPolicy{}), "the old one is used")
	assert.Error(t, start(session.FetchPolicy{MaxStale: -1}))
	assert.NoError(t, start(session.FetchPolicy{MaxStale: 2 * time.Minute}))
	b.clock.Advance(2 * time.Minute)
	assert.Error(t, start(session.FetchPolicy{MaxStale: 2 * time.Minute}), "it is older than one minute and two")
}

func TestDocumentCacheBySizeAndScheme(t *testing.T) {
	lib := &library{}
	b := newBench(t, &session.Options{Loader: lib, Documents: session.CacheLimits{Largest: 10}})
	for range 2 {
		_, err := b.Load(deadline(t), "http://a.example/a.scxml")
		require.NoError(t, err)
	}
	assert.Equal(t, 2, lib.reads, "it is too large to be kept")

	lib = &library{}
	b = newBench(t, &session.Options{Loader: lib, Documents: session.CacheLimits{FileTTL: time.Second}})
	for _, url := range []string{"http://a.example/a.scxml", "file:///a.scxml"} {
		lib.reads = 0
		for range 2 {
			_, err := b.Load(deadline(t), url)
			require.NoError(t, err)
			b.clock.Advance(2 * time.Second)
		}
		assert.Equal(t, url == "file:///a.scxml", lib.reads == 2, url)
	}
}

func TestLoaderPolicy(t *testing.T) {
	var asked []*http.Request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r)
		w.Header().Set("Cache-Control", "max-age=100")
	}))
	t.Cleanup(s.Close)
	clock := session.NewVirtualClock(noon)
	l := newLoader(t, &session.LoaderOptions{Allow: []string{s.URL}, Clock: clock})
	read := func(p session.FetchPolicy) error {
		_, err := l.FetchWith(t.Context(), s.URL, 0, &p)
		return err
	}
	require.NoError(t, read(session.FetchPolicy{UserAgent: "ORS 8.1", HTTP: "1.0"}))
	assert.Equal(t, "ORS 8.1", asked[0].UserAgent())
	assert.True(t, asked[0].Close)
	clock.Advance(20 * time.Second)
	require.NoError(t, read(session.FetchPolicy{MaxAge: 30 * time.Second}))
	assert.Len(t, asked, 1)
	require.NoError(t, read(session.FetchPolicy{MaxAge: 10 * time.Second}))
	assert.Len(t, asked, 2)
	require.NoError(t, read(session.FetchPolicy{MaxAge: -1}))
	assert.Len(t, asked, 3)
	assert.ErrorContains(t, read(session.FetchPolicy{HTTP: "3"}), `the version of HTTP "3": want 1.0, 1.1 or 2`)
	_, err := session.NewLoader(&session.LoaderOptions{HTTP: "3"})
	assert.ErrorContains(t, err, "want 1.0, 1.1 or 2")
	_, err = session.NewLoader(&session.LoaderOptions{NoCache: []string{"apps.example"}})
	assert.ErrorContains(t, err, `URL that is not kept "apps.example"`)
}

func TestLoaderControl(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	var looked []string
	refuse := func(_, address string, _ syscall.RawConn) error {
		looked = append(looked, address)
		return errors.New("not there")
	}
	_, err := newLoader(t, &session.LoaderOptions{Allow: []string{s.URL}, Control: refuse}).Fetch(t.Context(), s.URL, 0)
	assert.ErrorContains(t, err, "not there")
	assert.Equal(t, []string{s.Listener.Addr().String()}, looked)
}

func TestPortRange(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	at, ok := l.Addr().(*net.TCPAddr)
	require.True(t, ok)
	taken := uint16(at.Port)
	_, err = session.PortRange{First: taken, Last: taken}.Dial(t.Context(), &net.Dialer{}, "tcp", l.Addr().String())
	assert.Error(t, err)
	assert.ErrorContains(t, session.PortRange{First: 2, Last: 1}.Check(), "want 1 to 65535, the lower one first")
	assert.NoError(t, session.PortRange{}.Check())
	c, err := session.PortRange{}.Dial(t.Context(), &net.Dialer{}, "tcp", l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, c.Close())
}
