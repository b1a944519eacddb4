package bridge

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
)

var testSecret = []byte("sixteen bytes, random")

// backend is a telephony.Driver in process, in place of a switch: it answers requests
// with EventAck and says what it is told to say.
type backend struct {
	caps   telephony.Capabilities
	refuse error // of Dial
	lost   bool  // Dial ends in Lost
	mute   bool  // requests are not answered
	busy   int   // so many requests are refused with ErrBusy, each until wake

	mu    sync.Mutex
	conns []*backConn
	got   []string // requests, as text
	more  chan struct{}
}

func newBackend() *backend {
	return &backend{caps: ^telephony.Capabilities(0), more: make(chan struct{}, 1)}
}

// backConn hands its news over by one goroutine.
type backConn struct {
	b *backend
	h telephony.Handler

	mu     sync.Mutex
	news   []func(telephony.Handler)
	wake   chan struct{}
	done   chan struct{}
	closed bool
}

func (b *backend) Capabilities() telephony.Capabilities { return b.caps }

func (b *backend) Dial(_ telephony.Endpoint, h telephony.Handler) (telephony.Conn, error) {
	if b.refuse != nil {
		return nil, b.refuse
	}
	c := &backConn{b: b, h: h, wake: make(chan struct{}, 1), done: make(chan struct{})}
	b.mu.Lock()
	b.conns = append(b.conns, c)
	b.mu.Unlock()
	go c.run()
	if b.lost {
		c.tell(func(h telephony.Handler) { h.Lost(errors.New("no switch there")) })
		return c, nil
	}
	c.tell(func(h telephony.Handler) { h.Opened(telephony.ConnInfo{Role: telephony.ServerRolePrimary}) })
	c.event(&telephony.EventLinkConnected{})
	return c, nil
}

func (c *backConn) run() {
	for {
		c.mu.Lock()
		var f func(telephony.Handler)
		if len(c.news) > 0 {
			f, c.news = c.news[0], c.news[1:]
		}
		c.mu.Unlock()
		if f != nil {
			f(c.h)
			continue
		}
		select {
		case <-c.wake:
		case <-c.done:
			return
		}
	}
}

func (c *backConn) tell(f func(telephony.Handler)) {
	c.mu.Lock()
	c.news = append(c.news, f)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *backConn) event(e telephony.Event) { c.tell(func(h telephony.Handler) { h.Event(e) }) }

func (c *backConn) Send(ref int, req telephony.Request) error {
	b := c.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy > 0 {
		b.busy--
		return telephony.ErrBusy
	}
	b.got = append(b.got, req.String())
	select {
	case b.more <- struct{}{}:
	default:
	}
	if !b.mute {
		c.event(&telephony.EventAck{EventHeader: telephony.EventHeader{ReferenceID: ref}})
	}
	return nil
}

func (c *backConn) Ping() {}

func (c *backConn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.done)
	}
}

func (b *backend) conn(i int) *backConn {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.conns[i]
}

// open returns how many connections are not closed.
func (b *backend) open() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, c := range b.conns {
		c.mu.Lock()
		if !c.closed {
			n++
		}
		c.mu.Unlock()
	}
	return n
}

func (b *backend) requests() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.got...)
}

// receiver is the telephony.Handler of a client: it writes down what it is told.
type receiver struct {
	hold func(telephony.Event) // called in Event; may block

	mu     sync.Mutex
	info   *telephony.ConnInfo
	events []telephony.Event
	roles  []telephony.ServerRole
	room   int // calls of Writable
	alive  int
	lost   error
	news   chan struct{} // closed, and made anew, with each piece of news
}

func newReceiver() *receiver { return &receiver{news: make(chan struct{})} }

func (r *receiver) note(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.news)
	r.news = make(chan struct{})
}

func (r *receiver) Opened(info telephony.ConnInfo) { r.note(func() { r.info = &info }) }
func (r *receiver) Role(x telephony.ServerRole)    { r.note(func() { r.roles = append(r.roles, x) }) }
func (r *receiver) Writable()                      { r.note(func() { r.room++ }) }
func (r *receiver) Alive()                         { r.note(func() { r.alive++ }) }
func (r *receiver) Lost(err error)                 { r.note(func() { r.lost = err }) }
func (r *receiver) Event(e telephony.Event) {
	r.note(func() { r.events = append(r.events, e) })
	if r.hold != nil {
		r.hold(e)
	}
}

// until waits for a condition over the receiver's fields.
func (r *receiver) until(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		r.mu.Lock()
		ok, news := f(), r.news
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-news:
		case <-deadline:
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Fatalf("waiting for %s: %d events, lost: %v", what, len(r.events), r.lost)
		}
	}
}

func (r *receiver) opened(t testing.TB) {
	t.Helper()
	r.until(t, "Opened", func() bool { return r.info != nil || r.lost != nil })
	require.NoError(t, r.lost)
}

// closeError waits for Lost and returns its reason.
func (r *receiver) closeError(t testing.TB) *CloseError {
	t.Helper()
	r.until(t, "Lost", func() bool { return r.lost != nil })
	var c *CloseError
	require.ErrorAs(t, r.lost, &c)
	return c
}

// site is a server on loopback, or on whatever listens.
type site struct {
	testing.TB
	back   *backend
	server *Server
	addr   string
	stop   func() // ends Serve and waits for it
}

func serve(t testing.TB, back *backend, opts *ServerOptions) *site {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return serveOn(t, back, opts, ln)
}

func serveOn(t testing.TB, back *backend, opts *ServerOptions, ln net.Listener) *site {
	t.Helper()
	if opts == nil {
		opts = &ServerOptions{Secrets: map[string][]byte{"ors": testSecret}}
	}
	s, err := NewServer(back, opts)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	x := &site{TB: t, back: back, server: s, addr: ln.Addr().String()}
	x.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
		require.Zero(t, len(s.sessions), "sessions left")
		require.Zero(t, s.clients, "clients left")
		require.Zero(t, back.open(), "connections to the back end left")
	})
	t.Cleanup(x.stop)
	return x
}

// serveDriver serves any back end on loopback and returns the address.
func serveDriver(t testing.TB, back telephony.Driver, opts *ServerOptions) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s, err := NewServer(back, opts)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return ln.Addr().String()
}

// dial opens a connection with a receiver.
func (x *site) dial(opts *DriverOptions, r *receiver) telephony.Conn {
	x.Helper()
	if opts == nil {
		opts = &DriverOptions{Secret: testSecret}
	}
	d, err := NewDriver("ors", opts)
	require.NoError(x, err)
	c, err := d.Dial(telephony.Endpoint{Address: x.addr}, r)
	require.NoError(x, err)
	x.Cleanup(func() {
		c.Close()
		c.(*conn).workers.Wait()
	})
	return c
}

// client opens a connection and waits until it is there.
func (x *site) client(opts *DriverOptions) (telephony.Conn, *receiver) {
	x.Helper()
	r := newReceiver()
	c := x.dial(opts, r)
	r.opened(x)
	r.until(x, "EventLinkConnected", func() bool { return len(r.events) == 1 })
	return c, r
}

// certificates returns the settings of TLS of a server, and of a client that knows it.
func certificates(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bridge"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	pair := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool},
		&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}
}
