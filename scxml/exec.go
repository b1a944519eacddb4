package scxml

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
)

// Names of the error events (section 5.10.2).
const (
	errorExecution     = "error.execution"
	errorCommunication = "error.communication"
)

// errReported ends a block whose error event has been raised already.
var errReported = errors.New("scxml: reported")

// executeBlock runs executable content in document order. An error ends the
// block, not the session (section 4).
func (m *Machine) executeBlock(b block) {
	if m.err != nil {
		return
	}
	_ = m.runBlock(b)
}

// runBlock runs a block and returns errReported if an error ended it.
func (m *Machine) runBlock(b block) error {
	for _, a := range b {
		err := a.exec(m)
		if m.err != nil {
			return errReported
		}
		if err == nil {
			continue
		}
		if err != errReported {
			element, pos := a.position()
			m.raiseError(errorExecution, "", element, pos, err)
		}
		return errReported
	}
	return nil
}

// raise queues an internal event.
func (m *Machine) raise(ev *Event) {
	if max := limit(m.opts.Limits.Queue, DefaultQueue); len(m.internal) >= max {
		m.fail(&LimitError{Limit: "internal queue", Max: int64(max)})
		return
	}
	m.internal = append(m.internal, ev)
	if t := m.opts.Trace; t != nil && t.EventQueued != nil {
		t.EventQueued(ev)
	}
}

// raiseError queues an error event, or ends the session when the error is a
// limit of the data model. Its data tells description, document, element and
// linenumber.
func (m *Machine) raiseError(name, sendID, element string, pos Position, err error) {
	m.raiseFailure(&Failure{Event: name, Element: element, Pos: pos, SendID: sendID, Err: err})
}

func (m *Machine) raiseFailure(f *Failure) {
	if errors.Is(f.Err, datamodel.ErrLimit) {
		m.fail(&LimitError{Limit: "evaluation", Err: f.Err})
		return
	}
	ev := m.doc.ErrorEvent(f)
	if t := m.opts.Trace; t != nil && t.Error != nil {
		t.Error(ev, f.Err)
	}
	m.raise(ev)
}

// emit adds an effect.
func (m *Machine) emit(e Effect) {
	if max := limit(m.opts.Limits.Effects, DefaultEffects); len(m.effects) >= max {
		m.fail(&LimitError{Limit: "effects", Max: int64(max)})
		return
	}
	m.effects = append(m.effects, e)
	if t := m.opts.Trace; t != nil && t.Effect != nil {
		t.Effect(e)
	}
}

// newID makes up an id that is unique in the session.
func (m *Machine) newID(prefix string) string {
	m.nextID++
	return prefix + "." + strconv.FormatUint(m.nextID, 10)
}

func (m *Machine) traceEval(e *expression, kind datamodel.Kind, result bool, v datamodel.Value, err error) {
	if t := m.opts.Trace; t != nil && t.Eval != nil {
		t.Eval(EvalTrace{Kind: kind, Text: e.text, Result: result, Value: v, Err: err, Pos: e.pos})
	}
}

// condition evaluates a guard; an error raises error.execution and counts as
// false (section 5.9.1).
func (m *Machine) condition(e *expression, element string) bool {
	ok, err := false, e.err
	if err == nil {
		ok, err = m.model.Cond(e.program)
	}
	m.traceEval(e, datamodel.ConditionalExpression, ok, nil, err)
	if err != nil {
		m.raiseError(errorExecution, "", element, e.pos, err)
		return false
	}
	return ok
}

func (m *Machine) eval(e *expression) (datamodel.Value, error) {
	var v datamodel.Value
	err := e.err
	if err == nil {
		v, err = m.model.Eval(e.program)
	}
	m.traceEval(e, datamodel.ValueExpression, false, v, err)
	return v, err
}

func (m *Machine) evalString(e *expression) (string, error) {
	s, err := "", e.err
	if err == nil {
		s, err = m.model.EvalString(e.program)
	}
	if t := m.opts.Trace; t != nil {
		m.traceEval(e, datamodel.ValueExpression, false, s, err)
	}
	return s, err
}

func (m *Machine) run(e *expression, kind datamodel.Kind) error {
	err := e.err
	if err == nil {
		err = m.model.Exec(e.program)
	}
	m.traceEval(e, kind, false, nil, err)
	return err
}

func (m *Machine) assign(location *expression, v datamodel.Value) error {
	err := location.err
	if err == nil {
		err = m.model.Assign(location.program, v)
	}
	m.traceEval(location, datamodel.LocationExpression, false, nil, err)
	if err != nil {
		return &locationError{err}
	}
	return nil
}

// locationError is the failure to write to a location.
type locationError struct{ error }

// Unwrap returns the cause.
func (e *locationError) Unwrap() error { return e.error }

// text evaluates an attribute that is literal or an expression.
func (m *Machine) text(t *text) (string, error) {
	if t.expr == nil {
		return t.literal, nil
	}
	return m.evalString(t.expr)
}

func (a *raiseAction) exec(m *Machine) error {
	ev := &Event{Name: a.event, Type: datamodel.Internal, Data: m.payloadData(&a.payload)}
	if m.err != nil {
		return errReported
	}
	m.raise(ev)
	return nil
}

func (a *ifAction) exec(m *Machine) error {
	for i := range a.branches {
		b := &a.branches[i]
		if b.cond == nil || m.condition(b.cond, "if") {
			return m.runBlock(b.content)
		}
		if m.err != nil {
			return errReported
		}
	}
	return nil
}

func (a *foreachAction) exec(m *Machine) error {
	if a.head.err != nil {
		return a.head.err
	}
	return m.model.Foreach(a.head.program, func() error { return m.runBlock(a.content) })
}

func (a *logAction) exec(m *Machine) error {
	entry := LogEntry{Label: a.label, Level: a.level, Pos: a.pos}
	if a.expr != nil {
		s, err := m.evalString(a.expr)
		if err != nil {
			return err
		}
		entry.Text = s
	}
	m.log(entry)
	return nil
}

func (m *Machine) log(entry LogEntry) {
	if t := m.opts.Trace; t != nil && t.Log != nil {
		t.Log(entry)
	}
	if m.opts.Log != nil {
		m.opts.Log(entry)
	}
}

func (a *assignAction) exec(m *Machine) error {
	if a.assign != nil {
		return m.run(a.assign, datamodel.ValueExpression)
	}
	return m.assign(a.location, a.body)
}

func (a *scriptAction) exec(m *Machine) error { return m.run(a.script, datamodel.Script) }

func (a *cancelAction) exec(m *Machine) error {
	id, err := m.text(&a.sendID)
	if err != nil {
		return err
	}
	m.emit(&Cancel{SendID: id, Answer: a.answer})
	return nil
}

func (a *moduleAction) exec(m *Machine) error {
	if t := m.opts.Trace; t != nil && t.Extension != nil {
		t.Extension(ExtensionTrace{Namespace: a.namespace, Name: a.name, Pos: a.pos})
	}
	return a.action.Execute(&Exec{m: m, namespace: a.namespace, name: a.name, pos: a.pos})
}

func (a *unsupportedAction) exec(*Machine) error { return &unsupportedError{a} }

// unsupportedError reports an element that nobody has registered.
type unsupportedError struct{ element *unsupportedAction }

// Is reports whether target is ErrUnsupported.
func (e *unsupportedError) Is(target error) bool { return target == ErrUnsupported }

func (e *unsupportedError) Error() string {
	return "scxml: no module is registered for <" + e.element.name + "> of namespace " + strconv.Quote(e.element.namespace)
}

// exec evaluates everything now (section 6.2.2: the values of the moment of
// execution) and leaves delivery to the outside, but for the internal queue.
func (a *sendAction) exec(m *Machine) error {
	send := &Send{ID: a.id, Delay: a.literalDelay, Pos: a.pos}
	named := a.id != ""
	if a.idlocation != nil {
		send.ID, named = m.newID("send"), true
		if err := m.assign(a.idlocation, send.ID); err != nil {
			return a.failed(m, send, named, err)
		}
	}
	ev := &Event{}
	send.Event = ev
	if named {
		ev.SendID = send.ID
	}
	var err error
	if ev.Name, err = m.text(&a.event); err != nil {
		return a.failed(m, send, named, err)
	}
	if send.Target, err = m.text(&a.target); err != nil {
		return a.failed(m, send, named, err)
	}
	if send.Type, err = m.text(&a.typ); err != nil {
		return a.failed(m, send, named, err)
	}
	if a.delay.expr != nil {
		delay, err := m.evalString(a.delay.expr)
		if err == nil {
			send.Delay, err = ParseDelay(delay)
		}
		if err != nil {
			return a.failed(m, send, named, err)
		}
	}
	if err := m.fill(&a.payload, send); err != nil {
		return a.failed(m, send, named, err)
	}
	if m.doc.sendTarget != nil {
		send.Target = m.doc.sendTarget(send.Type, send.Target)
	}
	if isSCXMLProcessor(send.Type) && send.Target == "#_internal" {
		if send.Delay > 0 {
			return a.failed(m, send, named, errors.New("scxml: a delay is not allowed with target #_internal"))
		}
		ev.Type = datamodel.Internal
		m.raise(ev)
		return nil
	}
	if send.ID == "" {
		send.ID = m.newID("send")
	}
	if err := m.checkSend(send); err != nil {
		if errors.Is(err, ErrSendType) || errors.Is(err, ErrSendTarget) {
			return a.failed(m, send, named, err)
		}
		m.raiseFailure(&Failure{Event: errorCommunication, Element: "send", Pos: a.pos, SendID: ev.SendID, Target: send.Target, Err: err})
		return nil
	}
	m.emit(send)
	return nil
}

// failed raises the error event of a <send>, which carries the sendid.
func (a *sendAction) failed(m *Machine, send *Send, named bool, err error) error {
	id := ""
	if named {
		id = send.ID
	}
	m.raiseError(errorExecution, id, "send", a.pos, err)
	return errReported
}

func (m *Machine) checkSend(send *Send) error {
	if m.opts.CheckSend != nil {
		return m.opts.CheckSend(send)
	}
	if !isSCXMLProcessor(send.Type) {
		return ErrSendType
	}
	return nil
}

// SCXMLProcessor is the type of the SCXML event I/O processor (appendix C.1).
const SCXMLProcessor = "http://www.w3.org/TR/scxml/#SCXMLEventProcessor"

func isSCXMLProcessor(typ string) bool {
	return typ == "" || typ == SCXMLProcessor || typ == "scxml"
}

// fill evaluates namelist, parameters and content of a <send>. A failing
// namelist drops the send; a failing <param> is left out, failing content is
// empty (sections 5.6, 5.7, 6.2).
func (m *Machine) fill(p *payload, send *Send) error {
	if p.content != nil {
		v, err := m.content(p.content)
		if err != nil {
			v = "" // section 5.6.2
		}
		send.Event.Data, send.HasContent = v, true
		return nil
	}
	params, err := m.params(p)
	if err != nil || params == nil {
		return err
	}
	send.Params = params
	send.Event.Data = datamodel.NewObject(params...)
	return nil
}

// params evaluates namelist and parameters, in that order.
func (m *Machine) params(p *payload) ([]datamodel.Member, error) {
	if len(p.namelist)+len(p.params) == 0 {
		return nil, nil
	}
	members := make([]datamodel.Member, 0, len(p.namelist)+len(p.params))
	for _, n := range p.namelist {
		v, err := m.eval(n.expr)
		if err != nil {
			return nil, err
		}
		members = append(members, datamodel.Member{Name: n.name, Value: v})
	}
	for _, n := range p.params {
		v, err := m.eval(n.expr)
		if err != nil {
			m.raiseError(errorExecution, "", "param", n.pos, err)
			continue
		}
		members = append(members, datamodel.Member{Name: n.name, Value: v})
	}
	return members, nil
}

// content evaluates a <content>. An error has been reported when it is returned.
func (m *Machine) content(c *content) (datamodel.Value, error) {
	if c.expr == nil {
		return c.body, nil
	}
	v, err := m.eval(c.expr)
	if err != nil {
		m.raiseError(errorExecution, "", "content", c.pos, err)
	}
	return v, err
}

// payloadData evaluates a <donedata>; p may be nil.
func (m *Machine) payloadData(p *payload) datamodel.Value {
	if p == nil {
		return nil
	}
	if p.content != nil {
		v, err := m.content(p.content)
		if err != nil {
			return nil // the event's data stays empty (test 528 of the suite)
		}
		return v
	}
	params, err := m.params(p)
	if err != nil {
		m.raiseError(errorExecution, "", "donedata", Position{File: m.doc.url}, err)
		return nil
	}
	if len(params) == 0 {
		return nil
	}
	return datamodel.NewObject(params...)
}

// initializeDataModel creates all variables and gives those that are bound
// early their values (section 5.3.3).
func (m *Machine) initializeDataModel() {
	d := m.doc
	for _, s := range d.states {
		for _, v := range s.data {
			if err := m.model.Declare(v.id); err != nil {
				m.raiseError(errorExecution, "", "data", v.pos, err)
			}
		}
	}
	m.initializeData(d.states[0].data)
	if d.late {
		return
	}
	for _, s := range d.states[1:] {
		m.initializeData(s.data)
	}
}

func (m *Machine) initializeData(list []*data) {
	for _, v := range list {
		m.initializeDatum(v)
	}
}

// initializeDatum assigns the initial value, or that of a start parameter. A
// failure leaves the variable undefined.
func (m *Machine) initializeDatum(v *data) {
	var given datamodel.Value
	overridden := false
	if v.parameter {
		given, overridden = m.opts.Params.Get(v.id)
	}
	err := v.err
	switch {
	case overridden:
		err = m.model.Set(v.id, given)
	case err != nil:
	case v.init != nil:
		err = m.run(v.init, datamodel.ValueExpression)
	case v.hasBody:
		err = m.model.Set(v.id, v.body)
	}
	if err != nil {
		m.raiseError(errorExecution, "", "data", v.pos, err)
	}
}

// delayUnits are the units of a delay; a longer one comes before its ending.
var delayUnits = []struct {
	suffix string
	unit   time.Duration
}{{"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}}

// ParseDelay reads a delay of <send>: a number, which may be fractional or begin
// with a point, and the unit "ms", "s", "m", "h" or "d" (section 6.2.2 and the
// schema's Duration). The longest is 100 years; white space around it is ignored.
func ParseDelay(text string) (time.Duration, error) {
	s := strings.TrimPrefix(strings.TrimSpace(text), "+")
	for _, u := range delayUnits {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		if strings.Trim(digits, "0123456789.") != "" {
			break
		}
		f, err := strconv.ParseFloat(digits, 64)
		const longest = 100 * 365 * 24 * time.Hour
		if err != nil || f*float64(u.unit) > float64(longest) {
			break
		}
		return time.Duration(f * float64(u.unit)), nil
	}
	return 0, &DelayError{Text: text}
}

// DelayError reports a text that is no delay.
type DelayError struct{ Text string }

func (e *DelayError) Error() string {
	return "scxml: " + strconv.Quote(e.Text) + ` is no delay: write a number and a unit, such as "500ms" or "1.5s", at most 100 years`
}

func (a *raiseAction) position() (string, Position)       { return "raise", a.pos }
func (a *ifAction) position() (string, Position)          { return "if", a.pos }
func (a *foreachAction) position() (string, Position)     { return "foreach", a.pos }
func (a *logAction) position() (string, Position)         { return "log", a.pos }
func (a *assignAction) position() (string, Position)      { return "assign", a.pos }
func (a *scriptAction) position() (string, Position)      { return "script", a.pos }
func (a *sendAction) position() (string, Position)        { return "send", a.pos }
func (a *cancelAction) position() (string, Position)      { return "cancel", a.pos }
func (a *moduleAction) position() (string, Position)      { return a.name, a.pos }
func (a *unsupportedAction) position() (string, Position) { return a.name, a.pos }
