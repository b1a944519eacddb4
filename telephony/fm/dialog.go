package fm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
)

// DialogNamespace is the namespace of <dialog:…>. Documents may leave "http://"
// out.
const DialogNamespace = "http://www.genesyslab.com/modules/dialog"

// dialogModule is <dialog:…>. It has no objects.
type dialogModule struct{ spec *Spec }

// Namespaces implements scxml.Module.
func (m dialogModule) Namespaces() []string { return m.spec.namespaces() }

// NewState implements scxml.Module.
func (dialogModule) NewState(*scxml.ModuleContext) scxml.ModuleState { return nil }

// Compile implements scxml.Module.
func (m dialogModule) Compile(e *scxml.Element, c *scxml.Compiler) scxml.Action {
	n := m.spec.compile(e, c)
	switch {
	case n == nil:
		return nil
	case e.Name == actionRun:
		c.Problem(scxml.Error, e.Pos, "<runtreatments> is no action of its own", "put it into <submit> or <update> of the queue module")
		return nil
	case e.Name == actionPause:
		c.Problem(scxml.Error, e.Pos, "<pause> may stand inside <runtreatments> only", "to wait, use <send> with a delay")
		return nil
	}
	checkPrompts(e, c)
	return n
}

// The names of actions that are looked at.
const (
	actionPlay             = "play"
	actionCollect          = "collect"
	actionPlayAndCollect   = "playandcollect"
	actionPlayAndVerify    = "playandverify"
	actionPlaySound        = "playsound"
	actionStart            = "start"
	actionPause            = "pause"
	actionRemote           = "remote"
	actionCreateAnn        = "createann"
	actionDeleteAnn        = "deleteann"
	actionStop             = "stop"
	actionSetDestination   = "setdialogdest"
	actionRun              = "runtreatments"
	maxPrompts             = 10
	promptMessages         = "MSG_"
	defaultPromptType      = "ann"
	textToSpeechPromptType = "tts"
)

// promptTypes are the values of the attribute type of <prompts>, beside MSG_….
func promptTypes() []string {
	return []string{defaultPromptType, textToSpeechPromptType, "iretry", "ifailure", "isuccess", "itimeout"}
}

// callErrors are the codes of actions on a call that is in the wrong state, that
// the switch refuses, or that nobody can carry out.
func callErrors() []string {
	return []string{codeUnknown, codeState + "null", codeState + "ringing", codeState + "hold", codeState + "transferring",
		codeState + "routed", codeRemote}
}

// treatmentErrors are the codes of a failed treatment. Only with <input> is there
// a time-out.
func treatmentErrors(e *ElementSpec) []string {
	codes := append([]string{codeAttribute, codeCancelled}, callErrors()...)
	if slices.ContainsFunc(e.Children, func(child ElementSpec) bool { return child.Name == "input" }) {
		codes = append(codes, codeTimeout)
	}
	return codes
}

// dialogSpec is the table of the dialog module.
func dialogSpec() *Spec {
	s := &Spec{Name: "dialog", Prefix: "dialog", Namespace: DialogNamespace,
		Needs: "A link that can apply treatments; without it the actions fail with the code unknown.",
		Events: []EventSpec{{Name: "dialog.playsound.done.timeout", Data: []string{"requestid", "interactionid"},
			Note: "the attribute duration of <playsound> is over"}},
	}
	for _, e := range treatmentSpecs() {
		if e.Event != "" {
			e.Errors = treatmentErrors(&e)
		}
		s.Elements = append(s.Elements, e)
	}
	s.Elements = append(s.Elements, ElementSpec{
		Name: actionStop, Event: "dialog.stop", Errors: callErrors(), Data: []string{"interactionid"},
		Attributes: append([]AttributeSpec{interactionID()},
			AttributeSpec{Name: "requestid", Note: "the id of the treatment to stop; without it the one that is running"}),
		Note: "A silence takes the place of the treatment, which fails with the code cancelled.",
	}, runSpec(""))
	return s
}

// runSpec is <runtreatments>, in a parent of the given namespace.
func runSpec(namespace string) ElementSpec {
	run := ElementSpec{
		Name: actionRun, Namespace: namespace, Max: 1,
		Note: "Inside <submit> and <update> only. The treatments are played in turn, again from the first, until a target is found; no events tell of them.",
	}
	for _, e := range treatmentSpecs() {
		switch e.Name {
		case actionCreateAnn, actionDeleteAnn, actionSetDestination:
			continue
		}
		run.Children = append(run.Children, e)
	}
	return run
}

// treatmentSpecs are the elements that stand for a treatment.
func treatmentSpecs() []ElementSpec {
	treatment := func(name, note string, data []string, children []ElementSpec, own ...AttributeSpec) ElementSpec {
		return ElementSpec{
			Name: name, Event: "dialog." + name, Accepted: true, Data: append([]string{"interactionid"}, data...), Note: note,
			Attributes: append([]AttributeSpec{
				interactionID(), {Name: "device", Note: "when it is given, the routing point where the call waits"},
				{Name: "language", Note: "becomes the parameter LANGUAGE"}, {Name: "hints", Note: "{extensions: {…}} goes into the request"}, requestID(),
			}, own...), Children: children,
		}
	}
	needed := func(name, note string) AttributeSpec { return AttributeSpec{Name: name, Required: true, Note: note} }
	prompts := func(least, most int) ElementSpec {
		return ElementSpec{
			Name: "prompts", Min: least, Max: most,
			Attributes: []AttributeSpec{{Name: "type", Kind: TokenKind, Default: defaultPromptType,
				Note: "one of " + strings.Join(promptTypes(), ", ") + ", or MSG_ and a name"}},
			Children: []ElementSpec{{
				Name: "prompt", Min: 1, Max: maxPrompts, Note: "Says one of intid, number, userannid and text.", Attributes: values(append(promptSources(), "interrupt")...),
			}},
		}
	}
	input := ElementSpec{Name: "input", Min: 1, Max: 1}
	for _, k := range inputKeys() {
		input.Attributes = append(input.Attributes, AttributeSpec{Name: k.attribute, Note: k.note})
	}
	optional := input
	optional.Min = 0
	digits := []string{"digits"}
	duration := AttributeSpec{Name: "duration", Note: "seconds"}
	return []ElementSpec{
		treatment(actionPlay, "Plays prompts.", nil, []ElementSpec{prompts(1, 1)}),
		treatment(actionCollect, "Collects digits.", digits, []ElementSpec{input}),
		treatment(actionPlayAndCollect, "Plays prompts and collects digits.", digits, []ElementSpec{prompts(1, 1), input}),
		treatment(actionPlayAndVerify, "Plays prompts and collects digits that the switch verifies.", digits, []ElementSpec{prompts(1, len(promptTypes())), input},
			AttributeSpec{Name: "attempts", Note: "how often the caller may try"}),
		treatment(actionPlaySound, "Plays a sound, until something takes its place or for a time.", nil, nil, duration,
			needed("type", "one of "+strings.Join(soundNames(), ", ")+", such as type=\"'music'\""),
			AttributeSpec{Name: "resource", Note: "DN or file of the music"}),
		treatment(actionStart, "Starts an application of the switch, such as VoiceXML, with parameters.", []string{"extensions"}, startParams(), AttributeSpec{Name: "type", Status: Ignored}),
		{Name: actionPause, Attributes: []AttributeSpec{{Name: "duration", Default: "1", Note: "seconds"}}, Note: "Inside <runtreatments> only."},
		treatment(actionRemote, "Hands the call to an IVR at another DN.", nil, nil, needed("destination", "an expression"), AttributeSpec{Name: "default", Note: "where the call goes when the link is lost"}),
		treatment(actionCreateAnn, "Records an announcement.", []string{"userannid"}, []ElementSpec{prompts(0, 1), optional}, AttributeSpec{Name: "userid"}),
		treatment(actionDeleteAnn, "Deletes a recorded announcement.", nil, nil, AttributeSpec{Name: "userid"}, needed("userannid", "the id of the announcement")),
		treatment(actionSetDestination, "Tells the switch where the call goes when nobody routes it.", nil, nil, needed("destination", "a DN or label")),
	}
}

// startParams are the <param> of <dialog:start>, in the namespace of SCXML or of
// the module.
func startParams() []ElementSpec {
	param := ElementSpec{Name: "param", Attributes: append(values("expr"),
		AttributeSpec{Name: "name", Kind: TokenKind, Required: true, Note: "it names the parameter"})}
	plain := param
	plain.Namespace = "http://www.w3.org/2005/07/scxml"
	return []ElementSpec{plain, param}
}

// what a prompt says, one of them.
func promptSources() []string { return []string{"intid", "number", "userannid", "text"} }

// checkPrompts reports prompts that say nothing, or several things, and lists of
// an unknown type.
func checkPrompts(e *scxml.Element, c *scxml.Compiler) {
	typ := ""
	if at, ok := e.Attr("type"); ok && e.Name == "prompts" {
		typ = at.Value
		known := promptTypes()
		if !slices.Contains(known, typ) && !strings.HasPrefix(typ, promptMessages) {
			c.Problem(scxml.Warning, at.Pos, fmt.Sprintf("%q is no type of prompts", typ),
				c.Suggest(typ, known, "it is one of "+strings.Join(known, ", ")+", or MSG_ and a name"))
		}
	}
	for _, child := range e.Children {
		if child.Name != "prompt" {
			checkPrompts(child, c)
			continue
		}
		says := 0
		for _, name := range promptSources() {
			if _, ok := child.Attr(name); ok {
				says++
			}
		}
		if says != 1 {
			c.Problem(scxml.Error, child.Pos, "<prompt> needs one of the attributes intid, number, userannid and text", "")
		}
		if _, ok := child.Attr("text"); !ok && typ == textToSpeechPromptType {
			c.Problem(scxml.Error, child.Pos, "<prompt> in prompts of type tts needs the attribute text", "")
		}
	}
}

// dialog carries out the effect of an action of the dialog module.
func (c *Connector) dialog(effect *session.ModuleCall) error {
	p := &pending{session: effect.Session.ID, requestID: effect.RequestID, origin: dialogOrigin, prefix: "dialog." + effect.Name}
	if effect.Name == actionStop {
		if id := text(effect.Args, argRequest); id != "" {
			p.requestID = id
		}
		c.onCall(p, effect.Args, c.stopTreatment)
		return nil
	}
	c.track(p, effect)
	c.onCall(p, effect.Args, func(k *call, p *pending, args *datamodel.Object) { c.treat(k, p, effect.Name, args) })
	return nil
}

// treat is an action that stands for a treatment: RequestApplyTreatment.
func (c *Connector) treat(k *call, p *pending, action string, args *datamodel.Object) {
	c.emit(p.session, c.answer(k, p, p.prefix+".requestid"))
	if !c.postpone(k, func(k *call) { c.beginTreatment(k, p, action, args) }) {
		c.beginTreatment(k, p, action, args)
	}
}

func (c *Connector) beginTreatment(k *call, p *pending, action string, args *datamodel.Object) {
	device := text(args, "device")
	t, err := treatmentOf(action, args)
	switch {
	case err != nil:
		c.fail(k, p, codeAttribute, err.Error())
	case k.waiting == "" || k.routing != nil:
		c.fail(k, p, codeState+k.at(), "the call does not wait at a routing point")
	case device != "" && device != k.waiting:
		c.fail(k, p, codeAttribute, fmt.Sprintf("the call waits at %s, not at the device %s", k.waiting, device))
	case !c.link.Capabilities().Has(telephony.CanTreat):
		c.fail(k, p, codeUnknown, "the link cannot apply treatments")
	default:
		t.p = p
		c.apply(k, t, func(err error) { c.refuse(k, p, err) })
	}
}

// stopTreatment is <dialog:stop>.
func (c *Connector) stopTreatment(k *call, p *pending, args *datamodel.Object) {
	t := k.treatment
	id := text(args, argRequest)
	switch {
	case t == nil || t.p == nil || id != "" && t.p.requestID != id:
		c.fail(k, p, codeUnknown, "no such treatment is running")
	case k.waiting == "" || k.routing != nil:
		c.fail(k, p, codeState+k.at(), "the call does not wait at a routing point")
	default:
		c.link.Send(&telephony.RequestApplyTreatment{
			ThisDN: k.waiting, ConnID: k.conn, TreatmentType: telephony.TreatmentSilence,
		}, func(_ telephony.Event, err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if err != nil {
				c.refuse(k, p, err)
				return
			}
			if k.treatment == t {
				c.cancelTreatment(k, "the treatment was stopped")
			}
			c.done(k, p)
		})
	}
}
