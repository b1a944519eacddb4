package telephony_test

import (
	"testing"

	. "github.com/seed-ff723688/ors/telephony"
)

// echo is a driver that answers every request at once.
type echo struct {
	h     Handler
	queue []Event
}

func (d *echo) Capabilities() Capabilities { return allCapabilities }

func (d *echo) Dial(_ Endpoint, h Handler) (Conn, error) {
	d.h = h
	return d, nil
}

func (d *echo) Send(ref int, req Request) error {
	r := req.(*RequestRouteCall)
	d.queue = append(d.queue, &EventRouteUsed{EventHeader: EventHeader{ReferenceID: ref}, CallAttributes: at(r.ConnID, r.ThisDN)})
	return nil
}

func (d *echo) Ping()  {}
func (d *echo) Close() {}

func benchClient(b *testing.B) (*echo, *Client) {
	d := &echo{}
	client, err := Open(d, []Endpoint{{Name: "A"}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { client.Close() })
	d.h.Opened(ConnInfo{})
	d.h.Event(&EventLinkConnected{})
	client.Subscribe(func(Event) {})
	return d, client
}

// BenchmarkRequest is a request and its answer through the Client, the driver aside.
func BenchmarkRequest(b *testing.B) {
	d, client := benchClient(b)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		client.Send(&RequestRouteCall{ThisDN: "5000", ConnID: ConnID(n), Destination: "7001"}, func(Event, error) {})
		for _, e := range d.queue {
			d.h.Event(e)
		}
		d.queue = d.queue[:0]
		d.h.Event(&EventDiverted{CallAttributes: at(ConnID(n), "5000")})
	}
}

// BenchmarkEvents is the life of a call at a routing point: four events.
func BenchmarkEvents(b *testing.B) {
	d, _ := benchClient(b)
	b.ReportAllocs()
	n := uint64(0)
	for b.Loop() {
		n++
		a := at(ConnID(n), "5000")
		d.h.Event(numbered(4*n, &EventQueued{CallAttributes: a}))
		d.h.Event(numbered(4*n+1, &EventRouteRequest{CallAttributes: a}))
		d.h.Event(numbered(4*n+2, &EventRouteUsed{CallAttributes: a}))
		d.h.Event(numbered(4*n+3, &EventDiverted{CallAttributes: a}))
	}
}

func benchMessage() *EventRouteRequest {
	a := at(1, "5000")
	a.ANI, a.DNIS = "+49 30 1", "5000"
	a.UserData = KVList{{Key: "vip", Value: Int(1)}, {Key: "language", Value: String("English")}}
	return &EventRouteRequest{EventHeader: EventHeader{Server: "sim", Sequence: 7}, CallAttributes: a}
}

func BenchmarkString(b *testing.B) {
	m := benchMessage()
	b.ReportAllocs()
	for b.Loop() {
		_ = m.String()
	}
}

func BenchmarkParseMessage(b *testing.B) {
	text := benchMessage().String()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseMessage(text); err != nil {
			b.Fatal(err)
		}
	}
}
