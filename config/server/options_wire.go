package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// readOptions makes what the other parts need of the options: masking, and the log.
func (s *Server) readOptions(st *config.Settings) error {
	var err error
	if s.masking, err = masking(st, s.live.Site().Secrets()); err != nil {
		return withPlace(s.app.Name, err)
	}
	if s.log, err = openLog(st, s.app, s.opts.Clock, s.masking, s.opts.Logger); err != nil {
		return withPlace(s.app.Name, err)
	}
	s.logger = s.log.component(logServer)
	s.tellNoEffects(st)
	return nil
}

// tellNoEffects warns of options that are set and have no effect, of each once.
func (s *Server) tellNoEffects(st *config.Settings) {
	if s.told == nil {
		s.told = map[config.NoEffect]bool{}
	}
	for _, o := range st.NoEffects() {
		if !s.told[o] {
			s.told[o] = true
			s.logger.Warn("option has no effect", "section", o.Section, "option", o.Option, "reason", o.Reason)
		}
	}
}

// setOptions takes the options as they are now, where they count at once or for the next interaction.
// What cannot be taken stays as it was.
func (s *Server) setOptions() {
	st, ok := s.live.Settings(s.app.Name)
	if !ok {
		return // it has been removed: it runs on with what it has
	}
	s.tellNoEffects(st)
	s.options.set(st)
	err := errors.Join(s.masking.Set(rulesOf(st, s.live.Site().Secrets())), s.log.set(st), s.monitor.SetAlarms(alarmThresholds(st)))
	if s.handler != nil {
		err = errors.Join(err, setREST(st, s.handler))
	}
	if err != nil {
		s.logger.Error("options stay as they were", "error", err)
	}
}

// logChanges writes a line for each change of the configuration: a warning where it has no effect yet.
func (s *Server) logChanges(u config.Update) {
	logger := s.log.component(logConfiguration)
	if u.Err != nil {
		logger.Error("a change is refused", "error", u.Err)
	}
	for _, c := range u.Changes {
		level, text := slog.LevelInfo, "change"
		if c.Effect == config.AtStart && !s.ineffective(c) {
			level, text = slog.LevelWarn, "change takes effect at the next start of the server"
		}
		logger.Log(context.Background(), level, text, "kind", string(c.Kind), "object", c.Object.String(), "section", c.Section, "option", c.Option, "old", c.Old, "new", c.New, "effect", string(c.Effect))
	}
}

// ineffective reports whether what has changed is an option of which the log tells that it has no effect.
func (s *Server) ineffective(c config.Change) bool {
	st, ok := s.live.Settings(s.app.Name)
	return ok && slices.ContainsFunc(st.NoEffects(), func(o config.NoEffect) bool {
		return o.Section == c.Section && o.Option == c.Option
	})
}

// logEntry writes an executed <log>. With map-composer-log-levels its level is that of the line.
func (l *serverLog) logEntry(sessionID string, entry scxml.LogEntry) {
	level := slog.LevelInfo
	if l.rules.Load().composer {
		switch entry.Level {
		case 2:
			level = slog.LevelError
		case 3:
			level = slog.LevelWarn
		case 4:
			level = slog.LevelDebug
		}
	}
	l.component(logEngine).Log(context.Background(), level, "log", "session", sessionID, "label", entry.Label, "text", entry.Text)
}

// metricWriter takes the lines of scxml.MetricTrace.
type metricWriter struct{ logger *slog.Logger }

// Write implements io.Writer.
func (w metricWriter) Write(b []byte) (int, error) {
	n := len(b)
	for n > 0 && b[n-1] == '\n' {
		n--
	}
	w.logger.Info(string(b[:n]))
	return len(b), nil
}

// trace is session.Options.Trace: METRIC lines, as x-server-trace-level says when the session
// begins or comes back.
func (l *serverLog) trace(sessionID string, _ *scxml.Document) *scxml.Trace {
	level := l.rules.Load().metrics
	if level == 0 {
		return nil
	}
	t := scxml.MetricTrace(metricWriter{l.component(logMetric)}, sessionID)
	if level < 3 {
		t.Eval, t.OnEntry, t.OnExit = nil, nil, nil
	}
	if level < 2 {
		t = &scxml.Trace{Document: t.Document, Started: t.Started, Error: t.Error, Done: t.Done}
	}
	return t
}

// withLog has the engine write into the log.
func (l *serverLog) withLog(o *session.Options) {
	o.Logger, o.Log, o.Trace = l.component(logEngine), l.logEntry, l.trace
}

// audit is the audit log: the host's, else lines of the REST API.
func (s *Server) audit() *slog.Logger {
	if s.opts.Audit != nil {
		return s.opts.Audit
	}
	return s.log.component(logWeb)
}
