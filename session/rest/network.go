package rest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// peer returns the address at the other end of the connection.
func peer(r *http.Request) (netip.Addr, error) {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("the address of the peer: %w", err)
	}
	return ap.Addr().Unmap().WithZone(""), nil
}

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// forwardedHops is the number of addresses of X-Forwarded-For that are looked at.
const forwardedHops = 32

// clientOf returns who sent a request: the peer or, where that is a trusted proxy, the
// last address of X-Forwarded-For that is none. What a client puts in front of it is not
// believed.
func clientOf(r *http.Request, from netip.Addr, trusted []netip.Prefix) (netip.Addr, error) {
	if !within(trusted, from) {
		return from, nil
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && len(hops)-i <= forwardedHops; i-- {
		text := strings.TrimSpace(hops[i])
		if text == "" {
			continue
		}
		a, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Addr{}, errors.New("X-Forwarded-For has something that is no address")
		}
		from = a.Unmap().WithZone("")
		if !within(trusted, from) {
			break
		}
	}
	return from, nil
}

// clientKey is by what the rate of an address is bounded: of IPv6 the network, which is what
// one client has.
func clientKey(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// SourceClientOptions say where a client of NewSourceClient connects to.
type SourceClientOptions struct {
	// Private lists networks that may be reached although they are not public.
	Private []netip.Prefix

	// Timeout bounds the making of a connection; default 10 s.
	Timeout time.Duration

	// TLS has the certificates and versions for https. It is copied. Default: the roots of
	// the system, TLS 1.2 and later.
	TLS *tls.Config
}

const defaultDialTimeout = 10 * time.Second

// errPrivate: an address that is not public.
var errPrivate = errors.New("rest: the address is not a public one; SourceClientOptions.Private can allow it")

// NewSourceClient makes a client for session.LoaderOptions.Client that connects to
// public addresses only. It looks at the address of each connection, after the name has
// been resolved, so that neither a redirect nor a name server that changes its answer
// leads it into a private network, to loopback, a link-local or a multicast address. It
// uses no proxy, which would do the resolving instead.
func NewSourceClient(opts *SourceClientOptions) *http.Client {
	var o SourceClientOptions
	if opts != nil {
		o = *opts
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultDialTimeout
	}
	dialer := &net.Dialer{Timeout: o.Timeout, Control: SourceControl(o.Private)}
	return &http.Client{Transport: &http.Transport{
		DialContext: dialer.DialContext, ForceAttemptHTTP2: true, MaxIdleConns: 100,
		IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: o.Timeout, TLSClientConfig: o.TLS.Clone(),
	}}
}

// SourceControl is what NewSourceClient looks at addresses with, for session.LoaderOptions.Control:
// only public ones and those of private are let through.
func SourceControl(private []netip.Prefix) func(network, address string, c syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return errPrivate
		}
		a := ap.Addr().Unmap().WithZone("")
		if public(a) || within(private, a) {
			return nil
		}
		return errPrivate
	}
}

// special are networks of special purpose (RFC 6890) that net/netip has no method for,
// among them those that carry an IPv4 address inside of an IPv6 one.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("fec0::/10"),
}

func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !within(special, a)
}
