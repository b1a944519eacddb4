package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
)

// The components of lines, by which log-trace-segments chooses.
const (
	logServer        = "ORSInternal"
	logEngine        = "ScxmlCore"
	logMetric        = "ScxmlMetric"
	logModules       = "FMCore"
	logWeb           = "FMWeb"
	logRouter        = "ORSURS"
	logLinks         = "CallMonitor"
	logStore         = "Persistence"
	logConfiguration = "Configuration"
)

// logOptions are what the section log does not say.
type logOptions struct {
	application, host string
	clock             session.Clock
	masking           *rest.Masking
	beside            slog.Handler // gets every line too, masked; nil: nobody
	stdout, stderr    io.Writer
}

// serverLog writes lines as the section log says. It can be changed while it is used, is safe for concurrent
// use, and has files that close ends.
type serverLog struct {
	opts    logOptions
	streams map[string]output
	rules   atomic.Pointer[logRules]

	mu         sync.Mutex // one change at a time
	files      map[string]*logFile
	checkPoint time.Duration
	stop       func() bool // of the next check point
	closed     bool
}

// logRules are the options of the section, read.
type logRules struct {
	least    lineLevel
	outputs  [noLevel][]output // by level
	format   lineFormat
	segments map[string]bool // components with debug lines, in small letters; nil: all
	composer bool            // map-composer-log-levels
	metrics  int64           // x-server-trace-level
	calls    int64           // x-server-gcti-trace-level
	attached bool            // x-print-attached-data
	changes  int64           // x-server-config-trace-level
}

// newLog makes the log of a server. The error names the file that cannot be written.
func newLog(st *config.Settings, o *logOptions) (*serverLog, error) {
	l := &serverLog{opts: *o, files: map[string]*logFile{}}
	l.streams = map[string]output{"stdout": &stream{w: o.stdout}, "stderr": &stream{w: o.stderr}}
	if err := l.set(st); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// set takes the options as they are now. On an error everything stays as it was.
func (l *serverLog) set(st *config.Settings) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errors.New("server: the log is closed")
	}
	const section = "log"
	text := func(option string) string { return st.Text(section, option) }
	r := &logRules{
		least: leastLevel(text("verbose")),
		format: lineFormat{kind: text("message_format"), time: timeLayout(text("time_format")), utc: text("time_convert") == "utc",
			host: l.opts.host, app: l.opts.application},
		segments: segmentsOf(st.Text("orchestration", "log-trace-segments")),
		composer: st.Bool("orchestration", "map-composer-log-levels"),
		metrics:  st.Int(section, "x-server-trace-level"),
		calls:    st.Int(section, "x-server-gcti-trace-level"),
		changes:  st.Int(section, "x-server-config-trace-level"),
		attached: st.Int(section, "x-print-attached-data") > 0,
	}
	var rules fileRules
	var errs [3]error
	rules.segment, errs[0] = config.ReadLogSegment(text("segment"))
	rules.expiry, errs[1] = config.ReadLogExpiry(text("expire"))
	rules.keepStartup, rules.startupSegment, errs[2] = config.ReadStartupFile(text("keep-startup-file"))
	rules.buffered = st.Bool(section, "buffering")
	zone, _ := l.opts.clock.Now().Zone()
	rules.header = fmt.Sprintf("# application %s, host %s, time zone %s\n", l.opts.application, l.opts.host, zone)
	if err := errors.Join(errs[:]...); err != nil {
		return fmt.Errorf("server: section log: %w", err)
	}
	made, refused, err := l.direct(r, st, rules)
	if err != nil {
		for _, f := range made {
			f.close()
		}
		return err
	}
	for name, f := range made {
		l.files[name] = f
	}
	l.rules.Store(r)
	for name, f := range l.files {
		if used(r, f) {
			f.set(rules)
		} else {
			f.close()
			delete(l.files, name)
		}
	}
	l.schedule(st.Duration(section, "check-point"))
	if len(refused) > 0 {
		l.component(logServer).Warn("outputs of the log have no effect: there is neither a Message Server nor a log in memory", "outputs", strings.Join(refused, ", "))
	}
	return nil
}

// direct finds the outputs of each level, and makes the files that there were not before. refused are
// outputs that there are not here.
func (l *serverLog) direct(r *logRules, st *config.Settings, rules fileRules) (made map[string]*logFile, refused []string, err error) {
	made = map[string]*logFile{}
	exact := st.Bool("log", "compatible-output-priority")
	for i, option := range append([]string{"all"}, levelNames[:]...) {
		of := lineLevel(i - 1)
		for name := range strings.SplitSeq(st.Text("log", option), ",") {
			name = strings.TrimSpace(name)
			if name == "" {
				continue
			}
			if name == "network" || name == "memory" {
				refused = append(refused, option+"="+name)
				continue
			}
			o := l.streams[name]
			if o == nil {
				f, err := l.file(made, name, rules)
				if err != nil {
					return made, nil, err
				}
				o = f
			}
			for level := range noLevel {
				if (i == 0 || level == of || level > of && !exact) && level >= r.least && !slices.Contains(r.outputs[level], o) {
					r.outputs[level] = append(r.outputs[level], o)
				}
			}
		}
	}
	return made, refused, nil
}

// file returns the output of a file name.
func (l *serverLog) file(made map[string]*logFile, name string, rules fileRules) (*logFile, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("server: section log: file %q: %w", name, err)
	}
	if f := l.files[path]; f != nil {
		return f, nil
	}
	if f := made[path]; f != nil {
		return f, nil
	}
	f, err := newLogFile(path, rules, l.opts.clock, func(err error) {
		_, _ = fmt.Fprintf(l.opts.stderr, "lines of the log file %s are lost: %v\n", path, err) // nobody else is left
	})
	made[path] = f
	if err != nil {
		return nil, fmt.Errorf("server: section log: file %q: %w", name, err)
	}
	return f, nil
}

func used(r *logRules, f *logFile) bool {
	for _, outputs := range r.outputs {
		if slices.Contains(outputs, output(f)) {
			return true
		}
	}
	return false
}

func leastLevel(verbose string) lineLevel {
	switch verbose {
	case "all":
		return debugLevel
	case "none":
		return noLevel
	}
	return lineLevel(max(slices.Index(levelNames[:], verbose), 0))
}

func segmentsOf(list string) map[string]bool {
	m := map[string]bool{}
	for name := range strings.SplitSeq(list, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "all" {
			return nil
		}
		m[name] = true
	}
	return m
}

// schedule has a line written at intervals: that the server lives. l.mu is held.
func (l *serverLog) schedule(every time.Duration) {
	if every == l.checkPoint {
		return
	}
	if l.stop != nil {
		l.stop()
		l.stop = nil
	}
	if l.checkPoint = every; every <= 0 {
		return
	}
	var again func()
	again = func() {
		l.mu.Lock()
		current := !l.closed && l.checkPoint == every
		if current {
			l.stop = l.opts.clock.AfterFunc(every, again)
		}
		l.mu.Unlock()
		if current {
			l.component(logServer).Log(context.Background(), LevelInteraction, "check point")
		}
	}
	l.stop = l.opts.clock.AfterFunc(every, again)
}

// close writes what is in buffers and closes the files. Lines that come later go to the streams alone.
func (l *serverLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.stop != nil {
		l.stop()
	}
	for _, f := range l.files {
		f.close()
	}
}

// component returns the logger of a part.
func (l *serverLog) component(name string) *slog.Logger {
	return slog.New(&logHandler{log: l, component: name, segment: strings.ToLower(name)})
}

// logHandler is the slog.Handler of a component. It keeps attributes as they are given, so that
// the rules of masking that count are those of the time of each line.
type logHandler struct {
	log                *serverLog
	component, segment string
	with               []func([]slog.Attr) []slog.Attr // outermost first
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return len(h.outputs(level)) > 0 || h.log.opts.beside != nil && h.log.opts.beside.Enabled(ctx, level)
}

func (h *logHandler) outputs(level slog.Level) []output {
	r := h.log.rules.Load()
	if r == nil {
		return nil
	}
	at := levelOf(level)
	switch {
	case at == debugLevel && r.segments != nil && !r.segments[h.segment],
		at == debugLevel && h.component == logLinks && r.calls < 3,
		at < standardLevel && h.component == logConfiguration && r.changes == 0:
		return nil
	}
	return r.outputs[at]
}

// Handle implements slog.Handler.
func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	attrs := make([]slog.Attr, 0, record.NumAttrs())
	attached := h.log.rules.Load().attached
	record.Attrs(func(a slog.Attr) bool {
		if a.Value.Kind() == slog.KindAny {
			if text := message(a.Value.Any(), h.log.opts.masking, attached); text != "" {
				a.Value = slog.StringValue(text)
			}
		}
		attrs = append(attrs, a)
		return true
	})
	for _, wrap := range slices.Backward(h.with) {
		attrs = wrap(attrs)
	}
	whole := slog.NewRecord(record.Time, record.Level, record.Message, record.PC)
	whole.AddAttrs(attrs...)
	return h.log.opts.masking.Handler(&lineSink{h}).Handle(ctx, whole)
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(own []slog.Attr) slog.Handler {
	return h.wrapped(func(inner []slog.Attr) []slog.Attr { return append(slices.Clone(own), inner...) })
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.wrapped(func(inner []slog.Attr) []slog.Attr { return []slog.Attr{{Key: name, Value: slog.GroupValue(inner...)}} })
}

func (h *logHandler) wrapped(wrap func([]slog.Attr) []slog.Attr) *logHandler {
	c := *h
	c.with = append(slices.Clip(slices.Clone(h.with)), wrap)
	return &c
}

// lineSink takes records that are masked.
type lineSink struct{ *logHandler }

// Handle implements slog.Handler.
func (s *lineSink) Handle(ctx context.Context, record slog.Record) error {
	if outputs := s.outputs(record.Level); len(outputs) > 0 {
		l := &line{at: s.log.opts.clock.Now(), level: levelOf(record.Level), component: s.component}
		b := appendText(nil, record.Message)
		record.Attrs(func(a slog.Attr) bool {
			b = appendAttrs(b, "", []slog.Attr{a})
			return true
		})
		l.text = string(b)
		text := s.log.rules.Load().format.format(l)
		for _, o := range outputs {
			o.write(text, l.level >= standardLevel)
		}
	}
	if b := s.log.opts.beside; b != nil && b.Enabled(ctx, record.Level) {
		return b.Handle(ctx, record)
	}
	return nil
}

// openLog makes the log of the server of an application.
func openLog(st *config.Settings, app *config.Application, clock session.Clock, masking *rest.Masking, beside *slog.Logger) (*serverLog, error) {
	o := &logOptions{application: app.Name, host: app.Server.Host, clock: clock, masking: masking, stdout: os.Stdout, stderr: os.Stderr}
	if o.host == "" {
		o.host, _ = os.Hostname() // it may stay unknown
	}
	if beside != nil {
		o.beside = beside.Handler()
	}
	return newLog(st, o)
}
