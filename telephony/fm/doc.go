// Package fm holds the functional modules: what makes an SCXML document an
// orchestration strategy. They give documents actions on calls and the objects
// under _genesys, and they connect a session engine with a telephony link.
//
//	<ixn:…>           routes, transfers and ends interactions, and makes new ones
//	<dialog:…>        plays to a call that waits, and collects digits
//	<queue:submit>    finds an agent or another target for it
//	_genesys.ixn      the interactions of the session, read-only, kept up to date
//
// Namespaces are http://www.genesyslab.com/modules/interaction, …/modules/dialog and so on,
// with or without "http://".
//
// # Wiring
//
// A [Connector] stands between a link and an engine. site is a *config.Site, or
// whatever else implements [Applications]:
//
//	c := fm.NewConnector(site, &fm.Options{DNs: site.Numbers(), Logger: logger})
//	defer c.Close()                   // no events and requests after that
//	opts := &session.Options{Logger: logger, …}
//	c.Install(opts)                   // before session.New
//	engine, err := session.New(opts)
//	…
//	defer engine.Shutdown(ctx)
//	err = c.Open(engine, link)        // opened before, closed, or a link that reports no calls
//	…
//	err = c.Ready(ctx)                // the DNs are registered, or which ones the switch refused
//
// Calls that come before Ready returns may be missed. Under a session.VirtualClock, which
// Options.Clock has to name then, call clock.Advance(0) before Ready: the switch answers in no
// other way. Without a Logger nobody hears why a call got no session, such as a document
// that does not compile.
//
// A call that reaches a DN with an application starts a session of it. The
// session's id is attached to the call as user data OP-Session-ID, and the session
// hears of the call through events:
//
//	interaction.added              interactionid, focusdeviceid: the first event of the session
//	interaction.onrouterequest     interactionid: the switch waits for <ixn:redirect>
//	interaction.partystatechanged  interactionid, focusdeviceid: a party rings, answers, holds, leaves
//	interaction.partyadded, interaction.partydeleted
//	                               interactionid, focusdeviceid: a party of a conference
//	interaction.udata.changed      interactionid: also when a change by the session itself is done
//	interaction.onmerge            interactionid, frominteractionid, tointeractionid: a consult call
//	                               has become part of the call on hold
//	interaction.abandoned          interactionid: the caller gave up; interaction.deleted follows
//	interaction.deleted            interactionid: the interaction is over. With resultof detach, associate, merge
//	                               or notcontrolled it goes on, but belongs to the session no longer
//
// Multimedia interactions come from Options.Interactions, when a queue with an application
// hands them over: interaction.added, then interaction.present. Once they are placed elsewhere or
// delivered, interaction.deleted and interaction.notcontrolled end that.
//
// An interaction belongs to at most one session, a session may have many.
//
//   - A consult call that reaches a DN with an application has a session of its own;
//     its parentid is the id of the call on hold, which <ixn:attach> takes over when no other
//     session has it. When the two merge, interaction.onmerge comes to the sessions of both;
//     a call on hold without a session becomes one of the consult call's.
//   - <ixn:detach> gives an interaction away. It may still be redirected by its id and
//     attached again; at the next DN with an application a new session begins.
//   - <ixn:associate> gives it to another session, which hears interaction.added,
//     interaction.present and, for a call that waits, interaction.onrouterequest.
//   - Calls and messages that a session makes are its own, also when it had no
//     interaction before.
//
// The objects under _genesys.ixn are brought up to date before the event that
// tells of the change reaches the document.
//
// # What scripts see of a call
//
// _genesys.ixn.interactions holds the interactions of the session by id and by position; it
// is empty until interaction.added. An id that it does not have gives undefined.
//
//	_genesys.ixn.interactions[id]
//	    g_uid, parentid, tenantid, location.media_server
//	    voice    ani, dnis, callid, connid, type ('inbound', 'outbound', 'internal', 'consult', …), media
//	    udata    the user data, by key; nested lists are objects
//	    xdata    the extensions of the latest event
//	    parties  by DN: where the call is
//	        ['7001']  device ('7001'), devicetype, state, agentid ('' for none)
//
// devicetype is 'routepoint', 'agent' (somebody is logged in there) or 'unknown'. state is 'queued'
// (at a routing point), 'dialing', 'alerting', 'connected' or 'held'. The caller outside is no
// party. A party that has left is not a member any more: parties['7001'] is undefined then,
// also in the interaction.partystatechanged that tells of its leaving. So ask first:
//
//	cond="'7001' in _genesys.ixn.interactions[id].parties &amp;&amp;
//	      _genesys.ixn.interactions[id].parties['7001'].state == 'connected'"
//
// Multimedia interactions have msgbased or chat in place of voice.
//
// # Calls without a session
//
// A call is left to the switch when no session can be started for it (a document that
// cannot be read or does not compile), and when its session fails, or ends, while it waits. Nothing is sent to the switch then: the
// call stays at the routing point, with the treatment that is running, until the switch's
// own default routing acts or the caller gives up. When it arrives at a DN with an application again,
// the same or another, a new session begins, with the parameters of the configuration
// and none of the data of the first. Options.Logger is told of each refused arrival once,
// session.Options.Logger of each session that failed.
//
// # After a restart
//
// With a store, call Engine.Recover after Open. Sessions that come back have their interactions again, as their scripts
// saw them last, and what the functions of _genesys.queue have set. The Connector asks the switch, and
// the interaction server, whether each is still there, by writing the session id into its user data once more;
// for one that is refused interaction.deleted comes. While the link is down, or where it cannot change user data, the
// events of a call tell what became of it. A new session that has taken a call meanwhile keeps
// it; the one that comes back then hears interaction.deleted with resultof associate.
//
// Actions that were under way go on, so that nobody waits for ever for an answer: as soon as it is known that
// their interaction is still there they are begun anew, under the same requestid. A treatment is played from
// its beginning, a submit waits in the queue again (its timeout, and where it stands among others of
// its priority, begin anew; a priority that <queue:update> has given it, and answered, is forgotten), <queue:cancel>, query and
// update act on the submits that wait again, a fetch is made with the same Idempotency-Key, and ….requestid may come
// twice. What would make something new or act on something else than before (<ixn:createcall>, createmessage,
// sendmessage, sendsignal, transfers, conferences, alternate and merge) is not done twice: its error event comes, with
// the code unknown. The answer of an action may come twice when the process dies at that moment.
//
// # Slow stores
//
// The store takes its time over the events of a session without any other session, or the link, waiting for that; a
// step that is answered at once keeps its worker meanwhile, as its commit does. Each session hears
// of its interactions, and the answers to its actions, in the order in which they came; up to 1,000 events of a
// session are kept in memory meanwhile, further ones are lost and logged. An event that a session, or its store, cannot take
// is given again every second, for an hour. <ixn:associate> is done when the other session has taken
// interaction.added: until then the interaction stays where it is, and actions on it wait.
//
// Connector.Close waits until each event has been given once more. Answers that are not taken by then, or when the engine
// ends or the process dies, stand in the store with their actions; what a switch has told, its answer after the restart tells again.
//
// # Attributes
//
// MODULES.md, beside this file, lists every element with its attributes. An attribute is of one of three kinds:
//
//	value     an expression: to="agent" is the variable agent, to="'7001'" the text 7001. So are
//	          intid="100", a number, interrupt="true", and language="'English (US)'"
//	location  a variable that the action writes: requestid="reqid", with <data id="reqid"/>
//	token     text that stands for itself: <dialog:prompts type="ann">
//
// These are the actions that most strategies are made of. Attributes marked with * are
// required; requestid is a location where nothing else is said, everything else a value:
//
//	<ixn:redirect>           to*, interactionid, from, type, detach, hints, requestid
//	<ixn:terminate>          interactionid, resource, reason, hints, requestid
//	<dialog:play>            interactionid, device, language, hints, requestid; one <dialog:prompts>
//	    <dialog:prompts>     type (token; default ann); 1 to 10 <dialog:prompt>
//	    <dialog:prompt>      interrupt, and one of intid (integer), number, userannid, text
//	<dialog:collect>         as play; one <dialog:input> and no prompts
//	    <dialog:input>       max_digits, term_digits, start_timeout, digit_timeout, total_timeout, …
//	<dialog:playandcollect>  as play; prompts and input
//	<dialog:playsound>       as play, without prompts; type*, duration (seconds), resource
//	<queue:submit>           interactionid, queue, priority, ordertype, orderstat, timeout (seconds),
//	                         clearontimeout, clearqueue, route, hints, requestid; one <queue:targets>
//	    <queue:targets>      type (token: agent, agentgroup, skill, …), statserver; any number of
//	    <queue:target>       name or skillexpr; type (token), statserver, threshold, weight
//	    <queue:targetid>     expr*
//	<queue:cancel>           requestid (value: the id of the submit), interactionid, queue
//
// Without interactionid an action is about the first interaction of the session;
// <queue:submit> then selects a target for none. A number to dial is text, to="'0800'": as a
// number it does not compile or loses its zeros.
//
// # Actions
//
// An action never waits. It writes a unique id to the location in its attribute
// requestid and takes its course; every event that answers it carries that id in
// _event.data.requestid. Failures carry error, a code, and description, a text.
//
//	interaction.redirect.done   requestid, interactionid
//	error.interaction.redirect  error is one of:
//	    invalidstate.null       the session has no such interaction, or it is over
//	    invalidstate.ringing, .routed, .hold, .transferring
//	                            the call does not wait at a routing point, or is being routed
//	    invalidsource           attribute from is not the routing point where the call waits
//	    invaliddestination      attribute to names no DN, or the interaction has been routed
//	                            Options.MaxRedirects times within 10 s: in circles
//	    remote                  the switch refused; description is its message
//	    unknown                 anything else: the link is down or cannot do it
//
// The other actions of the interaction module are listed by [Specs]. Those on calls
// act at the party that their attribute device names, or the first one in the right state.
//
// A document may begin before the switch has asked for a route. Treatments,
// <ixn:redirect>, <ixn:terminate> and the routing of a submit then wait for that request; they
// are carried out even if the session has ended by then. An arrival at a DN starts
// one session at most.
//
// setuData and deleteuData change the user data as the session sees it at once; the request
// follows, and interaction.udata.changed says that it is done. error.interaction.setudata says
// that it could not be done, and takes the change back.
//
// # Treatments
//
// The actions of the dialog module, <dialog:play>, collect, playandcollect,
// playandverify, playsound, start, remote, createann, deleteann and setdialogdest, each become one
// RequestApplyTreatment for a call that waits at a routing point; the attribute device, when
// it is given, has to name that routing point.
//
//	dialog.ACTION.requestid     requestid: the action was accepted
//	dialog.ACTION.done          requestid, interactionid: the treatment has ended. After collecting
//	                            also digits, after start extensions, after createann userannid
//	dialog.playsound.done.timeout  the attribute duration is over
//	error.dialog.ACTION         error is one of invalidattribute, invalidstate.null,
//	    invalidstate.routed, invalidstate.ringing, remote and unknown as above, and
//	    cancelled               another treatment took its place, or the call was routed;
//	                            a playsound that routing ends is done
//	    timeout                 total_timeout and 10 s are over and the switch has said nothing
//
// When the call ends, so do its treatments, without an event: interaction.deleted tells of it.
//
// <dialog:stop> has a silence take the place of the treatment with the id in its
// attribute requestid, a value, or of the one that is running.
//
// # Targets
//
// <queue:submit> asks Options.Targets, a router.Router for example, for a target, and
// routes the call there unless route is false. Its request ids are numbers.
//
//	queue.submit.requestid      requestid, interactionid
//	queue.submit.done           requestid, interactionid, targetselected, targetcomponentselected,
//	                            targetobjectselected, vqselected, resource (for <ixn:redirect to>), access.
//	                            With routing it comes when the switch has routed the call
//	error.queue.submit          error is timeout, invalidattribute, invalidstate.…, remote, unknown,
//	                            or cancelled: the call was routed otherwise
//	queue.cancel.done           requestid, interactionid: one for each submit that <queue:cancel> ends;
//	                            error.queue.submit does not come then
//	error.queue.cancel          error is unknown: there is no such submit, its target is not reserved
//	                            any more, or the switch is routing the call there; or invalidattribute
//	queue.query.done            requestid, priority, positioninqueue, invqwaittime (seconds), queue, waited
//	queue.update.done           requestid
//
// The treatments in <dialog:runtreatments> are played in turn while the request
// waits, again from the first, at most once a second. When a target is found, no further one
// begins. When the call ends, its requests end without an event: interaction.deleted
// tells of it. A target that the switch refuses is given back, and the request goes on waiting.
//
// The functions of _genesys.queue set what the later submits of the session ask of the router: which agents
// it passes over (excludeAgents, useCapacity, useCustomAgentType, checkAgentState, SetIdealAgent), for which
// media (useMediaType), on what condition (setThreshold), who goes first (priorityTuning,
// findServiceObjective, setVQPriority) and for how long a target is kept (reserveTargets). They change
// requests that wait already only where MODULES.md says so, and are saved with the session.
//
// # Without telephony
//
// [Services] carry out the modules that need no call, and a Connector brings them
// along (Options.Services); a host without telephony uses them by themselves:
//
//	<session:start>, <session:terminate>, <session:updatestart>   other sessions
//	<session:fetch>, <session:response>, <ws:…>                   HTTP, out and in
//	<statistic:subscribe>, _genesys.statistic                     Statistics
//	_genesys.session                                              Configuration
//	<classification:…>, <agent:…>, <elasticconnector:…>           Classifier, Agents, Index
//	_genesys.resource                                             constants
//
// What the host has not connected is answered with the error event of the action,
// with the code unknown (0 for a fetch); functions throw. A fetch reaches only what
// [FetchOptions] allow, and no network that is not public unless it is listed there.
//
// # Testing a strategy
//
// Package telephony/strategytest tests strategies with go test, without a switch: callers, agents and the
// web are simulated, and a call that lasts minutes takes milliseconds. examples/unit-test shows it.
//
// # What is not here
//
// MODULES.md has every element, attribute, event and function with its status; it is
// made from the tables that [Specs] returns. Beside that:
//
//   - <session:fetch> keeps no cache of responses.
//   - Actions that are under way when the process ends stand in the store of the engine, and begin
//     anew after the restart; calls and messages that would be made a second time are answered with the error event instead.
//     Subscriptions, who has started whom, what <dialog:stop> is answered, and events about interactions that a session had no room
//     for yet live in memory alone: give the states that wait for done.start a time-out.
package fm
