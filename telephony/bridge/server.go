package bridge

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// Defaults of ServerOptions: PROTOCOL.md, "Limits".
const (
	defaultMaxRequests     = 1024
	defaultMaxClients      = 1000
	defaultMaxBacklog      = 10_000
	defaultMaxBacklogBytes = 16 << 20
	defaultKeep            = 10 * time.Second
	defaultHeartbeat       = 30 * time.Second
)

// The pauses of a listener that cannot accept at the moment.
const (
	minPause = 5 * time.Millisecond
	maxPause = time.Second
)

// ServerOptions are the settings of a Server. A nil *ServerOptions and zero fields mean
// the defaults.
type ServerOptions struct {
	// Name is the name by which the server calls itself. Default "bridge".
	Name string

	// Endpoint is given to the back end's Dial.
	Endpoint telephony.Endpoint

	// Interactions is a second back end, for multimedia interactions, whose messages go over
	// the same connections; nil: none. It gets the requests that need telephony.CanInteract
	// and those of agents at places; whether it has its own connection up is not told. A
	// session ends when either of its back ends is lost.
	Interactions telephony.Driver

	// Secrets are what the server shares with its clients, by their names: at least
	// 16 random bytes each.
	Secrets map[string][]byte

	// AllowAnonymous lets anybody in who reaches the server, when Secrets is empty.
	// Without it, and without Secrets, TLS has to ask for certificates of clients
	// (tls.RequireAndVerifyClientCert).
	AllowAnonymous bool

	// TLS are the settings of TLS; nil is plain TCP.
	TLS *tls.Config

	// MaxClients is the number of connections, and of sessions, that may exist at the same
	// time. Default 1,000.
	MaxClients int

	// MaxRequests is how many requests of a client may be unanswered. Default 1,024.
	MaxRequests int

	// MaxFrame is the size of the largest frame that is taken, in bytes, at least
	// 16,384. Default 1 MiB.
	MaxFrame int

	// MaxBacklog and MaxBacklogBytes bound the events that are kept for a client which
	// does not acknowledge them, or whose connection is lost. Beyond them the session
	// ends. Default 10,000 and 16 MiB.
	MaxBacklog, MaxBacklogBytes int

	// Keep is how long the session of a lost connection is kept. Default 10 s;
	// negative: not at all.
	Keep time.Duration

	// Heartbeat is the longest time-out of the server's side of keep-alive. Default
	// 30 s; negative: none but what the client asks for.
	Heartbeat time.Duration

	// HandshakeTimeout is how long the opening may take. Default 10 s.
	HandshakeTimeout time.Duration

	// WriteTimeout is how long a write may take. Default 10 s.
	WriteTimeout time.Duration

	// Logger is told of clients; nil is silent.
	Logger *slog.Logger
}

// Server exports a back end to clients of the bridge protocol. It is safe for
// concurrent use and holds nothing outside of Serve.
type Server struct {
	back telephony.Driver
	opts ServerOptions

	mu       sync.Mutex
	clients  int // connections
	sessions map[string]*session
}

// NewServer makes a server. Each client gets a connection of its own from back.
func NewServer(back telephony.Driver, opts *ServerOptions) (*Server, error) {
	var o ServerOptions
	if opts != nil {
		o = *opts
	}
	for name, secret := range o.Secrets {
		if err := errors.Join(checkName(name), checkSecret(secret)); err != nil {
			return nil, err
		}
	}
	certified := o.TLS != nil && o.TLS.ClientAuth == tls.RequireAndVerifyClientCert
	if len(o.Secrets) == 0 && !o.AllowAnonymous && !certified {
		return nil, errors.New("bridge: nobody is asked who it is: set ServerOptions.Secrets, or TLS with RequireAndVerifyClientCert, or AllowAnonymous")
	}
	if o.MaxFrame == 0 {
		o.MaxFrame = defaultMaxFrame
	}
	if o.MaxFrame < openingFrame {
		return nil, fmt.Errorf("bridge: ServerOptions.MaxFrame is %d, want at least %d", o.MaxFrame, openingFrame)
	}
	if o.Name == "" {
		o.Name = "bridge"
	}
	for _, n := range []struct {
		field *int
		value int
	}{
		{&o.MaxClients, defaultMaxClients}, {&o.MaxRequests, defaultMaxRequests},
		{&o.MaxBacklog, defaultMaxBacklog}, {&o.MaxBacklogBytes, defaultMaxBacklogBytes},
	} {
		if *n.field <= 0 {
			*n.field = n.value
		}
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.Keep, defaultKeep}, {&o.Heartbeat, defaultHeartbeat},
		{&o.HandshakeTimeout, defaultHandshakeTimeout}, {&o.WriteTimeout, defaultWriteTimeout},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
		*d.field = max(*d.field, 0)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{back: back, opts: o, sessions: map[string]*session{}}, nil
}

// Serve accepts clients until ctx ends; it closes ln. Then it says bye to all of them,
// closes their connections to the back end and waits until nothing of that is left, which takes
// WriteTimeout at most. It returns nil, or why it could not accept any more. It may be
// called for several listeners.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	var workers sync.WaitGroup
	defer func() {
		cancel()
		workers.Wait()
		s.endSessions(&workers)
	}()
	pause := time.Duration(0)
	for {
		nc, err := ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				nc.Close()
			}
			return nil
		}
		// Want of file descriptors and the like pass.
		var temporary interface{ Temporary() bool }
		if errors.As(err, &temporary) && temporary.Temporary() {
			pause = min(max(2*pause, minPause), maxPause)
			s.opts.Logger.Warn("bridge server cannot accept", "error", err, "again", pause)
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
			continue
		}
		pause = 0
		if err != nil {
			ln.Close()
			return fmt.Errorf("bridge: %w", err)
		}
		workers.Add(1)
		go func() {
			defer workers.Done()
			s.client(ctx, nc, &workers)
		}()
	}
}

// endSessions ends the sessions of lost connections, and waits for those that others are ending.
func (s *Server) endSessions(of *sync.WaitGroup) {
	var left []*session
	s.mu.Lock()
	for _, x := range s.sessions {
		if x.workers == of {
			left = append(left, x)
		}
	}
	s.mu.Unlock()
	for _, x := range left {
		x.end(&CloseError{Code: CloseShutdown})
		<-x.over
	}
}

// client deals with one connection.
func (s *Server) client(ctx context.Context, nc net.Conn, workers *sync.WaitGroup) {
	logger := s.opts.Logger.With("remote", nc.RemoteAddr().String())
	s.mu.Lock()
	s.clients++
	full := s.clients > s.opts.MaxClients
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.clients--
		s.mu.Unlock()
	}()
	if s.opts.TLS != nil {
		nc = tls.Server(nc, s.opts.TLS)
	}
	t := newTransport(nc, s.opts.WriteTimeout)
	writing := make(chan struct{})
	var writer sync.Once
	write := func() { writer.Do(func() { go func() { defer close(writing); t.write() }() }) }
	defer func() {
		write()
		<-writing
	}()

	// Whoever takes too long is told so, and cut off a moment later.
	slow := time.AfterFunc(s.opts.HandshakeTimeout, func() {
		t.end(&CloseError{Code: CloseTimeout, Message: "the opening took too long"})
		nc.SetReadDeadline(time.Now())
	})
	defer slow.Stop()
	stop := context.AfterFunc(ctx, func() {
		t.end(&CloseError{Code: CloseShutdown})
		nc.SetReadDeadline(time.Now())
	})
	defer stop()
	if full {
		t.end(&CloseError{Code: CloseTooManyClients})
		logger.Warn("bridge client refused", "error", t.why())
		return
	}

	x, err := s.open(t, workers)
	if err != nil {
		t.end(lost(err))
		logger.Warn("bridge client refused", "error", t.why())
		return
	}
	if !slow.Stop() {
		x.detach(t, t.why())
		return
	}
	logger = logger.With("client", x.client, "session", x.id)
	logger.Info("bridge client connected")
	write()
	err = x.serve(t)
	logger.Info("bridge client gone", "error", err)
	x.detach(t, lost(err))
	if ctx.Err() != nil {
		x.end(&CloseError{Code: CloseShutdown})
	}
}

// open goes through the opening, as a server. It returns the session, to which the
// connection belongs from now on.
func (s *Server) open(t *transport, workers *sync.WaitGroup) (*session, error) {
	first, hello, err := t.expect(typeHello)
	if err != nil {
		return nil, err
	}
	ours := false
	for _, v := range hello.Versions {
		ours = ours || v == version
	}
	switch {
	case hello.Protocol != protocolName || !ours || len(hello.Versions) > 16:
		return nil, &CloseError{Code: CloseVersion, Message: fmt.Sprintf("this server speaks %s version %d", protocolName, version)}
	case checkName(hello.Client) != nil, len(hello.Nonce) != nonceSize, hello.Heartbeat < 0, int64(hello.Heartbeat) > maxMilliseconds:
		return nil, &CloseError{Code: CloseBadFrame, Message: "hello needs a client of 1 to 128 bytes and a nonce of 32 bytes"}
	case hello.Window == 0:
		hello.Window = defaultWindow
	case hello.Window < 0 || hello.Window > maxWindow:
		return nil, &CloseError{Code: CloseBadFrame, Message: fmt.Sprintf("a window of %d, want 1 to %d", hello.Window, maxWindow)}
	}
	switch {
	case hello.MaxFrame == 0:
		hello.MaxFrame = defaultMaxFrame
	case hello.MaxFrame < openingFrame:
		return nil, &CloseError{Code: CloseBadFrame, Message: fmt.Sprintf("a maxFrame of %d, want at least %d", hello.MaxFrame, openingFrame)}
	}
	challenge := &frame{Type: typeChallenge, Version: version, Server: s.opts.Name, Nonce: nonce(), Auth: authHMAC}
	if len(s.opts.Secrets) == 0 {
		challenge.Auth = authNone
	}
	second := appendFrame(nil, challenge)
	if err := t.send(second); err != nil {
		return nil, err
	}
	_, auth, err := t.expect(typeAuth)
	if err != nil {
		return nil, err
	}
	welcome := &frame{Type: typeWelcome, Server: s.opts.Name, Requests: s.opts.MaxRequests, MaxFrame: s.opts.MaxFrame,
		Keep: int(s.opts.Keep.Milliseconds())}
	if challenge.Auth == authHMAC {
		secret, known := s.opts.Secrets[hello.Client]
		if !known {
			secret = nonce() // the same work, and nobody knows it
		}
		if !sameProof(auth.Proof, proof(secret, proofClient, first, second[4:])) {
			return nil, &CloseError{Code: CloseAuth, Message: "client " + hello.Client + " is not known, or has another secret"}
		}
		welcome.Proof = proof(secret, proofServer, first, second[4:])
	}
	t.in.max = s.opts.MaxFrame
	poll := s.opts.Heartbeat
	if asked := time.Duration(hello.Heartbeat) * time.Millisecond; asked > 0 && (poll == 0 || asked < poll) {
		poll = asked
	}
	t.poll.Store(int64(poll))
	welcome.Heartbeat = int(poll.Milliseconds())

	if x := s.find(hello); x != nil && x.attach(t, hello, welcome) {
		return x, nil
	}
	x := &session{server: s, workers: workers, id: rand.Text(), client: hello.Client, opened: make(chan struct{}), over: make(chan struct{}), open: map[int]struct{}{}}
	if err := s.begin(t, x); err != nil {
		return nil, err
	}
	if !x.attach(t, hello, welcome) {
		return nil, x.why()
	}
	return x, nil
}

// send writes a frame of the opening.
func (t *transport) send(frame []byte) error {
	if err := t.conn.SetWriteDeadline(time.Now().Add(t.timeout)); err != nil {
		return err
	}
	_, err := t.conn.Write(frame)
	return err
}

// find returns the session that a client wants to go on with, or nil.
func (s *Server) find(hello *frame) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.sessions[hello.Resume.Session]; x != nil && x.client == hello.Client {
		return x
	}
	return nil
}

// begin opens the session's connection to the back end.
func (s *Server) begin(t *transport, x *session) error {
	s.mu.Lock()
	full := len(s.sessions) >= s.opts.MaxClients
	if !full {
		s.sessions[x.id] = x
	}
	s.mu.Unlock()
	if full {
		return &CloseError{Code: CloseTooManyClients}
	}
	back, err := s.back.Dial(s.opts.Endpoint, x)
	if err != nil {
		x.end(&CloseError{Code: CloseInternal, Message: "the back end cannot be reached", Err: err})
		return x.why()
	}
	x.mu.Lock()
	x.voice.conn = back
	x.mu.Unlock()
	select {
	case <-x.opened:
	case <-t.ending:
		x.end(t.why())
	}
	if err := x.why(); err != nil {
		back.Close()
		return err
	}
	return nil
}
