package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// The versions of HTTP.
const (
	http10 = "1.0"
	http11 = "1.1"
	http2  = "2"
)

// CheckHTTP says what is wrong with a version, as in LoaderOptions.HTTP.
func CheckHTTP(version string) error {
	switch version {
	case "", http10, http11, http2:
		return nil
	}
	return fmt.Errorf("session: the version of HTTP %q: want 1.0, 1.1 or 2", version)
}

// connect makes the clients.
func (l *Loader) connect() error {
	o := &l.opts
	if err := errors.Join(CheckHTTP(o.HTTP), o.LocalPorts.Check()); err != nil {
		return err
	}
	if o.HTTP == "" {
		o.HTTP = http2
	}
	l.clients = map[string]*http.Client{}
	switch {
	case o.Client != nil && (o.Proxy != nil || o.HTTPSProxy != nil || o.TLS != nil || o.LocalPorts != PortRange{} || o.Control != nil):
		return errors.New("session: LoaderOptions.Client has a transport of its own; set Proxy, HTTPSProxy, TLS, LocalPorts and Control there")
	case o.Client != nil:
		for _, version := range []string{http10, http11, http2} {
			l.clients[version] = &http.Client{Transport: o.Client.Transport, CheckRedirect: l.checkRedirect}
		}
		return nil
	}
	for _, version := range []string{http11, http2} {
		l.clients[version] = &http.Client{Transport: o.transport(version), CheckRedirect: l.checkRedirect}
	}
	l.clients[http10] = l.clients[http11]
	return nil
}

// CloseIdleConnections ends connections to web servers that are not in use now, but for those of
// LoaderOptions.Client. The Loader can be used on.
func (l *Loader) CloseIdleConnections() {
	if l.opts.Client != nil {
		return // the host has them
	}
	for _, c := range l.clients {
		c.CloseIdleConnections()
	}
}

// transport is like http.DefaultTransport.
func (o *LoaderOptions) transport(version string) *http.Transport {
	dialer := net.Dialer{Timeout: 30 * time.Second, Control: o.Control}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConns: 100,
		IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second, TLSClientConfig: o.TLS.Clone(),
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			d := dialer
			for _, proxy := range []*url.URL{o.Proxy, o.HTTPSProxy} {
				if proxy != nil && proxy.Host != "" && sameAddress(address, proxy) {
					d.Control = nil
				}
			}
			return o.LocalPorts.Dial(ctx, &d, network, address)
		},
	}
	t.Protocols = Protocols(version)
	if o.Proxy == nil && o.HTTPSProxy == nil && o.Control == nil {
		return t
	}
	t.Proxy = func(req *http.Request) (*url.URL, error) {
		return ChooseProxy(o.Proxy, o.HTTPSProxy, req.URL), nil
	}
	return t
}

// Protocols are those of a version of HTTP, as in LoaderOptions.HTTP, for a http.Transport.
func Protocols(version string) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(version == "" || version == http2)
	return p
}

// sameAddress reports whether an address that is dialled is that of a proxy.
func sameAddress(address string, proxy *url.URL) bool {
	host, port, err := net.SplitHostPort(address)
	return err == nil && host+":"+port == hostPort(proxy)
}

// ChooseProxy returns the one of LoaderOptions.Proxy and HTTPSProxy through which a URL goes; nil: none.
func ChooseProxy(proxy, https, u *url.URL) *url.URL {
	switch {
	case u.Scheme != "https" || https == nil:
		return proxy
	case https.Host == "":
		return nil
	}
	return https
}

// fetchWeb reads by HTTP.
func (l *Loader) fetchWeb(ctx context.Context, u *url.URL, limit int64, policy *FetchPolicy) ([]byte, error) {
	if err := errors.Join(allowed(l.web, u), CheckHTTP(policy.HTTP)); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/scxml+xml, application/xml, text/*, */*;q=0.5")
	if policy.UserAgent != "" {
		req.Header.Set("User-Agent", policy.UserAgent)
	}
	version := policy.HTTP
	if version == "" {
		version = l.opts.HTTP
	}
	req.Close = version == http10
	client := l.clients[version]
	if l.cache == nil || allowed(l.noCache, u) == nil {
		_, body, err := l.get(client, req, limit)
		return body, err
	}
	rule := l.cache.rule(policy)
	key := *u
	key.Fragment = ""
	name := key.String()
	kept, fresh := l.cache.get(name, rule)
	if fresh {
		return kept.copy(limit)
	}
	if kept != nil {
		kept.ask(req.Header)
	}
	header, body, err := l.get(client, req, limit)
	var status *StatusError
	refused := errors.As(err, &status)
	switch {
	case err == nil:
		l.cache.put(name, header, body, nil, rule)
		return slices.Clone(body), nil
	case kept != nil && refused && status.Code == http.StatusNotModified:
		l.cache.put(name, header, kept.body, kept, rule)
		return kept.copy(limit)
	case (!refused && !errors.Is(err, ErrDenied) && !errors.Is(err, ErrTooLarge) || refused && status.Code >= 500) && l.cache.usable(kept, rule):
		return kept.copy(limit)
	}
	return nil, err
}

// copy returns the body, which the caller may change.
func (e *httpEntry) copy(limit int64) ([]byte, error) {
	if int64(len(e.body)) > limit {
		return nil, tooLarge(limit)
	}
	return slices.Clone(e.body), nil
}

// get carries a request out.
func (l *Loader) get(client *http.Client, req *http.Request, limit int64) (http.Header, []byte, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, withoutURL(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.Header, nil, &StatusError{Code: resp.StatusCode}
	}
	body, err := readLimited(resp.Body, limit)
	return resp.Header, body, err
}

func (l *Loader) checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > l.opts.Redirects {
		return fmt.Errorf("more than %d redirections", max(l.opts.Redirects, 0))
	}
	return allowed(l.web, req.URL)
}
