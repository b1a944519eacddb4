package session

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Fetcher reads resources by URL: documents, and what they refer to in src.
// *Loader is one. Implementations are safe for concurrent use.
type Fetcher interface {
	// Fetch returns the resource, which has at most limit bytes, or an error.
	Fetch(ctx context.Context, url string, limit int64) ([]byte, error)
}

// LoaderOptions say what a Loader may read. The zero value may read nothing.
type LoaderOptions struct {
	// Allow lists URL prefixes. A URL may be read if it begins with one of them at
	// the border of a path segment: "https://host.example/charts/",
	// "file:///srv/charts/". A file: entry names a directory that is never left,
	// not by ".." and not by a symbolic link either. The scheme is one of file,
	// http, https.
	Allow []string

	// FS makes file systems readable under schemes of the host's choice: with the
	// key "app", "app:///charts/a.scxml" is charts/a.scxml of the value. All of it
	// may be read.
	FS map[string]fs.FS

	// Bytes is the size of one resource; default 8 MiB. A smaller limit of the
	// caller takes precedence.
	Bytes int64

	// Timeout bounds the reading of one resource; default 10 s. The reading of a
	// file ends between two blocks, as does any reading when the caller's context
	// ends. A file system that does not answer, or an FS whose Open blocks, is not
	// interrupted.
	Timeout time.Duration

	// HTTP is the version of HTTP: "2" for HTTP/2 by TLS where the server has it and 1.1 elsewhere, "1.1" for
	// that alone, "1.0" for 1.1 with a connection for each request. Default "2". With Client its
	// transport decides, but for the connections of "1.0".
	HTTP string

	// LocalPorts are the local ports of connections.
	LocalPorts PortRange

	// Control judges the address of each connection, after its name has been resolved, as
	// net.Dialer.Control does; rest.SourceControl lets public ones through. It is not asked for those to
	// Proxy and HTTPSProxy. With it no proxy is taken from the environment. Default: all are let through.
	Control func(network, address string, c syscall.RawConn) error

	// Redirects is the number of HTTP redirections that are followed, each of which
	// has to be allowed too; default 3, negative: none.
	Redirects int

	// Client supplies the transport for http and https. Default: one like
	// http.DefaultTransport, with Proxy, HTTPSProxy, TLS, LocalPorts and Control; these cannot be given beside it.
	Client *http.Client

	// Proxy is through which http and https go. Default: what the environment says
	// (HTTP_PROXY, HTTPS_PROXY, NO_PROXY).
	Proxy *url.URL

	// HTTPSProxy takes the place of Proxy for https; one without a host: no proxy.
	HTTPSProxy *url.URL

	// TLS has the certificates and versions for https. It is copied. Default: the
	// roots of the system, TLS 1.2 and later.
	TLS *tls.Config

	// CacheBytes bounds the responses of HTTP servers that are kept, over all;
	// default 64 MiB, negative: none is kept. CacheEntries is how many there are at most; default
	// 10,000. CacheEntryBytes is the size of the largest; default CacheBytes. A response is used without asking for
	// as long as its server says (Cache-Control, Expires), after that its server is
	// asked whether it has changed (ETag, Last-Modified). What is not to be stored is
	// not kept.
	CacheBytes, CacheEntryBytes int64
	CacheEntries                int

	// NoCache lists URL prefixes, as Allow does, whose responses are not kept.
	NoCache []string

	// MaxAge is how long a response is used without asking where its server does not
	// say, and the longest time where it does. Default 0: the server is asked each
	// time, and what it says is not shortened.
	MaxAge time.Duration

	// MaxStale is for how long after that a response is used when its server cannot
	// be reached or answers with a status of 500 or more, unless the server forbids it
	// (must-revalidate). Default 0: not at all.
	MaxStale time.Duration

	// Clock measures the age of responses. Default SystemClock.
	Clock Clock
}

// Loader reads resources from directories, HTTP servers and file systems in
// memory, within an allow-list and limits. It is safe for concurrent use, and holds
// nothing that has to be closed: idle connections end by themselves, or by CloseIdleConnections.
type Loader struct {
	opts    LoaderOptions
	roots   []string // directories, absolute
	web     []*url.URL
	noCache []*url.URL
	clients map[string]*http.Client // by LoaderOptions.HTTP
	cache   *httpCache              // nil: nothing is kept
}

// StatusError is the answer of an HTTP server that does not have the resource.
type StatusError struct{ Code int }

func (e *StatusError) Error() string {
	return fmt.Sprintf("the server answered %d %s", e.Code, http.StatusText(e.Code))
}

// StatusCode returns the status. The ORS dialect puts it into the name of the
// error event.
func (e *StatusError) StatusCode() int { return e.Code }

const (
	defaultLoaderBytes     = 8 << 20
	defaultLoaderTimeout   = 10 * time.Second
	defaultLoaderRedirects = 3
	defaultLoaderCache     = 64 << 20
)

// NewLoader makes a Loader. nil options are fine, and let it read nothing.
func NewLoader(opts *LoaderOptions) (*Loader, error) {
	l := &Loader{}
	if opts != nil {
		l.opts = *opts
	}
	positive(&l.opts.Timeout, defaultLoaderTimeout)
	if l.opts.Bytes <= 0 {
		l.opts.Bytes = defaultLoaderBytes
	}
	if l.opts.Redirects == 0 {
		l.opts.Redirects = defaultLoaderRedirects
	}
	for _, prefix := range l.opts.NoCache {
		u, err := url.Parse(prefix)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("session: URL that is not kept %q: want http://host/ or https://host/", prefix)
		}
		l.noCache = append(l.noCache, u)
	}
	for _, prefix := range l.opts.Allow {
		u, err := url.Parse(prefix)
		if err != nil {
			return nil, fmt.Errorf("session: allowed URL %q: %w", prefix, err)
		}
		switch {
		case u.Scheme == "file":
			dir, err := filePath(u)
			if err != nil {
				return nil, fmt.Errorf("session: allowed URL %q: %w", prefix, err)
			}
			l.roots = append(l.roots, dir)
		case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
			l.web = append(l.web, u)
		default:
			return nil, fmt.Errorf("session: allowed URL %q: want file:///directory/, http://host/ or https://host/", prefix)
		}
	}
	for scheme := range l.opts.FS {
		if scheme == "file" || scheme == "http" || scheme == "https" {
			return nil, fmt.Errorf("session: the scheme %q of a file system has a meaning of its own", scheme)
		}
	}
	if l.opts.Clock == nil {
		l.opts.Clock = SystemClock{}
	}
	if l.opts.CacheBytes == 0 {
		l.opts.CacheBytes = defaultLoaderCache
	}
	if l.opts.CacheBytes > 0 {
		l.cache = newHTTPCache(&l.opts)
	}
	if err := l.connect(); err != nil {
		return nil, err
	}
	return l, nil
}

// FileURL returns the file: URL of a path, relative to the working directory if
// it is not absolute.
func FileURL(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("session: %w", err)
	}
	slashed := filepath.ToSlash(abs)
	if !strings.HasPrefix(slashed, "/") { // a drive letter
		slashed = "/" + slashed
	}
	return (&url.URL{Scheme: "file", Path: slashed}).String(), nil
}

// Fetch reads a resource. What is not on the allow-list gives ErrDenied, what is
// too large ErrTooLarge.
func (l *Loader) Fetch(ctx context.Context, address string, limit int64) ([]byte, error) {
	return l.FetchWith(ctx, address, limit, &FetchPolicy{})
}

// FetchWith implements PolicyFetcher.
func (l *Loader) FetchWith(ctx context.Context, address string, limit int64, policy *FetchPolicy) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("session: illegal URL: %w", err)
	}
	if limit <= 0 || limit > l.opts.Bytes {
		limit = l.opts.Bytes
	}
	timeout := l.opts.Timeout
	if policy.Timeout > 0 {
		timeout = min(timeout, policy.Timeout)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var b []byte
	switch fsys := l.opts.FS[u.Scheme]; {
	case fsys != nil:
		b, err = fetchFS(ctx, fsys, u, limit)
	case u.Scheme == "file":
		b, err = l.fetchFile(ctx, u, limit)
	case u.Scheme == "http" || u.Scheme == "https":
		b, err = l.fetchWeb(ctx, u, limit, policy)
	default:
		err = fmt.Errorf("%w: no scheme that can be read: want file:, http:, https: or one of LoaderOptions.FS", ErrDenied)
	}
	if err != nil {
		var inner *fs.PathError
		if errors.As(err, &inner) {
			err = inner.Err // the URL tells the path
		}
		return nil, fmt.Errorf("session: loading %s: %w", u.Redacted(), err)
	}
	return b, nil
}

// fetchFS reads from a file system of the host. An fs.FS refuses names with "..".
func fetchFS(ctx context.Context, fsys fs.FS, u *url.URL, limit int64) ([]byte, error) {
	name := u.Path
	if u.Opaque != "" {
		name = u.Opaque
	}
	name = path.Join(u.Host, strings.TrimLeft(name, "/"))
	if s, ok := fsys.(fs.StatFS); ok {
		return readFile(ctx, s.Stat, fsys.Open, name, limit)
	}
	return readFile(ctx, nil, fsys.Open, name, limit)
}

// readFile reads a regular file. Opening a named pipe could block for ever, so
// its kind is looked at first, where there is a way to do so.
func readFile[F fs.File](ctx context.Context, stat func(string) (fs.FileInfo, error), open func(string) (F, error), name string, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if stat != nil {
		info, err := stat(name)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, errNotRegular
		}
	}
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	return readLimited(contextReader{ctx, f}, limit)
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// fetchFile reads a file below one of the roots.
func (l *Loader) fetchFile(ctx context.Context, u *url.URL, limit int64) ([]byte, error) {
	name, err := filePath(u)
	if err != nil {
		return nil, err
	}
	var last error
	for _, dir := range l.roots {
		rel, err := filepath.Rel(dir, name)
		if err != nil || !filepath.IsLocal(rel) {
			continue
		}
		b, err := readBelow(ctx, dir, rel, limit)
		if err == nil {
			return b, nil
		}
		last = err
	}
	if last != nil {
		return nil, last
	}
	return nil, fmt.Errorf("%w: no file: entry of LoaderOptions.Allow contains it", ErrDenied)
}

func readBelow(ctx context.Context, dir, rel string, limit int64) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return readFile(ctx, root.Stat, root.Open, rel, limit)
}

var errNotRegular = errors.New("not a regular file")

func readLimited(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, tooLarge(limit)
	}
	return b, nil
}

func tooLarge(limit int64) error { return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit) }

// filePath is the path of a file: URL on this machine.
func filePath(u *url.URL) (string, error) {
	if u.Host != "" && u.Host != "localhost" {
		return "", fmt.Errorf("%w: a file: URL of another host", ErrDenied)
	}
	if u.Opaque != "" || !strings.HasPrefix(u.Path, "/") {
		return "", errors.New("not an absolute file: URL; session.FileURL makes one")
	}
	name := u.Path
	if filepath.Separator == '\\' {
		name = strings.TrimPrefix(name, "/")
	}
	return filepath.Clean(filepath.FromSlash(name)), nil
}

// withoutURL drops the URL that *url.Error adds: it is in our message already.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// allowed checks a web address against a list of prefixes.
func allowed(list []*url.URL, u *url.URL) error {
	if u.User != nil {
		return fmt.Errorf("%w: credentials in a URL", ErrDenied)
	}
	escaped := strings.ToLower(u.EscapedPath())
	clean := path.Clean("/" + u.Path)
	// Some servers take "..;x" for "..".
	if strings.Contains(escaped, "%2f") || strings.Contains(escaped, "%5c") || strings.Contains(escaped, "%2e") || strings.Contains(u.Path, "/..;") ||
		clean != strings.TrimSuffix("/"+strings.TrimPrefix(u.Path, "/"), "/") && clean != "/" {
		return fmt.Errorf("%w: a path with \"..\" or escaped separators", ErrDenied)
	}
	for _, p := range list {
		if strings.EqualFold(p.Scheme, u.Scheme) && strings.EqualFold(hostPort(p), hostPort(u)) && below(p.Path, clean) {
			return nil
		}
	}
	return fmt.Errorf("%w: add %s://%s/ or a longer prefix to the allow-list", ErrDenied, u.Scheme, u.Host)
}

// hostPort is the host with the port, also where it is the default one.
func hostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return u.Hostname() + ":" + port
}

// below reports whether a clean path begins with the segments of prefix.
func below(prefix, name string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && (rest == "" || strings.HasPrefix(rest, "/"))
}
