package fm

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// SessionNamespace is that of <session:…>. Documents may leave "http://" out.
const SessionNamespace = "http://www.genesyslab.com/modules/session"

// The codes of failed actions on sessions.
const (
	codeTimeout  = "timeout"
	codeSession  = "invalidsession"
	codeDocument = "badfetch"
	codeRequest  = "invalidrequest"
)

// Responder takes the answers to requests from outside, such as
// …/scxml/session/ID/request/NAME. It must not wait.
type Responder interface {
	// Respond answers a request that a session was sent. An error means that nobody
	// waits for the answer any more.
	Respond(sessionID, requestID string, status int, header http.Header, body []byte) error
}

func sessionPart(s *Services) servicePart {
	spec, server := sessionSpec(), serverView(s)
	return servicePart{
		spec: spec,
		module: serviceModule{
			spec: spec,
			wrap: func(n *node, e *scxml.Element) scxml.Action {
				if n.name == "start" {
					return &startAction{n}
				}
				return withContent(n, e)
			},
			state: func(*scxml.ModuleContext) scxml.ModuleState { return &sessionState{s: s, server: server} },
		},
		perform: (*Services).sessionAction,
	}
}

func sessionSpec() *Spec {
	return &Spec{
		Name: "session", Prefix: "session", Namespace: SessionNamespace, Root: "_genesys.session",
		Needs: "ServicesOptions.Configuration for tenants, lists, options and special days: without it their functions throw. " +
			"ServicesOptions.Responder for <response>, ServicesOptions.Functions for <fetch> with the method urs, FetchOptions.Allow for every other one: " +
			"without them the actions fail.",
		Elements: []ElementSpec{
			{
				Name: "start", Event: "session.start", Data: []string{"sessionid"},
				Attributes: append([]AttributeSpec{requestID(),
					{Name: "sessionid", Kind: LocationKind, Note: "gets the id of the new session at once"},
					{Name: "idealtime", Default: "now", Note: "when to start: a Date, ISO 8601 text, or milliseconds since 1970"}},
					AttributeSpec{Name: "src", Note: "the URL, relative to the document"}, AttributeSpec{Name: "srcexpr", Note: "takes precedence over src"}),
				Children: paramChildren(),
				Errors:   []string{codeDocument, codeAttribute, codeTimeout, codeUnknown},
				Note: "Starts a session that goes on by itself; done.start.ID tells of its end. With idealtime the done event says that the start is scheduled; " +
					"it is kept with the sessions. One of src and srcexpr is needed; <content> is not looked at.",
			},
			{
				Name: "terminate", Event: "session.terminate", Data: []string{"sessionid"},
				Attributes: []AttributeSpec{requestID(), {Name: "sessionid", Default: "the session itself"}},
				Errors:     []string{codeSession, codeUnknown},
				Note:       "Ends a session, or cancels a start that is scheduled.",
			},
			{
				Name: "updatestart", Event: "session.updatestart", Data: []string{"sessionid"},
				Attributes: []AttributeSpec{requestID(), {Name: "sessionid", Required: true}, {Name: "idealtime", Required: true}},
				Errors:     []string{codeSession, codeAttribute, codeUnknown},
				Note:       "Changes the time of a scheduled start.",
			},
			fetchElement("session"),
			responseElement("session"),
		},
		Members: []MemberSpec{
			{Name: "server", Note: "name, cluster and url of the node."},
			{Name: "tenant", Note: "The name of the tenant."},
			{Name: "tenantid", Note: "Its number; undefined when the configuration does not have it."},
			{Name: "lookupseq", Note: "Where getConfigOption begins: StartFromStrategy, -1, to StartFromTserver, 3."},
			{Name: "day", Note: "The numbers of the days: Sunday, 0, to Saturday, 6."},
			{Name: "setTenant(name)", Note: "Changes the tenant of the session; throws for an unknown one."},
			{Name: "ActiveServerName()", Note: "The name of the server."},
			{Name: "timeInZone(zone)", Note: "The time there, 15:04:05."},
			{Name: "dateInZone(zone)", Note: "The date there, 2006-01-02."},
			{Name: "dayInZone(zone)", Note: "The number of the day there."},
			{Name: "isSpecialDay(table, day, zone, useTime)", Note: "Whether it is a special day of a statistical table; throws for an unknown table or day."},
			{Name: "getListItemValue(list, item, key)", Note: "A value of a List object, all of the item as an object without key; throws for an unknown list or item."},
			{Name: "listLookupValue(list, item, key)", Note: "The same; '' for what is not there."},
			{Name: "getConfigOption(interactionid, key, lookupseq)", Note: "The value of an option; '' for one that is not set."},
		},
		Events: []EventSpec{{Name: "done.start.ID", Data: []string{"sessionid", "reason", "params", "description"},
			Note: "A session started by this one has ended: finished, terminated, failed or shut down."}},
	}
}

// fetchElement is <session:fetch>; <ws:fetch> is the same under another name.
func fetchElement(module string) ElementSpec {
	return ElementSpec{
		Name: "fetch", Event: module + ".fetch", Data: []string{"content", "status", "headers", "hints"},
		Attributes: append([]AttributeSpec{requestID(),
			{Name: "method", Default: "'get'", Note: "get, post, put, patch, delete, head, or urs"},
			{Name: "timeout", Note: "seconds; bounds one attempt"},
			{Name: "gdelivery", Default: "false", Note: "try again until it is delivered"}},
			[]AttributeSpec{
				{Name: "src", Note: "the URL, relative to the document; one of src and srcexpr is needed"},
				{Name: "srcexpr", Note: "takes precedence over src"},
				{Name: "enctype", Note: "the type of the body: application/x-www-form-urlencoded, application/json, multipart/form-data or that of <content>"},
				{Name: "type", Note: "goes into the header Accept"},
				{Name: "maxage", Note: "seconds; goes into the header Cache-Control, nothing is cached here"},
				{Name: "maxstale", Note: "the same"},
				{Name: "headers", Note: "an object, or text with a header a line"},
				{Name: "gd_retries", Default: "FetchOptions.Retries", Note: "with gdelivery: further attempts"},
				{Name: "gd_retry_interval", Default: "FetchOptions.RetryInterval", Note: "seconds, at least 1"},
				{Name: "username"}, {Name: "password"},
			}...),
		Children: paramChildren(),
		Errors:   []string{"0", "the status of the response", codeUnknown}, Failed: []string{"content"},
		Note: "It reaches what FetchOptions allow. content of the error event is that of the response, if there was one. With method urs the done event has content only.",
	}
}

func responseElement(module string) ElementSpec {
	return ElementSpec{
		Name: "response", Event: module + ".response",
		Attributes: []AttributeSpec{
			{Name: "requestid", Required: true, Note: "an expression: the id in the request's event"},
			{Name: "resultcode", Default: "200", Note: "the HTTP status"}, {Name: "type", Note: "the content type"}, {Name: "headers"}},
		Children: paramChildren(),
		Errors:   []string{codeRequest, codeAttribute, codeUnknown},
		Note:     "Answers a request from outside. Parameters become a JSON object.",
	}
}

// startAction is <session:start>. The id of the new session is a function of the
// request, so that a repetition of the effect starts no second one.
type startAction struct{ *node }

// Execute implements scxml.Action.
func (a *startAction) Execute(x *scxml.Exec) error {
	args, id, err := a.evaluate(x)
	if err != nil {
		return err
	}
	// Not to be guessed by those who do not know the id of this session.
	sum := sha256.Sum256([]byte("session:start\x00" + x.SessionID() + "\x00" + id))
	child := relatedID(x.SessionID(), base32.HexEncoding.EncodeToString(sum[:20]))
	for _, l := range a.locations {
		if err := x.Assign(l.expr, child); err != nil {
			return err
		}
	}
	args.Set("sessionid", child)
	x.Call(id, args)
	return nil
}

// relatedID gives 32 characters the node and the bucket of another session's id, so that
// the engine that has that one can start this one. An id in a form of the host's own has
// neither.
func relatedID(of, random string) string {
	_, named := session.NodeOf(of)
	_, plain := session.NodeOf("~1~" + of)
	if !named && !plain {
		return random
	}
	at := len(of) - len(random)
	return of[:at] + random[:len(random)-3] + of[len(of)-3:]
}

// startedSession is a session that <session:start> has started.
type startedSession struct {
	by        string
	announced bool            // session.start.done has been sent
	result    *session.Result // set when it has ended before
}

// sessionAction carries out an effect of the session module.
func (s *Services) sessionAction(call *session.ModuleCall, a *answer) {
	switch call.Name {
	case "start":
		s.startSession(call, a)
	case "terminate":
		s.terminate(call, a)
	case "updatestart":
		s.updateStart(call, a)
	case "fetch":
		fetchAction(s, call, a)
	case "response":
		s.respond(call, a)
	}
}

func (s *Services) startSession(call *session.ModuleCall, a *answer) {
	src := text(call.Args, "srcexpr")
	if src == "" {
		src = text(call.Args, "src")
	}
	address, err := scxml.ResolveURL(call.Session.URL, src)
	if src == "" {
		err = errors.New("neither srcexpr nor src names a document")
	}
	at, ok, timeErr := moment(call.Args, "idealtime")
	if err = errors.Join(err, timeErr); err != nil {
		a.fail(failure(codeAttribute, "%w", err))
		return
	}
	req := session.StartRequest{
		URL: address, SessionID: text(call.Args, "sessionid"), Value: call.Session.Value,
		Params: datamodel.NewObject(paramsOf(call.Args)...),
	}
	if ok && at.After(s.clock.Now()) {
		req.At = at
		s.startNow(context.Background(), req, a) // no document is loaded yet
		return
	}
	s.beginFor(a, true, func(ctx context.Context) time.Duration {
		s.startNow(ctx, req, a)
		return 0
	})
}

// startNow starts or schedules a session and links it to the one that asked for it.
func (s *Services) startNow(task context.Context, req session.StartRequest, a *answer) {
	ctx, cancel := context.WithTimeout(task, s.opts.Timeout)
	defer cancel()
	id := req.SessionID
	link := &startedSession{by: a.session}
	s.mu.Lock()
	s.started[id] = link
	s.startedBy[a.session] = append(s.startedBy[a.session], id)
	s.mu.Unlock()
	_, err := a.engine.Start(ctx, req)
	if err != nil && !errors.Is(err, session.ErrExists) {
		s.mu.Lock()
		s.forgetStarted(id)
		s.mu.Unlock()
		if task.Err() == nil { // else it was abandoned
			a.fail(startFailure(err))
		}
		return
	}
	a.done(datamodel.NewObject(datamodel.Member{Name: "sessionid", Value: id}))
	s.mu.Lock()
	link.announced = true
	result := link.result
	s.mu.Unlock()
	if result != nil {
		s.tellStarter(a.engine, link.by, id, result)
	}
}

func startFailure(err error) error {
	var problems *scxml.ParseError
	switch {
	case errors.As(err, &problems):
		return failure(codeDocument, "%s", problems.Detail())
	case errors.Is(err, context.DeadlineExceeded):
		return failure(codeTimeout, "%w", err)
	case errors.Is(err, session.ErrTooMany), errors.Is(err, session.ErrClosed):
		return failure(codeUnknown, "%w", err)
	}
	return failure(codeDocument, "%w", err)
}

// forgetStarted removes a link between sessions. s.mu is held.
func (s *Services) forgetStarted(id string) {
	link := s.started[id]
	if link == nil {
		return
	}
	delete(s.started, id)
	list := slices.DeleteFunc(s.startedBy[link.by], func(x string) bool { return x == id })
	if len(list) == 0 {
		delete(s.startedBy, link.by)
	} else {
		s.startedBy[link.by] = list
	}
}

// childEnded tells the session that started this one of its end. One that is lost goes on from its
// store.
func (s *Services) childEnded(id string, r *session.Result) {
	if r.Reason == session.Lost {
		return
	}
	s.mu.Lock()
	link, engine := s.started[id], s.engine
	if link == nil || engine == nil {
		s.mu.Unlock()
		return
	}
	link.result = r
	tell := link.announced
	s.forgetStarted(id)
	s.mu.Unlock()
	if tell {
		s.tellStarter(engine, link.by, id, r)
	}
}

func (s *Services) tellStarter(engine *session.Engine, starter, id string, r *session.Result) {
	data := []datamodel.Member{
		{Name: "sessionid", Value: id}, {Name: "reason", Value: r.Reason.String()}, {Name: "params", Value: r.Data},
	}
	if r.Err != nil {
		data = append(data, datamodel.Member{Name: "description", Value: r.Err.Error()})
	}
	s.send(engine, starter, "done.start."+id, "fm:session", data...)
}

func (s *Services) terminate(call *session.ModuleCall, a *answer) {
	id := text(call.Args, "sessionid")
	if id == "" {
		id = a.session
	}
	data := datamodel.NewObject(datamodel.Member{Name: "sessionid", Value: id})
	if err := a.engine.Terminate(context.Background(), id); err != nil {
		a.fail(failure(codeSession, "%w", err))
		return
	}
	a.done(data)
}

func (s *Services) updateStart(call *session.ModuleCall, a *answer) {
	id := text(call.Args, "sessionid")
	at, ok, err := moment(call.Args, "idealtime")
	if err == nil && !ok {
		err = errors.New("attribute idealtime has no value")
	}
	if err != nil {
		a.fail(failure(codeAttribute, "%w", err))
		return
	}
	s.mu.Lock()
	link := s.started[id]
	s.mu.Unlock()
	err = errors.New("another session has scheduled it")
	if link == nil || link.by == a.session {
		err = a.engine.Reschedule(context.Background(), id, at)
	}
	if err != nil {
		a.fail(failure(codeSession, "%w", err))
		return
	}
	a.done(datamodel.NewObject(datamodel.Member{Name: "sessionid", Value: id}))
}

// respond is <session:response>.
func (s *Services) respond(call *session.ModuleCall, a *answer) {
	a.requestID = text(call.Args, "requestid")
	status, ok, err := number(call.Args, "resultcode")
	switch {
	case err != nil:
	case !ok:
		status = http.StatusOK
	case status < 200 || status > 599 || status != float64(int(status)):
		err = fmt.Errorf("attribute resultcode: %v is no HTTP status from 200 to 599", status)
	}
	var r fetchRequest // a response has the form of a request
	r.header = http.Header{}
	if err == nil {
		err = r.setHeaders(call.Args)
	}
	if err != nil {
		a.fail(failure(codeAttribute, "%w", err))
		return
	}
	kind := strings.TrimSpace(text(call.Args, "type"))
	if content, given := contentOf(call.Args); given {
		r.setContent(content, kind)
	} else if params := paramsOf(call.Args); len(params) > 0 {
		r.setContent(datamodel.NewObject(params...), kind)
	}
	if s.opts.Responder == nil {
		a.fail(notConnected("interface for requests"))
		return
	}
	_, err = s.contained(a.stem, func() (*datamodel.Object, error) {
		return nil, s.opts.Responder.Respond(a.session, a.requestID, int(status), r.header, r.body)
	})
	var f *Failure
	switch {
	case err == nil:
		a.done(nil)
	case errors.As(err, &f):
		a.fail(err)
	default:
		a.fail(failure(codeRequest, "%w", err))
	}
}
