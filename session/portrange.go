package session

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
)

// PortRange are the local ports that connections to servers come from, for firewalls that
// want to know. The zero value means any port.
type PortRange struct {
	First, Last uint16 // both included
}

// Check says what is wrong with a range.
func (p PortRange) Check() error {
	if p != (PortRange{}) && (p.First == 0 || p.Last < p.First) {
		return fmt.Errorf("session: the local ports %d-%d are no range: want 1 to 65535, the lower one first", p.First, p.Last)
	}
	return nil
}

// Dial makes a connection like d.DialContext, from the first port of the range that is free; it
// begins anywhere in it. A port may be in use towards one server and free towards another.
func (p PortRange) Dial(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	if p == (PortRange{}) {
		return d.DialContext(ctx, network, address)
	}
	n := int(p.Last) - int(p.First) + 1
	begin := rand.IntN(n)
	own := *d
	var err error
	for i := range n {
		own.LocalAddr = &net.TCPAddr{Port: int(p.First) + (begin+i)%n}
		var c net.Conn
		if c, err = own.DialContext(ctx, network, address); err == nil {
			return c, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EADDRNOTAVAIL) || ctx.Err() != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("session: none of the local ports %d-%d is free: %w", p.First, p.Last, err)
}
