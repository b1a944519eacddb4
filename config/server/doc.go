// Package server builds a whole orchestration server from a configuration: links to
// switch and interaction server, router, connector, engine, store, and the REST API.
//
//	live, err := config.Open(ctx, config.NewFiles("config", nil), &config.LiveOptions{
//		Site: config.SiteOptions{Application: "ORS_1"},
//	})
//	…
//	defer live.Close()
//	srv, err := server.New(ctx, live, &server.Options{
//		Languages: []datamodel.Language{goja.New(nil)},
//		Stores: map[string]server.StoreOpener{
//			"bolt": func(context.Context, *config.Settings) (persistence.Store, error) {
//				return boltstore.Open("sessions.db", nil)
//			},
//		},
//		Links:          map[config.ApplicationType]server.LinkOpener{config.TServer: server.Dial(driver)},
//		Authenticators: []rest.Authenticator{tokens},
//		Logger:         logger,
//	})
//	…
//	err = srv.Run(ctx) // until ctx ends or the server fails; then it is shut down
//
// Which server it is says SiteOptions.Application: an application object of the type
// OrchestrationServer.
//
// # What is read of the configuration
//
//	port with protocol http     where the REST API listens; secure: TLS. Without one there is no REST API
//	host                        the address of its host, or its name; without one 127.0.0.1
//	dbid of the primary         the node id: in cookies and, with sessionid-with-nodeid, in session ids
//	connections                 to a TServer (a SIP Server too): the link; to an InteractionServer: multimedia, with
//	                            mcr-pull-by-this-node. The backup of the application that one leads to is a further
//	                            endpoint, in hot or warm standby; protocol addp is the keep-alive
//	persistence/type            the store; "none" or "memory", or no option in the section at all: there is none
//	tenants                     the first is _genesys.session.tenant; persons of other tenants than these are left out
//	shutdownTimeout             how long Run waits for sessions without a store, in seconds
//	switches, DNs               those of the T-Server are registered. Which application runs on which DN
//	persons                     agents of the router, with skills, logins and the DN of their place
//	places, groups              groups of the router; agent groups with the option virtual/script are virtual
//	queues, routing points      DNs whose calls the router counts
//	DNs and scripts             where documents may be loaded from: the folders of the URLs that they name
//	external-url                of the other nodes: where requests for their sessions are sent, by 307
//	options                     those of config/OPTIONS.md, whose last column says by what each is honoured, or why it
//	                            has no effect: that is logged when such a one is set
//
// A connection to Universal Routing Server or Stat Server needs nothing: the router in the
// process does their work, and has the statistics. Other connections are left alone.
// A server has one T-Server and one Interaction Server at most.
//
// # What changes while it runs
//
// Config.Live tells, and what has changed counts for the next interaction: applications and
// parameters, persons, skills, groups, DNs (which are registered or given up), the folders
// of documents, external-urls. Ports, hosts, connections and what the catalogue of options
// calls AtStart count when the server starts again. Options that count at once do so without a
// pause: levels, outputs and masking of the log, the cookie and the hold time of the REST API, the
// cache of documents, performance alarms. A value that a part refuses (a log file that cannot be written) is
// logged, and what was there stays.
//
// # The log
//
// The section log says where lines go, of which level, and in which form. The levels of
// log/slog are Debug debug, Info trace, [LevelInteraction] interaction, Warn and Error standard,
// [LevelAlarm] alarm. A file ors.log is written as ors.20261123_195938_123.log, by the time (UTC) when it was begun;
// segment begins the next one, expire removes old ones. Options.Logger gets every line beside that. All of
// them are masked: any text by the expressions ors-regex-…, user data (of messages, in answers of the REST API) by their
// keys too (log-filter-data, default-filter-type).
// Lines of the level debug are chosen by component (log-trace-segments): ORSInternal, ScxmlCore, ScxmlMetric,
// FMCore, FMWeb, ORSURS, CallMonitor, Persistence, Configuration, SelfMonitoring.
//
// # Stores of the section persistence
//
// [Redis] and [Cassandra] read its options for a [StoreOpener].
//
// # Replacing parts
//
// [Options.Store], [Options.Router], [Options.Listen] and the openers are the host's; [Adjust] is
// handed the settings of each part when the configuration has filled them in, and before the part
// is made: a loader or a selector of targets of one's own goes there, and so do modules with
// elements of one's own, beside those of telephony/fm:
//
//	Adjust: server.Adjust{Engine: func(o *session.Options) {
//		o.Parse.Modules = append(o.Parse.Modules, crm)
//		o.Modules = map[string]session.ModuleHandler{crmNamespace: crm}
//	}},
//
// # Start, readiness, end
//
// New returns when all parts are made, the sessions of the store are found, and HTTP is
// served. It does not wait for links: [Server.Ready] says what is still missing, as does
// GET /ors/v1/ready, and [Server.WaitReady] waits. A link that does not answer is tried for ever.
//
// [Server.Shutdown] takes no new sessions (calls are left to the switch), waits until those that would be
// lost have ended ([Options.Drain]), ends the REST API, hands the buckets of the store back
// with the sessions in them, and closes links and store. Its context is the deadline of all that.
//
// Once a day documents that no session names any more are removed from the store (inspect.Prune).
//
// A pair of primary and backup: start the one that is to work. The role is not
// negotiated; a server that is started works.
package server
