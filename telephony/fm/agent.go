package fm

import (
	"context"
	"errors"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/session"
)

// AgentNamespace is that of <agent:…>. Documents may leave "http://" out.
const AgentNamespace = "http://www.genesyslab.com/modules/agent"

// Agents changes the states of voice agents. Its methods return when the switch
// has accepted the request, or ctx ends, and are called concurrently. A *Failure chooses the
// code of the error event.
type Agents interface {
	Logout(ctx context.Context, r AgentRequest) error
	// SetMediaState makes an agent ready or not ready.
	SetMediaState(ctx context.Context, r AgentRequest, ready bool) error
	SetDoNotDisturb(ctx context.Context, r AgentRequest, on bool) error
}

// AgentRequest says whose state is meant and what to tell the switch.
type AgentRequest struct {
	Session    string
	Agent      string // employee id or login; may be empty when DN is set
	DN, Switch string // where the agent is logged in
	Media      string // empty: voice
	Extensions *datamodel.Object
	Reasons    *datamodel.Object
}

func agentPart() servicePart {
	spec := agentSpec()
	return servicePart{spec: spec, module: serviceModule{spec: spec}, perform: (*Services).agent}
}

func agentSpec() *Spec {
	codes := []string{codeAttribute, codeBadState, codeTimeout, codeRemote, codeCancelled, codeUnknown}
	attributes := func(more ...AttributeSpec) []AttributeSpec {
		return append([]AttributeSpec{requestID(), {Name: "agent", Note: "employee id or login; one of agent and for is needed"},
			{Name: "for", Note: "an object with dn and switch, or a DN"}, {Name: "hints", Note: "an object with extensions and reasons"}}, more...)
	}
	return &Spec{
		Name: "agent", Prefix: "agent", Namespace: AgentNamespace,
		Needs: "ServicesOptions.Agents; without it the actions fail with the code unknown.",
		Elements: []ElementSpec{
			{Name: "logout", Event: "agent.logout", Attributes: attributes(), Errors: codes, Note: "Logs an agent out."},
			{Name: "setmediastate", Event: "agent.setmediastate", Errors: codes,
				Attributes: attributes(AttributeSpec{Name: "state", Required: true, Note: "'ready' or 'notready'"}, AttributeSpec{Name: "media", Default: "voice"}),
				Note:       "Makes an agent ready or not ready."},
			{Name: "setdnd", Event: "agent.setdnd", Errors: codes,
				Attributes: attributes(AttributeSpec{Name: "state", Required: true, Note: "'on' or 'off', or a boolean"}),
				Note:       "Sets or ends do-not-disturb."},
		},
	}
}

func (s *Services) agent(call *session.ModuleCall, a *answer) {
	agents := s.opts.Agents
	if agents == nil {
		a.fail(notConnected("switch for agents"))
		return
	}
	r, on, err := agentRequest(call, a.session)
	if err != nil {
		a.fail(failure(codeAttribute, "%w", err))
		return
	}
	s.later(a, func(ctx context.Context) (*datamodel.Object, error) {
		switch call.Name {
		case "logout":
			return nil, agents.Logout(ctx, r)
		case "setdnd":
			return nil, agents.SetDoNotDisturb(ctx, r, on)
		}
		return nil, agents.SetMediaState(ctx, r, on)
	})
}

// agentRequest reads the attributes; on is the state asked for.
func agentRequest(call *session.ModuleCall, id string) (r AgentRequest, on bool, err error) {
	r = AgentRequest{Session: id, Agent: text(call.Args, "agent"), Media: text(call.Args, "media")}
	at, _ := call.Args.Get("for")
	if o, ok := at.(*datamodel.Object); ok {
		r.DN, r.Switch = text(o, "dn"), text(o, "switch")
	} else {
		r.DN = asText(at)
	}
	hints, _ := call.Args.Get("hints")
	o, _ := hints.(*datamodel.Object)
	extensions, _ := o.Get("extensions")
	reasons, _ := o.Get("reasons")
	r.Extensions, _ = extensions.(*datamodel.Object)
	r.Reasons, _ = reasons.(*datamodel.Object)
	if r.Agent == "" && r.DN == "" {
		return r, false, errors.New("neither agent nor for says whose state is meant")
	}
	if call.Name == "logout" {
		return r, false, nil
	}
	switch text(call.Args, "state") {
	case "ready", "on", "true":
		return r, true, nil
	case "notready", "not ready", "off", "false":
		return r, false, nil
	}
	return r, false, errors.New("attribute state: want 'ready' or 'notready', 'on' or 'off'")
}
