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
// # What there is
//
// Agents have skills with levels, a DN, a place and a [Capacity] ([Router.SetAgent]). Groups of agents,
// places and queues, campaigns and workforce activities are a [Group] ([Router.SetGroup]); one
// with a script is virtual: agents belong to it while they match. Virtual queues exist when they are named; [Router.SetVirtualQueue]
// gives one a priority and a service objective. [Router.SetQueue] has the calls of a queue of the switch
// counted. Targets are written as "{threshold}[weight]name@server.type", see [ParseTargets].
//
// # Who is free
//
// What agents do is told in three ways. [Router.SetAgentState], [Router.SetMediaState] and [Router.Login] tell what an
// agent has said: logged in at a place, ready, not ready. [Router.Receive] takes the events of a link
// and knows from them the same, and which DNs are in calls or closed; the DNs of agents have to be registered on it. What an agent
// says at a DN is about calls, what he says to an Interaction Server about other media.
// [Router.ReceiveInteraction] takes those of an Interaction Server; [Router.AddInteraction] and [Router.RemoveInteraction] do the
// same by hand.
//
// An agent is free for a media who is Ready for it and whose interactions, with those that he is
// reserved for, are fewer than his Capacity says. A DN is
// free while it is in no call and not reserved; queues, routing points, labels and workbins always are.
//
// # Who gets him
//
// Of the requests that could take an agent who becomes free, that of the virtual queue with the
// highest priority gets him; among them the one with the highest priority; in one priority the oldest, or as
// [Tuning] says. Of the targets that are free for a new
// request the [Order] decides: any takes the first in the list and in a group the agent
// who is ready for longest; max and min compare a statistic; percentage keeps the calls of
// the targets in proportion to their weights, as far as they are free. A target counts only while its threshold is true: that is looked
// at when a request comes, when an agent becomes free and every Options.Recheck.
//
// Ready for longest means: since the agent became ready, or the number of his interactions
// changed. A reservation that comes to nothing does not cost him his turn.
//
// # Reservation
//
// The choice reserves the DN, or a part of the capacity for other media, so that two requests never get one
// agent. The reservation ends when the call rings there or the interaction is accepted, when it is given
// back ([Router.Return], [Router.Cancel]), when the agent is removed, or after Options.Reservation. After Return the request waits again in its
// old place and does not get the same target before something changes there. The same holds for the next requests of an
// interaction whose call rang at an agent in vain; Options.NotReadyOnNoAnswer makes him NotReady as well.
//
// While a request waits, the caller may be entertained: the router does not do that, it only calls
// back. Package fm runs the busy treatments.
//
// # Statistics
//
// [Router.Statistic] tells the present, and what was counted since the router knows the object;
// [Router.StatisticOver] counts over the day, a sliding interval, or since an agent logged in. Counting
// costs the same however long the interval is. Thresholds and orders use the same names.
//
// # Why
//
// Selection.Why tells in short. Options.Decided is handed a whole [Explanation] of every decision: each
// candidate with the reason why he was not taken, and the requests that went without; and of every request that found
// nobody in time. [Router.Explain] does so for a request
// that waits. What is not asked for is not made.
//
// # Cost and limits
//
// A decision costs a walk over the different targets that requests wait for, in the order of their
// first requests, until one means the agent; or, for a new request, a look at the free agents whom its target
// means. It does not grow with the number of requests. Targets that mean the same share their agents, as a set of bits: one for
// each different skill expression or group that somebody waits for, and for the 2,000 used last.
//
// DNs are told apart by their number and, where links have [Router.AtSwitch], their switch; an agent or a target that
// names no switch means the number at any. State is kept in memory only. Requests, agents,
// groups, queues and media are bounded by Options, targets of a request by 1,000; text of an expression by 16 KB
// and a depth of 100.
//
// # Concurrency and time
//
// All methods are safe for concurrent use. There is no goroutine, and no timer
// while nobody waits and nothing is reserved. Callbacks are called by the clock, one at a time and in
// order, without a lock held. There is nothing random: the same calls at the same times lead to the same decisions.
package router
