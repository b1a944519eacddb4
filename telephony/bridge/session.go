package bridge

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// session is what a Server keeps for a client: the connection to the back end, and
// the events that the client has not acknowledged. It takes the news of the back end
// (telephony.Handler), which calls one after the other.
type session struct {
	server  *Server
	workers *sync.WaitGroup // those of the Serve to which it belongs
	id      string
	client  string
	opened  chan struct{} // closed when the back end is there, or will not be
	over    chan struct{} // closed when the session and its connections are gone

	mu     sync.Mutex
	voice  lane // the back end
	media  lane // ServerOptions.Interactions
	info   telephony.ConnInfo
	isOpen bool // opened is closed
	reason *CloseError
	t      *transport // nil while there is none
	expiry *time.Timer

	seq      uint64   // of the last event
	backlog  [][]byte // the frames of the last events, those not acknowledged
	bytes    int      // of backlog
	sent     uint64   // the last event that the present connection has taken
	window   uint64
	maxFrame int

	ref  int              // the highest one received
	open map[int]struct{} // requests without an answer
}

// lane is the way to one of the back ends.
type lane struct {
	conn    telephony.Conn // nil before it is dialled
	open    bool           // it has told so
	waiting []asked        // requests that it has had no room for
}

// asked is a request of the client.
type asked struct {
	ref int
	req telephony.Request
}

var _ telephony.Handler = (*session)(nil)

func (x *session) why() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.reason == nil {
		return nil
	}
	return x.reason
}

// attach makes t the connection of the session, and has welcome sent on it. It returns
// false when the session is over or cannot be resumed.
func (x *session) attach(t *transport, hello, welcome *frame) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	first := x.seq - uint64(len(x.backlog)) // the last one acknowledged
	resumed := hello.Resume.Session == x.id
	if x.reason != nil || resumed && (hello.Resume.Seq < first || hello.Resume.Seq > x.seq) {
		return false
	}
	if x.t != nil {
		x.t.end(&CloseError{Code: CloseReplaced})
	}
	if x.expiry != nil {
		x.expiry.Stop()
		x.expiry = nil
	}
	if resumed {
		x.acknowledge(hello.Resume.Seq)
	}
	x.sent, x.window, x.maxFrame = x.seq-uint64(len(x.backlog)), uint64(hello.Window), hello.MaxFrame
	welcome.Session, welcome.Resumed, welcome.Ref = x.id, resumed, x.ref
	welcome.Capabilities = capabilityNames(x.info.Capabilities)
	if x.info.Role != telephony.ServerRoleUnknown {
		welcome.Role = x.info.Role.String()
	}
	x.t = t
	t.fill = func(dst []byte) []byte { return x.fill(t, dst) }
	t.post(welcome)
	t.stir()
	return true
}

// detach takes a lost connection away. The session goes on for a time, when the way
// it was lost allows that.
func (x *session) detach(t *transport, reason *CloseError) {
	x.mu.Lock()
	if x.t != t {
		x.mu.Unlock()
		return // another one has taken its place
	}
	x.t = nil
	keep := x.server.opts.Keep
	if keep > 0 && x.reason == nil && (reason.Code == "" || reason.Code == CloseTimeout) {
		x.expiry = time.AfterFunc(keep, func() { x.expire() })
		x.mu.Unlock()
		return
	}
	x.mu.Unlock()
	x.end(reason)
}

// expire ends a session that nobody has gone on with.
func (x *session) expire() {
	x.mu.Lock()
	idle := x.t == nil && x.expiry != nil
	x.mu.Unlock()
	if idle {
		x.end(&CloseError{Code: CloseTimeout, Message: "the client has not come back"})
	}
}

// end ends the session, and its connections. The first reason counts.
func (x *session) end(reason *CloseError) {
	x.mu.Lock()
	if x.reason != nil {
		x.mu.Unlock()
		return
	}
	x.reason = reason
	if x.t != nil {
		x.t.end(reason)
	}
	if x.expiry != nil {
		x.expiry.Stop()
		x.expiry = nil
	}
	x.backlog, x.bytes, x.voice.waiting, x.media.waiting = nil, 0, nil, nil
	x.openLocked()
	voice, media := x.voice.conn, x.media.conn
	x.mu.Unlock()
	for _, c := range []telephony.Conn{voice, media} {
		if c != nil {
			c.Close()
		}
	}
	s := x.server
	s.mu.Lock()
	delete(s.sessions, x.id)
	s.mu.Unlock()
	close(x.over)
}

func (x *session) openLocked() {
	if !x.isOpen {
		x.isOpen = true
		close(x.opened)
	}
}

// serve takes what the client sends, until the connection ends.
func (x *session) serve(t *transport) error {
	for {
		f, err := t.read()
		if err != nil {
			return err
		}
		switch f.Type {
		case typePing:
			t.post(&frame{Type: typePong, ID: f.ID})
		case typePong:
		case typeAck:
			if !x.acked(t, f.Seq) {
				return t.fault(fmt.Sprintf("an acknowledgement of %d, which was not sent", f.Seq))
			}
		case typeRequest:
			if err := x.request(t, f); err != nil {
				t.end(err)
				return err
			}
		default:
			return t.fault(fmt.Sprintf("a frame of type %.20q in a session", f.Type))
		}
	}
}

// acked is the client's word that it has handled the events up to seq.
func (x *session) acked(t *transport, seq uint64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.t != t {
		return true // too late to matter
	}
	if seq > x.sent {
		return false
	}
	x.acknowledge(seq)
	t.stir()
	return true
}

func (x *session) acknowledge(seq uint64) {
	for first := x.seq - uint64(len(x.backlog)); first < seq && len(x.backlog) > 0; first++ {
		x.bytes -= len(x.backlog[0])
		x.backlog[0] = nil
		x.backlog = x.backlog[1:]
	}
}

// maxWrite is about how many bytes are written at a time.
const maxWrite = 64 << 10

// fill appends events that may be sent now.
func (x *session) fill(t *transport, dst []byte) []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.t != t {
		return dst
	}
	first := x.seq - uint64(len(x.backlog))
	for x.sent < x.seq && x.sent-first < x.window && len(dst) < maxWrite {
		dst = append(dst, x.backlog[x.sent-first]...)
		x.sent++
	}
	return dst
}

// request carries out what the client asks for.
func (x *session) request(t *transport, f *frame) *CloseError {
	if f.Ref < 1 {
		return &CloseError{Code: CloseBadFrame, Message: "a request without a reference id"}
	}
	req, ok := f.Body.(telephony.Request)
	problem := ""
	if !ok {
		problem = fmt.Sprintf("no request is called %.60q", f.Name)
	} else if err := req.Validate(); err != nil {
		problem = err.Error()
	}

	// From taking the number to handing over the lock is held: a connection that takes this
	// one's place must not overtake it.
	x.mu.Lock()
	switch {
	case x.t != t || f.Ref <= x.ref:
		x.mu.Unlock()
		return nil // a repeat
	case len(x.open) >= x.server.opts.MaxRequests:
		x.mu.Unlock()
		return &CloseError{Code: CloseTooManyRequests, Message: fmt.Sprintf("more than %d requests without an answer", x.server.opts.MaxRequests)}
	}
	x.ref = f.Ref
	x.open[f.Ref] = struct{}{}
	if problem == "" && !x.info.Capabilities.Has(telephony.Needs(req)) {
		problem = f.Name + " is not supported"
	}
	if problem == "" {
		way := x.laneOf(req)
		way.waiting = append(way.waiting, asked{f.Ref, req})
		if len(way.waiting) == 1 {
			x.pass(way)
		}
	}
	x.mu.Unlock()
	if problem != "" {
		x.refuse(f.Ref, problem)
	}
	return nil
}

// refuse answers a request that does not get as far as the back end.
func (x *session) refuse(ref int, message string) {
	x.Event(&telephony.EventError{EventHeader: x.header(ref), ErrorMessage: message})
}

// laneOf returns the way of a request. x.mu is held.
func (x *session) laneOf(req telephony.Request) *lane {
	if x.server.opts.Interactions == nil {
		return &x.voice
	}
	atPlace := false // an agent of an Interaction Server, not at a telephone
	switch r := req.(type) {
	case *telephony.RequestAgentLogin:
		atPlace = r.ThisDN == ""
	case *telephony.RequestAgentLogout:
		atPlace = r.ThisDN == ""
	case *telephony.RequestAgentReady:
		atPlace = r.ThisDN == ""
	case *telephony.RequestAgentNotReady:
		atPlace = r.ThisDN == ""
	}
	if atPlace || telephony.Needs(req) == telephony.CanInteract {
		return &x.media
	}
	return &x.voice
}

// Writable implements telephony.Handler.
func (x *session) Writable() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pass(&x.voice)
}

// pass hands requests that wait to a back end. x.mu is held: a Conn never calls its Handler
// inside Send.
func (x *session) pass(way *lane) {
	for way.open && len(way.waiting) > 0 && x.reason == nil {
		a := way.waiting[0]
		if errors.Is(way.conn.Send(a.ref, a.req), telephony.ErrBusy) {
			return
		}
		// After another error Lost follows, and ends the session.
		way.waiting[0] = asked{}
		way.waiting = way.waiting[1:]
	}
	if len(way.waiting) == 0 {
		way.waiting = nil
	}
}

// Opened implements telephony.Handler.
func (x *session) Opened(info telephony.ConnInfo) {
	if info.Capabilities == 0 {
		info.Capabilities = x.server.back.Capabilities()
	}
	if media := x.server.opts.Interactions; media != nil {
		info.Capabilities |= media.Capabilities()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.info = info
	x.voice.open = true
	x.openLocked()
}

// Alive implements telephony.Handler.
func (*session) Alive() {}

// Lost implements telephony.Handler.
func (x *session) Lost(reason error) {
	x.server.opts.Logger.Warn("bridge back end lost", "client", x.client, "error", reason)
	x.end(&CloseError{Code: CloseInternal, Message: "the back end is lost", Err: reason})
}

// Role implements telephony.Handler.
func (x *session) Role(r telephony.ServerRole) {
	x.mu.Lock()
	if x.reason != nil {
		x.mu.Unlock()
		return
	}
	x.info.Role = r
	at := len(x.backlog)
	x.seq++
	frame := appendFrame(nil, &frame{Type: typeRole, Seq: x.seq, Role: r.String()})
	x.admit(frame, at)
}

// Event implements telephony.Handler.
func (x *session) Event(e telephony.Event) {
	t, ok := messageCodec().messages[e.Name()]
	x.mu.Lock()
	if x.reason != nil {
		x.mu.Unlock()
		return
	}
	if ref := e.Header().ReferenceID; ref != 0 {
		if _, asked := x.open[ref]; !asked {
			ok = false
		}
		delete(x.open, ref)
	}
	if !ok {
		x.mu.Unlock()
		x.server.opts.Logger.Warn("bridge back end sent what cannot be passed on", "client", x.client, "event", e.Name(), "reference", e.Header().ReferenceID)
		return
	}
	at := len(x.backlog)
	x.seq++
	b := make([]byte, 4, 768)
	b = append(b, `{"type":"event","seq":`...)
	b = strconv.AppendUint(b, x.seq, 10)
	b = append(append(append(b, `,"name":"`...), e.Name()...), `","body":`...)
	b = t.plan.append(b, reflect.ValueOf(e).Elem())
	b = append(b, '}')
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	x.admit(b, at)
	switch e.(type) {
	case *telephony.EventLinkConnected, *telephony.EventLinkDisconnected: // the first event of all
		x.dialMedia()
	}
}

func (x *session) header(ref int) telephony.EventHeader {
	return telephony.EventHeader{Server: x.server.opts.Name, Time: time.Now(), ReferenceID: ref}
}

// admit puts a frame into the backlog and has it sent. It gives x.mu back.
func (x *session) admit(frame []byte, backlog int) {
	x.backlog = append(x.backlog, frame)
	x.bytes += len(frame)
	var over *CloseError
	o := &x.server.opts
	switch {
	case x.maxFrame > 0 && len(frame)-4 > x.maxFrame:
		over = &CloseError{Code: CloseInternal, Message: fmt.Sprintf("an event of %d bytes, the client takes %d", len(frame)-4, x.maxFrame)}
	case backlog >= o.MaxBacklog || x.bytes > o.MaxBacklogBytes:
		over = &CloseError{Code: CloseSlowReader, Message: fmt.Sprintf("%d events of %d bytes are not acknowledged", backlog+1, x.bytes)}
	case x.t != nil:
		x.t.stir()
	}
	x.mu.Unlock()
	if over != nil {
		x.end(over)
	}
}
