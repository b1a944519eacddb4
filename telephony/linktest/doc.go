// Package linktest is the conformance suite of telephony.Driver: the documented call models
// and what becomes of multimedia interactions, as scenario files that run unchanged over every
// driver. What a driver does not declare among its capabilities is skipped; nothing else is.
//
// # A driver joins
//
// A driver whose server side can be put in front of the simulated switch needs a few lines:
// bring the two together, and say how the driver reaches it.
//
//	func TestScenarios(t *testing.T) {
//		linktest.Run(t, linktest.Simulated(func(t testing.TB, s *linktest.Simulation) linktest.Connection {
//			address := startMyServer(t, s.Switch)
//			return linktest.Connection{
//				Driver:    mydriver.New(nil),
//				Endpoints: []telephony.Endpoint{{Address: address}},
//			}
//		}))
//	}
//
// A driver that reaches something else, such as a laboratory switch with robots for callers and
// agents, implements [World] and gives Run a [Target] that builds one for a [Site].
//
// # Time
//
// Nothing sleeps. A simulation lives on a [Clock] whose time stands still until a scenario
// moves it, while what has no delay happens at once, on the clock's own goroutine: so messages flow
// over real connections as they come, and "ten seconds later" takes no time. A step is over
// when every event that it promises has come and, where the link can ask the server anything, an
// answer has come back through the same connection: since a connection keeps the order, nothing
// that was caused before can still be under way. Then there must be no event that was not promised.
//
// # Scenario files
//
// testdata holds one file for each scenario. A line is a comment (#), the setting, or a
// step with what it brings about:
//
//	needs Monitor Route Treat                     capabilities; the scenario is skipped without them
//	standby                                       there are two servers, a hot standby pair
//	routing-point 5000 timeout=10s default=7002 ring=18s
//	extension 7001 agent=ann answer=2s talk=0s    answer=never: nobody does
//	queue inbound strategy                        of interactions; without "strategy" they stay there
//	agent ann answer=1s talk=0s work=5s           where he logs in
//	agent ann accept=1s reject                    accept=never; of interactions
//	register 5000 7001                            DNs, before the first step
//
//	* call $c 5000 ANI=030 patience=20s keys=12 UserData={"k": "v"}   a caller dials; $c is the ConnID
//	* hang-up $c                                  the caller
//	* release $c                                  the agent
//	* agent ann Ready 7001                        who is not logged in logs in at the DN first
//	* advance 10s
//	* switch down, * switch up                    the server's connection to the switch
//	* server stop, * server start                 the first server
//	* switch-over                                 the backup takes over
//	* submit $i Queue=inbound MediaType=email     a media server; $i is the id
//	> RequestRouteCall ThisDN=5000 ConnID=$c Destination=7001
//	= EventRouteUsed ThirdPartyDN=7001            the outcome of the request
//	! link-down                                   or its error: refused, link-down, closed, unsupported
//	< EventDiverted ThisDN=5000 ConnID=$c         an event that receivers get
//
// Messages are in the text form of telephony.ParseMessage. Of an event those attributes are compared
// that are named; Name=- says that it must not be there. $name stands for a value:
// the first event that has it gives it. An interaction event is an EventInteraction, a confirmed
// interaction request an EventAck. The order of events is that of the file for each DN, and
// for each interaction; events of different DNs may come in any order. The event that answers a
// request is received as well: it stands as "=" and as "<", except for interactions, whose
// answers are the outcome only. The state of the link is told before the first step.
package linktest
