package bridge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// Defaults of options of both sides.
const (
	defaultHandshakeTimeout = 10 * time.Second
	defaultWindow           = 1024
	defaultResume           = 5 * time.Second
	maxPendingBytes         = 16 << 20
)

// DriverOptions are the settings of a Driver. A nil *DriverOptions and zero fields
// mean the defaults.
type DriverOptions struct {
	// Secret is what the client shares with the server: at least 16 random bytes. nil:
	// no authentication of this kind, which the server has to allow.
	Secret []byte

	// TLS are the settings of TLS; nil is plain TCP. ServerName is filled in from the
	// address when it is empty.
	TLS *tls.Config

	// DialContext opens the connection; default net.Dialer.DialContext on "tcp".
	DialContext func(ctx context.Context, address string) (net.Conn, error)

	// HandshakeTimeout is how long connecting and the opening may take together.
	// Default 10 s.
	HandshakeTimeout time.Duration

	// WriteTimeout is how long a write may take. Default 10 s.
	WriteTimeout time.Duration

	// Window is how many events the server may send ahead, 1 to 65,536. Default 1,024.
	Window int

	// MaxFrame is the size of the largest frame that is taken, in bytes, at least
	// 16,384. Default 1 MiB.
	MaxFrame int

	// Resume is how long a broken connection is tried to be mended, by going on with
	// the session on another one, before Handler.Lost is called; at most what the server
	// grants, and not when nobody listens at the address any more. Default 5 s; negative:
	// not at all.
	Resume time.Duration

	// Logger is told of connections; nil is silent.
	Logger *slog.Logger
}

// Driver is a telephony.Driver that speaks the bridge protocol as a client. Make one
// with NewDriver; it holds nothing that has to be closed.
type Driver struct {
	name string
	opts DriverOptions
}

var _ telephony.Driver = (*Driver)(nil)

// NewDriver makes a driver. client is the name of this application, 1 to 128 bytes, by
// which the server knows the secret.
func NewDriver(client string, opts *DriverOptions) (*Driver, error) {
	var o DriverOptions
	if opts != nil {
		o = *opts
	}
	if err := checkName(client); err != nil {
		return nil, err
	}
	if o.Secret != nil {
		if err := checkSecret(o.Secret); err != nil {
			return nil, err
		}
	}
	if o.Window == 0 {
		o.Window = defaultWindow
	}
	if o.MaxFrame == 0 {
		o.MaxFrame = defaultMaxFrame
	}
	if o.Window < 1 || o.Window > maxWindow {
		return nil, fmt.Errorf("bridge: DriverOptions.Window is %d, want 1 to %d", o.Window, maxWindow)
	}
	if o.MaxFrame < openingFrame {
		return nil, fmt.Errorf("bridge: DriverOptions.MaxFrame is %d, want at least %d", o.MaxFrame, openingFrame)
	}
	if o.HandshakeTimeout <= 0 {
		o.HandshakeTimeout = defaultHandshakeTimeout
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = defaultWriteTimeout
	}
	if o.Resume == 0 {
		o.Resume = defaultResume
	}
	if o.DialContext == nil {
		o.DialContext = func(ctx context.Context, address string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", address)
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Driver{client, o}, nil
}

// Capabilities implements telephony.Driver: all of them; a server may have less.
func (d *Driver) Capabilities() telephony.Capabilities { return ^telephony.Capabilities(0) }

// Dial implements telephony.Driver. The address is "host:port". A server in a wrong
// place, one that does not know the secret, and one that cannot be reached are told by
// Handler.Lost, with a *CloseError where the protocol came into play.
func (d *Driver) Dial(e telephony.Endpoint, h telephony.Handler) (telephony.Conn, error) {
	host, _, err := net.SplitHostPort(e.Address)
	if err != nil {
		return nil, fmt.Errorf("bridge: address %.100q: want host:port: %w", e.Address, err)
	}
	c := newConn(d, e, h)
	if t := d.opts.TLS; t != nil {
		c.tls = t.Clone()
		if c.tls.ServerName == "" {
			c.tls.ServerName = host
		}
	}
	c.workers.Add(1)
	go c.run()
	return c, nil
}

// connect opens a connection and a session, or goes on with one.
func (c *conn) connect(ctx context.Context) (*transport, *frame, error) {
	o := &c.driver.opts
	ctx, cancel := context.WithTimeout(ctx, o.HandshakeTimeout)
	defer cancel()
	nc, err := o.DialContext(ctx, c.endpoint.Address)
	if err != nil {
		return nil, nil, fmt.Errorf("bridge: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { nc.Close() }) // ends whatever waits for it
	defer stop()
	if c.tls != nil {
		secured := tls.Client(nc, c.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			nc.Close()
			return nil, nil, fmt.Errorf("bridge: %w", err)
		}
		nc = secured
	}
	t := newTransport(nc, o.WriteTimeout)
	welcome, err := c.open(t)
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		nc.Close()
		if ctx.Err() != nil {
			err = &CloseError{Code: CloseTimeout, Message: "the opening took too long", Err: errors.Join(ctx.Err(), err)}
		}
		return nil, nil, err
	}
	return t, welcome, nil
}

// open goes through the opening, as a client.
func (c *conn) open(t *transport) (*frame, error) {
	o := &c.driver.opts
	hello := &frame{Type: typeHello, Protocol: protocolName, Versions: []int{version}, Client: c.driver.name, Nonce: nonce(),
		Window: o.Window, MaxFrame: o.MaxFrame, Heartbeat: int(c.endpoint.ADDP.RemoteTimeout.Milliseconds()),
		Resume: resume{c.session, c.seq}}
	first := appendFrame(nil, hello)
	if _, err := t.conn.Write(first); err != nil {
		return nil, err
	}
	text, challenge, err := t.expect(typeChallenge)
	if err != nil {
		return nil, err
	}
	switch {
	case challenge.Version != version:
		return nil, &CloseError{Code: CloseVersion, Message: fmt.Sprintf("the server speaks version %d, we speak %d", challenge.Version, version)}
	case challenge.Auth == authNone && o.Secret != nil:
		return nil, &CloseError{Code: CloseAuth, Message: "the server does not ask for the secret: it may be somebody else"}
	case challenge.Auth == authHMAC && o.Secret == nil:
		return nil, &CloseError{Code: CloseAuth, Message: "the server asks for a secret, and DriverOptions.Secret is not set"}
	case challenge.Auth != authNone && (challenge.Auth != authHMAC || len(challenge.Nonce) != nonceSize):
		return nil, &CloseError{Code: CloseBadFrame, Message: "a challenge that cannot be answered"}
	}
	auth := &frame{Type: typeAuth}
	if o.Secret != nil {
		auth.Proof = proof(o.Secret, proofClient, first[4:], text)
	}
	if _, err := t.conn.Write(appendFrame(nil, auth)); err != nil {
		return nil, err
	}
	_, welcome, err := t.expect(typeWelcome)
	switch {
	case err != nil:
		return nil, err
	case o.Secret != nil && !sameProof(welcome.Proof, proof(o.Secret, proofServer, first[4:], text)):
		return nil, &CloseError{Code: CloseAuth, Message: "the server does not know the secret"}
	case welcome.Session == "" || len(welcome.Session) > maxName || welcome.Requests < 1 || welcome.MaxFrame < openingFrame || welcome.Keep < 0 ||
		welcome.Resumed && c.session != welcome.Session:
		return nil, &CloseError{Code: CloseBadFrame, Message: "a welcome that makes no sense"}
	}
	t.in.max = o.MaxFrame
	return welcome, nil
}

// expect reads a frame of the opening, and returns a copy of its text as well.
func (t *transport) expect(typ string) ([]byte, *frame, error) {
	text, err := t.in.text()
	if err != nil {
		return nil, nil, err
	}
	text = append([]byte(nil), text...)
	f, err := parseFrame(text)
	switch {
	case err != nil:
		return nil, nil, &CloseError{Code: CloseBadFrame, Message: err.Error(), Err: err}
	case f.Type == typeBye:
		return nil, nil, &CloseError{Code: closeCode(f.Code), Message: f.Message, Remote: true}
	case f.Type != typ:
		return nil, nil, &CloseError{Code: CloseBadFrame, Message: fmt.Sprintf("a %.20q frame where %q belongs", f.Type, typ)}
	}
	return text, f, nil
}

// capabilitiesOf reads the names of welcome; those that are not known do not count.
func capabilitiesOf(names []string) telephony.Capabilities {
	var all telephony.Capabilities
	for _, name := range names {
		for i := range 32 {
			if c := telephony.Capabilities(1) << i; c.String() == name && name != "none" {
				all |= c
			}
		}
	}
	return all
}

// capabilityNames is the other way round.
func capabilityNames(all telephony.Capabilities) []string {
	names := []string{}
	for i := range 32 {
		if c := telephony.Capabilities(1) << i; all.Has(c) && c.String() != "none" {
			names = append(names, c.String())
		}
	}
	return names
}
