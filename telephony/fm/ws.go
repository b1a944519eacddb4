package fm

import "github.com/seed-ff723688/ors/session"

// WebNamespace is that of <ws:…>. Documents may leave "http://" out.
const WebNamespace = "http://www.genesyslab.com/modules/ws"

func wsPart() servicePart {
	spec := wsSpec()
	return servicePart{
		spec:    spec,
		module:  serviceModule{spec: spec, wrap: withContent},
		perform: (*Services).webAction,
	}
}

// wsSpec has the two actions of the session module that concern the web.
func wsSpec() *Spec {
	fetch, response := fetchElement("ws"), responseElement("ws")
	fetch.Status, fetch.Note = Partial, "The same as <session:fetch>; SOAP is <content> with an XML text."
	response.Note = "The same as <session:response>."
	return &Spec{Name: "ws", Prefix: "ws", Namespace: WebNamespace,
		Needs: "FetchOptions.Allow and ServicesOptions.Responder; without them the actions fail.", Elements: []ElementSpec{fetch, response}}
}

func (s *Services) webAction(call *session.ModuleCall, a *answer) {
	if call.Name == "response" {
		s.respond(call, a)
		return
	}
	fetchAction(s, call, a)
}
