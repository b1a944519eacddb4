package scxml

import (
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
)

// startInvokes asks for the services of the states that were entered and not
// left in this macrostep (section 6.4).
func (m *Machine) startInvokes() {
	for i := m.invoking.next(0); i >= 0; i = m.invoking.next(i + 1) {
		for _, v := range m.doc.states[i].invokes {
			m.startInvoke(v)
		}
	}
	m.invoking.clear()
}

func (m *Machine) startInvoke(v *invoke) {
	start := &Invoke{ID: v.id, Autoforward: v.autoforward, Pos: v.pos}
	if start.ID == "" {
		start.ID = m.newID(m.doc.states[v.state].id)
	}
	if err := m.evaluateInvoke(v, start); err != nil {
		m.raiseError(errorExecution, "", "invoke", v.pos, err)
		return
	}
	m.lastInvoke++
	start.Serial = m.lastInvoke
	m.invocations = append(m.invocations, invocation{id: start.ID, serial: start.Serial, invoke: v})
	m.emit(start)
}

// evaluateInvoke fills in the arguments. An error cancels the invocation.
func (m *Machine) evaluateInvoke(v *invoke, start *Invoke) (err error) {
	if v.idlocation != nil {
		if err := m.assign(v.idlocation, start.ID); err != nil {
			return err
		}
	}
	if start.Type, err = m.text(&v.typ); err != nil {
		return err
	}
	if start.Src, err = m.text(&v.src); err != nil {
		return err
	}
	if c := v.payload.content; c != nil {
		switch {
		case c.expr == nil:
			start.Content = c.text
		default:
			if start.Content, err = m.eval(c.expr); err != nil {
				return err
			}
		}
	}
	params, err := m.params(&v.payload)
	if err != nil {
		return err
	}
	if params != nil {
		start.Params = datamodel.NewObject(params...)
	}
	return nil
}

func (m *Machine) findInvocation(id string) int {
	for i := range m.invocations {
		if m.invocations[i].id == id {
			return i
		}
	}
	return -1
}

// Invoked reports whether a service has been asked for under this invokeid and
// has neither ended nor been cancelled. It may be called from
// MachineOptions.CheckSend.
func (m *Machine) Invoked(id string) bool { return m.findInvocation(id) >= 0 }

// finalizeAndForward runs the <finalize> of the invocation that an event comes
// from, then passes the event on to those with autoforward (section 6.5, 6.4).
func (m *Machine) finalizeAndForward(ev *Event, invokeID string) {
	for _, v := range m.invocations {
		if v.sent(ev, invokeID) {
			m.finalize(v.invoke, ev)
		}
		if v.invoke.autoforward {
			m.emit(&Forward{InvokeID: v.id, Serial: v.serial, Event: ev})
		}
	}
	if !endsInvocation(ev, invokeID) {
		return
	}
	for i := range m.invocations {
		if m.invocations[i].sent(ev, invokeID) {
			m.invocations = append(m.invocations[:i], m.invocations[i+1:]...)
			return
		}
	}
}

// sent reports whether an event comes from this invocation, and not from an
// earlier one with the same id.
func (v *invocation) sent(ev *Event, invokeID string) bool {
	return v.id == invokeID && (ev.InvokeSerial == 0 || ev.InvokeSerial == v.serial)
}

// endsInvocation reports whether nothing follows from the invocation: it is done,
// it broke down, or it could not be started. What the service itself calls so
// is not of type platform.
func endsInvocation(ev *Event, invokeID string) bool {
	return invokeID != "" && ev.Type == datamodel.Platform &&
		(ev.Name == "done.invoke."+invokeID || strings.HasPrefix(ev.Name, "error."))
}

// finalize runs the content of <finalize>. An empty one copies the values that
// came back into the locations that were sent (section 6.5.2).
func (m *Machine) finalize(v *invoke, ev *Event) {
	if len(v.finalize) > 0 {
		m.executeBlock(v.finalize)
		return
	}
	if !v.hasFinalize {
		return
	}
	data, ok := ev.Data.(*datamodel.Object)
	if !ok {
		return
	}
	for _, list := range [][]*parameter{v.payload.namelist, v.payload.params} {
		for _, p := range list {
			value, ok := data.Get(p.name)
			if !ok || p.location == nil {
				continue
			}
			if err := m.assign(p.location, value); err != nil {
				m.raiseError(errorExecution, "", "finalize", v.pos, err)
				return
			}
		}
	}
}
