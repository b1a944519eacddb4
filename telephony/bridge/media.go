package bridge

import (
	"github.com/seed-ff723688/ors/telephony"
)

// media is the handler of a session's connection to ServerOptions.Interactions. What it tells
// goes among the events of the session; the state of the link is that of the other back end.
type media struct{ *session }

var _ telephony.Handler = media{}

// dialMedia opens the connection, once, when the client has been told of the link: what comes
// now comes behind that.
func (x *session) dialMedia() {
	driver := x.server.opts.Interactions
	if driver == nil {
		return
	}
	var err error
	x.mu.Lock()
	if x.media.conn == nil && x.reason == nil {
		// Nothing is called inside Dial.
		x.media.conn, err = driver.Dial(x.server.opts.Endpoint, media{x})
	}
	x.mu.Unlock()
	if err != nil {
		x.Lost(err)
	}
}

// Opened implements telephony.Handler.
func (m media) Opened(telephony.ConnInfo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.session.media.open = true
	m.pass(&m.session.media)
}

// Event implements telephony.Handler.
func (m media) Event(e telephony.Event) {
	switch e.(type) {
	case *telephony.EventLinkConnected, *telephony.EventLinkDisconnected:
		return
	}
	e.Header().Sequence = 0 // counted apart from those of the switch
	m.session.Event(e)
}

// Role implements telephony.Handler.
func (media) Role(telephony.ServerRole) {}

// Writable implements telephony.Handler.
func (m media) Writable() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pass(&m.session.media)
}
