package strategytest

import (
	"strconv"
	"strings"

	"github.com/seed-ff723688/ors/scxml/scxmltest"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/router"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// treat decides what becomes of a treatment: its usual duration, and what the caller
// keys.
func (c *Centre) treat(r *telephony.RequestApplyTreatment) sim.Treatment {
	t := sim.Announce(r)
	c.mu.Lock()
	if k := c.calls[r.ConnID]; k != nil {
		prompts := prompts(r.Parameters)
		k.pending = strings.TrimSpace(r.TreatmentType.String() + " " + strings.Join(prompts, " "))
		switch r.TreatmentType {
		case telephony.TreatmentPlayAnnouncementAndDigits, telephony.TreatmentTextToSpeechAndDigits,
			telephony.TreatmentCollectDigits, telephony.TreatmentVerifyDigits:
			t.Digits = k.keys(prompts)
		}
	}
	c.mu.Unlock()
	if c.opts.Treat != nil {
		t = c.opts.Treat(r, t)
	}
	return t
}

// keys returns what the caller keys next. Centre.mu is held.
func (k *Call) keys(prompts []string) string {
	if len(prompts) > 0 {
		if id, err := strconv.Atoi(prompts[0]); err == nil && k.caller.DigitsAt[id] != nil {
			entries, n := k.caller.DigitsAt[id], k.at[id]
			k.at[id]++
			if n < len(entries) {
				return entries[n]
			}
			return ""
		}
	}
	if k.keyed < len(k.caller.Digits) {
		k.keyed++
		return k.caller.Digits[k.keyed-1]
	}
	return ""
}

// prompts are the prompts of a treatment: numbers, texts.
func prompts(parameters telephony.KVList) []string {
	list, _ := parameters.Get("PROMPT")
	var all []string
	for _, p := range list.List() {
		for _, key := range []string{"ID", "TEXT", "USER_ANN_ID", "DIGITS"} {
			if v, ok := p.Value.List().Get(key); ok {
				all = append(all, v.Text())
			}
		}
	}
	return all
}

// event takes the news of the switch.
func (c *Centre) event(e telephony.Event) {
	a, ok := telephony.CallOf(e)
	if !ok {
		c.atAgent(e)
		return // about an agent or the link, not about a call
	}
	c.mu.Lock()
	detail := ""
	k := c.calls[a.ConnID]
	if k != nil {
		detail = k.happened(e, a)
	}
	c.mu.Unlock()
	name := "at " + a.ThisDN
	if a.AgentID != "" {
		name += " (" + a.AgentID + ")"
	}
	c.Recorder().Note(scxmltest.Step{Who: "switch", Kind: e.Name(), Name: name, Detail: detail})
}

// atAgent takes what agents tell the switch, once the test has begun.
func (c *Centre) atAgent(e telephony.Event) {
	about, ok := e.(interface {
		Agent() *telephony.AgentAttributes
	})
	c.mu.Lock()
	opened := c.opened
	c.mu.Unlock()
	if ok && opened {
		a := about.Agent()
		c.Recorder().Note(scxmltest.Step{Who: "switch", Kind: e.Name(), Name: "at " + a.ThisDN + " (" + a.AgentID + ")"})
	}
}

// decided takes the explanations of the router.
func (c *Centre) decided(e router.Explanation) {
	c.Recorder().Note(scxmltest.Step{Who: "router", Kind: "decision", Name: e.Queue, Detail: e.Brief()})
}

// happened brings the call up to date and describes the event. Centre.mu is held.
func (k *Call) happened(e telephony.Event, a *telephony.CallAttributes) string {
	k.data = a.UserData
	if id := a.UserData.Text(fm.SessionKey); id != "" {
		k.session = id
	}
	switch e := e.(type) {
	case *telephony.EventQueued:
		return "from " + a.ANI
	case *telephony.EventTreatmentApplied:
		k.treatments = append(k.treatments, k.pending)
		return k.pending
	case *telephony.EventTreatmentEnd:
		if a.CollectedDigits != "" {
			return "digits " + a.CollectedDigits
		}
	case *telephony.EventTreatmentNotApplied:
		return e.ErrorMessage
	case *telephony.EventAttachedDataChanged:
		return a.UserData.String()
	case *telephony.EventRouteUsed:
		k.routes = append(k.routes, a.ThirdPartyDN)
		k.byDefault = e.ReferenceID == 0
		if a.ThirdPartyDN == "" {
			k.over = "released"
		}
		return strings.TrimSpace("to " + a.ThirdPartyDN)
	case *telephony.EventEstablished:
		k.agent, k.answered = a.AgentID, a.ThisDN
	case *telephony.EventAbandoned:
		k.over = "abandoned"
	case *telephony.EventReleased:
		if a.CallState == telephony.CallStateOk {
			k.over = "released"
		}
		return a.CallState.String()
	}
	return ""
}
