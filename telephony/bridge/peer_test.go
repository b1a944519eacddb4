package bridge

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var aNonce = base64.StdEncoding.EncodeToString(make([]byte, nonceSize))

func framed(text string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(text)))) + text
}

// dialed is a DialContext for one connection.
func dialed(conns ...net.Conn) func(context.Context, string) (net.Conn, error) {
	return func(context.Context, string) (net.Conn, error) {
		if len(conns) == 0 {
			return nil, net.ErrClosed
		}
		c := conns[0]
		conns = conns[1:]
		return c, nil
	}
}

// peer is the other side of a connection, frame by frame.
type peer struct {
	testing.TB
	conn net.Conn
	in   *frameReader
}

// peer connects to the site.
func (x *site) peer() *peer {
	x.Helper()
	c, err := net.Dial("tcp", x.addr)
	require.NoError(x, err)
	x.Cleanup(func() { c.Close() })
	return &peer{x, c, newFrameReader(c)}
}

func (p *peer) write(s string) {
	p.Helper()
	_, err := p.conn.Write([]byte(s))
	require.NoError(p, err)
}

func (p *peer) send(text string) {
	p.Helper()
	p.write(framed(text))
}

func (p *peer) sendFrame(f *frame) {
	p.Helper()
	p.write(string(appendFrame(nil, f)))
}

func (p *peer) next() *frame {
	p.Helper()
	p.conn.SetReadDeadline(time.Now().Add(2 * time.Minute)) // fails when the other side is gone: so does what follows
	f, err := p.in.next()
	require.NoError(p, err)
	return f
}

// gone checks that the other side closes the connection.
func (p *peer) gone() {
	p.Helper()
	p.conn.SetReadDeadline(time.Now().Add(2 * time.Minute)) // fails when the other side is gone: so does what follows
	_, err := p.in.next()
	require.Error(p, err)
	var timeout net.Error
	if ok := errors.As(err, &timeout); ok && timeout.Timeout() {
		p.Fatal("the connection stays open")
	}
}

// open goes through the opening with a server that asks for no secret.
func (p *peer) open(hello *frame) *frame {
	p.Helper()
	h := frame{Window: defaultWindow}
	if hello != nil {
		h = *hello
	}
	h.Type, h.Protocol, h.Versions, h.Client, h.Nonce = typeHello, protocolName, []int{1}, "ors", nonce()
	p.sendFrame(&h)
	require.Equal(p, authNone, p.next().Auth)
	p.sendFrame(&frame{Type: typeAuth})
	w := p.next()
	require.Equal(p, typeWelcome, w.Type)
	p.in.max = defaultMaxFrame
	return w
}

// welcome is the server's side of it.
func (p *peer) welcome(welcome *frame) *frame {
	p.Helper()
	hello := p.next()
	require.Equal(p, typeHello, hello.Type)
	p.sendFrame(&frame{Type: typeChallenge, Version: version, Auth: authNone, Nonce: nonce()})
	require.Equal(p, typeAuth, p.next().Type)
	w := *welcome
	w.Type = typeWelcome
	if w.Session == "" {
		w.Session = "s"
	}
	p.sendFrame(&w)
	return hello
}
