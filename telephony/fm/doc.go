// Package fm holds the functional modules: what makes an SCXML document an
// orchestration strategy. They give documents actions on calls and the objects
// under _genesys, and they connect a session engine with a telephony link.
//
//	<ixn:redirect>    routes the call to a destination
//	<dialog:play>     plays announcements to a call that waits
//	_genesys.ixn      the interactions of the session, read-only, kept up to date
//
// Namespaces are http://www.genesyslab.com/modules/interaction and
// …/modules/dialog, with or without "http://".
//
// # Wiring
//
// A [Connector] stands between a link and an engine:
//
//	c := fm.NewConnector(applications, &fm.Options{DNs: []string{"5000", "7001"}})
//	opts := &session.Options{…}
//	c.Install(opts)
//	engine, err := session.New(opts)
//	c.Open(engine, link)
//
// A call that reaches a DN with an application starts a session of it. The
// session's id is attached to the call as user data OP-Session-ID, and the session
// hears of the call through events:
//
//	interaction.added              interactionid, focusdeviceid: the first event of the session
//	interaction.onrouterequest     interactionid: the switch waits for <ixn:redirect>
//	interaction.partystatechanged  interactionid, focusdeviceid: a party rings, answers, leaves
//	interaction.udata.changed      interactionid
//	interaction.abandoned          interactionid: the caller gave up; interaction.deleted follows
//	interaction.deleted            interactionid: the call is over. With resultof 'detach' it goes
//	                               on, but belongs to the session no longer
//
// The objects under _genesys.ixn are brought up to date before the event that
// tells of the change reaches the document. When a document cannot be loaded
// the call is left to the default routing of the switch.
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
//	    invalidstate.ringing, invalidstate.routed
//	                            the call does not wait at a routing point, or is being routed
//	    invalidsource           attribute from is not the routing point where the call waits
//	    invaliddestination      attribute to names no DN
//	    remote                  the switch refused; description is its message
//	    unknown                 anything else: the link is down or cannot do it
//	dialog.play.requestid       requestid: the action was accepted
//	dialog.play.done            requestid: the treatment has ended
//	error.dialog.play           error is one of invalidattribute, invalidstate.null,
//	    invalidstate.routed, invalidstate.ringing, remote and unknown as above, and
//	    cancelled               another treatment took its place, or the call was routed
//
// A play is applied as TreatmentPlayAnnouncement, with LANGUAGE and PROMPT as the
// T-Library has them: each prompt is a list with INTERRUPT and one of ID, DIGITS, USER_ANN_ID
// and TEXT. The type of <prompts> is not looked at.
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
// What is not here yet: the other actions, the queue and statistic modules, the functions
// that change user data, transferred and conferenced calls.
package fm
