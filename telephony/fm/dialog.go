package fm

import (
	"errors"
	"fmt"
	"strconv"

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
	if n == nil {
		return nil
	}
	checkPrompts(e, c)
	return n
}

const maxPrompts = 10

// dialogSpec is the table of the dialog module.
func dialogSpec() *Spec {
	return &Spec{
		Name: "dialog", Prefix: "dialog", Namespace: DialogNamespace,
		Elements: []ElementSpec{
			{
				Name: "play", Event: "dialog.play", Accepted: true, Data: []string{"interactionid"},
				Attributes: append(values("interactionid", "device", "language", "hints"), requestID()),
				Children: []ElementSpec{{
					Name: "prompts", Min: 1, Max: 1,
					Attributes: []AttributeSpec{{Name: "type", Kind: TokenKind, Default: "ann"}},
					Children: []ElementSpec{{
						Name: "prompt", Min: 1, Max: maxPrompts,
						Attributes: values(append(promptSources(), "interrupt")...),
					}},
				}},
			},
		},
	}
}

// what a prompt says, one of them.
func promptSources() []string { return []string{"intid", "number", "userannid", "text"} }

// checkPrompts reports prompts that say nothing, or several things.
func checkPrompts(e *scxml.Element, c *scxml.Compiler) {
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
	}
}

// promptsOf returns the prompts of an action.
func promptsOf(args *datamodel.Object) []*datamodel.Object {
	var all []*datamodel.Object
	for _, prompts := range childrenOf(args, "prompts") {
		all = append(all, childrenOf(prompts, "prompt")...)
	}
	return all
}

// dialog carries out the effect of an action of the dialog module.
func (c *Connector) dialog(effect *session.ModuleCall) error {
	p := &pending{session: effect.Session.ID, requestID: effect.RequestID, origin: dialogOrigin, prefix: "dialog." + effect.Name}
	switch effect.Name {
	case "play":
		c.onCall(p, effect.Args, c.play)
	default:
		return fmt.Errorf("fm: no action %s", effect.Name)
	}
	return nil
}

// play is <dialog:play>: RequestApplyTreatment.
func (c *Connector) play(k *call, p *pending, args *datamodel.Object) {
	c.emit(k, p.session, c.answer(k, p, p.prefix+".requestid"))
	device := text(args, "device")
	params, err := announcement(args)
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
		c.link.Send(&telephony.RequestApplyTreatment{
			ThisDN: k.waiting, ConnID: k.conn, TreatmentType: telephony.TreatmentPlayAnnouncement, Parameters: params,
			Extensions: extensions(args),
		}, func(_ telephony.Event, err error) { c.played(k, p, err) })
	}
}

func (c *Connector) played(k *call, p *pending, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.refuse(k, p, err)
		return
	}
	c.cancelTreatment(k, "another treatment took its place")
	k.treatment = p
}

// announcement makes the parameters of TreatmentPlayAnnouncement: LANGUAGE, and
// PROMPT with a list for each prompt under the keys 1, 2, ….
func announcement(args *datamodel.Object) (telephony.KVList, error) {
	var params, prompts telephony.KVList
	if language := text(args, "language"); language != "" {
		params.Add("LANGUAGE", telephony.String(language))
	}
	for i, o := range promptsOf(args) {
		interrupt, _ := o.Get("interrupt")
		var prompt telephony.KVList
		prompt.Add("INTERRUPT", telephony.Int(0))
		if truth(interrupt) {
			prompt.Set("INTERRUPT", telephony.Int(1))
		}
		key, value, err := promptOf(o)
		if err != nil {
			return nil, fmt.Errorf("prompt %d: %w", i+1, err)
		}
		prompt.Add(key, value)
		prompts.Add(strconv.Itoa(i+1), telephony.List(prompt))
	}
	params.Add("PROMPT", telephony.List(prompts))
	return params, nil
}

func promptOf(o *datamodel.Object) (key string, value telephony.Value, err error) {
	for _, m := range o.Members() {
		s := asText(m.Value)
		switch m.Name {
		case "intid":
			n, ok := telephony.String(s).Int()
			if !ok {
				return "", value, fmt.Errorf("intid %q is not an integer", s)
			}
			return "ID", telephony.Int(n), nil
		case "number":
			key = "DIGITS"
		case "userannid":
			key = "USER_ANN_ID"
		case "text":
			key = "TEXT"
		default:
			continue
		}
		if s == "" {
			return "", value, errors.New(m.Name + " is empty")
		}
		return key, telephony.String(s), nil
	}
	return "", value, errors.New("there is nothing to play")
}

// cancelTreatment tells that a treatment ended before its time.
func (c *Connector) cancelTreatment(k *call, why string) {
	if t := k.treatment; t != nil {
		k.treatment = nil
		c.fail(k, t, codeCancelled, why)
	}
}
