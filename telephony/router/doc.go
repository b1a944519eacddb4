// Package router chooses where calls go: the part of Universal Routing Server,
// inside the process. A strategy submits a request with a list of possible targets;
// the router keeps it waiting in a virtual queue until an agent, or another target, is
// free, and reserves him for it.
//
//	r := router.New(nil)
//	r.SetAgent(router.Agent{ID: "ann", DN: "7001", Skills: map[string]int{"English": 7}})
//	r.SetAgentState("ann", router.Ready)
//	targets, err := router.ParseTargets("?:(English > 5)@.GA")
//	id, err := r.Submit(router.Request{Targets: targets, Timeout: time.Minute},
//		func(s router.Selection, err error) { … })
//
// # Who is free
//
// What agents do is told in two ways. [Router.SetAgentState] tells what an
// agent has said: logged in, ready, not ready. [Router.Receive] takes the events of a link
// and knows from them which DNs are in calls. An agent is free who is Ready, in no call and not
// reserved. The DNs of agents have to be registered on the link.
//
// Agents, places, agent groups and groups of places as targets mean agents. A DN is
// free while it is in no call; queues, routing points and labels always are.
//
// # Who gets him
//
// Of the requests that could take an agent who becomes free, the one with the
// highest priority gets him, in one priority the oldest. Of the targets that are free for a new
// request the order decides: any takes the first in the list and in a group the agent
// who is ready for longest; max and min compare a statistic; percentage keeps the calls of
// the targets in proportion to their weights.
//
// The choice reserves the DN. The reservation ends when the call rings there, when it is given
// back ([Router.Return], [Router.Cancel]), or after Options.Reservation.
//
// # Limits of what is here
//
// Campaigns (C, GC), groups of queues (GQ), workbins and workforce activities are
// no targets: [Router.Submit] refuses the first three, the others cannot be written. Every agent takes one call at a time; what he has of other media is not
// counted. An agent who does not answer stays in
// his state. Statistics are those of [Router.Statistic]; those over
// intervals are not kept. Within one priority only age counts.
// Thresholds are looked at when a request comes, when an agent becomes free and every
// Options.Recheck. DNs are told apart by their number, not by their switch. State is kept
// in memory only.
//
// # Concurrency and time
//
// All methods are safe for concurrent use. There is no goroutine, and no timer
// while nobody waits and nothing is reserved. Callbacks are called by the clock, one at a time and in
// order, without a lock held. The same calls at the same times lead to the same decisions.
package router
