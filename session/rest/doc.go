// Package rest serves a session engine over HTTP: with the methods of Orchestration
// Server, so that existing clients keep working, and beside them with versioned ones
// for what Orchestration Server has no method for.
//
// # Setting up
//
//	monitor := rest.NewMonitor(nil)     // counts and tells what sessions do
//	responder := rest.NewResponder()    // fm.ServicesOptions.Responder
//	options := session.Options{…}
//	monitor.Install(&options)
//	engine, err := session.New(&options)
//	…
//	tokens, err := rest.NewTokens(rest.Token{Name: "ivr", Secret: secret, Roles: rest.Start | rest.Event})
//	…
//	h, err := rest.NewHandler(engine, &rest.Options{
//		Authenticators: []rest.Authenticator{tokens},
//		Sources:        []string{"https://strategies.example/live/"},
//		Monitor:        monitor,
//		Responder:      responder,
//	})
//	…
//	server := h.Server() // time and size limits are set
//	server.Addr, server.TLSConfig = ":8443", config
//	err = server.ListenAndServeTLS("", "")
//
// NewHandler refuses to make a handler that anybody could use: it wants an
// authenticator, or Options.Loopback for requests of the same machine.
//
// # Methods of Orchestration Server
//
//	POST /scxml/session/start                  role start
//	POST /scxml/session/{id}/event/{name}      role event
//	POST /scxml/session/{id}/request/{name}    role event
//	POST /scxml/session/{id}/terminate         role admin
//	GET  /scxml/session/{id}/query             role query
//	GET  /ors/help                             any role
//
// A path may begin with /ors (/ors/scxml/session/…) and end with a slash. Parameters come in
// the query, as a form (UTF-8 or, where it says so, ISO-8859-1; a body without a type is one) or as the
// members of a JSON object; the body counts where both have one of the same name. Other
// methods of HTTP are answered 405 with Allow, OPTIONS with Allow alone.
//
// start wants src, the URL of the document, which has to be one of Options.Sources.
// idealtime is when the session begins, in milliseconds since 1970-01-01 UTC. Every
// other parameter is given to the session. The answer is {"sessionid":"…"} and, with
// Options.Node, a cookie ORSSESSIONID=ID.nodeNUMBER for the balancer.
//
// The parameters of event are the data of the event; JSON that is no object is the data
// itself. The answer is {} when the event has been accepted (session.Engine.Send). A
// request with the header Idempotency-Key can be repeated: the event comes once.
//
// request sends an event, too, whose data has the member requestid beside the
// parameters, and holds the answer back until the session executes
//
//	<session:response requestid="_event.data.requestid" resultcode="200">…
//
// or Options.HoldTime has passed (504), or the session has ended (410).
//
// A session that this node does not have is asked for with Options.Owners; where
// another node has it, the answer is 307 with the same path at that node.
//
// # Versioned methods
//
//	GET  /ors/v1/sessions            role query   the live sessions, by pages
//	GET  /ors/v1/sessions/{id}       role query   one session
//	GET  /ors/v1/events              role query   what sessions do, as Server-Sent Events
//	GET  /ors/v1/metrics             role query   for Prometheus
//	GET  /ors/v1/openapi.json        any role     the description of all of this
//	GET  /ors/v1/health              nobody asks  200 while the process serves
//	GET  /ors/v1/ready               nobody asks  503 from Handler.Suspend on, or as Options.Ready says
//
// # Errors
//
// An error is a problem document (RFC 9457, application/problem+json) with a title and a
// detail that are the same whatever the cause inside: no path, no address, no text of a
// script. What does not exist, must not be looked at or has an illegal name is answered
// alike, with 404. The audit log has the cause.
//
// # Security
//
// Handler.Server makes a server with limits that fit. It speaks HTTP/2 over TLS, never without.
//
// A request passes, in this order: the networks that may connect, the number of
// requests at work, the sizes of its line and header, TLS, its origin, the
// authenticator, the rates, its path, its role, the size and the time of its body. See
// Options for each limit and its default. Everything that comes from a request is
// untrusted; a document that a session runs is half-trusted: of the headers of its
// answers few get through, and no browser runs what it answers.
//
// The audit log (Options.Audit) has one line for each request, with client, role,
// method, path, status and cause. Masking rules (NewMasking) apply to it and to the
// values in the answers of query, and with Masking.Handler and Masking.Writer to the logs and
// traces of the rest of the program.
//
// Tokens of an identity provider are checked by an AuthenticatorFunc, with whatever library
// the host has; this one uses github.com/coreos/go-oidc/v3, which looks at signature,
// algorithm, issuer, audience and time:
//
//	verifier := provider.Verifier(&oidc.Config{ClientID: "ors", SupportedSigningAlgs: []string{oidc.RS256}})
//	jwt := rest.AuthenticatorFunc(func(r *http.Request) (rest.Identity, error) {
//		text, ok := rest.Bearer(r)
//		if !ok {
//			return rest.Identity{}, errors.New("no token")
//		}
//		token, err := verifier.Verify(r.Context(), text)
//		if err != nil {
//			return rest.Identity{}, err // for the audit log
//		}
//		var claims struct {
//			Roles []string `json:"roles"`
//		}
//		if err := token.Claims(&claims); err != nil {
//			return rest.Identity{}, err
//		}
//		id := rest.Identity{Name: token.Subject}
//		if slices.Contains(claims.Roles, "ors-start") {
//			id.Roles |= rest.Start
//		}
//		return id, nil
//	})
//	options.Authenticators = []rest.Authenticator{jwt, tokens}
//
// The loader of the engine fetches what src names. Its own allow-list bounds redirects;
// NewSourceClient makes a client for it that connects to no private address, whatever a name
// resolves to:
//
//	client := rest.NewSourceClient(nil)
//	loader, err := session.NewLoader(&session.LoaderOptions{Allow: sources, Client: client})
//
// # Counters and performance alarms
//
// A Monitor has the counters of Orchestration Server's self-monitoring under their ids:
// active-sessions, pending-sessions, create-session-time, document-processing-time,
// scxml-event-queuing-time, http-fetch-time, esp-fetch-time, urs-fetch-time,
// urs-request-time, openstat-time, cassandra-latency (of any store), func-execution-time,
// state-time, redirect-time, creation-session-rate, state-rate, func-execution-rate and
// fetch-rate. The engine and its store feed it by Install, the modules by
// fm.ServicesOptions.Measure: monitor.Measure; nothing of ours fetches by ESP. For
// Prometheus http-fetch-time is ors_http_fetch_time_milliseconds with _sum and _count, and its
// moving average ors_http_fetch_time_average_milliseconds; cassandra-latency is
// ors_store_latency, by operation.
//
// The section performance-alarms of an application is what SetAlarms takes:
//
//	err := monitor.SetAlarms(map[string]string{"state-time": "5000", "active-sessions": "20000"})
//
// A counter above its threshold is logged in one line with the id 23028, "state-time (5000):
// waiting=6012"; the last one that clears with the id 23029. MonitorOptions.Alarm, the event
// stream and the metrics have it, too.
//
// # The end
//
// Handler.Suspend refuses new sessions, Handler.Drain waits until the live ones have
// ended or its context ends, Handler.Shutdown ends streams and held requests and waits for
// the rest. Then the host ends the engine, which hands its buckets back:
//
//	h.Suspend()
//	_ = h.Drain(drainCtx)      // an error: sessions are left; with a store they live on
//	err = h.Shutdown(ctx)
//	err = errors.Join(err, server.Shutdown(ctx), engine.Shutdown(ctx))
package rest
