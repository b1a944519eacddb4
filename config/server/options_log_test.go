package server

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
)

// logBench is a log with streams that can be read.
type logBench struct {
	*testing.T
	*serverLog
	clock    *session.VirtualClock
	out, err bytes.Buffer
	beside   bytes.Buffer
}

func newLogBench(t *testing.T, values ...string) *logBench {
	t.Helper()
	b := &logBench{T: t, clock: session.NewVirtualClock(time.Date(2026, 1, 5, 9, 30, 0, 0, time.UTC))}
	st := settingsOf(t, append([]string{"log", "time_convert", "utc"}, values...)...)
	m, err := masking(st, nil)
	require.NoError(t, err)
	b.serverLog, err = newLog(st, &logOptions{application: "ORS_1", host: "lon1", clock: b.clock, masking: m, stdout: &b.out, stderr: &b.err,
		beside: slog.NewTextHandler(&b.beside, &slog.HandlerOptions{Level: slog.LevelError})})
	require.NoError(t, err)
	t.Cleanup(b.close)
	return b
}

// all writes a line of each level.
func (b *logBench) all() {
	l := b.component(logEngine)
	for i, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, LevelInteraction, slog.LevelWarn, LevelAlarm} {
		l.Log(b.Context(), level, "L"+string(rune('0'+i)))
	}
}

// said returns the messages in a text and empties it.
func said(b *bytes.Buffer) string {
	var found []string
	for line := range strings.Lines(b.String()) {
		fields := strings.Fields(line)
		found = append(found, fields[len(fields)-1])
	}
	b.Reset()
	return strings.Join(found, " ")
}

func TestLogLevels(t *testing.T) {
	for _, c := range []struct{ values, out, err string }{
		{"", "", ""},
		{"standard=stdout", "L3 L4", ""},
		{"alarm=stdout standard=stderr", "L4", "L3 L4"},
		{"verbose=all debug=stdout", "L0 L1 L2 L3 L4", ""},
		{"verbose=interaction trace=stdout", "L2 L3 L4", ""},
		{"verbose=trace trace=stdout interaction=stderr compatible-output-priority=true", "L1", "L2"},
		{"verbose=all all=stdout standard=stdout", "L0 L1 L2 L3 L4", ""},
		{"verbose=debug all=stderr", "", "L0 L1 L2 L3 L4"},
		{"verbose=none all=stdout", "", ""},
	} {
		var values []string
		for pair := range strings.FieldsSeq(c.values) {
			name, value, _ := strings.Cut(pair, "=")
			values = append(values, "log", name, value)
		}
		b := newLogBench(t, values...)
		b.all()
		assert.Equal(t, c.out, said(&b.out), c.values)
		assert.Equal(t, c.err, said(&b.err), c.values)
		assert.Contains(t, b.beside.String(), "L4", "the host's logger has a level of its own")
	}
}

func TestLogForms(t *testing.T) {
	for values, want := range map[string]string{
		"":                        "09:30:00.000 Std too hot room=\"4 b\" celsius=41 by.name=ann\n",
		"message_format=medium":   "09:30:00.000 Standard FMCore too hot room=\"4 b\" celsius=41 by.name=ann\n",
		"message_format=full":     "09:30:00.000 Standard lon1 ORS_1 FMCore too hot room=\"4 b\" celsius=41 by.name=ann\n",
		"message_format=shorttsv": "09:30:00.000\tStd\tFMCore\ttoo hot room=\"4 b\" celsius=41 by.name=ann\n",
		"message_format=shortdsv": "09:30:00.000|Std|FMCore|too hot room=\"4 b\" celsius=41 by.name=ann\n",
		"message_format=shortcsv": "09:30:00.000,Std,FMCore,\"too hot room=\"\"4 b\"\" celsius=41 by.name=ann\"\n",
		"time_format=ISO8601":     "2026-01-05T09:30:00.000Z Std too hot room=\"4 b\" celsius=41 by.name=ann\n",
		"time_format=locale":      "Mon Jan  5 09:30:00.000 2026 Std too hot room=\"4 b\" celsius=41 by.name=ann\n",
	} {
		args := []string{"log", "standard", "stdout"}
		if name, value, ok := strings.Cut(values, "="); ok {
			args = append(args, "log", name, value)
		}
		b := newLogBench(t, args...)
		r := slog.NewRecord(b.clock.Now(), slog.LevelError, "too hot", 0)
		r.Add("celsius", 41, slog.Group("by", "name", "ann"))
		require.NoError(t, b.component(logModules).With("room", "4 b").Handler().Handle(t.Context(), r))
		assert.Equal(t, want, b.out.String(), values)
	}
	b := newLogBench(t, "log", "standard", "stdout")
	b.component(logServer).WithGroup("g").Warn("two\nlines", "a", "x\ny")
	assert.Equal(t, 1, strings.Count(b.out.String(), "\n"), "nobody can write lines of his own")
	assert.Contains(t, b.out.String(), `two\nlines g.a="x\ny"`)
}

func TestLogSegments(t *testing.T) {
	b := newLogBench(t, "log", "verbose", "all", "log", "all", "stdout", "orchestration", "log-trace-segments", "scxmlcore, FMWeb")
	b.component(logEngine).Debug("yes")
	b.component(logModules).Debug("no")
	b.component(logModules).Info("yes")
	assert.Equal(t, "yes yes", said(&b.out))

	require.NoError(t, b.set(settingsOf(t, "log", "all", "stdout", "log", "verbose", "all", "log", "x-server-config-trace-level", "0")))
	b.component(logModules).Debug("now")
	b.component(logConfiguration).Info("no")
	b.component(logConfiguration).Error("refused")
	assert.Equal(t, "now refused", said(&b.out))
}

func TestLogIsMasked(t *testing.T) {
	b := newLogBench(t, "log", "standard", "stdout", "log-filter", "ors-regex-card;hide", `\d{16}`, "log-filter", "ors-regex-mail;tag", `\S+@\S+`,
		"log-filter-data", "Pin", "hide-first,2", "log", "x-print-attached-data", "1")
	kept := b.component(logModules).With("mail", "c@d.example")
	event := &telephony.EventRinging{CallAttributes: telephony.CallAttributes{ThisDN: "5001", UserData: telephony.KVList{
		{Key: "Pin", Value: telephony.String("1234")}, {Key: "mail", Value: telephony.String("e@f.example")},
		{Key: "in", Value: telephony.List(telephony.KVList{{Key: "PIN", Value: telephony.Int(5678)}, {Key: "x", Value: telephony.String("abcdef")}})}}}}
	say := func() string {
		kept.Error("card 4111111111111111", "from", "a@b.example", "Pin", "1234", "number", 4111111111111112, "message", event, "list", event.UserData)
		text := b.out.String()
		b.out.Reset()
		return text
	}
	text := say()
	assert.Contains(t, text, "card **** mail=<#c@d.example#> from=<#a@b.example#> Pin=1234 number=**** message=")
	assert.Equal(t, 2, strings.Count(text, "**34"), text)
	assert.Equal(t, 2, strings.Count(text, "**78"), text)
	assert.NotContains(t, text, "<#<#")
	assert.Contains(t, b.beside.String(), `msg="card ****" mail=<#c@d.example#>`)
	assert.Equal(t, telephony.Int(5678), event.UserData[2].Value.List()[0].Value, "the message itself is as it was")

	// Other rules count at once, also for attributes that a logger carries. Lines of the server's own are
	// not user data: the default filter leaves them readable.
	st := settingsOf(t, "log-filter-data", "Pin", "skip", "log-filter", "default-filter-type", "hide")
	require.NoError(t, b.opts.masking.Set(rulesOf(st, nil)))
	text = say()
	assert.Contains(t, text, "card 4111111111111111 mail=c@d.example from=a@b.example Pin=1234 number=4111111111111112")
	assert.Contains(t, text, "5001")
	for _, value := range []string{"1234 ", "5678", "abcdef", "e@f.example"} {
		_, message, _ := strings.Cut(text, "message=")
		assert.NotContains(t, message, value)
	}
}

// files returns the log files in a folder, with what is in them.
func files(t *testing.T, dir string) (names, texts []string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		names, texts = append(names, e.Name()), append(texts, string(b))
	}
	return names, texts
}

func TestLogFiles(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "ors.log")
	b := newLogBench(t, "log", "verbose", "all", "log", "all", name, "log", "standard", name)
	b.component(logEngine).Info("first")
	names, texts := files(t, dir)
	assert.Equal(t, []string{"ors.20260105_093000_000.log"}, names)
	assert.Equal(t, "# application ORS_1, host lon1, time zone UTC\n", texts[0], "the line is in the buffer")
	b.clock.Advance(time.Second)
	_, texts = files(t, dir)
	assert.Contains(t, texts[0], "Trc first\n")
	b.component(logEngine).Error("urgent")
	_, texts = files(t, dir)
	assert.Contains(t, texts[0], "Std urgent\n", "it is not kept back")
	assert.Equal(t, 1, strings.Count(texts[0], "urgent"))

	// Without a buffer, and in another file, from now on.
	second := filepath.Join(dir, "second")
	require.NoError(t, b.set(settingsOf(t, "log", "verbose", "all", "log", "all", second, "log", "buffering", "false")))
	b.component(logEngine).Info("there")
	names, texts = files(t, dir)
	assert.Equal(t, []string{"ors.20260105_093000_000.log", "second.20260105_093001_000.log"}, names)
	assert.Contains(t, texts[1], "there")
	assert.NotContains(t, texts[0], "there")

	// A file that cannot be written is refused, and all stays.
	err := b.set(settingsOf(t, "log", "all", filepath.Join(dir, "no folder", "x.log")))
	assert.ErrorContains(t, err, `server: section log: file "`+filepath.Join(dir, "no folder", "x.log")+`"`)
	b.component(logEngine).Info("still")
	_, texts = files(t, dir)
	assert.Contains(t, texts[1], "still")

	b.close()
	b.component(logEngine).Info("late")
	assert.Error(t, b.set(settingsOf(t)))
}

func TestLogSegmentsOfFiles(t *testing.T) {
	dir := t.TempDir()
	b := newLogBench(t, "log", "standard", filepath.Join(dir, "ors.log"), "log", "segment", "1 KB", "log", "expire", "3", "log", "keep-startup-file", "true")
	for i := range 60 {
		b.clock.Advance(time.Second)
		b.component(logEngine).Error(strings.Repeat("x", 100), "n", i)
	}
	names, texts := files(t, dir)
	assert.Len(t, names, 4, "three, and the first: %v", names)
	assert.Equal(t, "ors.20260105_093000_000.log", names[0])
	for _, text := range texts {
		assert.LessOrEqual(t, len(text), 1<<10)
	}
	assert.Contains(t, texts[3], "n=59")

	require.NoError(t, b.set(settingsOf(t, "log", "standard", filepath.Join(dir, "ors.log"), "log", "segment", "2 hr", "log", "expire", "1 day")))
	b.clock.Advance(2 * time.Hour)
	b.component(logEngine).Error("next")
	names, _ = files(t, dir)
	assert.Len(t, names, 5)
	b.clock.Advance(25 * time.Hour)
	b.component(logEngine).Error("next day")
	names, _ = files(t, dir)
	assert.Len(t, names, 1, "the others are older than a day: %v", names)
}

func TestStartupSegment(t *testing.T) {
	dir := t.TempDir()
	b := newLogBench(t, "log", "standard", filepath.Join(dir, "ors.log"), "log", "segment", "1 MB", "log", "keep-startup-file", "1 KB")
	for range 20 {
		b.clock.Advance(time.Second)
		b.component(logEngine).Error(strings.Repeat("x", 100))
	}
	names, texts := files(t, dir)
	assert.Len(t, names, 2)
	assert.LessOrEqual(t, len(texts[0]), 1<<10)
}

// A disk that is full is told of once, and does not end the server.
func TestLogFileFails(t *testing.T) {
	var told []error
	clock := session.NewVirtualClock(time.Unix(0, 0))
	dir := filepath.Join(t.TempDir(), "sub")
	require.NoError(t, os.Mkdir(dir, 0o700))
	f, err := newLogFile(filepath.Join(dir, "a.log"), fileRules{}, clock, func(err error) { told = append(told, err) })
	require.NoError(t, err)
	require.NoError(t, f.file.Close())
	f.write([]byte("a\n"), true)
	f.write([]byte("b\n"), true)
	require.Len(t, told, 1)
	assert.ErrorIs(t, told[0], os.ErrClosed)
	clock.Advance(time.Minute)
	f.write([]byte("c\n"), true)
	_, texts := files(t, dir)
	assert.Equal(t, "c\n", texts[len(texts)-1], "another file is begun")
	f.close()
	f.write([]byte("d\n"), true)
}

func TestLogCheckPoint(t *testing.T) {
	b := newLogBench(t, "log", "verbose", "all", "log", "all", "stdout", "log", "check-point", "2")
	b.clock.Advance(5 * time.Hour)
	assert.Equal(t, "point point", said(&b.out))
	require.NoError(t, b.set(settingsOf(t, "log", "verbose", "all", "log", "all", "stdout", "log", "check-point", "0")))
	b.clock.Advance(5 * time.Hour)
	assert.Empty(t, b.out.String())
}

func TestLogRefusesOutputs(t *testing.T) {
	b := newLogBench(t, "log", "standard", "stdout, network, memory")
	assert.Contains(t, b.out.String(), `outputs="standard=network, standard=memory"`)
}

func TestComposerLevels(t *testing.T) {
	b := newLogBench(t, "log", "verbose", "all", "log", "all", "stdout")
	say := func() string {
		for level := range 5 {
			b.logEntry("S1", scxml.LogEntry{Level: level, Label: "l", Text: "t"})
		}
		var levels []string
		for line := range strings.Lines(b.out.String()) {
			levels = append(levels, strings.Fields(line)[1])
			assert.Contains(t, line, "log session=S1 label=l text=t")
		}
		b.out.Reset()
		return strings.Join(levels, " ")
	}
	assert.Equal(t, "Trc Trc Trc Trc Trc", say())
	require.NoError(t, b.set(settingsOf(t, "log", "verbose", "all", "log", "all", "stdout", "orchestration", "map-composer-log-levels", "true")))
	assert.Equal(t, "Trc Trc Std Std Dbg", say())
}

func TestMetricLevels(t *testing.T) {
	doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" name="n"><state id="a"><onentry><log expr="1"/></onentry></state></scxml>`), nil)
	require.NoError(t, err)
	for level, want := range []string{"", "appl_begin", "appl_begin state_enter", "appl_begin state_enter onentry"} {
		b := newLogBench(t, "log", "verbose", "all", "log", "all", "stdout", "log", "x-server-trace-level", string(rune('0'+level)))
		m, err := scxml.NewMachine(doc, &scxml.MachineOptions{SessionID: "S1", Trace: b.trace("S1", doc)})
		require.NoError(t, err)
		_, err = m.Start()
		require.NoError(t, err)
		for name := range strings.FieldsSeq("appl_begin state_enter onentry") {
			assert.Equal(t, strings.Contains(want, name), strings.Contains(b.out.String(), "METRIC <"+name+" sid='S1'"), "%s at level %d: %s", name, level, &b.out)
		}
	}
}
