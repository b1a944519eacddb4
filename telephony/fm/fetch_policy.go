package fm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"syscall"

	"github.com/seed-ff723688/ors/session"
)

// errDenied is what the rules of FetchOptions forbid.
var errDenied = errors.New("address is not allowed")

// fetchPolicy says which addresses a fetch may reach.
type fetchPolicy struct {
	allow     []*url.URL
	networks  []netip.Prefix
	redirects int
	proxies   []*url.URL // those that there are
	proxyOf   func(*url.URL) *url.URL
	ports     session.PortRange
}

func newFetchPolicy(o *FetchOptions) (*fetchPolicy, error) {
	p := &fetchPolicy{networks: o.Networks, redirects: o.Redirects, ports: o.LocalPorts}
	p.proxyOf = func(u *url.URL) *url.URL { return session.ChooseProxy(o.Proxy, o.HTTPSProxy, u) }
	for _, u := range []*url.URL{o.Proxy, o.HTTPSProxy} {
		switch {
		case u == nil || u == o.HTTPSProxy && u.Host == "":
		case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
			return nil, fmt.Errorf("fm: FetchOptions.Proxy or HTTPSProxy %q: want http://host:port or https://host:port", u.Redacted())
		default:
			p.proxies = append(p.proxies, u)
		}
	}
	if err := errors.Join(session.CheckHTTP(o.HTTP), o.LocalPorts.Check()); err != nil {
		return nil, fmt.Errorf("fm: FetchOptions: %w", err)
	}
	for _, entry := range o.Allow {
		u, err := url.Parse(entry)
		if err != nil {
			return nil, fmt.Errorf("fm: allowed URL %q: %w", entry, err)
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("fm: allowed URL %q: want http://host/ or https://host/path/", entry)
		}
		if rest := strings.TrimPrefix(u.Hostname(), "*"); strings.Contains(rest, "*") || rest != u.Hostname() && rest != "" && rest[0] != '.' {
			return nil, fmt.Errorf("fm: allowed URL %q: a host may be * or begin with \"*.\"", entry)
		}
		p.allow = append(p.allow, u)
	}
	for _, n := range o.Networks {
		if !n.IsValid() {
			return nil, errors.New("fm: FetchOptions.Networks has an invalid entry")
		}
	}
	return p, nil
}

// check judges a URL before anything is sent to it.
func (p *fetchPolicy) check(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("%w: %q is no http: or https: URL", errDenied, u.Redacted())
	case u.User != nil:
		return fmt.Errorf("%w: credentials in a URL; use the attributes username and password", errDenied)
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && p.proxyOf(u) != nil {
		if err := p.checkAddress(ip); err != nil {
			return err // no connection of ours will tell
		}
	}
	for _, a := range p.allow {
		if strings.EqualFold(a.Scheme, u.Scheme) && portOf(a) == portOf(u) && hostMatches(a.Hostname(), u.Hostname()) && pathMatches(a.Path, u) {
			return nil
		}
	}
	return fmt.Errorf("%w: FetchOptions.Allow has no entry for %s://%s%s", errDenied, u.Scheme, u.Host, u.EscapedPath())
}

func portOf(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	}
	return "80"
}

func hostMatches(pattern, host string) bool {
	pattern, host = strings.ToLower(pattern), strings.ToLower(strings.TrimSuffix(host, "."))
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(host, suffix) && host != ""
	}
	return pattern == host
}

// pathMatches reports whether the path begins with the segments of prefix. Ways
// of writing a path that servers read differently are refused below a prefix.
func pathMatches(prefix string, u *url.URL) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix == "" {
		return true
	}
	escaped := strings.ToLower(u.EscapedPath())
	for _, trick := range []string{"%2f", "%5c", "%2e", "\\"} {
		if strings.Contains(escaped, trick) {
			return false
		}
	}
	if clean := path.Clean(u.Path); clean != strings.TrimSuffix(u.Path, "/") {
		return false
	}
	rest, ok := strings.CutPrefix(u.Path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// checkRedirect is http.Client.CheckRedirect.
func (p *fetchPolicy) checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > p.redirects {
		return fmt.Errorf("more than %d redirections", p.redirects)
	}
	if err := p.check(req.URL); err != nil {
		return err
	}
	if !sameOrigin(via[0].URL, req.URL) {
		// What the document gave to the first server is not for another one.
		if req.ContentLength != 0 {
			return fmt.Errorf("%w: %s is to get the body of a request to %s", errDenied, req.URL.Host, via[0].URL.Host)
		}
		for name := range req.Header {
			switch name {
			case "Accept", "Cache-Control", "Content-Type", "Idempotency-Key":
			default:
				req.Header.Del(name)
			}
		}
	}
	return nil
}

func sameOrigin(u, v *url.URL) bool {
	return u.Scheme == v.Scheme && strings.EqualFold(u.Hostname(), v.Hostname()) && portOf(u) == portOf(v)
}

// proxyFor is http.Transport.Proxy.
func (p *fetchPolicy) proxyFor(r *http.Request) (*url.URL, error) { return p.proxyOf(r.URL), nil }

// dial is http.Transport.DialContext. Only the way to the proxy, which the host has chosen,
// may lead anywhere.
func (p *fetchPolicy) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := &net.Dialer{Timeout: fetchDialTimeout, Control: p.control}
	for _, proxy := range p.proxies {
		if address == net.JoinHostPort(proxy.Hostname(), portOf(proxy)) {
			d.Control = nil
		}
	}
	return p.ports.Dial(ctx, d, network, address)
}

// control is net.Dialer.Control: it judges the address that a name was resolved
// to, so that no name and no redirection leads into a network that is not public.
func (p *fetchPolicy) control(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q", errDenied, address)
	}
	return p.checkAddress(a.Addr())
}

func (p *fetchPolicy) checkAddress(ip netip.Addr) error {
	ip = ip.Unmap().WithZone("")
	if isPublic(ip) {
		return nil
	}
	for _, n := range p.networks {
		if n.Contains(ip) {
			return nil
		}
	}
	return fmt.Errorf("%w: %s is in no public network; add its network to FetchOptions.Networks", errDenied, ip)
}

// notPublic are the networks of the special-purpose registries (RFC 6890) for
// which net/netip has no predicate, and those that embed an IPv4 address.
var notPublic = func() []netip.Prefix {
	var list []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
	} {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}()

func isPublic(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, n := range notPublic {
		if n.Contains(ip) {
			return false
		}
	}
	return true
}
