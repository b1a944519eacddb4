package rest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"io/fs"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
	"github.com/seed-ff723688/ors/telephony/fm"
)

// watch makes a Monitor on a clock of its own, and what it tells of alarms.
func watch(t *testing.T) (m *rest.Monitor, clock *session.VirtualClock, told func() []string) {
	clock = session.NewVirtualClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	var log bytes.Buffer
	var heard []rest.Alarm
	m = rest.NewMonitor(&rest.MonitorOptions{
		Trace: true, Average: 12 * time.Second, Clock: clock, Alarm: func(a rest.Alarm) { heard = append(heard, a); _ = m.Alarms() },
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "component" || a.Key == "counter" {
				return slog.Attr{}
			}
			return a
		}})),
	})
	return m, clock, func() []string {
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if lines[0] == "" {
			lines = nil
		}
		n := 0
		for _, l := range lines {
			if strings.Contains(l, "id=23028") {
				require.Contains(t, l, heard[n].String())
				require.Equal(t, strings.Contains(l, "level=WARN"), heard[n].Raised)
				n++
			}
		}
		require.Len(t, heard, n, "the hook hears what the log says")
		log.Reset()
		heard = nil
		return lines
	}
}

func TestAlarmsRiseAndClear(t *testing.T) {
	m, clock, told := watch(t)
	require.NoError(t, m.SetAlarms(map[string]string{"state-time": " 5000 ", "http-fetch-time": "100", "fetch-rate": ""}))
	m.Measure("state-time", "waiting", 4*time.Second)
	clock.Advance(time.Second)
	require.Empty(t, told())

	// The average counts, not one value.
	m.Measure("state-time", "waiting", 5*time.Second)
	clock.Advance(time.Second)
	require.Empty(t, told())
	m.Measure("state-time", "waiting", 9*time.Second)
	m.Measure("state-time", "ringing", 7*time.Second)
	m.Measure("state-time", "open", time.Second)
	clock.Advance(time.Second)
	require.Equal(t, []string{`level=WARN msg="state-time (5000): ringing=7000, waiting=6000" id=23028`}, told())
	m.Measure("http-fetch-time", "", 200*time.Millisecond)
	clock.Advance(time.Second)
	require.Equal(t, []string{`level=WARN msg="http-fetch-time (100): 200" id=23028`}, told())
	up := m.Alarms()
	require.Len(t, up, 2)
	require.Equal(t, "http-fetch-time", up[0].Counter)
	require.True(t, up[1].Raised)
	require.Equal(t, clock.Now().Add(-time.Second), up[1].Since)

	// Below the threshold is not yet well below it.
	for range 3 {
		m.Measure("state-time", "ringing", 4*time.Second)
		m.Measure("state-time", "waiting", 4*time.Second)
	}
	clock.Advance(time.Second)
	require.Empty(t, told(), "4750 is more than nine tenths of 5000")
	for range 10 {
		m.Measure("state-time", "ringing", time.Second)
		m.Measure("state-time", "waiting", time.Second)
	}
	clock.Advance(time.Second)
	require.Equal(t, []string{`level=INFO msg="state-time (5000): waiting=2500: cleared" id=23028`}, told())

	// What is not measured any more clears, too.
	clock.Advance(20 * time.Second)
	require.Equal(t, []string{`level=INFO msg="http-fetch-time (100): 0: cleared" id=23028`, `level=INFO msg="all performance alarms cleared" id=23029`}, told())
	require.Empty(t, m.Alarms())
	_, armed := clock.Next()
	require.False(t, armed, "nothing is looked at while nothing happens")
}

func TestAlarmThresholdsThatChange(t *testing.T) {
	m, clock, told := watch(t)
	m.Measure("redirect-time", "", time.Second)
	_, armed := clock.Next()
	require.False(t, armed)
	require.NoError(t, m.SetAlarms(map[string]string{"redirect-time": "900"}))
	clock.Advance(0)
	require.Equal(t, []string{`level=WARN msg="redirect-time (900): 1000" id=23028`}, told())
	require.NoError(t, m.SetAlarms(map[string]string{"redirect-time": "950"}))
	clock.Advance(time.Second)
	require.Empty(t, told(), "it stays up")
	require.Equal(t, 950.0, m.Alarms()[0].Threshold)

	err := m.SetAlarms(map[string]string{"redirect-time": "1", "statetime": "5", "state-time": "5s", "fetch-rate": "-1", "openstat-time": "NaN"})
	require.ErrorContains(t, err, `"statetime" is no counter; want one of active-sessions, `)
	require.ErrorContains(t, err, `state-time is "5s"; want a number from 0 on`)
	require.ErrorContains(t, err, "fetch-rate is")
	require.ErrorContains(t, err, "openstat-time is")
	clock.Advance(time.Second)
	require.Equal(t, 950.0, m.Alarms()[0].Threshold, "a refused change changes nothing")

	require.NoError(t, m.SetAlarms(nil))
	clock.Advance(time.Second)
	require.Equal(t, []string{`level=INFO msg="redirect-time (950): 1000: cleared" id=23028`, `level=INFO msg="all performance alarms cleared" id=23029`}, told())
	require.ErrorContains(t, rest.NewMonitor(nil).SetAlarms(map[string]string{"state-time": "5"}), "state-time is counted only with MonitorOptions.Trace")
}

func TestAlarmHookThatPanics(t *testing.T) {
	clock := session.NewVirtualClock(time.Unix(0, 0))
	var log bytes.Buffer
	m := rest.NewMonitor(&rest.MonitorOptions{Clock: clock, Alarm: func(rest.Alarm) { panic("in the hook") }, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, m.SetAlarms(map[string]string{"openstat-time": "0"}))
	m.Measure("openstat-time", "", time.Second)
	clock.Advance(time.Second)
	require.Contains(t, log.String(), "in the hook")
	require.Len(t, m.Alarms(), 1)
}

func TestNumbersOfSessionsRaiseAlarms(t *testing.T) {
	s := newSite(t, nil)
	events, _ := s.follow(t.Context(), "/ors/v1/events")
	require.NoError(t, s.monitor.SetAlarms(map[string]string{"active-sessions": "1"}))
	first := s.begin()
	s.begin()
	for {
		_, ev := events()
		require.NotEmpty(t, ev.Type, "the stream tells of it")
		if ev.Type == "alarm.raised" {
			require.Equal(t, "active-sessions", ev.Name)
			break
		}
	}
	require.Contains(t, s.do(querySecret, "GET", "/ors/v1/metrics", "").text, "\nors_performance_alarm{counter=\"active-sessions\"} 1\n")
	require.NoError(t, s.engine.Terminate(context.Background(), first))
	require.NoError(t, s.monitor.SetAlarms(map[string]string{"active-sessions": "10"}))
	for ev := (rest.StreamEvent{}); ev.Type != "alarm.cleared"; {
		_, ev = events()
		require.NotEmpty(t, ev.Type)
	}
}

// measured is a chart that makes every counter that sessions feed move.
const measured = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" name="measured" datamodel="ecmascript"
 xmlns:session="http://www.genesyslab.com/modules/session" xmlns:statistic="http://www.genesyslab.com/modules/statistic">
 <datamodel><data id="n"/></datamodel>
 <state id="one">
  <onentry>
   <session:fetch srcexpr="'https://crm.example/a'" method="'get'"/>
   <session:fetch srcexpr="'FindConfigObject'" method="'urs'"/>
   <statistic:subscribe object="'Sales@Stat.GA'" statistic="'StatAgentsReady'" interval="30"/>
   <script>n = _genesys.statistic.sData('Sales@Stat.GA', 'StatAgentsReady');</script>
  </onentry>
  <transition event="session.fetch.done" target="two"/>
  <transition event="error.*" target="failed"/>
 </state>
 <state id="two"><transition event="session.fetch.done" target="three"/></state>
 <state id="three"><transition event="go" target="end"/></state>
 <state id="failed"/>
 <final id="end"/>
</scxml>`

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Each counter of Orchestration Server that a session can move has moved, and by the time
// that has passed.
func TestCountersAreFed(t *testing.T) {
	clock := session.NewVirtualClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	var toldMu sync.Mutex
	told := map[string]int{}
	m := rest.NewMonitor(&rest.MonitorOptions{Trace: true, Clock: clock, StoreOperation: func(operation string, _ time.Duration) {
		toldMu.Lock()
		defer toldMu.Unlock()
		told[operation]++
	}})
	statistics := &fm.StatisticTable{}
	statistics.Set("Sales@Stat.GA", "StatAgentsReady", 3)
	services, err := fm.NewServices(&fm.ServicesOptions{
		Clock: clock, Measure: m.Measure, Statistics: statistics,
		Functions: func(context.Context, string, string, *datamodel.Object) (datamodel.Value, error) { return "x", nil },
		Fetch: fm.FetchOptions{Allow: []string{"https://crm.example/"}, Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return nil, errors.New("down")
		})},
	})
	require.NoError(t, err)
	store, err := memstore.New(nil)
	require.NoError(t, err)
	chart := strings.Replace(measured, `<transition event="error.*" target="failed"/>`, `<transition event="error.session.fetch" target="two"/>`, 1)
	loader, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{"app": fstest.MapFS{"m.scxml": {Data: []byte(chart)}}}})
	require.NoError(t, err)
	o := session.Options{Parse: scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}, Loader: loader, Clock: clock, Store: store}
	services.Install(&o)
	m.Install(&o)
	engine, err := session.New(&o)
	require.NoError(t, err)
	require.NoError(t, services.Open(engine))
	_, err = engine.Recover(context.Background())
	require.NoError(t, err)
	h, err := rest.NewHandler(engine, &rest.Options{Loopback: true, Monitor: m, Clock: clock})
	require.NoError(t, err)
	id, err := engine.Start(context.Background(), session.StartRequest{URL: "app:///m.scxml"})
	require.NoError(t, err)
	clock.Advance(3 * time.Second)
	st, err := engine.Query(context.Background(), id)
	require.NoError(t, err)
	require.Equal(t, []string{"three"}, st.Active)
	require.NoError(t, engine.Send(context.Background(), id, &scxml.Event{Name: "go"}))
	_, err = engine.Start(context.Background(), session.StartRequest{URL: "app:///none.scxml"})
	require.Error(t, err)
	clock.Advance(time.Second)
	text := metricsOf(t, h)
	for _, want := range []string{
		"ors_pending_sessions 0", "ors_active_sessions 0", "ors_create_session_time_milliseconds_count 1", "ors_session_start_errors_total 1",
		"ors_document_processing_time_milliseconds_count 1", "ors_http_fetch_time_milliseconds_count 1", "ors_urs_fetch_time_milliseconds_count 1",
		"ors_openstat_time_milliseconds_count 1", `ors_func_execution_time_milliseconds_count{function="_genesys.statistic.sData"} 1`,
		"ors_function_calls_total 1", "ors_fetches_total 2", `ors_state_time_milliseconds_sum{state="three"} 3000`, `ors_state_time_average_milliseconds{state="three"} 3000`,
		"ors_state_exits_total 4", "ors_sessions_started_total 1", `ors_store_latency_milliseconds_count{operation="create"} 1`,
		`ors_store_latency_milliseconds_count{operation="delete"} 1`, `ors_store_latency_milliseconds_count{operation="putdocument"} 1`,
		"ors_fetch_rate 0.4",
	} {
		require.Contains(t, text, "\n"+want+"\n")
	}
	require.NotContains(t, text, "ors_scxml_event_queuing_time_milliseconds_count 0\n")
	require.NotContains(t, text, `state="failed"`)
	toldMu.Lock()
	for operation, n := range told {
		require.Contains(t, text, fmt.Sprintf("\nors_store_latency_milliseconds_count{operation=%q} %d\n", operation, n))
	}
	require.Equal(t, 1, told["delete"])
	toldMu.Unlock()
	require.NoError(t, engine.Shutdown(context.Background()))
	require.NoError(t, services.Close())
	require.NoError(t, store.Close())
}

// An event waits while the session is at work.
func TestTimeInTheQueue(t *testing.T) {
	clock := session.NewVirtualClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	m := rest.NewMonitor(&rest.MonitorOptions{Clock: clock})
	busy, leave := make(chan struct{}), make(chan struct{})
	doc, err := scxml.Parse(context.Background(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="a">
 <transition event="stay"/></state></scxml>`), nil)
	require.NoError(t, err)
	o := session.Options{Trace: func(string, *scxml.Document) *scxml.Trace {
		return &scxml.Trace{EventTaken: func(*scxml.Event) { busy <- struct{}{}; <-leave }}
	}}
	m.Install(&o)
	// The clock of the engine is another one, so that moving this one does not wait for it.
	o.Clock = clockOf{clock}
	engine, err := session.New(&o)
	require.NoError(t, err)
	h, err := rest.NewHandler(engine, &rest.Options{Loopback: true, Monitor: m})
	require.NoError(t, err)
	id, err := engine.Start(context.Background(), session.StartRequest{Document: doc})
	require.NoError(t, err)
	require.NoError(t, engine.Send(context.Background(), id, &scxml.Event{Name: "stay"}))
	<-busy
	require.NoError(t, engine.Send(context.Background(), id, &scxml.Event{Name: "stay"}))
	clock.Advance(2 * time.Second)
	leave <- struct{}{}
	<-busy
	leave <- struct{}{}
	require.NoError(t, engine.Settle(context.Background()))
	text := metricsOf(t, h)
	require.Contains(t, text, "\nors_scxml_event_queuing_time_milliseconds_sum 2000\n")
	require.Contains(t, text, "\nors_scxml_event_queuing_time_milliseconds_count 2\n")
	require.NoError(t, engine.Shutdown(context.Background()))
}

// clockOf hides a VirtualClock, to which engines would attach themselves.
type clockOf struct{ session.Clock }
