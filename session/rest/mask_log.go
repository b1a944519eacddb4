package rest

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/seed-ff723688/ors/datamodel"
)

// Handler returns a slog.Handler that masks messages and attributes on their way to next: every text by
// the regular expressions, a number in which they find something too, and a *datamodel.Object, which is data of
// a session, by the filters of its keys (Value). The keys of attributes are the program's own and have no
// filters. It is meant for the loggers of the whole program. Attributes that a logger carries (With) are masked by the
// rules of the time when it got them.
func (m *Masking) Handler(next slog.Handler) slog.Handler {
	if m == nil {
		return next
	}
	return &maskHandler{m, next}
}

type maskHandler struct {
	masking *Masking
	next    slog.Handler
}

// Enabled implements slog.Handler.
func (h *maskHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *maskHandler) Handle(ctx context.Context, r slog.Record) error {
	masked := slog.NewRecord(r.Time, r.Level, h.masking.Text(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		masked.AddAttrs(h.masking.attrs([]slog.Attr{a})...)
		return true
	})
	return h.next.Handle(ctx, masked)
}

// WithAttrs implements slog.Handler.
func (h *maskHandler) WithAttrs(list []slog.Attr) slog.Handler {
	return &maskHandler{h.masking, h.next.WithAttrs(h.masking.attrs(list))}
}

// WithGroup implements slog.Handler.
func (h *maskHandler) WithGroup(name string) slog.Handler {
	return &maskHandler{h.masking, h.next.WithGroup(name)}
}

func (m *Masking) attrs(list []slog.Attr) []slog.Attr { return m.now().attrs(list) }

func (m *maskRules) attrs(list []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, 0, len(list))
	for _, a := range list {
		v := a.Value.Resolve()
		if v.Kind() == slog.KindGroup {
			out = append(out, slog.Attr{Key: a.Key, Value: slog.GroupValue(m.attrs(v.Group())...)})
			continue
		}
		if data, ok := v.Any().(*datamodel.Object); ok && data != nil {
			v = slog.StringValue(string(datamodel.EncodeJSON(m.value(data))))
		} else if text := m.text(textOf(v)); v.Kind() == slog.KindAny || text != v.String() {
			v = slog.StringValue(text)
		}
		out = append(out, slog.Attr{Key: a.Key, Value: v})
	}
	return out
}

// textOf is the text of a value in a log.
func textOf(v slog.Value) string {
	if v.Kind() != slog.KindAny {
		return v.String()
	}
	if err, ok := v.Any().(error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%+v", v.Any())
}

// Writer returns a writer that applies the regular expressions to each Write on its way to
// w, such as to the lines of scxml.MetricTrace, each of which is one.
func (m *Masking) Writer(w io.Writer) io.Writer { return maskWriter{m, w} }

type maskWriter struct {
	masking *Masking
	w       io.Writer
}

// Write implements io.Writer.
func (w maskWriter) Write(b []byte) (int, error) {
	if _, err := io.WriteString(w.w, w.masking.Text(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}
