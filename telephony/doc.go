// Package telephony models what a routing engine says to switches and to
// Interaction Servers and hears from them: calls, requests and events with the meaning
// that Genesys documents for the T-Library, free of any transport; and it keeps the
// connections on which they travel.
//
// # The parts
//
//   - A [Request] is one of the Request… types, an [Event] one of the Event…
//     types. Each validates its mandatory attributes and prints as one line, which
//     [ParseMessage] reads. Messages are values of plain data: once handed over they
//     are not changed any more, by either side.
//   - [CallAttributes] is what the events of a call have in common. A call is
//     known by its [ConnID], a multimedia [Interaction] by its id.
//   - A [KVList] is the ordered list of keys and values that carries user data,
//     reasons, extensions and treatment parameters.
//   - A [Link] is what a program uses: it sends requests, and events come out of
//     it. [Client] is the Link for all drivers.
//   - A [Driver] moves messages between a Client and one kind of server. Package
//     sim has one for a simulated switch in the same process, package bridge
//     one for servers in other processes.
//
// # Using a link
//
//	link, err := telephony.Open(driver, []telephony.Endpoint{
//		{Name: "SIPServer_P", Address: "10.0.0.1:7007", ADDP: telephony.ADDP{Timeout: 10 * time.Second}},
//		{Name: "SIPServer_B", Address: "10.0.0.2:7007"},
//	}, &telephony.LinkOptions{Standby: telephony.StandbyWarm})
//	…
//	defer link.Close()
//	link.Subscribe(func(e telephony.Event) {
//		switch e := e.(type) {
//		case *telephony.EventLinkConnected:
//			link.Send(&telephony.RequestRegisterAddress{ThisDN: "5000"}, nil)
//		case *telephony.EventRouteRequest:
//			link.Send(&telephony.RequestRouteCall{ThisDN: e.ThisDN, ConnID: e.ConnID, Destination: "7001"}, routed)
//		}
//	})
//
// Open returns at once. From then on the Client keeps a connection: it connects
// again after a loss, registers again what was registered, finds out what has become
// of the calls, and says so with events like any others ([EventHeader].Synthetic tells
// them apart). The outcome of a request is the event that confirms it, or an error:
//
//	*AttributeError   the request lacks something; it was not sent
//	ErrUnsupported    beyond Link.Capabilities; not sent
//	ErrOverload       LinkOptions.MaxQueued requests wait; not sent
//	ErrLinkDown       there is no connection, or it was lost before the answer
//	ErrTimeout        no answer within LinkOptions.RequestTimeout
//	*RequestError     the switch refuses
//	ErrClosed         the Link was closed
//
// Where a goroutine may wait, [Do] sends a request and waits for its outcome.
// [Interactions] is the view of a Link that the multimedia actions use.
//
// # A routed call
//
//	EventQueued         the call has reached the routing point ThisDN
//	EventRouteRequest   the switch waits for an instruction
//	  RequestApplyTreatment → EventTreatmentApplied … EventTreatmentEnd
//	  RequestRouteCall      → EventRouteUsed
//	EventDiverted       the call has left the routing point
//	EventRinging        … at the destination
//	EventEstablished
//	EventReleased
//
// An EventRouteUsed without a reference id was not asked for: the switch lost
// patience and routed the call itself. EventAbandoned says that the caller hung
// up first. The order of events of different DNs is not promised. When calls are
// merged, EventPartyChanged names the ConnID that a call goes on with.
//
// # Pairs of servers
//
// In warm standby there is one connection; when it is lost, the servers are tried in
// turn, with pauses that grow and that differ from program to program. In hot standby
// there is one to each server. The primary's events count; what the backup says is kept for
// the moment of the switch-over, so that nothing is lost in between and nothing is
// told twice, as far as the servers number their events ([EventHeader].Sequence). A
// switch-over shows as
//
//	EventLinkDisconnected
//	EventServerDisconnected
//	EventServerConnected
//	EventPrimaryChanged
//	EventLinkConnected
//
// Requests under way fail with ErrLinkDown then: whether they were carried out is
// shown by the events that follow.
//
// # Writing a driver
//
// A driver implements two small interfaces, [Driver] and [Conn], and calls a third,
// [Handler]; their comments are the contract. It opens a connection, sends a request with its
// reference id, and hands over every event, with the reference id where it answers a
// request. It need not count, time, repeat, register, resynchronise or switch over.
// [NewMessage] and [MessageNames] list the messages for codecs, [Needs] tells which
// capability a request takes. What a driver cannot do it leaves out of
// its [Capabilities]; programs degrade by these, never by the name of a driver.
//
// # Logs and replay
//
// The text form of a message is one line:
//
//	EventRouteRequest Server=sim ConnID=0001000000000001 CallType=Inbound ThisDN=5000 ThisQueue=5000 UserData={"vip": 1}
//
// [ParseMessage] reads what String prints, apart from passwords, which are not printed; errors
// are a [SyntaxError] with the position. With a Logger at debug level a Client logs
// every message in this form.
//
// # What this package is not
//
// The binary protocols of T-Server and its relatives are not published. The
// names and meanings here are the documented ones; no type claims to know the
// bytes. Where the documents give no numbers (PartyState, ClientType, ServerRole)
// or no shape (CallsKey, AgentKey), they are this package's own. RawData and the private
// attributes of one kind of server have no fields: a driver puts what it knows of them in
// Extensions.
package telephony
