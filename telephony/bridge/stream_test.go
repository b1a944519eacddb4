package bridge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
)

// pipes is a listener in memory, and the way to dial it. Its connections can be broken.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu    sync.Mutex
	conns []net.Conn // the sides of clients
	fail  error
	fails int        // so many dials fail
	after func() int // bytes that a connection carries from the client before it breaks; nil: no end
}

func newPipes() *pipes { return &pipes{accept: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe:1" }

func (p *pipes) dial(ctx context.Context, _ string) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails > 0 {
		p.fails--
		return nil, p.fail
	}
	near, far := net.Pipe()
	select {
	case p.accept <- far:
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if p.after != nil {
		near = &frail{Conn: near, left: p.after()}
	}
	p.conns = append(p.conns, near)
	return near, nil
}

// cut breaks the last connection.
func (p *pipes) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[len(p.conns)-1].Close()
}

// frail is a connection that breaks after some bytes, in the middle of a frame or between two.
type frail struct {
	net.Conn
	mu   sync.Mutex
	left int
}

func (f *frail) spend(n int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left -= n
	return f.left >= 0
}

func (f *frail) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	if !f.spend(n) {
		f.Conn.Close()
		return 0, errors.New("broken")
	}
	return n, err
}

func (f *frail) Write(b []byte) (int, error) {
	if !f.spend(len(b)) {
		n, _ := f.Conn.Write(b[:len(b)/2])
		f.Conn.Close()
		return n, errors.New("broken")
	}
	return f.Conn.Write(b)
}

// bubble runs a test against a server in memory, where time is virtual and nothing may be
// left running.
func bubble(t *testing.T, opts *ServerOptions, f func(t *testing.T, x *site, p *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		x := serveOn(t, newBackend(), opts, p)
		f(t, x, p)
	})
}

func (x *site) pipePeer(p *pipes) *peer {
	x.Helper()
	c, err := p.dial(x.Context(), "")
	require.NoError(x, err)
	x.Cleanup(func() { c.Close() })
	return &peer{x, c, newFrameReader(c)}
}

var anonymous = ServerOptions{AllowAnonymous: true}

// The server sends no more than the window, keeps the rest up to its limit, and then ends the
// session of the client that does not acknowledge.
func TestWindow(t *testing.T) {
	o := anonymous
	o.MaxBacklog = 50
	x := serve(t, newBackend(), &o)
	p := x.peer()
	p.open(&frame{Window: 4})
	require.Equal(t, "EventLinkConnected", p.next().Name)
	say := func(from, to int) {
		for i := from; i <= to; i++ {
			x.back.conn(0).event(ringing(i))
		}
	}
	// what returns what comes before the answer to a ping.
	id := int64(0)
	what := func(n int) {
		t.Helper()
		for range n {
			p.next()
		}
		id++
		p.sendFrame(&frame{Type: typePing, ID: id})
		f := p.next()
		require.Equal(t, typePong, f.Type)
		assert.Equal(t, id, f.ID)
	}
	say(2, 40)
	what(3)
	p.sendFrame(&frame{Type: typeAck, Seq: 2})
	what(2)
	p.sendFrame(&frame{Type: typeAck, Seq: 6})
	what(4)
	x.server.mu.Lock()
	for _, s := range x.server.sessions {
		s.mu.Lock()
		assert.LessOrEqual(t, len(s.backlog), 34)
		assert.EqualValues(t, 10, s.sent)
		s.mu.Unlock()
	}
	x.server.mu.Unlock()
	say(41, 60)
	f := p.next()
	assert.Equal(t, string(CloseSlowReader), f.Code)
	p.gone()
}

// A client whose program does not come to an end with an event does not make the server
// grow, and does not hold others up.
func TestSlowReader(t *testing.T) {
	for _, o := range []ServerOptions{{MaxBacklog: 200}, {MaxBacklogBytes: 100_000}} {
		o.AllowAnonymous = true
		x := serve(t, newBackend(), &o)
		_, quick := x.client(&DriverOptions{})
		slow, release := newReceiver(), make(chan struct{})
		slow.hold = func(e telephony.Event) {
			if e.Name() == "EventRinging" {
				<-release
			}
		}
		x.dial(&DriverOptions{Window: 8}, slow)
		slow.opened(t)
		n := 0
		for slowConn := x.back.conn(1); x.back.open() == 2 && n < 10_000; n++ {
			slowConn.event(ringing(n))
			x.back.conn(0).event(ringing(n))
			quick.until(t, "event", func() bool { return len(quick.events) == n+2 })
		}
		assert.Less(t, n, 1000)
		close(release)
		e := slow.closeError(t)
		assert.Equal(t, CloseSlowReader, e.Code)
		assert.LessOrEqual(t, len(slow.events), 9, "no more than the window was sent")
		assert.NoError(t, quick.lost)
	}
}

// An event that is larger than the client takes ends the session: it may not be missing.
func TestLargeEvent(t *testing.T) {
	x := serve(t, newBackend(), nil)
	_, r := x.client(&DriverOptions{Secret: testSecret, MaxFrame: openingFrame})
	e := ringing(1)
	e.UserData.Add("k", telephony.String(strings.Repeat("x", openingFrame)))
	x.back.conn(0).event(e)
	assert.Equal(t, CloseInternal, r.closeError(t).Code)
}

// No more requests than the server takes: further ones are told to wait.
func TestOutstanding(t *testing.T) {
	o := anonymous
	o.MaxRequests = 2
	x := serve(t, newBackend(), &o)
	x.back.mute = true
	c, r := x.client(&DriverOptions{})
	req := &telephony.RequestRegisterAddress{ThisDN: "5000"}
	require.NoError(t, c.Send(1, req))
	require.NoError(t, c.Send(2, req))
	require.ErrorIs(t, c.Send(3, req), telephony.ErrBusy)
	<-x.back.more
	x.back.conn(0).event(&telephony.EventAck{EventHeader: telephony.EventHeader{ReferenceID: 1}})
	r.until(t, "Writable", func() bool { return r.room == 1 })
	require.NoError(t, c.Send(3, req))
	require.ErrorIs(t, c.Send(4, req), telephony.ErrBusy)
	assert.Equal(t, 1, r.events[1].Header().ReferenceID)
}

// A peer that sends nothing: in the opening, in a session, in the middle of a frame.
func TestSilence(t *testing.T) {
	bubble(t, &anonymous, func(t *testing.T, x *site, pp *pipes) {
		start := time.Now()
		p := x.pipePeer(pp)
		f := p.next()
		assert.Equal(t, string(CloseTimeout), f.Code)
		assert.Equal(t, 10*time.Second, time.Since(start))
		p.gone()

		start = time.Now()
		p = x.pipePeer(pp)
		w := p.open(&frame{Heartbeat: 5000})
		assert.Equal(t, 5000, w.Heartbeat)
		p.next()
		assert.Equal(t, typePing, p.next().Type)
		assert.Equal(t, 5*time.Second, time.Since(start))
		p.sendFrame(&frame{Type: typePong})
		assert.Equal(t, typePing, p.next().Type)
		assert.Equal(t, 10*time.Second, time.Since(start))
		p.write("\x00")
		assert.Equal(t, typePing, p.next().Type)
		f = p.next()
		assert.Equal(t, string(CloseTimeout), f.Code)
		assert.Equal(t, 20*time.Second, time.Since(start))
		p.gone()
		synctest.Wait()
		assert.Equal(t, 1, x.back.open(), "the session waits for the client")
		<-time.After(11 * time.Second)
		assert.Zero(t, x.back.open())

		// The server's own time-out is shorter than what the client wants.
		p = x.pipePeer(pp)
		assert.Equal(t, 30_000, p.open(&frame{Heartbeat: 50_000}).Heartbeat)
	})
}

// A server that accepts and sends nothing.
func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far, near := net.Pipe()
		defer far.Close()
		go func() {
			var b [1000]byte
			for {
				if _, err := far.Read(b[:]); err != nil {
					return
				}
			}
		}()
		start := time.Now()
		r := newReceiver()
		(&site{TB: t, addr: "host:1"}).dial(&DriverOptions{DialContext: dialed(near)}, r)
		e := r.closeError(t)
		assert.Equal(t, CloseTimeout, e.Code)
		assert.Equal(t, 10*time.Second, time.Since(start))
	})
}

// A peer that does not read: the write time-out ends it.
func TestBlockedWrite(t *testing.T) {
	o := anonymous
	o.Keep = -1
	bubble(t, &o, func(t *testing.T, x *site, pp *pipes) {
		p := x.pipePeer(pp)
		p.open(nil)
		start := time.Now()
		x.back.conn(0).event(ringing(1))
		for x.back.open() > 0 {
			<-time.After(time.Second)
		}
		assert.InDelta(t, 10, time.Since(start).Seconds(), 1)
	})
}

// A broken connection is mended: nothing is lost, nothing comes twice, and the handler does
// not notice.
func TestResume(t *testing.T) {
	bubble(t, nil, func(t *testing.T, x *site, pp *pipes) {
		c, r := x.client(&DriverOptions{Secret: testSecret, DialContext: pp.dial})
		x.back.conn(0).event(ringing(1))
		synctest.Wait()
		pp.mu.Lock()
		pp.fail, pp.fails = errors.New("no route"), 3
		pp.mu.Unlock()
		pp.cut()
		x.back.conn(0).event(ringing(2))
		require.NoError(t, c.Send(9, &telephony.RequestRegisterAddress{ThisDN: "5000"}))
		c.Ping()
		r.until(t, "events", func() bool { return len(r.events) == 4 })
		synctest.Wait()
		assert.NoError(t, r.lost)
		assert.Equal(t, 9, r.events[3].Header().ReferenceID)
		assert.Equal(t, []string{"RequestRegisterAddress ThisDN=5000"}, x.back.requests())
		assert.Equal(t, 1, x.back.open())

		// Too long: the session is lost, and the handler is told.
		pp.mu.Lock()
		pp.fails = 1000
		pp.mu.Unlock()
		start := time.Now()
		pp.cut()
		r.until(t, "Lost", func() bool { return r.lost != nil })
		assert.Equal(t, 5*time.Second, time.Since(start))
		<-time.After(6 * time.Second)
		assert.Zero(t, x.back.open(), "the server has given the session up")
		assert.ErrorIs(t, c.Send(1, &telephony.RequestPull{InteractionID: "i"}), telephony.ErrLinkDown)
	})
}

// A server that is gone is not waited for: there may be another one.
func TestServerGone(t *testing.T) {
	bubble(t, nil, func(t *testing.T, x *site, pp *pipes) {
		_, r := x.client(&DriverOptions{Secret: testSecret, DialContext: pp.dial})
		start := time.Now()
		pp.mu.Lock()
		pp.fail, pp.fails = &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, 1
		pp.mu.Unlock()
		pp.cut()
		r.until(t, "Lost", func() bool { return r.lost != nil })
		assert.Zero(t, time.Since(start))
	})
}

// Close while the connection is being mended.
func TestCloseWhileMending(t *testing.T) {
	bubble(t, nil, func(t *testing.T, x *site, pp *pipes) {
		c, r := x.client(&DriverOptions{Secret: testSecret, DialContext: pp.dial})
		pp.mu.Lock()
		pp.fail, pp.fails = errors.New("no route"), 1000
		pp.mu.Unlock()
		pp.cut()
		synctest.Wait()
		c.Close()
		synctest.Wait()
		assert.NoError(t, r.lost)
		<-time.After(time.Minute)
		assert.Zero(t, x.back.open())
	})
}

// A session can be gone on with by its client alone, and from where it was.
func TestResumeRefused(t *testing.T) {
	o := ServerOptions{Secrets: map[string][]byte{"ors": testSecret, "other": testSecret}}
	x := serve(t, newBackend(), &o)
	_, r := x.client(nil)
	id := r.info.SessionID
	open := func(name string, seq uint64) *frame {
		d, err := NewDriver(name, &DriverOptions{Secret: testSecret})
		require.NoError(t, err)
		c := newConn(d, telephony.Endpoint{Address: x.addr}, newReceiver())
		c.session, c.seq = id, seq
		tr, w, err := c.connect(t.Context())
		require.NoError(t, err)
		tr.conn.Close()
		return w
	}
	assert.False(t, open("other", 1).Resumed, "of another client")
	assert.False(t, open("ors", 99).Resumed, "what was never sent")
	assert.NoError(t, r.lost)
	assert.True(t, open("ors", 1).Resumed)
	assert.Equal(t, CloseReplaced, r.closeError(t).Code)
}

// Requests and events over connections that break all the time: each exactly once, in order.
func TestFrailConnections(t *testing.T) {
	const n = 3000
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	o := ServerOptions{Secrets: map[string][]byte{"ors": testSecret}, Keep: time.Hour}
	bubble(t, &o, func(t *testing.T, x *site, pp *pipes) {
		random := rand.New(rand.NewPCG(seed, 0))
		pp.after = func() int { return 800 + random.IntN(60_000) }
		opts := &DriverOptions{Secret: testSecret, DialContext: pp.dial, Resume: time.Hour, Window: 16}
		c, r := x.client(opts)
		go func() {
			for i := range n {
				x.back.conn(0).event(ringing(i))
				if i%10 == 0 {
					<-time.After(time.Millisecond)
				}
			}
		}()
		for i := range n {
			for errors.Is(c.Send(i+1, &telephony.RequestRegisterAddress{ThisDN: fmt.Sprint(i)}), telephony.ErrBusy) {
				<-time.After(time.Millisecond)
			}
		}
		r.until(t, "all", func() bool { return len(r.events) >= 2*n+1 || r.lost != nil })
		synctest.Wait()
		require.NoError(t, r.lost)
		require.Len(t, r.events, 2*n+1)
		rings, answers := 0, 0
		for _, e := range r.events[1:] {
			switch e := e.(type) {
			case *telephony.EventRinging:
				require.Equal(t, rings, e.CallID)
				rings++
			case *telephony.EventAck:
				answers++
				require.Equal(t, answers, e.ReferenceID)
			}
		}
		got := x.back.requests()
		require.Len(t, got, n)
		for i, text := range got {
			require.Equal(t, fmt.Sprintf("RequestRegisterAddress ThisDN=%d", i), text)
		}
		t.Logf("%d connections", len(pp.conns))
		assert.Greater(t, len(pp.conns), 10)
	})
}

// FuzzServer sends bytes to a server, before and in a session: it must not fall, and gives
// everything back.
func FuzzServer(f *testing.F) {
	hello := framed(`{"type":"hello","protocol":"ors-bridge","versions":[1],"client":"c","nonce":"` + aNonce + `"}`)
	session := hello + framed(`{"type":"auth"}`)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte(hello))
	f.Add([]byte(session + framed(`{"type":"request","ref":1,"name":"RequestPull","body":{"InteractionID":"i"}}`) + framed(`{"type":"ack","seq":1}`)))
	f.Add([]byte(session + framed(`{"type":"ping","id":7}`) + framed(`{"type":"bye","code":"closed"}`)))
	f.Fuzz(func(t *testing.T, in []byte) {
		x := serve(t, newBackend(), &ServerOptions{AllowAnonymous: true, Keep: -1})
		p := x.peer()
		p.conn.Write(in)
		p.conn.Close()
		x.stop()
	})
}
