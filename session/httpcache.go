package session

import (
	"container/list"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// httpCache keeps responses of HTTP servers for a Loader (RFC 9111, as far as a
// client needs it that sends the same request for everybody).
type httpCache struct {
	clock          Clock
	bytes, largest int64 // room, and that of one response
	most           int   // responses
	ours           cacheRule

	mu      sync.Mutex
	used    int64
	entries map[string]*list.Element // of *httpEntry, by URL
	recent  *list.List               // most recently used first
}

// cacheRule is what counts beside what servers say, as MaxAge and MaxStale of LoaderOptions.
// A maxAge below 0 has the server asked each time.
type cacheRule struct{ maxAge, maxStale time.Duration }

// rule is the one of a policy.
func (c *httpCache) rule(p *FetchPolicy) cacheRule {
	r := c.ours
	if p.MaxAge != 0 {
		r.maxAge = p.MaxAge
	}
	if p.MaxStale != 0 {
		r.maxStale = p.MaxStale
	}
	return r
}

const defaultCacheEntries = 10_000

// httpEntry is a response. It is replaced, never changed.
type httpEntry struct {
	url    string
	body   []byte
	etag   string
	since  string // Last-Modified
	strict bool   // it is not used once it is too old

	at   time.Time     // when the server gave it, or confirmed it
	life time.Duration // what the server says of its age
	said bool          // it does
}

// until is how long the response is used without asking.
func (e *httpEntry) until(r cacheRule) time.Time {
	life := r.maxAge
	if e.said {
		life = e.life
		if r.maxAge != 0 {
			life = min(life, r.maxAge)
		}
	}
	return e.at.Add(max(life, 0))
}

func newHTTPCache(o *LoaderOptions) *httpCache {
	c := &httpCache{
		clock: o.Clock, bytes: o.CacheBytes, largest: o.CacheEntryBytes, most: o.CacheEntries, ours: cacheRule{o.MaxAge, o.MaxStale},
		entries: make(map[string]*list.Element), recent: list.New(),
	}
	if c.largest <= 0 {
		c.largest = c.bytes
	}
	positive(&c.most, defaultCacheEntries)
	return c
}

// get returns what is kept of a URL, nil if nothing, and whether it may be used
// without asking the server.
func (c *httpCache) get(url string, r cacheRule) (e *httpEntry, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.entries[url]
	if el == nil {
		return nil, false
	}
	c.recent.MoveToFront(el)
	e = el.Value.(*httpEntry)
	return e, c.clock.Now().Before(e.until(r))
}

// usable reports whether e may be used although the server does not answer.
func (c *httpCache) usable(e *httpEntry, r cacheRule) bool {
	return e != nil && !e.strict && c.clock.Now().Before(e.until(r).Add(max(r.maxStale, 0)))
}

// ask makes a request one that is answered with 304 when e is still right.
func (e *httpEntry) ask(h http.Header) {
	if e.etag != "" {
		h.Set("If-None-Match", e.etag)
	}
	if e.since != "" {
		h.Set("If-Modified-Since", e.since)
	}
}

// put keeps a response, if its server allows that. Headers that a 304 does not
// repeat are those of the entry it confirms.
func (c *httpCache) put(url string, h http.Header, body []byte, confirmed *httpEntry, r cacheRule) {
	e := &httpEntry{url: url, body: body, etag: h.Get("ETag"), since: h.Get("Last-Modified")}
	if confirmed != nil {
		if e.etag == "" {
			e.etag = confirmed.etag
		}
		if e.since == "" {
			e.since = confirmed.since
		}
	}
	control := directives(h)
	_, noStore := control["no-store"]
	_, e.strict = control["must-revalidate"]
	e.at = c.clock.Now()
	e.life, e.said = serverLifetime(h, control)
	useless := !e.until(r).After(e.at) && e.etag == "" && e.since == "" && r.maxStale <= 0
	c.mu.Lock()
	defer c.mu.Unlock()
	if el := c.entries[url]; el != nil {
		c.drop(el)
	}
	if noStore || useless || h.Get("Vary") == "*" || int64(len(body)) > min(c.bytes, c.largest) {
		return
	}
	c.entries[url] = c.recent.PushFront(e)
	c.used += int64(len(body))
	for c.used > c.bytes || c.recent.Len() > c.most {
		c.drop(c.recent.Back())
	}
}

func (c *httpCache) drop(el *list.Element) {
	e := c.recent.Remove(el).(*httpEntry)
	delete(c.entries, e.url)
	c.used -= int64(len(e.body))
}

// serverLifetime is what the server says; false when it says nothing.
func serverLifetime(h http.Header, control map[string]string) (time.Duration, bool) {
	var life time.Duration
	if _, ok := control["no-cache"]; ok {
		return 0, true
	}
	if text, ok := control["max-age"]; ok {
		life = seconds(text)
	} else if text := h.Get("Expires"); text != "" {
		expires, err := http.ParseTime(text)
		date, err2 := http.ParseTime(h.Get("Date"))
		if err != nil || err2 != nil {
			return 0, true // a date that cannot be read has passed
		}
		life = expires.Sub(date)
	} else {
		return 0, false
	}
	return max(life-seconds(h.Get("Age")), 0), true
}

// seconds reads a number of seconds; what is none counts as zero.
func seconds(text string) time.Duration {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// directives reads Cache-Control.
func directives(h http.Header) map[string]string {
	all := map[string]string{}
	for _, line := range h.Values("Cache-Control") {
		for part := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			all[strings.ToLower(name)] = strings.Trim(value, `"`)
		}
	}
	return all
}
