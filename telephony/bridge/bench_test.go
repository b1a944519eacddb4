package bridge

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
)

// counter is a telephony.Handler that counts.
type counter struct {
	opened chan struct{}
	events atomic.Int64
	step   int64
	turn   chan struct{} // told at each step events
	room   chan struct{}
}

func (c *counter) Opened(telephony.ConnInfo) { close(c.opened) }
func (c *counter) Role(telephony.ServerRole) {}
func (c *counter) Alive()                    {}
func (c *counter) Lost(error)                {}
func (c *counter) Writable()                 { c.room <- struct{}{} }
func (c *counter) Event(e telephony.Event) {
	if e.Name() == "EventLinkConnected" {
		return
	}
	if c.events.Add(1)%c.step == 0 {
		c.turn <- struct{}{}
	}
}

// straight is a back end that answers inside the goroutine that reads, which is as fast as
// a back end can be.
type straight struct {
	h    telephony.Handler
	news chan telephony.Event
}

func (s *straight) Capabilities() telephony.Capabilities { return ^telephony.Capabilities(0) }
func (s *straight) Dial(_ telephony.Endpoint, h telephony.Handler) (telephony.Conn, error) {
	s.h = h
	go func() {
		h.Opened(telephony.ConnInfo{})
		for e := range s.news {
			h.Event(e)
		}
	}()
	s.news <- &telephony.EventLinkConnected{}
	return s, nil
}
func (s *straight) Send(ref int, req telephony.Request) error {
	s.news <- &telephony.EventAck{EventHeader: telephony.EventHeader{ReferenceID: ref}}
	return nil
}
func (s *straight) Ping()  {}
func (s *straight) Close() {}

func benchSite(b *testing.B, c *counter) (telephony.Conn, *straight) {
	back := &straight{news: make(chan telephony.Event, 4096)}
	b.Cleanup(func() { close(back.news) })
	x := serveDriver(b, back, &ServerOptions{Secrets: map[string][]byte{"ors": testSecret}})
	d, err := NewDriver("ors", &DriverOptions{Secret: testSecret})
	require.NoError(b, err)
	conn, err := d.Dial(telephony.Endpoint{Address: x}, c)
	require.NoError(b, err)
	b.Cleanup(conn.Close)
	<-c.opened
	return conn, back
}

// BenchmarkEvents is the way of events from a back end, over loopback, to the handler of a
// client: events of calls with three pairs of user data.
func BenchmarkEvents(b *testing.B) {
	const ahead = 4000 // less than the backlog
	c := &counter{opened: make(chan struct{}), step: ahead / 2, turn: make(chan struct{}, 10)}
	_, back := benchSite(b, c)
	e := ringing(1)
	b.ReportAllocs()
	b.ResetTimer()
	sent := 0
	for range b.N {
		if sent >= ahead && sent%int(c.step) == 0 {
			<-c.turn
		}
		back.news <- e
		sent++
	}
	for c.events.Load() < int64(sent)/c.step*c.step {
		<-c.turn
	}
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkRequests is the way of requests to a back end and of their answers back: two
// messages each.
func BenchmarkRequests(b *testing.B) {
	c := &counter{opened: make(chan struct{}), step: 1 << 62, room: make(chan struct{}, 1)}
	conn, _ := benchSite(b, c)
	req := &telephony.RequestRouteCall{ThisDN: "5000", ConnID: 1, Destination: "7001",
		Reasons: telephony.KVList{{Key: "reason", Value: telephony.String("agent found")}}}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		for errors.Is(conn.Send(i+1, req), telephony.ErrBusy) {
			<-c.room
		}
	}
	b.ReportMetric(2*float64(c.events.Load())/b.Elapsed().Seconds(), "messages/s")
}
