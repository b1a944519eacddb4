package scxml

import (
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-ff723688/ors/datamodel"
)

// MetricTrace returns a Trace that writes one line for each action of a machine,
// in the manner of the METRIC lines of Orchestration Server:
//
//	METRIC <state_enter sid='A1' name='work' type='state' />
//
// Lines begin with doc_request, doc_retrieved (with the duration in milliseconds),
// appl_begin, event_queued, event_processed, state_enter,
// state_exit, onentry, onexit, transition, eval_condition, eval_expr, log, cancel,
// extension (with the name of an element, or the function that a script calls),
// exec_error, fm_exec_error (the error event of a module), persist_store,
// persist_restore, persist_error, appl_end.
// Values longer than 200 bytes are cut. Each line is one Write; errors of w are
// ignored. The Trace is for one machine: sid is its session.
func MetricTrace(w io.Writer, sid string) *Trace {
	m := &metricWriter{w: w, sid: sid}
	return &Trace{
		Document: func(d DocumentTrace) {
			m.line("doc_request", "url", d.URL)
			m.line("doc_retrieved", "url", d.URL, "cached", strconv.FormatBool(d.Cached), "duration", strconv.FormatInt(d.Duration.Milliseconds(), 10))
		},
		Started: func(doc *Document) {
			m.doc = doc
			m.line("appl_begin", "name", doc.name, "url", doc.url)
		},
		EventQueued: func(ev *Event) { m.line("event_queued", "name", ev.Name, "type", ev.Type.String()) },
		EventTaken: func(ev *Event) {
			if ev.Type != datamodel.External {
				return
			}
			m.line("event_queued", "name", ev.Name, "type", ev.Type.String())
			if strings.HasPrefix(ev.Name, "error.") {
				m.line("fm_exec_error", "error", ev.Name, "description", memberText(ev.Data, "description"))
			}
		},
		EventDone: func(ev *Event, matched bool) {
			m.line("event_processed", "name", ev.Name, "matched", strconv.FormatBool(matched))
		},
		Transition: m.transition,
		Exit:       func(state string) { m.line("state_exit", "name", state, "type", m.kind(state)) },
		Enter:      func(state string) { m.line("state_enter", "name", state, "type", m.kind(state)) },
		OnEntry:    func(state string) { m.line("onentry", "name", state) },
		OnExit:     func(state string) { m.line("onexit", "name", state) },
		Eval:       m.eval,
		Log: func(e LogEntry) {
			m.line("log", "expr", e.Text, "label", e.Label, "level", strconv.Itoa(max(e.Level, firstLevel)))
		},
		Persist: func(p PersistTrace) {
			bytes := strconv.Itoa(p.Bytes)
			switch {
			case p.Err != nil:
				m.line("persist_error", "error", p.Err.Error())
			case p.Restored:
				m.line("persist_restore", "bytes", bytes)
			default:
				m.line("persist_store", "bytes", bytes)
			}
		},
		Effect: func(e Effect) {
			if c, ok := e.(*Cancel); ok {
				m.line("cancel", "sendid", c.SendID)
			}
		},
		Function: func(function string) { m.line("extension", "function", function) },
		Extension: func(e ExtensionTrace) {
			m.line("extension", "name", e.Name, "namespace", e.Namespace, "line", strconv.Itoa(e.Pos.Line))
		},
		Error: func(ev *Event, err error) {
			m.line("exec_error", "error", ev.Name, "element", memberText(ev.Data, "element"), "line", memberText(ev.Data, "linenumber"), "description", err.Error())
		},
		Done: func(datamodel.Value) { m.line("appl_end") },
	}
}

type metricWriter struct {
	w   io.Writer
	sid string
	doc *Document // nil for a machine that was restored
	buf []byte
}

// longestMetric is the number of bytes that a line shows of a value.
const longestMetric = 200

// line writes a line; attrs are names and values in turn.
func (m *metricWriter) line(name string, attrs ...string) {
	b := append(append(append(m.buf[:0], "METRIC <"...), name...), " sid='"...)
	b = append(appendMetric(b, m.sid), '\'')
	for i := 0; i < len(attrs); i += 2 {
		b = append(append(append(b, ' '), attrs[i]...), "='"...)
		b = append(appendMetric(b, attrs[i+1]), '\'')
	}
	m.buf = append(b, " />\n"...)
	_, _ = m.w.Write(m.buf)
}

// appendMetric appends the value of an attribute.
func appendMetric(b []byte, s string) []byte {
	cut := len(s) > longestMetric
	if cut {
		n := longestMetric
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	for _, r := range s {
		switch r {
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		case '&':
			b = append(b, "&amp;"...)
		case '\'':
			b = append(b, "&apos;"...)
		default:
			if r < ' ' || r == 0x7f {
				r = ' '
			}
			b = utf8.AppendRune(b, r)
		}
	}
	if cut {
		b = append(b, "…"...)
	}
	return b
}

func (m *metricWriter) kind(state string) string {
	if m.doc != nil {
		if i, ok := m.doc.byID[state]; ok {
			switch m.doc.states[i].kind {
			case parallelState:
				return "parallel"
			case finalState:
				return "final"
			}
		}
	}
	return "state"
}

func (m *metricWriter) transition(t TransitionTrace) {
	attrs := []string{"name", t.Source, "target", strings.Join(t.Targets, " ")}
	if t.Event != "" {
		attrs = append(attrs, "event", t.Event)
	}
	if t.Cond != "" {
		attrs = append(attrs, "cond", t.Cond)
	}
	m.line("transition", append(attrs, "line", strconv.Itoa(t.Pos.Line))...)
}

func (m *metricWriter) eval(e EvalTrace) {
	if e.Kind == datamodel.ConditionalExpression {
		m.line("eval_condition", "condition", e.Text, "result", strconv.FormatBool(e.Result))
		return
	}
	attrs := []string{"type", e.Kind.String(), "expression", e.Text}
	if e.Value != nil {
		attrs = append(attrs, "result", plainText(e.Value))
	}
	m.line("eval_expr", attrs...)
}

// memberText returns a member of the data of an event.
func memberText(data datamodel.Value, name string) string {
	o, _ := data.(*datamodel.Object)
	v, ok := o.Get(name)
	if !ok {
		return ""
	}
	return plainText(v)
}
