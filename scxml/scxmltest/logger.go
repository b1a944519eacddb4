package scxmltest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// Logger returns a logger whose warnings and errors become steps of the given
// party; next gets all of it as well, if it is not nil.
func (r *Recorder) Logger(who string, next slog.Handler) *slog.Logger {
	if next == nil {
		next = slog.DiscardHandler
	}
	return slog.New(&recordHandler{r: r, who: who, level: slog.LevelWarn, next: next})
}

type recordHandler struct {
	r     *Recorder
	who   string
	level slog.Level
	next  slog.Handler
}

// Enabled implements slog.Handler.
func (h *recordHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.level || h.next.Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (h *recordHandler) Handle(ctx context.Context, rec slog.Record) error {
	if rec.Level >= h.level {
		var b strings.Builder
		b.WriteString(rec.Message)
		rec.Attrs(func(a slog.Attr) bool {
			fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
			return true
		})
		h.r.Note(Step{Who: h.who, Kind: StepDiagnostic, Detail: strings.Join(strings.Fields(b.String()), " ")})
	}
	if h.next.Enabled(ctx, rec.Level) {
		return h.next.Handle(ctx, rec)
	}
	return nil
}

// WithAttrs implements slog.Handler. Engine and connector do not use it.
func (h *recordHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.next = h.next.WithAttrs(attrs)
	return &c
}

// WithGroup implements slog.Handler.
func (h *recordHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.next = h.next.WithGroup(name)
	return &c
}
