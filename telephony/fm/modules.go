package fm

import (
	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// The namespaces of the modules. Documents may leave "http://" out.
const (
	InteractionNamespace = "http://www.genesyslab.com/modules/interaction"
	DialogNamespace      = "http://www.genesyslab.com/modules/dialog"
)

const bareNamespace = len("http://")

// Modules returns the modules, for scxml.ParseOptions.Modules: enough to parse
// and check documents. Connector.Install registers them with an engine.
func Modules() []scxml.Module {
	return []scxml.Module{interactionModule{}, dialogModule{}}
}

// interactionModule is <ixn:…> and _genesys.ixn.
type interactionModule struct{}

// Namespaces implements scxml.Module.
func (interactionModule) Namespaces() []string { return spellings(InteractionNamespace) }

// NewState implements scxml.Module.
func (interactionModule) NewState(*scxml.ModuleContext) scxml.ModuleState { return newInteractions() }

// Compile implements scxml.Module.
func (interactionModule) Compile(e *scxml.Element, c *scxml.Compiler) scxml.Action {
	if e.Name != "redirect" {
		c.Problem(scxml.Error, e.Pos, "<"+e.Name+"> is no action of the interaction module", "the actions are redirect")
		return nil
	}
	a := &redirect{compile(e, c, "interactionid", "from", "to", "type", "hints", "detach")}
	require(e, c, "to", "an expression that gives the destination, such as to=\"'7001'\"")
	noChildren(e, c)
	return a
}

// redirect is <ixn:redirect>.
type redirect struct{ action }

// Execute implements scxml.Action.
func (a *redirect) Execute(x *scxml.Exec) error {
	args, err := evaluate(x, a.values)
	if err != nil {
		return err
	}
	return a.call(x, args)
}

// dialogModule is <dialog:…>. It has no objects.
type dialogModule struct{}

// Namespaces implements scxml.Module.
func (dialogModule) Namespaces() []string { return spellings(DialogNamespace) }

// NewState implements scxml.Module.
func (dialogModule) NewState(*scxml.ModuleContext) scxml.ModuleState { return nil }

// Compile implements scxml.Module.
func (dialogModule) Compile(e *scxml.Element, c *scxml.Compiler) scxml.Action {
	if e.Name != "play" {
		c.Problem(scxml.Error, e.Pos, "<"+e.Name+"> is no action of the dialog module", "the actions are play")
		return nil
	}
	a := &play{action: compile(e, c, "interactionid", "device", "language", "hints")}
	for _, child := range e.Children {
		if child.Name != "prompts" || child.Namespace != e.Namespace {
			c.Problem(scxml.Error, child.Pos, "<"+child.Name+"> may not stand inside <play>", "it holds one <prompts>")
			continue
		}
		a.compilePrompts(child, c)
	}
	if len(a.prompts) == 0 {
		c.Problem(scxml.Error, e.Pos, "<play> has nothing to play", "put a <prompts> with 1 to 10 <prompt> inside")
	}
	return a
}

const maxPrompts = 10

// play is <dialog:play>.
type play struct {
	action
	prompts [][]value // each has interrupt and one of the rest
}

// what a prompt says, one of them.
func promptSources() []string { return []string{"intid", "number", "userannid", "text"} }

func (a *play) compilePrompts(e *scxml.Element, c *scxml.Compiler) {
	c.Allowed(e, "type")
	for _, child := range e.Children {
		if child.Name != "prompt" || child.Namespace != e.Namespace {
			c.Problem(scxml.Error, child.Pos, "<"+child.Name+"> may not stand inside <prompts>", "it holds <prompt> elements")
			continue
		}
		c.Allowed(child, append(promptSources(), "interrupt")...)
		noChildren(child, c)
		if len(a.prompts) == maxPrompts {
			c.Problem(scxml.Error, child.Pos, "more than 10 prompts in one <play>", "split it into several actions")
			return
		}
		says := compileValues(child, c, promptSources())
		if len(says) != 1 {
			c.Problem(scxml.Error, child.Pos, "<prompt> needs one of the attributes intid, number, userannid and text", "")
		}
		a.prompts = append(a.prompts, append(says, compileValues(child, c, []string{"interrupt"})...))
	}
}

// Execute implements scxml.Action.
func (a *play) Execute(x *scxml.Exec) error {
	args, err := evaluate(x, a.values)
	if err != nil {
		return err
	}
	prompts := make([]datamodel.Value, len(a.prompts))
	for i, p := range a.prompts {
		if prompts[i], err = evaluate(x, p); err != nil {
			return err
		}
	}
	args.Set("prompts", prompts)
	return a.call(x, args)
}

func spellings(namespace string) []string { return []string{namespace, namespace[bareNamespace:]} }
