package session_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// bells is a module with one element, <ring>.
type bells struct{}

func (bells) Namespaces() []string                                     { return []string{"urn:bells", "urn:gongs"} }
func (bells) Compile(e *scxml.Element, c *scxml.Compiler) scxml.Action { return ring{} }
func (bells) NewState(*scxml.ModuleContext) scxml.ModuleState          { return nil }

type ring struct{}

func (ring) Execute(x *scxml.Exec) error {
	x.Call(x.NewID(), datamodel.NewObject(datamodel.Member{Name: "loud", Value: true}))
	return nil
}

type handler func(ctx context.Context, call *session.ModuleCall) error

func (h handler) Call(ctx context.Context, call *session.ModuleCall) error { return h(ctx, call) }

func TestModuleCalls(t *testing.T) {
	var b *bench
	answer := error(nil)
	b = newBench(t, &session.Options{
		Parse: scxml.ParseOptions{Modules: []scxml.Module{bells{}}},
		Modules: map[string]session.ModuleHandler{"urn:bells": handler(func(ctx context.Context, c *session.ModuleCall) error {
			b.note(fmt.Sprint(c.Effect, " ", c.Name, " ", c.RequestID, " ", c.Session.Value, " ", c.Session.Root))
			if answer != nil {
				if answer.Error() == "panic" {
					panic(answer)
				}
				return answer
			}
			return b.Send(ctx, c.Session.ID, &scxml.Event{Name: "rung"})
		})},
	})
	source := func(ns string) string {
		return `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null" xmlns:b="` + ns + `"><state id="a">
			<onentry><b:ring/></onentry>
			<transition event="rung"><log label="rung"/></transition>
			<transition event="error.communication"><log label="communication"/></transition>
			<transition event="error.execution"><log label="execution"/></transition></state></scxml>`
	}
	start := func(ns string) string {
		doc, err := scxml.Parse(t.Context(), []byte(source(ns)), &scxml.ParseOptions{Modules: []scxml.Module{bells{}}})
		require.NoError(t, err)
		id, err := b.Start(deadline(t), session.StartRequest{Document: doc, Value: "call 7"})
		require.NoError(t, err)
		return id
	}
	start("urn:bells")
	assert.Equal(t, []string{"s1.1.0 ring ring.1 call 7 s1", "s1: rung"}, b.logged())
	answer = errors.New("no")
	start("urn:bells")
	assert.Equal(t, []string{"s2.1.0 ring ring.1 call 7 s2", "s2: communication"}, b.logged())
	answer = errors.New("panic")
	start("urn:bells")
	assert.Equal(t, []string{"s3.1.0 ring ring.1 call 7 s3", "s3: communication"}, b.logged())
	start("urn:gongs")
	assert.Equal(t, []string{"s4: execution"}, b.logged(), "no handler")
}
