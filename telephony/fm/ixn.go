package fm

import "github.com/seed-ff723688/ors/scxml"

// InteractionNamespace is the namespace of <ixn:…>. Documents may leave
// "http://" out.
const InteractionNamespace = "http://www.genesyslab.com/modules/interaction"

// interactionModule is <ixn:…> and _genesys.ixn.
type interactionModule struct{ spec *Spec }

// Namespaces implements scxml.Module.
func (m interactionModule) Namespaces() []string { return m.spec.namespaces() }

// NewState implements scxml.Module.
func (interactionModule) NewState(*scxml.ModuleContext) scxml.ModuleState { return newInteractions() }

// Compile implements scxml.Module.
func (m interactionModule) Compile(e *scxml.Element, c *scxml.Compiler) scxml.Action {
	if n := m.spec.compile(e, c); n != nil {
		return n
	}
	return nil
}

// interactionSpec is the table of the interaction module.
func interactionSpec() *Spec {
	return &Spec{
		Name: "interaction", Prefix: "ixn", Namespace: InteractionNamespace, Root: "_genesys.ixn",
		Elements: []ElementSpec{
			{
				Name: "redirect", Event: "interaction.redirect", Data: []string{"interactionid"},
				Attributes: append(values("interactionid", "from", "type", "hints", "detach"), requestID(),
					AttributeSpec{Name: "to", Required: true, Note: "an expression that gives the destination, such as to=\"'7001'\""}),
			},
		},
	}
}
