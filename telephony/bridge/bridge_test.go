package bridge

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
)

func TestRequestsAndEvents(t *testing.T) {
	x := serve(t, newBackend(), nil)
	c, r := x.client(nil)
	assert.Equal(t, telephony.ServerRolePrimary, r.info.Role)
	assert.Equal(t, "bridge", r.info.Server)
	assert.True(t, r.info.Capabilities.Has(telephony.CanRoute|telephony.CanInteract))
	assert.NotEmpty(t, r.info.SessionID)

	// The handler's numbers of requests are its own, in any order.
	req := &telephony.RequestRouteCall{ThisDN: "5000", ConnID: 7, Destination: "7001",
		Extensions: telephony.KVList{{Key: "k", Value: telephony.Binary([]byte{1})}}}
	require.NoError(t, c.Send(50, req))
	require.NoError(t, c.Send(3, &telephony.RequestPull{InteractionID: "i"}))
	x.back.conn(0).event(ringing(1))
	x.back.conn(0).tell(func(h telephony.Handler) { h.Role(telephony.ServerRoleBackup) })
	r.until(t, "events", func() bool { return len(r.events) == 4 && len(r.roles) == 1 })
	var refs []int
	for _, e := range r.events {
		refs = append(refs, e.Header().ReferenceID)
	}
	assert.ElementsMatch(t, []int{0, 50, 3, 0}, refs)
	assert.Contains(t, fmt.Sprint(r.events), ringing(1).String())
	assert.Equal(t, []string{req.String(), "RequestPull InteractionID=i"}, x.back.requests())
	assert.Equal(t, []telephony.ServerRole{telephony.ServerRoleBackup}, r.roles)

	c.Ping()
	r.until(t, "Alive", func() bool { return r.alive == 1 })

	// The back end's answers to what nobody asked stay behind, as do those given twice.
	x.back.conn(0).event(&telephony.EventAck{EventHeader: telephony.EventHeader{ReferenceID: 1}})
	x.back.conn(0).event(ringing(2))
	r.until(t, "the event behind", func() bool { return len(r.events) == 5 })
	assert.Equal(t, ringing(2).String(), r.events[4].String())

	// Two clients have nothing to do with each other.
	_, other := x.client(nil)
	x.back.conn(1).event(ringing(3))
	other.until(t, "event", func() bool { return len(other.events) == 2 })
	assert.Len(t, r.events, 5)

	c.Close()
	c.Close()
	assert.ErrorIs(t, c.Send(1, req), telephony.ErrLinkDown)
}

// What does not get as far as the back end is refused by an event. The client's own
// checks stand before it: here a client without them.
func TestRefusals(t *testing.T) {
	back := newBackend()
	back.caps = telephony.CanMonitor | telephony.CanRoute
	x := serve(t, back, &ServerOptions{AllowAnonymous: true, MaxFrame: 20_000})
	p := x.peer()
	w := p.open(nil)
	assert.Equal(t, []string{"Monitor", "Route"}, w.Capabilities)
	assert.Equal(t, "EventLinkConnected", p.next().Name)
	p.send(`{"type":"request","ref":1,"name":"RequestOfTheFuture","body":{"x":[]}}`)
	p.send(`{"type":"request","ref":2,"name":"EventRinging"}`)
	p.send(`{"type":"request","ref":3,"name":"RequestRouteCall","body":{"ThisDN":"5000"}}`)
	p.send(`{"type":"request","ref":4,"name":"RequestPull","body":{"InteractionID":"i"}}`)
	for ref, want := range []string{"no request is called", "no request is called", "ConnID is missing", "not supported"} {
		e, ok := p.next().Body.(*telephony.EventError)
		require.True(t, ok)
		assert.Equal(t, ref+1, e.ReferenceID)
		assert.Contains(t, e.ErrorMessage, want)
	}
	assert.Empty(t, back.requests())

	// A repeat is dropped: the next answer is that of a new request.
	p.send(`{"type":"request","ref":4,"name":"RequestPull","body":{"InteractionID":"i"}}`)
	p.send(`{"type":"request","ref":9,"name":"RequestRegisterAddress","body":{"ThisDN":"5000"}}`)
	assert.Equal(t, 9, p.next().Body.(*telephony.EventAck).ReferenceID)

	// Too large for the server: the client does not send it.
	c, r := x.client(&DriverOptions{})
	big := telephony.KVList{{Key: "k", Value: telephony.String(strings.Repeat("x", 20_000))}}
	require.NoError(t, c.Send(5, &telephony.RequestRouteCall{ThisDN: "5000", ConnID: 1, Destination: "7001", Reasons: big}))
	r.until(t, "refusal", func() bool { return len(r.events) == 2 })
	assert.Equal(t, 5, r.events[1].Header().ReferenceID)
	assert.Contains(t, r.events[1].(*telephony.EventError).ErrorMessage, "the server takes 20000")
	require.NoError(t, c.Send(6, &telephony.RequestRegisterAddress{ThisDN: "5000"}))
	r.until(t, "answer", func() bool { return len(r.events) == 3 })
}

func TestAuthentication(t *testing.T) {
	x := serve(t, newBackend(), nil)
	lost := func(name string, opts *DriverOptions) *CloseError {
		d, err := NewDriver(name, opts)
		require.NoError(t, err)
		r := newReceiver()
		c, err := d.Dial(telephony.Endpoint{Address: x.addr}, r)
		require.NoError(t, err)
		defer c.Close()
		return r.closeError(t)
	}
	for _, e := range []*CloseError{
		lost("ors", &DriverOptions{Secret: []byte("another secret of mine")}),
		lost("nobody", &DriverOptions{Secret: testSecret}),
	} {
		assert.Equal(t, CloseAuth, e.Code)
		assert.True(t, e.Remote)
		assert.NotContains(t, e.Error(), string(testSecret))
	}
	e := lost("ors", nil)
	assert.Equal(t, CloseAuth, e.Code)
	assert.False(t, e.Remote)
	assert.Empty(t, x.back.conns, "nobody got as far as the back end")

	// A server that does not know the secret, or does not ask for it.
	open := serve(t, newBackend(), &ServerOptions{AllowAnonymous: true})
	r := newReceiver()
	open.dial(nil, r)
	assert.Equal(t, CloseAuth, r.closeError(t).Code)
	impostor, ours := net.Pipe()
	r = newReceiver()
	x.dial(&DriverOptions{Secret: testSecret, DialContext: dialed(ours)}, r)
	p := &peer{TB: t, conn: impostor, in: newFrameReader(impostor)}
	require.Equal(t, typeHello, p.next().Type)
	p.sendFrame(&frame{Type: typeChallenge, Version: 1, Auth: authHMAC, Nonce: nonce()})
	require.Equal(t, typeAuth, p.next().Type)
	p.sendFrame(&frame{Type: typeWelcome, Session: "s", Requests: 1, MaxFrame: openingFrame, Proof: nonce()})
	e = r.closeError(t)
	assert.Equal(t, CloseAuth, e.Code)
	assert.Contains(t, e.Error(), "server does not know the secret")
}

func TestTLS(t *testing.T) {
	server, client := certificates(t)
	x := serve(t, newBackend(), &ServerOptions{TLS: server, Secrets: map[string][]byte{"ors": testSecret}})
	c, r := x.client(&DriverOptions{Secret: testSecret, TLS: client})
	require.NoError(t, c.Send(1, &telephony.RequestRegisterAddress{ThisDN: "5000"}))
	r.until(t, "answer", func() bool { return len(r.events) == 2 })

	// An unknown certificate, a client without TLS, one that is nobody's.
	r = newReceiver()
	x.dial(&DriverOptions{Secret: testSecret, TLS: &tls.Config{}}, r)
	r.until(t, "Lost", func() bool { return r.lost != nil })
	assert.ErrorContains(t, r.lost, "certificate")
	r = newReceiver()
	x.dial(nil, r)
	r.until(t, "Lost", func() bool { return r.lost != nil })

	mutual := server.Clone()
	mutual.ClientAuth = tls.RequireAndVerifyClientCert
	y := serve(t, newBackend(), &ServerOptions{TLS: mutual})
	y.client(&DriverOptions{TLS: client})
	nobody := client.Clone()
	nobody.Certificates = nil
	r = newReceiver()
	y.dial(&DriverOptions{TLS: nobody}, r)
	r.until(t, "Lost", func() bool { return r.lost != nil })
	// TLS to a server without it.
	plain := serve(t, newBackend(), nil)
	r = newReceiver()
	plain.dial(&DriverOptions{Secret: testSecret, TLS: client}, r)
	r.until(t, "Lost", func() bool { return r.lost != nil })
}

func TestVersions(t *testing.T) {
	x := serve(t, newBackend(), &ServerOptions{AllowAnonymous: true})
	for _, hello := range []string{
		`{"type":"hello","protocol":"ors-bridge","versions":[2,3],"client":"c","nonce":"` + aNonce + `"}`,
		`{"type":"hello","protocol":"ors-bridge","client":"c","nonce":"` + aNonce + `"}`,
		`{"type":"hello","protocol":"another","versions":[1],"client":"c","nonce":"` + aNonce + `"}`,
	} {
		p := x.peer()
		p.send(hello)
		f := p.next()
		assert.Equal(t, typeBye, f.Type)
		assert.Equal(t, "version", f.Code)
		assert.Contains(t, f.Message, "version 1")
		p.gone()
	}
	// A client that speaks more than this server.
	p := x.peer()
	p.send(`{"type":"hello","protocol":"ors-bridge","versions":[3,1],"client":"c","nonce":"` + aNonce + `"}`)
	assert.Equal(t, 1, p.next().Version)

	far, ours := net.Pipe()
	r := newReceiver()
	x.dial(&DriverOptions{DialContext: dialed(ours)}, r)
	p = &peer{TB: t, conn: far, in: newFrameReader(far)}
	require.Equal(t, typeHello, p.next().Type)
	p.sendFrame(&frame{Type: typeChallenge, Version: 2, Auth: authNone, Nonce: nonce()})
	assert.Equal(t, CloseVersion, r.closeError(t).Code)
}

// A peer that breaks the rules loses its connection, with a reason; another one does not
// notice.
func TestBadPeers(t *testing.T) {
	x := serve(t, newBackend(), &ServerOptions{AllowAnonymous: true, MaxRequests: 2, MaxFrame: 20_000})
	_, good := x.client(&DriverOptions{})
	huge := "\x00\x00\x50\x00" + strings.Repeat(" ", 0x5000)
	for _, c := range []struct {
		what   string
		before bool // the session
		bytes  string
		code   CloseCode
	}{
		{"garbage first", true, "\x00\x00\x00\x05hello", CloseBadFrame},
		{"http", true, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", CloseFrameTooLarge},
		{"a large hello", true, "\x00\x00\x50\x00", CloseFrameTooLarge},
		{"no frame", true, "\x00\x00\x00\x00", CloseBadFrame},
		{"a request first", true, framed(`{"type":"request","ref":1}`), CloseBadFrame},
		{"a name too long", true, framed(`{"type":"hello","protocol":"ors-bridge","versions":[1],"client":"` + strings.Repeat("c", 129) + `","nonce":"` + aNonce + `"}`), CloseBadFrame},
		{"no nonce", true, framed(`{"type":"hello","protocol":"ors-bridge","versions":[1],"client":"c"}`), CloseBadFrame},
		{"a window", true, framed(`{"type":"hello","protocol":"ors-bridge","versions":[1],"client":"c","nonce":"` + aNonce + `","window":-1}`), CloseBadFrame},
		{"a small frame", true, framed(`{"type":"hello","protocol":"ors-bridge","versions":[1],"client":"c","nonce":"` + aNonce + `","maxFrame":5}`), CloseBadFrame},
		{"a wide hello", true, framed(`{"type":"hello","protocol":"ors-bridge","versions":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17],"client":"c","nonce":"` + aNonce + `"}`), CloseVersion},
		{"garbage", false, framed(`{"type":`), CloseBadFrame},
		{"unknown type", false, framed(`{"type":"novel"}`), CloseBadFrame},
		{"hello again", false, framed(`{"type":"hello"}`), CloseBadFrame},
		{"an event", false, framed(`{"type":"event","seq":1,"name":"EventRinging"}`), CloseBadFrame},
		{"no reference", false, framed(`{"type":"request","name":"RequestPull"}`), CloseBadFrame},
		{"an ack too far", false, framed(`{"type":"ack","seq":77}`), CloseBadFrame},
		{"too large", false, huge, CloseFrameTooLarge},
	} {
		p := x.peer()
		if !c.before {
			p.open(nil)
			p.next()
		}
		p.write(c.bytes)
		f := p.next()
		assert.Equal(t, typeBye, f.Type, c.what)
		assert.Equal(t, string(c.code), f.Code, c.what)
		p.gone()
	}

	x.back.mute = true
	p := x.peer()
	p.open(nil)
	p.next()
	for ref := 1; ref <= 3; ref++ {
		p.send(fmt.Sprintf(`{"type":"request","ref":%d,"name":"RequestPull","body":{"InteractionID":"i"}}`, ref))
	}
	assert.Equal(t, string(CloseTooManyRequests), p.next().Code)
	p.gone()

	// One that leaves in the middle of a frame, and one that says bye.
	p = x.peer()
	p.open(nil)
	p.write("\x00\x00")
	p.conn.Close()
	p = x.peer()
	p.open(nil)
	p.next()
	p.send(`{"type":"bye","code":"closed"}`)
	p.gone()

	x.back.conn(0).event(ringing(1))
	good.until(t, "event", func() bool { return len(good.events) == 2 })
	assert.NoError(t, good.lost)
}

// A server that breaks the rules is left.
func TestBadServers(t *testing.T) {
	for _, c := range []struct {
		what, text string
	}{
		{"gap", `{"type":"event","seq":2,"name":"EventLinkConnected"}`},
		{"no event", `{"type":"event","seq":1,"name":"RequestPull"}`},
		{"a role", `{"type":"role","seq":1,"role":"King"}`},
		{"a request", `{"type":"request","ref":1,"name":"RequestPull"}`},
		{"garbage", `{"type":"event","seq":1,"name":"EventRinging","body":7}`},
	} {
		far, ours := net.Pipe()
		r := newReceiver()
		x := &site{TB: t, addr: "host:1"}
		x.dial(&DriverOptions{DialContext: dialed(ours)}, r)
		p := &peer{TB: t, conn: far, in: newFrameReader(far)}
		p.welcome(&frame{Requests: 1, MaxFrame: openingFrame})
		r.opened(t)
		p.send(c.text)
		f := p.next()
		assert.Equal(t, string(CloseBadFrame), f.Code, c.what)
		assert.Equal(t, CloseBadFrame, r.closeError(t).Code, c.what)
	}
	// An event of the future counts, and is not seen; so is an answer to nothing.
	far, ours := net.Pipe()
	r := newReceiver()
	(&site{TB: t, addr: "host:1"}).dial(&DriverOptions{DialContext: dialed(ours), Window: 1}, r)
	p := &peer{TB: t, conn: far, in: newFrameReader(far)}
	p.welcome(&frame{Requests: 1, MaxFrame: openingFrame})
	p.send(`{"type":"event","seq":1,"name":"EventOfTheFuture","body":{"a":1}}`)
	assert.EqualValues(t, 1, p.next().Seq)
	p.send(`{"type":"event","seq":2,"name":"EventAck","body":{"ReferenceID":4}}`)
	assert.EqualValues(t, 2, p.next().Seq)
	p.send(`{"type":"event","seq":2,"name":"EventAck","body":{}}`)
	p.send(`{"type":"event","seq":3,"name":"EventLinkConnected"}`)
	assert.EqualValues(t, 3, p.next().Seq)
	assert.Len(t, r.events, 1)
	p.send(`{"type":"bye","code":"novel","message":"so long"}`)
	e := r.closeError(t)
	assert.Equal(t, CloseInternal, e.Code)
	assert.Contains(t, e.Error(), "so long")
}

func TestBackendTrouble(t *testing.T) {
	back := newBackend()
	back.refuse = errors.New("no such address")
	x := serve(t, back, nil)
	r := newReceiver()
	x.dial(nil, r)
	e := r.closeError(t)
	assert.Equal(t, CloseInternal, e.Code)
	assert.Contains(t, e.Error(), "back end cannot be reached")

	back = newBackend()
	back.lost = true
	x = serve(t, back, nil)
	r = newReceiver()
	x.dial(nil, r)
	assert.Equal(t, CloseInternal, r.closeError(t).Code)

	back = newBackend()
	x = serve(t, back, nil)
	_, r = x.client(nil)
	back.conn(0).tell(func(h telephony.Handler) { h.Lost(errors.New("switch gone")) })
	e = r.closeError(t)
	assert.Equal(t, CloseInternal, e.Code)
	assert.True(t, e.Remote)

	// Busy: requests wait in order until there is room.
	back = newBackend()
	x = serve(t, back, nil)
	c, r := x.client(nil)
	back.mu.Lock()
	back.busy = 1
	back.mu.Unlock()
	var want []string
	for i := range 5 {
		req := &telephony.RequestRegisterAddress{ThisDN: fmt.Sprint(5000 + i)}
		want = append(want, req.String())
		require.NoError(t, c.Send(i+1, req))
	}
	c.Ping()
	r.until(t, "Alive", func() bool { return r.alive == 1 })
	assert.Empty(t, back.requests())
	back.conn(0).tell(telephony.Handler.Writable)
	r.until(t, "answers", func() bool { return len(r.events) == 6 })
	assert.Equal(t, want, back.requests())
}

// A second back end for interactions, on the same connection.
func TestInteractions(t *testing.T) {
	voice, mail := newBackend(), newBackend()
	voice.caps, mail.caps = telephony.CanMonitor|telephony.CanAgent, telephony.CanInteract|telephony.CanAgent
	x := serve(t, voice, &ServerOptions{AllowAnonymous: true, Interactions: mail})
	c, r := x.client(&DriverOptions{})
	assert.Equal(t, telephony.CanMonitor|telephony.CanAgent|telephony.CanInteract, r.info.Capabilities)
	for i, req := range []telephony.Request{
		&telephony.RequestPull{InteractionID: "i"},
		&telephony.RequestRegisterAddress{ThisDN: "5000"},
		&telephony.RequestAgentLogin{PlaceID: "desk", AgentID: "ann"},
		&telephony.RequestAgentLogin{ThisDN: "7001", AgentID: "ann"},
	} {
		require.NoError(t, c.Send(i+1, req))
	}
	r.until(t, "answers", func() bool { return len(r.events) == 5 })
	assert.Equal(t, []string{"RequestPull InteractionID=i", "RequestAgentLogin AgentID=ann PlaceID=desk"}, mail.requests())
	assert.Equal(t, []string{"RequestRegisterAddress ThisDN=5000", "RequestAgentLogin ThisDN=7001 AgentID=ann"}, voice.requests())
	mail.conn(0).event(&telephony.EventLinkDisconnected{}) // of no concern to calls
	mail.conn(0).event(&telephony.EventInvite{EventHeader: telephony.EventHeader{Sequence: 7}, PlaceID: "desk", Interaction: telephony.Interaction{ID: "i"}})
	r.until(t, "event", func() bool { return len(r.events) == 6 })
	assert.Equal(t, "EventInvite Interaction.ID=i PlaceID=desk", r.events[5].String())
	mail.conn(0).tell(func(h telephony.Handler) { h.Lost(errors.New("gone")) })
	assert.Equal(t, CloseInternal, r.closeError(t).Code)
	mail.refuse = errors.New("no such server")
	r = newReceiver()
	x.dial(&DriverOptions{}, r)
	assert.Equal(t, CloseInternal, r.closeError(t).Code)
	x.stop()
	assert.Zero(t, mail.open())
}

func TestNotReachable(t *testing.T) {
	d, err := NewDriver("ors", nil)
	require.NoError(t, err)
	_, err = d.Dial(telephony.Endpoint{Address: "nowhere"}, newReceiver())
	assert.ErrorContains(t, err, "host:port")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ln.Close()
	r := newReceiver()
	c, err := d.Dial(telephony.Endpoint{Address: ln.Addr().String()}, r)
	require.NoError(t, err)
	r.until(t, "Lost", func() bool { return r.lost != nil })
	assert.ErrorContains(t, r.lost, "refused")
	assert.ErrorIs(t, c.Send(1, &telephony.RequestPull{InteractionID: "i"}), telephony.ErrLinkDown)
	c.Ping()
	c.Close()
}

func TestOptions(t *testing.T) {
	for _, f := range []func() error{
		func() error { _, err := NewDriver("", nil); return err },
		func() error { _, err := NewDriver(strings.Repeat("x", 129), nil); return err },
		func() error { _, err := NewDriver("a", &DriverOptions{Secret: []byte("short")}); return err },
		func() error { _, err := NewDriver("a", &DriverOptions{Window: -1}); return err },
		func() error { _, err := NewDriver("a", &DriverOptions{Window: maxWindow + 1}); return err },
		func() error { _, err := NewDriver("a", &DriverOptions{MaxFrame: 5}); return err },
		func() error { _, err := NewServer(newBackend(), nil); return err },
		func() error { _, err := NewServer(newBackend(), &ServerOptions{TLS: &tls.Config{}}); return err },
		func() error {
			_, err := NewServer(newBackend(), &ServerOptions{AllowAnonymous: true, MaxFrame: 5})
			return err
		},
		func() error {
			_, err := NewServer(newBackend(), &ServerOptions{Secrets: map[string][]byte{"a": []byte("short")}})
			return err
		},
		func() error {
			_, err := NewServer(newBackend(), &ServerOptions{Secrets: map[string][]byte{"": testSecret}})
			return err
		},
	} {
		assert.ErrorContains(t, f(), "bridge: ")
	}
}

func TestShutdown(t *testing.T) {
	x := serve(t, newBackend(), nil)
	_, r := x.client(nil)
	half := x.peer() // in the opening
	silent := x.peer()
	half.send(`{"type":"hello","protocol":"ors-bridge","versions":[1],"client":"ors","nonce":"` + aNonce + `"}`)
	require.Equal(t, typeChallenge, half.next().Type)
	x.stop()
	e := r.closeError(t)
	assert.Equal(t, CloseShutdown, e.Code)
	for _, p := range []*peer{half, silent} {
		f, err := p.in.next()
		if err == nil {
			assert.Equal(t, string(CloseShutdown), f.Code)
			_, err = p.in.next()
		}
		assert.Error(t, err)
	}
	ln := &brokenListener{}
	s, err := NewServer(newBackend(), &ServerOptions{AllowAnonymous: true})
	require.NoError(t, err)
	assert.ErrorIs(t, s.Serve(t.Context(), ln), io.ErrClosedPipe)
}

// A listener that is short of something for a while.
func TestAcceptAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := &shortListener{newPipes(), 5}
		x := serveOn(t, newBackend(), &ServerOptions{AllowAnonymous: true}, short)
		start := time.Now()
		x.client(&DriverOptions{DialContext: short.dial})
		assert.Equal(t, (5+10+20+40+80)*time.Millisecond, time.Since(start))
	})
}

type shortListener struct {
	*pipes
	left int
}

func (s *shortListener) Accept() (net.Conn, error) {
	if s.left > 0 {
		s.left--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return s.pipes.Accept()
}

type brokenListener struct{ net.Listener }

func (*brokenListener) Accept() (net.Conn, error) { return nil, io.ErrClosedPipe }
func (*brokenListener) Close() error              { return nil }

func TestTooManyClients(t *testing.T) {
	x := serve(t, newBackend(), &ServerOptions{AllowAnonymous: true, MaxClients: 1})
	c, _ := x.client(&DriverOptions{})
	r := newReceiver()
	x.dial(&DriverOptions{}, r)
	assert.Equal(t, CloseTooManyClients, r.closeError(t).Code)
	c.Close()
	c.(*conn).workers.Wait()
}
