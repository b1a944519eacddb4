package strategytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml/scxmltest"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
)

// Call is a call and its session. The expectations of scxmltest.Session are about the
// session that has, or had, the call.
type Call struct {
	*scxmltest.Session
	c      *Centre
	caller Caller

	// Guarded by Centre.mu.
	conn       telephony.ConnID
	session    string
	data       telephony.KVList
	pending    string // the treatment that is being applied
	treatments []string
	routes     []string
	byDefault  bool // the last route was the switch's own
	agent      string
	answered   string // DN
	over       string // how it ended: "released", "abandoned"; empty: it has not
	keyed      int    // entries of Caller.Digits that were used
	at         map[int]int
}

func (k *Call) sessionID() string {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	return k.session
}

func (k *Call) setSession(id string) {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	k.session = id
}

// ConnID returns the id of the call.
func (k *Call) ConnID() telephony.ConnID { return k.conn }

// HangUp lets the caller hang up. Nothing happens when the call is over.
func (k *Call) HangUp() {
	k.c.tb.Helper()
	k.c.Input("hangup", k.number())
	_ = k.c.sw.HangUp(k.conn) // it may be over
	k.c.Settle()
}

// Release lets the agent hang up. Nothing happens when the call is over.
func (k *Call) Release() {
	k.c.tb.Helper()
	k.c.Input("release", k.number())
	_ = k.c.sw.Release(k.conn) // it may be over
	k.c.Settle()
}

// number counts the calls of the centre from 1.
func (k *Call) number() int { return slices.Index(k.c.inOrder, k) + 1 }

// Treatments returns what was played, in order: the type of the treatment, and its
// prompts: "PlayAnnouncement 100", "PlayAnnouncementAndDigits 1010 1011", "Music".
func (k *Call) Treatments() []string {
	return get(k, func() []string { return slices.Clone(k.treatments) })
}

// Routes returns where the call was routed, one after the other; "" is the end of the
// call by the strategy.
func (k *Call) Routes() []string { return get(k, func() []string { return slices.Clone(k.routes) }) }

// UserData returns the user data as they are.
func (k *Call) UserData() telephony.KVList {
	return get(k, func() telephony.KVList { return k.data.Clone() })
}

// AnsweredBy returns the agent who answered last, or the DN where nobody is logged
// in; empty: nobody did.
func (k *Call) AnsweredBy() string {
	return get(k, func() string {
		if k.agent != "" {
			return k.agent
		}
		return k.answered
	})
}

// Over tells how the call ended: "released", "abandoned"; empty while it has not.
func (k *Call) Over() string { return get(k, func() string { return k.over }) }

func get[T any](k *Call, f func() T) T {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	return f()
}

// Targets returns the targets that the strategy submitted, in order: names, skill
// expressions, and target strings as they are.
func (k *Call) Targets() []string {
	var targets []string
	for _, s := range k.Steps() {
		if s.Kind != scxmltest.StepExtension || s.Name != "queue:submit" {
			continue
		}
		lists, _ := scxmltest.Lookup(s.Data, "targets")
		items, _ := lists.([]datamodel.Value)
		for _, list := range items {
			for _, kind := range []string{"target", "targetid"} {
				found, _ := scxmltest.Lookup(list, kind)
				all, _ := found.([]datamodel.Value)
				for _, t := range all {
					for _, attribute := range []string{"name", "skillexpr", "expr"} {
						if v, ok := scxmltest.Lookup(t, attribute); ok {
							targets = append(targets, plain(v))
						}
					}
				}
			}
		}
	}
	return targets
}

// plain is text as it is, anything else as JSON.
func plain(v datamodel.Value) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(datamodel.EncodeJSON(v))
}

// ExpectTreatments expects these treatments in this order, others in between allowed; a
// type without prompts stands for all of them.
func (k *Call) ExpectTreatments(want ...string) bool {
	k.c.tb.Helper()
	return k.expectInOrder("treatment", "applied", want, k.Treatments())
}

// ExpectTargets expects that the strategy submitted these targets in this order,
// others in between allowed.
func (k *Call) ExpectTargets(want ...string) bool {
	k.c.tb.Helper()
	return k.expectInOrder("target", "submitted", want, k.Targets())
}

func (k *Call) expectInOrder(what, verb string, want, got []string) bool {
	k.c.tb.Helper()
	rest := got
	for _, w := range want {
		at := slices.IndexFunc(rest, func(g string) bool { return g == w || what == "treatment" && strings.HasPrefix(g, w+" ") })
		if at < 0 {
			k.Failf("%s %q was not %s\n  expected: %s\n  %s: %s", what, w, verb, strings.Join(want, ", "), verb, orNothing(got))
			return false
		}
		rest = rest[at+1:]
	}
	return true
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "(nothing)"
	}
	return strings.Join(names, ", ")
}

// ExpectRoutedTo expects that the last route of the call is to this agent, or DN.
func (k *Call) ExpectRoutedTo(target string) bool {
	k.c.tb.Helper()
	dn := target
	if a, ok := k.c.agents[target]; ok {
		dn = a.DN
	} else if known := slices.Concat(slices.Sorted(maps.Keys(k.c.agents)), k.c.dns); !slices.Contains(k.c.dns, target) {
		k.Failf("there is no agent or DN %q%s", target, hint(target, known))
		return false
	}
	routes := k.Routes()
	if len(routes) == 0 || routes[len(routes)-1] != dn {
		k.Failf("the call was not routed to %s\n  routes: %s", k.named(dn), k.routesText())
		return false
	}
	return true
}

// ExpectNotRouted expects that the strategy never routed the call.
func (k *Call) ExpectNotRouted() bool {
	k.c.tb.Helper()
	if len(k.Routes()) > 0 {
		k.Failf("the call was routed\n  routes: %s", k.routesText())
		return false
	}
	return true
}

// ExpectDefaultRouted expects that the switch routed the call itself, because no
// instruction came in time.
func (k *Call) ExpectDefaultRouted() bool {
	k.c.tb.Helper()
	if !get(k, func() bool { return k.byDefault }) {
		k.Failf("the switch did not route the call by itself\n  routes: %s", k.routesText())
		return false
	}
	return true
}

// ExpectDisconnected expects that the strategy ended the call.
func (k *Call) ExpectDisconnected() bool {
	k.c.tb.Helper()
	routes := k.Routes()
	if len(routes) == 0 || routes[len(routes)-1] != "" {
		k.Failf("the strategy did not end the call\n  routes: %s", k.routesText())
		return false
	}
	return true
}

// ExpectAnsweredBy expects that this agent, or DN, answered last.
func (k *Call) ExpectAnsweredBy(who string) bool {
	k.c.tb.Helper()
	if got := k.AnsweredBy(); got != who {
		if got == "" {
			got = "(nobody)"
		}
		k.Failf("the call was not answered by %q\n  answered by: %s", who, got)
		return false
	}
	return true
}

// ExpectAbandoned expects that the caller gave up.
func (k *Call) ExpectAbandoned() bool {
	k.c.tb.Helper()
	if how := k.Over(); how != "abandoned" {
		if how == "" {
			how = "it goes on"
		}
		k.Failf("the call was not abandoned: %s", how)
		return false
	}
	return true
}

// ExpectUserData expects a value in the user data; numbers are compared by their
// text. A key with points leads into lists.
func (k *Call) ExpectUserData(key, want string) bool {
	k.c.tb.Helper()
	data := k.UserData()
	list, last := data, key
	if _, ok := data.Get(key); !ok {
		for {
			first, rest, more := strings.Cut(last, ".")
			if !more {
				break
			}
			v, _ := list.Get(first)
			list, last = v.List(), rest
		}
	}
	v, ok := list.Get(last)
	switch {
	case !ok:
		var keys []string
		for _, p := range data {
			if p.Key != fm.SessionKey {
				keys = append(keys, p.Key)
			}
		}
		k.Failf("there is no user data %q%s", key, hint(key, keys))
	case v.Text() != want:
		k.Failf("wrong user data %s\n  expected: %s\n  is:       %s", key, want, v.Text())
	default:
		return true
	}
	return false
}

// AdvanceUntilEntered moves time until the session has entered a state, at most by limit.
func (k *Call) AdvanceUntilEntered(state string, limit time.Duration) time.Duration {
	k.c.tb.Helper()
	return k.c.AdvanceUntil(limit, fmt.Sprintf("state %q is entered", state), func() bool { return slices.Contains(k.Entered(), state) })
}

// AdvanceUntilEnded moves time until the session has ended, at most by limit.
func (k *Call) AdvanceUntilEnded(limit time.Duration) time.Duration {
	k.c.tb.Helper()
	return k.c.AdvanceUntil(limit, "the session has ended", func() bool {
		_, ended := k.Result()
		return ended
	})
}

func (k *Call) routesText() string {
	var names []string
	for _, dn := range k.Routes() {
		names = append(names, k.named(dn))
	}
	return orNothing(names)
}

// named is a DN with its agent.
func (k *Call) named(dn string) string {
	if dn == "" {
		return "(disconnected)"
	}
	for id, a := range k.c.agents {
		if a.DN == dn {
			return dn + " (" + id + ")"
		}
	}
	return dn
}
