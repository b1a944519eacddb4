package server

import (
	"encoding/csv"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// The levels of lines, lowest first. Those of log/slog lie in between: Debug is debug, Info is
// trace, Warn and Error are standard.
const (
	// LevelInteraction is the level interaction.
	LevelInteraction = slog.Level(2)

	// LevelAlarm is the level alarm: a part of standard for what somebody has to look at now.
	LevelAlarm = slog.Level(12)
)

// lineLevel is a level of the section log.
type lineLevel int

const (
	debugLevel lineLevel = iota
	traceLevel
	interactionLevel
	standardLevel
	alarmLevel
	noLevel // above all
)

// levelNames are the names of options and, in long lines, of levels; those of short lines follow.
var (
	levelNames  = [...]string{"debug", "trace", "interaction", "standard", "alarm"}
	longLevels  = [...]string{"Debug", "Trace", "Interaction", "Standard", "Alarm"}
	shortLevels = [...]string{"Dbg", "Trc", "Int", "Std", "Alr"}
)

func levelOf(l slog.Level) lineLevel {
	switch {
	case l < slog.LevelInfo:
		return debugLevel
	case l < LevelInteraction:
		return traceLevel
	case l < slog.LevelWarn:
		return interactionLevel
	case l < LevelAlarm:
		return standardLevel
	}
	return alarmLevel
}

// lineFormat is message_format, time_format and time_convert.
type lineFormat struct {
	kind string
	time string // layout
	utc  bool
	host string
	app  string
}

// line is what is written of a record, masked.
type line struct {
	at        time.Time
	level     lineLevel
	component string
	text      string // the message and its attributes
}

// The layouts of time_format.
func timeLayout(format string) string {
	switch format {
	case "ISO8601":
		return "2006-01-02T15:04:05.000Z07:00"
	case "locale":
		return "Mon Jan _2 15:04:05.000 2006"
	}
	return "15:04:05.000"
}

func (f *lineFormat) stamp(t time.Time) string {
	if f.utc {
		t = t.UTC()
	} else {
		t = t.Local()
	}
	return t.Format(f.time)
}

// format writes a line, with its end.
func (f *lineFormat) format(l *line) []byte {
	at := f.stamp(l.at)
	switch f.kind {
	case "medium":
		return []byte(at + " " + longLevels[l.level] + " " + l.component + " " + l.text + "\n")
	case "full":
		return []byte(at + " " + longLevels[l.level] + " " + f.host + " " + f.app + " " + l.component + " " + l.text + "\n")
	case "shortcsv":
		var b strings.Builder
		w := csv.NewWriter(&b)
		_ = w.Write([]string{at, shortLevels[l.level], l.component, l.text}) // a Builder has no errors
		w.Flush()
		return []byte(b.String())
	case "shorttsv":
		return []byte(at + "\t" + shortLevels[l.level] + "\t" + l.component + "\t" + l.text + "\n")
	case "shortdsv":
		return []byte(at + "|" + shortLevels[l.level] + "|" + l.component + "|" + l.text + "\n")
	}
	return []byte(at + " " + shortLevels[l.level] + " " + l.text + "\n")
}

// plain reports whether a text can stand in a line as it is: nobody can begin another line with it.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\u2028' || c == '\u2029' || c == '\uFFFD' })
}

// appendText appends the message of a record.
func appendText(b []byte, s string) []byte {
	if plain(s) {
		return append(b, s...)
	}
	q := strconv.Quote(s)
	return append(b, q[1:len(q)-1]...)
}

// appendAttrs appends attributes as name=value.
func appendAttrs(b []byte, prefix string, attrs []slog.Attr) []byte {
	for _, a := range attrs {
		v := a.Value.Resolve()
		name := prefix + a.Key
		if v.Kind() == slog.KindGroup {
			if a.Key != "" {
				name += "."
			}
			b = appendAttrs(b, name, v.Group())
			continue
		}
		text := v.String()
		if v.Kind() == slog.KindTime {
			text = v.Time().Format(time.RFC3339Nano)
		}
		b = append(b, ' ')
		b = appendText(b, name)
		b = append(b, '=')
		if text == "" || !plain(text) || strings.ContainsAny(text, " =\"") {
			b = strconv.AppendQuote(b, text)
		} else {
			b = append(b, text...)
		}
	}
	return b
}
