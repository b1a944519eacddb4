package fm

import "github.com/seed-ff723688/ors/scxml"

// InteractionNamespace is the namespace of <ixn:…>. Documents may leave
// "http://" out.
const InteractionNamespace = "http://www.genesyslab.com/modules/interaction"

// interactionModule is <ixn:…> and _genesys.ixn.
type interactionModule struct {
	spec *Spec
	c    *Connector // nil: only for parsing
}

// Namespaces implements scxml.Module.
func (m interactionModule) Namespaces() []string { return m.spec.namespaces() }

// NewState implements scxml.Module.
func (m interactionModule) NewState(c *scxml.ModuleContext) scxml.ModuleState {
	return &interactions{c: c, connector: m.c}
}

// Compile implements scxml.Module.
func (m interactionModule) Compile(e *scxml.Element, c *scxml.Compiler) scxml.Action {
	if n := m.spec.compile(e, c); n != nil {
		return n
	}
	return nil
}

// interactionSpec is the table of the interaction module.
func interactionSpec() *Spec {
	s := &Spec{
		Name: "interaction", Prefix: "ixn", Namespace: InteractionNamespace, Root: "_genesys.ixn",
		Needs: "A telephony.Link that can do it, and Options.Interactions for what is no call; without them the actions fail.",
		Members: []MemberSpec{
			{Name: "interactions", Note: "the interactions of the session, by position and by id, and their length"},
			{Name: "firstixnid", Note: "id of the first one; undefined without one"},
			{Name: "mediaType", Note: "the numbers of the TMedia… names"},
			{Name: "getMediaIntValue(media)", Note: "the number of a TMedia… name, -1 for an unknown one"},
			{Name: "setuData(object, interactionid)", Note: "sets user data; interaction.udata.changed confirms it"},
			{Name: "getuData(key, interactionid)", Note: "a value of the user data"},
			{Name: "deleteuData(key, interactionid)", Note: "deletes a key, or all without one"},
		},
		Events: []EventSpec{
			{Name: "interaction.added", Data: []string{"interactionid", "focusdeviceid"}, Note: "the session has got the interaction"},
			{Name: "interaction.present", Data: []string{"interactionid"}, Note: "the interaction is in the hands of the session and waits for what becomes of it"},
			{Name: "interaction.notcontrolled", Data: []string{"interactionid"}, Note: "it is not any longer"},
			{Name: "interaction.onrouterequest", Data: []string{"interactionid"}, Note: "the switch waits for <ixn:redirect>"},
			{Name: "interaction.partystatechanged", Data: []string{"interactionid", "focusdeviceid"}, Note: "a party rings, answers, holds, leaves"},
			{Name: "interaction.partyadded", Data: []string{"interactionid", "focusdeviceid"}, Note: "a party has joined a conference, or accepted an interaction"},
			{Name: "interaction.partydeleted", Data: []string{"interactionid", "focusdeviceid"}, Note: "a party has left a conference, or an interaction"},
			{Name: "interaction.udata.changed", Data: []string{"interactionid"}, Note: "the user data has changed, or what setuData asked for is done"},
			{Name: "interaction.onmerge", Data: []string{"interactionid", "frominteractionid", "tointeractionid"}, Note: "a consult call has become part of the other call"},
			{Name: "interaction.abandoned", Data: []string{"interactionid"}, Note: "the caller gave up; interaction.deleted follows"},
			{Name: "interaction.deleted", Data: []string{"interactionid", "resultof"},
				Note: "the interaction is over; with resultof detach, associate, merge or notcontrolled it goes on without the session"},
			{Name: "error.interaction.setudata", Data: []string{"requestid", "error", "description"}, Note: "setuData or deleteuData could not be carried out"},
		},
	}
	for _, group := range [][]ElementSpec{bindingElements(), voiceElements(), mediaElements()} {
		s.Elements = append(s.Elements, group...)
	}
	return s
}

// ixnElement makes the table entry of an action of this module.
func ixnElement(name, prefix, note string, errors []string, attributes ...AttributeSpec) ElementSpec {
	return ElementSpec{
		Name: name, Event: prefix + "." + name, Data: []string{"interactionid"}, Errors: errors, Note: note,
		Attributes: append([]AttributeSpec{requestID()}, attributes...),
	}
}

func interactionID() AttributeSpec {
	return AttributeSpec{Name: "interactionid", Default: "the first interaction of the session"}
}

func required(name, note string) AttributeSpec {
	return AttributeSpec{Name: name, Required: true, Note: note}
}

func optional(name, note string) AttributeSpec { return AttributeSpec{Name: name, Note: note} }

// bindingElements are the actions on interactions of every kind.
func bindingElements() []ElementSpec {
	const prefix = "interaction"
	states := callErrors()
	hints := optional("hints", "an object; its members extensions and reasons go into the request")
	return []ElementSpec{
		ixnElement("redirect", prefix, "routes a call that waits at a routing point, or a multimedia interaction",
			append(callErrors(), codeSource, codeDestination),
			interactionID(), optional("from", "the DN where it waits, or its id, or a resource object"),
			required("to", "an expression that gives the destination, such as to=\"'7001'\": a DN, a queue, or a resource object"),
			optional("type", "the route type, by name or number"), hints,
			optional("detach", "true: the session gives the interaction away when it has been routed")),
		ixnElement("terminate", prefix, "ends an interaction, or takes a DN out of a call", states,
			interactionID(), optional("reason", "goes into the request"), optional("resource", "the DN to clear"), hints),
		ixnElement("accept", prefix, "has a ringing DN answer; takes a multimedia interaction into the hands of the session", states,
			interactionID(), optional("resource", "the DN that answers"), hints),
		ixnElement("associate", prefix, "gives an interaction to another session", []string{codeUnknown, codeState + "null", codeBadState},
			interactionID(), required("sessionid", "the session that gets it")),
		ixnElement("attach", prefix, "takes an interaction that belongs to no session", []string{codeUnknown, codeState + "null", codeBadState},
			optional("interactionid", "its id, such as the parentid of another one")),
		ixnElement("detach", prefix, "gives an interaction away; it may still be redirected by its id", []string{codeUnknown, codeState + "null", codeBadState},
			interactionID()),
	}
}
