package session

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/scxml"
)

// CacheLimits bound the cache of compiled documents. A document in use stays
// alive when the cache has dropped it.
type CacheLimits struct {
	Documents int   // number of documents; default 1,000
	Bytes     int64 // of source text, over all documents; default 64 MiB
	Largest   int64 // of source text of one document; a longer one is not kept. Default: Bytes

	// TTL is how long a document is used before it is read again; default one
	// minute, negative: for ever. When it cannot be read then, the old one stays in
	// use and a warning is logged.
	TTL time.Duration

	// FileTTL is that of documents with a file: URL; default TTL.
	FileTTL time.Duration
}

const (
	defaultCacheDocuments = 1000
	defaultCacheBytes     = 64 << 20
	defaultCacheTTL       = time.Minute
	defaultDocumentBytes  = 8 << 20 // as scxml.ParseLimits.Bytes
)

var errNoLoader = errors.New("session: Options.Loader is not set")

// documents reads, compiles and keeps documents. Any number of callers that
// want the same one wait for one reading.
type documents struct {
	parse  scxml.ParseOptions
	loader Fetcher
	limits CacheLimits
	engine *Engine

	mu      sync.Mutex
	entries map[documentKey]*list.Element // of *cachedDocument
	recent  *list.List                    // most recently used first
	bytes   int64
	flights map[documentKey]*flight
	closed  bool // no reading that has to wait for anybody
}

// documentKey names a document: by URL, or inline content by its digest and the
// URL that it is relative to.
type documentKey struct {
	url    string
	inline bool
	digest [sha256.Size]byte
}

type cachedDocument struct {
	key   documentKey
	doc   *scxml.Document
	bytes int64
	read  time.Time
}

// flight is a reading that is under way.
type flight struct {
	done   chan struct{}
	cancel context.CancelFunc // nil: it waits for nobody
	doc    *scxml.Document
	err    error
}

// documentRequest is a document that somebody wants.
type documentRequest struct {
	documents *documents
	key       documentKey
	content   string // of inline content
	policy    FetchPolicy
	again     bool // it has been parsed before, and has all its files
}

func newDocuments(e *Engine) *documents {
	d := &documents{
		parse:   e.opts.Parse,
		loader:  e.opts.Loader,
		limits:  e.opts.Documents,
		engine:  e,
		entries: make(map[documentKey]*list.Element),
		recent:  list.New(),
		flights: make(map[documentKey]*flight),
	}
	if d.limits.Documents <= 0 {
		d.limits.Documents = defaultCacheDocuments
	}
	if d.limits.Bytes <= 0 {
		d.limits.Bytes = defaultCacheBytes
	}
	if d.limits.Largest <= 0 {
		d.limits.Largest = d.limits.Bytes
	}
	if d.limits.TTL == 0 {
		d.limits.TTL = defaultCacheTTL
	}
	if d.limits.FileTTL == 0 {
		d.limits.FileTTL = d.limits.TTL
	}
	d.parse.Fetch = nil
	if d.loader != nil {
		d.parse.Fetch = d.loader.Fetch
	}
	return d
}

// request describes a document; content is empty for one that is to be read
// from the URL, otherwise the URL is what content is relative to.
func (d *documents) request(url, content string) documentRequest {
	r := documentRequest{documents: d, key: documentKey{url: url}, content: content}
	if content != "" {
		r.key.inline = true
		r.key.digest = sha256.Sum256([]byte(content))
	}
	return r
}

// fetch describes a document that is read by a policy.
func (d *documents) fetch(url string, policy FetchPolicy) documentRequest {
	r := d.request(url, "")
	r.policy = policy
	return r
}

// age is how long the document is used without reading it again; negative: for ever.
func (r documentRequest) age() time.Duration {
	d := r.documents
	age := d.limits.TTL
	if strings.HasPrefix(r.key.url, "file:") {
		age = d.limits.FileTTL
	}
	switch m := r.policy.MaxAge; {
	case m < 0:
		return 0
	case m > 0:
		return m
	}
	return age
}

// usable reports whether a document that is too old is used since no other can be read.
func (r documentRequest) usable(old *cachedDocument) bool {
	switch stale := r.policy.MaxStale; {
	case stale < 0:
		return false
	case stale > 0:
		return r.documents.engine.clock.Now().Sub(old.read) < max(r.age(), 0)+stale
	}
	return true
}

func (d *documents) load(ctx context.Context, url string) (*scxml.Document, error) {
	doc, _, err := d.request(url, "").traced(ctx)
	return doc, err
}

// traced returns the document, from the cache or by get, and how it was got.
func (r documentRequest) traced(ctx context.Context) (doc *scxml.Document, t scxml.DocumentTrace, err error) {
	t.URL = r.key.url
	if doc = r.cached(); doc != nil {
		t.Cached = true
		return doc, t, nil
	}
	clock := r.documents.engine.clock
	begun := clock.Now()
	doc, err = r.get(ctx)
	t.Duration = clock.Now().Sub(begun)
	return doc, t, err
}

// cached returns the document if it is in the cache and fresh, else nil.
func (r documentRequest) cached() *scxml.Document {
	d := r.documents
	d.mu.Lock()
	defer d.mu.Unlock()
	el := d.entries[r.key]
	if el == nil {
		return nil
	}
	entry := el.Value.(*cachedDocument)
	if age := r.age(); age >= 0 && d.engine.clock.Now().Sub(entry.read) >= age {
		return nil
	}
	d.recent.MoveToFront(el)
	return entry.doc
}

// stored returns the document of a stored session if it is in the cache. It does not
// go out of date: the digest is that of the text with all its files.
func (d *documents) stored(url string, digest [sha256.Size]byte) *scxml.Document {
	d.mu.Lock()
	defer d.mu.Unlock()
	el := d.entries[documentKey{url: url, inline: true, digest: digest}]
	if el == nil {
		return nil
	}
	d.recent.MoveToFront(el)
	return el.Value.(*cachedDocument).doc
}

// compiled returns the document of a stored session, whose text with all its files is
// source.
func (d *documents) compiled(url, source string) (*scxml.Document, error) {
	r := d.request(url, source)
	r.again = true
	if doc := d.stored(url, r.key.digest); doc != nil {
		return doc, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	return r.get(ctx)
}

// remember keeps the document of a stored session for when that comes back.
func (d *documents) remember(doc *scxml.Document) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keep(documentKey{url: doc.URL(), inline: true, digest: doc.Digest()}, doc, int64(len(doc.Source())))
}

// local reports whether the document can be had without waiting for anybody:
// inline content that does not seem to refer to other resources, by src or
// <xi:include>.
func (r documentRequest) local() bool {
	return r.key.inline && !strings.Contains(r.content, "src") && !strings.Contains(r.content, "include")
}

// get reads and compiles the document, or waits for somebody who is doing so.
func (r documentRequest) get(ctx context.Context) (*scxml.Document, error) {
	d := r.documents
	d.mu.Lock()
	waits := !r.again && !r.local()
	if d.closed && waits {
		d.mu.Unlock()
		return nil, fmt.Errorf("%w: %s is not loaded any more", ErrClosed, r.key.url)
	}
	f := d.flights[r.key]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		d.flights[r.key] = f
		cancel := d.engine.perform(loadTimeout, func(ctx context.Context) { d.fly(ctx, r, f) })
		if waits {
			f.cancel = cancel
		}
	}
	d.mu.Unlock()
	select {
	case <-f.done:
		return f.doc, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("session: loading %s: %w", r.key.url, ctx.Err())
	}
}

// close cancels the readings that wait for somebody; they end with ErrClosed.
func (d *documents) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, f := range d.flights {
		if f.cancel != nil {
			f.cancel()
		}
	}
}

// fly carries out a reading and tells all who wait for it.
func (d *documents) fly(ctx context.Context, r documentRequest, f *flight) {
	var size int
	var fetched bool
	err := contain("loading "+r.key.url, func() (err error) {
		f.doc, size, fetched, err = d.read(ctx, r)
		return err
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	defer close(f.done)
	delete(d.flights, r.key)
	switch old := d.entries[r.key]; {
	case err == nil:
		d.keep(r.key, f.doc, int64(size))
	case d.closed && f.cancel != nil:
		f.doc, f.err = nil, fmt.Errorf("%w while %s was being loaded: %w", ErrClosed, r.key.url, err)
	case !fetched && old != nil && !errors.Is(err, ErrDenied) && r.usable(old.Value.(*cachedDocument)):
		f.doc = old.Value.(*cachedDocument).doc
		d.engine.logger.Warn("document could not be read again; the old one stays in use", "url", r.key.url, "error", err)
	default:
		f.doc, f.err = nil, err
	}
}

// read returns the compiled document and the size of its source. fetched is
// true when the source was there and the error, if any, is about its content.
func (d *documents) read(ctx context.Context, r documentRequest) (doc *scxml.Document, size int, fetched bool, err error) {
	source := []byte(r.content)
	if !r.key.inline {
		if d.loader == nil {
			return nil, 0, false, fmt.Errorf("session: loading %s: %w", r.key.url, errNoLoader)
		}
		limit := int64(d.parse.Limits.Bytes)
		if limit <= 0 {
			limit = defaultDocumentBytes
		}
		if source, err = r.text(ctx, limit); err != nil {
			return nil, 0, false, err
		}
	}
	opts := d.parse
	opts.URL = r.key.url
	if r.again {
		opts.Preload = nil // source has those of then
	}
	doc, err = scxml.Parse(ctx, source, &opts)
	if err != nil {
		return nil, 0, true, err
	}
	for _, w := range doc.Warnings() {
		d.engine.logger.Warn("document has a questionable place", "warning", w)
	}
	return doc, len(source), true, nil
}

// text reads the document by its policy.
func (r documentRequest) text(ctx context.Context, limit int64) ([]byte, error) {
	if r.policy.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.policy.Timeout)
		defer cancel()
	}
	if f, ok := r.documents.loader.(PolicyFetcher); ok && r.policy != (FetchPolicy{}) {
		return f.FetchWith(ctx, r.key.url, limit, &r.policy)
	}
	return r.documents.loader.Fetch(ctx, r.key.url, limit)
}

// keep puts a document into the cache and drops those used least recently when
// that is too much. d.mu is held.
func (d *documents) keep(key documentKey, doc *scxml.Document, size int64) {
	if el := d.entries[key]; el != nil {
		d.drop(el)
	}
	if size > d.limits.Largest {
		return
	}
	entry := &cachedDocument{key: key, doc: doc, bytes: size, read: d.engine.clock.Now()}
	d.entries[key] = d.recent.PushFront(entry)
	d.bytes += size
	for d.recent.Len() > d.limits.Documents || d.bytes > d.limits.Bytes {
		d.drop(d.recent.Back())
	}
}

func (d *documents) drop(el *list.Element) {
	entry := d.recent.Remove(el).(*cachedDocument)
	delete(d.entries, entry.key)
	d.bytes -= entry.bytes
}
