package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// crmNamespace is that of <crm:…>. Any URI will do that is your own.
const crmNamespace = "http://example.com/modules/crm"

// crm is the module: as scxml.Module it checks and compiles the elements, as
// session.ModuleHandler it carries them out.
type crm struct {
	customers map[string]*datamodel.Object // by telephone number
	vips      map[string]bool              // by customer id
	clock     session.Clock
}

// Namespaces implements scxml.Module.
func (*crm) Namespaces() []string { return []string{crmNamespace} }

// Compile implements scxml.Module: what is wrong with an element is found when the
// document is loaded.
func (*crm) Compile(e *scxml.Element, c *scxml.Compiler) scxml.Action {
	if e.Name != "lookup" {
		c.Problem(scxml.Error, e.Pos, fmt.Sprintf("<%s> is no action of the crm module", e.Name),
			c.Suggest(e.Name, []string{"lookup"}, "its only action is lookup"))
		return nil
	}
	c.Allowed(e, "requestid", "phone")
	phone, ok := e.Attr("phone")
	if !ok {
		c.Problem(scxml.Error, e.Pos, "<lookup> needs the attribute phone", "its value is an expression")
		return nil
	}
	a := &lookup{phone: c.Expression(phone, datamodel.ValueExpression)}
	if at, ok := e.Attr("requestid"); ok {
		a.requestID = c.Location(at)
	}
	return a
}

// lookup is a compiled <crm:lookup>, shared by all sessions.
type lookup struct{ phone, requestID *scxml.Expression }

// Execute implements scxml.Action. It runs inside of the macrostep and does no I/O:
// the work is an effect, which crm.Call gets when the macrostep is over.
func (a *lookup) Execute(x *scxml.Exec) error {
	phone, err := x.EvalString(a.phone)
	if err != nil {
		return err
	}
	id := x.NewID()
	if a.requestID != nil {
		if err := x.Assign(a.requestID, id); err != nil {
			return err
		}
	}
	x.Call(id, datamodel.NewObject(datamodel.Member{Name: "phone", Value: phone}))
	return nil
}

// Call implements session.ModuleHandler. It must not wait: it begins the request and
// the answer becomes an event. With a store an effect may come twice after a
// crash, with the same call.Effect; a look-up does no harm then.
func (m *crm) Call(_ context.Context, call *session.ModuleCall) error {
	phone, _ := call.Args.Get("phone")
	m.clock.AfterFunc(200*time.Millisecond, func() { // here a program would ask its database
		ev := &scxml.Event{Name: "crm.lookup.done", Origin: "crm"}
		data := datamodel.NewObject(datamodel.Member{Name: "requestid", Value: call.RequestID})
		if found := m.customers[phone.(string)]; found != nil {
			data.Set("customer", found)
		} else {
			ev.Name = "error.crm.lookup"
			data.Set("description", fmt.Sprintf("nobody has the number %s", phone))
		}
		ev.Data = data
		if err := call.Engine.Send(context.Background(), call.Session.ID, ev); err != nil {
			log.Print(err) // the session has ended
		}
	})
	return nil
}

// NewState implements scxml.Module: the part of each session, here an object for
// scripts. Its functions run inside of the macrostep and answer from memory.
func (m *crm) NewState(*scxml.ModuleContext) scxml.ModuleState { return &state{m} }

type state struct{ m *crm }

// Globals implements scxml.ModuleState.
func (s *state) Globals() map[string]datamodel.Value { return map[string]datamodel.Value{"_crm": s} }

// Names implements datamodel.HostObject: _crm has one member.
func (*state) Names() []string { return []string{"isVip"} }

// Get implements datamodel.HostObject.
func (s *state) Get(name string) (datamodel.Value, bool) {
	if name != "isVip" {
		return nil, false
	}
	return datamodel.Func(func(args []datamodel.Value) (datamodel.Value, error) {
		if len(args) != 1 {
			return nil, errors.New("isVip needs the id of a customer")
		}
		id, _ := args[0].(string)
		return s.m.vips[id], nil
	}), true
}

// Deliver implements scxml.ModuleState: a module whose objects change with events
// brings them up to date here.
func (*state) Deliver(*datamodel.Event) {}

// Snapshot implements scxml.ModuleState: nothing belongs to the session.
func (*state) Snapshot(dst []byte) ([]byte, error) { return dst, nil }

// Restore implements scxml.ModuleState.
func (*state) Restore([]byte) error { return nil }
