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
	clock            Clock
	bytes            int64 // room
	maxAge, maxStale time.Duration

	mu      sync.Mutex
	used    int64
	entries map[string]*list.Element // of *httpEntry, by URL
	recent  *list.List               // most recently used first
}

// maxResponses is the number of responses that are kept, however short they are.
const maxResponses = 10_000

// httpEntry is a response. It is replaced, never changed.
type httpEntry struct {
	url    string
	body   []byte
	etag   string
	since  string    // Last-Modified
	until  time.Time // it is used without asking
	strict bool      // it is not used after that
}

func newHTTPCache(o *LoaderOptions) *httpCache {
	return &httpCache{
		clock: o.Clock, bytes: o.CacheBytes, maxAge: o.MaxAge, maxStale: o.MaxStale,
		entries: make(map[string]*list.Element), recent: list.New(),
	}
}

// get returns what is kept of a URL, nil if nothing, and whether it may be used
// without asking the server.
func (c *httpCache) get(url string) (e *httpEntry, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.entries[url]
	if el == nil {
		return nil, false
	}
	c.recent.MoveToFront(el)
	e = el.Value.(*httpEntry)
	return e, c.clock.Now().Before(e.until)
}

// usable reports whether e may be used although the server does not answer.
func (c *httpCache) usable(e *httpEntry) bool {
	return e != nil && !e.strict && c.clock.Now().Before(e.until.Add(c.maxStale))
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
func (c *httpCache) put(url string, h http.Header, body []byte, confirmed *httpEntry) {
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
	life := c.lifetime(h, control)
	e.until = c.clock.Now().Add(life)
	useless := life <= 0 && e.etag == "" && e.since == "" && c.maxStale <= 0
	c.mu.Lock()
	defer c.mu.Unlock()
	if el := c.entries[url]; el != nil {
		c.drop(el)
	}
	if noStore || useless || h.Get("Vary") == "*" || int64(len(body)) > c.bytes {
		return
	}
	c.entries[url] = c.recent.PushFront(e)
	c.used += int64(len(body))
	for c.used > c.bytes || c.recent.Len() > maxResponses {
		c.drop(c.recent.Back())
	}
}

func (c *httpCache) drop(el *list.Element) {
	e := c.recent.Remove(el).(*httpEntry)
	delete(c.entries, e.url)
	c.used -= int64(len(e.body))
}

// lifetime is how long a response may be used without asking.
func (c *httpCache) lifetime(h http.Header, control map[string]string) time.Duration {
	if _, ok := control["no-cache"]; ok {
		return 0
	}
	life := c.maxAge
	if given, ok := serverLifetime(h, control); ok {
		life = given
		if c.maxAge > 0 {
			life = min(life, c.maxAge)
		}
	}
	return life
}

// serverLifetime is what the server says; false when it says nothing.
func serverLifetime(h http.Header, control map[string]string) (time.Duration, bool) {
	var life time.Duration
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
