package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/session/rest"
)

// logAlarms is the component of lines about performance alarms.
const logAlarms = "SelfMonitoring"

// alarmThresholds reads the section performance-alarms.
func alarmThresholds(st *config.Settings) map[string]string {
	const section = "performance-alarms"
	m := map[string]string{}
	for _, spec := range config.Catalogue() {
		if spec.Where == config.InApplication && spec.Section == section && spec.NoEffect == "" {
			if v := st.Text(section, spec.Name); v != "" {
				m[spec.Name] = v
			}
		}
	}
	return m
}

// monitorOptions fills in the options of the monitor: states and functions are counted where one of
// them has a threshold, and slow operations of the store are told of.
func (l *serverLog) monitorOptions(st *config.Settings, o *rest.MonitorOptions) {
	thresholds := alarmThresholds(st)
	for _, name := range []string{"state-time", "state-rate", "func-execution-time", "func-execution-rate", "fetch-rate"} {
		o.Trace = o.Trace || thresholds[name] != ""
	}
	o.StoreOperation = slowStore(st, l.component(logStore))
	o.Logger = slog.New(alarmHandler{l.component(logAlarms).Handler()})
}

// alarmHandler gives the lines about alarms, warnings, the level alarm.
type alarmHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h alarmHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		r.Level = LevelAlarm
	}
	return h.Handler.Handle(ctx, r)
}

// measure counts what the modules measure.
func (s *Server) measure(counter, parameter string, d time.Duration) {
	if m := s.monitor; m != nil { // it is made after them
		m.Measure(counter, parameter, d)
	}
}
