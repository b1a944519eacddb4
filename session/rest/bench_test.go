package rest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"testing/fstest"

	"io/fs"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence/boltstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
)

// connections is the number of keep-alive connections of a benchmark.
const connections = 16

// BenchmarkREST measures requests from the client's first byte to the last one of the answer,
// over keep-alive connections of the loopback interface, with client and server in one process:
// authenticator, rates, audit log at a level that is not written, and monitor included. The
// document has the null data model ("bare" is a handler of net/http that answers {}, for comparison), then scripts (goja), then scripts and sessions in a file
// (boltstore), where an answer means that the session or the event is on the disk.
func BenchmarkREST(b *testing.B) {
	const null = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="a"><transition event="t" target="a"/></state></scxml>`
	const scripts = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"><datamodel><data id="n" expr="0"/><data id="customer"/></datamodel>
<state id="a"><transition event="t" cond="_event.data.a == '1'" target="a"><assign location="n" expr="n + 1"/></transition></state></scxml>`
	for _, x := range []struct {
		name, chart string
		stored      bool
	}{{"bare", "", false}, {"null", null, false}, {"goja", scripts, false}, {"goja+boltstore", scripts, true}} {
		b.Run(x.name, func(b *testing.B) {
			if x.chart == "" {
				benchBare(b)
			} else {
				benchREST(b, x.chart, x.stored)
			}
		})
	}
}

// formPost is a request as its client writes it.
func formPost(path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		path, adminSecret, len(body), body)
}

func benchBare(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	request := formPost("/scxml/session/x/event/t", "a=1")
	load(b, server.Listener.Addr().String(), connections, func(int) []byte { return request })
}

func benchREST(b *testing.B, chart string, stored bool) {
	monitor := rest.NewMonitor(nil)
	loader, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{"app": fstest.MapFS{"a.scxml": {Data: []byte(chart)}}}})
	require.NoError(b, err)
	so := session.Options{Loader: loader, Parse: scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}}
	if stored {
		store, err := boltstore.Open(filepath.Join(b.TempDir(), "sessions.db"), nil)
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, store.Close()) })
		so.Store = store
	}
	monitor.Install(&so)
	engine, err := session.New(&so)
	require.NoError(b, err)
	if stored {
		_, err = engine.Recover(context.Background())
		require.NoError(b, err)
	}
	h, err := rest.NewHandler(engine, &rest.Options{
		Authenticators: []rest.Authenticator{newTokens(b)}, Sources: []string{"app:///"}, Monitor: monitor,
		Rate: rest.Rate{PerSecond: 1e6}, ClientRate: rest.Rate{PerSecond: 1e6},
		Audit: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	require.NoError(b, err)
	server := httptest.NewServer(h)
	b.Cleanup(func() {
		server.Close()
		require.NoError(b, engine.Shutdown(context.Background()))
	})
	// More connections wait for a disk, which writes what comes together in one go.
	connections := connections
	if stored {
		connections *= 8
	}
	start := formPost("/scxml/session/start", "src=app:///a.scxml&customer=7")
	b.Run("start", func(b *testing.B) {
		load(b, server.Listener.Addr().String(), connections, func(int) []byte { return start })
	})
	events := make([][]byte, connections)
	for i := range events {
		id, err := engine.Start(context.Background(), session.StartRequest{URL: "app:///a.scxml"})
		require.NoError(b, err)
		events[i] = formPost("/scxml/session/"+id+"/event/t", "a=1")
	}
	b.Run("event", func(b *testing.B) {
		load(b, server.Listener.Addr().String(), connections, func(i int) []byte { return events[i] })
	})
}

// load sends b.N requests over the connections, one at a time on each.
func load(b *testing.B, address string, connections int, request func(connection int) []byte) {
	var wg sync.WaitGroup
	times := make([][]time.Duration, connections)
	conns := make([]net.Conn, connections)
	for i := range conns {
		c, err := net.Dial("tcp", address)
		require.NoError(b, err)
		defer c.Close()
		conns[i] = c
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i, c := range conns {
		n := b.N / connections
		if i < b.N%connections {
			n++
		}
		wg.Go(func() {
			in, text := bufio.NewReader(c), request(i)
			for range n {
				begin := time.Now()
				if _, err := c.Write(text); err != nil {
					b.Error(err)
					return
				}
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				if resp.StatusCode != http.StatusOK {
					b.Errorf("status %d", resp.StatusCode)
					return
				}
				times[i] = append(times[i], time.Since(begin))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	all := slices.Concat(times...)
	slices.Sort(all)
	if len(all) == 0 {
		return
	}
	b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "req/s")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(runtime.GOMAXPROCS(0)), "cores")
}

// BenchmarkMonitor measures what a Monitor costs the sessions: events through an engine from
// Send to the end of the macrostep, each of which runs scripts and changes the state.
func BenchmarkMonitor(b *testing.B) {
	const chart = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"><datamodel><data id="n" expr="0"/></datamodel>
<state id="a"><transition event="t" cond="n &gt;= 0" target="b"><assign location="n" expr="n + 1"/></transition></state>
<state id="b"><transition event="t" cond="_event.data.x == 1" target="a"><assign location="n" expr="n - 1"/></transition></state></scxml>`
	doc, err := scxml.Parse(context.Background(), []byte(chart), &scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}})
	require.NoError(b, err)
	for _, x := range []struct {
		name    string
		monitor *rest.Monitor
	}{{"none", nil}, {"plain", rest.NewMonitor(nil)}, {"trace", rest.NewMonitor(&rest.MonitorOptions{Trace: true})}} {
		b.Run(x.name, func(b *testing.B) {
			o := session.Options{Workers: 1}
			if x.monitor != nil {
				x.monitor.Install(&o)
				require.NoError(b, x.monitor.SetAlarms(map[string]string{"scxml-event-queuing-time": "1000"}))
			}
			engine, err := session.New(&o)
			require.NoError(b, err)
			id, err := engine.Start(context.Background(), session.StartRequest{Document: doc})
			require.NoError(b, err)
			data := datamodel.NewObject(datamodel.Member{Name: "x", Value: 1.0})
			b.ReportAllocs()
			for b.Loop() {
				ev := &scxml.Event{Name: "t", Data: data}
				for errors.Is(engine.Send(context.Background(), id, ev), session.ErrInboxFull) {
					runtime.Gosched()
				}
			}
			require.NoError(b, engine.Shutdown(context.Background()))
		})
	}
}
