package server

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
)

// sources is the loader of the engine: one that can be changed while it is in use. What is
// being loaded goes on with the one that it began with.
type sources struct {
	s       *Server
	current atomic.Pointer[session.Loader]

	mu    sync.Mutex
	allow []string // of current
	http  string   // the options of current
}

// Fetch implements session.Fetcher.
func (l *sources) Fetch(ctx context.Context, address string, limit int64) ([]byte, error) {
	return l.current.Load().Fetch(ctx, address, limit)
}

// FetchWith implements session.PolicyFetcher.
func (l *sources) FetchWith(ctx context.Context, address string, limit int64, policy *session.FetchPolicy) ([]byte, error) {
	return l.current.Load().FetchWith(ctx, address, limit, policy)
}

// update makes the loader anew where its allow-list or its options have changed. On an error it
// stays as it is.
func (l *sources) update(site *config.Site) error {
	settings, ok := l.s.live.Settings(l.s.app.Name)
	if !ok {
		return nil // the application has been removed
	}
	values := loaderValues(settings)
	l.mu.Lock()
	defer l.mu.Unlock()
	allow := l.s.opts.Sources
	if allow == nil {
		allow = folders(site)
	}
	if l.current.Load() != nil && slices.Equal(allow, l.allow) && values == l.http {
		return nil
	}
	opts := &session.LoaderOptions{FS: l.s.opts.FS, Clock: l.s.opts.Clock}
	for _, prefix := range allow {
		scheme, _, _ := strings.Cut(prefix, ":")
		if _, ok := opts.FS[scheme]; !ok {
			opts.Allow = append(opts.Allow, prefix)
		}
	}
	if l.s.opts.Sources == nil {
		opts.Allow = slices.DeleteFunc(opts.Allow, func(prefix string) bool {
			_, err := session.NewLoader(&session.LoaderOptions{Allow: []string{prefix}})
			if err != nil { // a host may have a loader of its own; calls are told of in any case
				l.s.logger.Warn("documents of a folder cannot be loaded", "folder", prefix, "error", err)
			}
			return err != nil
		})
	}
	if err := loaderOptions(settings, opts); err != nil {
		return withPlace(l.s.app.Name, err)
	}
	if adjust := l.s.opts.Adjust.Loader; adjust != nil {
		adjust(opts)
	}
	switch {
	case opts.Client != nil: // the host's decides
		opts.Proxy, opts.HTTPSProxy, opts.TLS, opts.LocalPorts, opts.Control = nil, nil, nil, session.PortRange{}, nil
	case opts.Control == nil:
		opts.Control = rest.SourceControl(l.s.opts.PrivateNetworks)
	}
	loader, err := session.NewLoader(opts)
	if err != nil {
		return fmt.Errorf("server: where documents may be loaded from: %w", err)
	}
	if l.s.handler != nil {
		if err := l.s.handler.SetSources(allow); err != nil {
			return fmt.Errorf("server: where documents may be loaded from: %w", err)
		}
	}
	l.allow, l.http = allow, values
	if before := l.current.Swap(loader); before != nil {
		before.CloseIdleConnections()
	}
	return nil
}

// close ends connections that nobody uses.
func (l *sources) close() {
	if current := l.current.Load(); current != nil {
		current.CloseIdleConnections()
	}
}

// allowed are the URL prefixes of the present loader.
func (l *sources) allowed() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.allow
}

// folders are those of the documents that DNs and scripts of the configuration name, sorted.
func folders(site *config.Site) []string {
	seen := map[string]bool{}
	add := func(value string) {
		for _, u := range strings.Fields(value) {
			seen[folder(u)] = true
		}
	}
	last := ""
	for _, dn := range site.Objects().DNs {
		for _, o := range dn.Annex.Section("Orchestration") {
			if o.Value == last || o.Name != "application" && !strings.HasPrefix(o.Name, "application@") {
				continue
			}
			if last = o.Value; !strings.HasPrefix(strings.TrimSpace(last), "script:") {
				add(last)
			}
		}
	}
	for _, sc := range site.Objects().Scripts {
		for _, name := range []string{"url", "alternate-url"} {
			if v, ok := sc.Annex.Value("Application", name); ok {
				add(v)
			}
		}
	}
	delete(seen, "")
	list := make([]string, 0, len(seen))
	for prefix := range seen {
		list = append(list, prefix)
	}
	slices.Sort(list)
	return list
}

// folder is the URL of a document without its last segment, and without what is filled in
// from the interaction; empty for what has no folder but the root of the machine, and for what is no
// URL with a path.
func folder(document string) string {
	scheme, rest, ok := strings.Cut(document, ":")
	if !ok {
		return ""
	}
	host := ""
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		end := strings.IndexAny(after, "/?#")
		if end < 0 {
			end = len(after)
		}
		host, rest = "//"+after[:end], after[end:]
	}
	if end := strings.IndexAny(rest, "?#["); end >= 0 {
		rest = rest[:end]
	}
	rest = rest[:strings.LastIndexByte(rest, '/')+1]
	if rest == "" && host != "" {
		rest = "/"
	}
	prefix := scheme + ":" + host + rest
	u, err := url.Parse(prefix)
	web := scheme == "http" || scheme == "https"
	if err != nil || u.User != nil || !strings.HasPrefix(rest, "/") || web && u.Host == "" || scheme == "file" && u.Path == "/" {
		return ""
	}
	return prefix
}
