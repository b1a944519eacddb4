package rest

import "net/http"

var (
	dataParam    = param{"", "any", "every parameter is a member of the data"}
	filterParams = []param{
		{"limit", "integer", "how many, from 1 to 1000; default 100"}, {"after", "string", "the member next of the page before"},
		{"name", "string", "of the document"}, {"url", "string", "of the document, without its query"}, {"parent", "string", "the session that invoked them"},
		{"scheduled", "boolean", "whether they wait for their time"}, {"passive", "boolean", "whether they are in the store alone"},
	}
)

// routes are all paths and methods. The description is made of them.
func routes() []route {
	post := func(m method) map[string]method { return map[string]method{http.MethodPost: m} }
	get := func(m method) map[string]method { return map[string]method{http.MethodGet: m} }
	event := method{
		id: "event", role: Event, serve: (*Handler).event, summary: "Send an event to a session", params: []param{dataParam}, result: "Empty",
		extra: []int{307, 400, 413, 415},
	}
	eventGet := event
	eventGet.id, eventGet.summary = "eventGet", "Send an event to a session, by a link"
	eventGet.extra = []int{307, 400}
	query := method{id: "query", role: Query, serve: (*Handler).state, summary: "Look at a session", result: "SessionState", extra: []int{307}}
	state := query
	state.id, state.summary = "state", "Look at a session: configuration, data, timers, queue"
	return []route{
		{"/scxml/session/start", post(method{
			id: "start", role: Start, serve: (*Handler).start, summary: "Start a session", result: "Started",
			params: []param{
				{"src", "string", "URL of the document; required"},
				{"idealtime", "integer", "when it begins, in milliseconds since 1970-01-01 UTC; default at once"},
				{"", "any", "every other parameter is given to the session"},
			}, extra: []int{400, 413, 415, 422},
		})},
		{"/scxml/session/{id}/event/{name}", map[string]method{http.MethodPost: event, http.MethodGet: eventGet}},
		{"/scxml/session/{id}/request/{name}", post(method{
			id: "request", role: Event, waits: true, serve: (*Handler).request, summary: "Send a request to a session and wait for its answer",
			params: []param{dataParam}, result: "Any", extra: []int{307, 400, 410, 413, 415, 501, 504},
		})},
		{"/scxml/session/{id}/terminate", post(method{
			id: "terminate", role: admin, serve: (*Handler).terminate, summary: "End a session", result: "Empty", extra: []int{307},
		})},
		{"/scxml/session/{id}/query", get(query)},
		{"/ors/help", get(method{id: "help", serve: (*Handler).help, summary: "List the methods", result: "Any"})},
		{"/ors/v1/sessions", get(method{
			id: "sessions", role: Query, serve: (*Handler).list, summary: "List sessions", params: filterParams, result: "SessionPage", extra: []int{400},
		})},
		{"/ors/v1/sessions/{id}", get(state)},
		{"/ors/v1/events", get(method{
			id: "events", role: Query, waits: true, serve: (*Handler).stream, summary: "Follow what sessions do (Server-Sent Events)",
			params: []param{{"session", "string", "of this session alone"}}, result: "StreamEvent",
		})},
		{"/ors/v1/metrics", get(method{id: "metrics", role: Query, serve: (*Handler).metrics, summary: "Counters in the text form of Prometheus", result: "Text"})},
		{"/ors/v1/openapi.json", get(method{id: "openapi", serve: (*Handler).openAPI, summary: "This description", result: "Any"})},
		{"/ors/v1/health", get(method{id: "health", open: true, serve: (*Handler).health, summary: "Whether the process serves", result: "Health"})},
		{"/ors/v1/ready", get(method{id: "ready", open: true, serve: (*Handler).ready, summary: "Whether new sessions are started", result: "Health"})},
	}
}
