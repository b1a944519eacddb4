package persistence

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxName is the greatest length, in bytes, of a name: a session id, claim, event
	// key, timer id, effect id or owner.
	MaxName = 255

	// KeyWindow says how long the key of a handled event is remembered: until this
	// many more events have been appended to the session. A store may remember
	// longer.
	KeyWindow = 128

	// DocumentRefresh says how exact the time of a document is: PutDocument leaves it as
	// it is when it is less than this ago.
	DocumentRefresh = time.Hour
)

// Session is the record of one session: what Create takes and Load returns.
type Session struct {
	ID       string
	Claim    string // a key that no other session may hold; "" for none
	Document Digest // of the document; zero for none
	Rev      uint64 // raised by each commit; Create takes 0 as 1
	Snapshot []byte
	Acked    uint64  // inbox events up to this number are handled
	Inbox    []Event // the unhandled ones, numbered Acked+1, Acked+2, …
	Timers   []Timer // by time, then id
	Outbox   []Effect
}

// Info is a session without its contents, as lists show it.
type Info struct {
	ID       string
	Claim    string
	Document Digest
	Rev      uint64
	Acked    uint64 // number of the last inbox event handled
	Tail     uint64 // number of the last inbox event accepted; equal to Acked when none waits
	Timers   int    // pending
	Effects  int    // not confirmed
}

// DocumentInfo is a document without its body, as Documents lists it.
type DocumentInfo struct {
	Digest Digest
	Size   int64     // of the body, in bytes
	Put    time.Time // when it was put last, by the store's clock; up to DocumentRefresh too early
}

// Event is an entry of a session's inbox.
type Event struct {
	Number uint64 // given by the store, from 1; ignored in arguments
	Key    string // by which the store drops repeats; "" for none
	Data   []byte
}

// Timer is something that is to happen to a session at a point in time.
type Timer struct {
	ID   string // unique within the session
	At   time.Time
	Data []byte
}

// Effect is an entry of a session's outbox.
type Effect struct {
	ID   string // unique within the session, for all its life
	Data []byte
}

// Due is a pending timer of a session, as Due lists it.
type Due struct {
	Session string
	Timer   string
	At      time.Time
}

// Commit is what one step of a session writes. All of it becomes visible at once.
type Commit struct {
	ID       string
	Rev      uint64 // the revision the step began with; the stored one becomes Rev+1
	Snapshot []byte // replaces the stored one; empty leaves that as it is
	Acked    uint64 // inbox events up to this number are handled: never less than stored, never above the last accepted

	ClearTimers []string // removed first; ids that are not there are ignored
	SetTimers   []Timer  // added, or replaced where the id is there

	Confirmed []string // effects carried out: removed first; ids that are not there are ignored
	Effects   []Effect // added at the end of the outbox; their ids must be new
}

// Lease is the ownership of a bucket.
type Lease struct {
	Bucket int
	Owner  string // "" when nobody has the bucket
	Epoch  uint64 // risen with every change of hands; 0 when it was never acquired
	// Until is when the lease lapses, by the store's clock; zero without owner.
	Until time.Time
}

// Digest is the SHA-256 sum of a document's body. The zero Digest stands for none.
type Digest [sha256.Size]byte

// DigestOf returns the digest of a document's body.
func DigestOf(body []byte) Digest { return sha256.Sum256(body) }

// String returns the digest in hexadecimal, "" for the zero one.
func (d Digest) String() string {
	if d == (Digest{}) {
		return ""
	}
	return hex.EncodeToString(d[:])
}

// MarshalText returns String's text.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads String's text back.
func (d *Digest) UnmarshalText(text []byte) error {
	var got Digest
	if len(text) > 0 {
		if len(text) != hex.EncodedLen(len(got)) {
			return invalid("digest %.80q has %d characters, want %d hexadecimal ones", text, len(text), hex.EncodedLen(len(got)))
		}
		if _, err := hex.Decode(got[:], text); err != nil {
			return invalid("digest %q is not hexadecimal", text)
		}
	}
	*d = got
	return nil
}

// Validate checks a session that is to be created in a store of the given number of
// buckets. Its errors are ErrInvalid.
func (s *Session) Validate(buckets int) error {
	if err := CheckNames("session id", s.ID); err != nil {
		return err
	}
	if s.Claim != "" {
		if err := CheckNames("claim", s.Claim); err != nil {
			return err
		}
		if own, claimed := BucketOf(s.ID, buckets), BucketOf(s.Claim, buckets); own != claimed {
			return invalid("session %q lies in bucket %d, its claim %q in %d: make the id with AppendBucket for the claim's bucket", s.ID, own, s.Claim, claimed)
		}
	}
	var keys []string
	for i := range s.Inbox {
		if key := s.Inbox[i].Key; key != "" {
			keys = append(keys, key)
		}
	}
	if err := checkNew("event key", len(keys), func(i int) string { return keys[i] }); err != nil {
		return err
	}
	if err := checkTimers(s.Timers); err != nil {
		return err
	}
	return checkEffects(s.Outbox)
}

// Validate checks what can be checked without the stored session. Its errors are
// ErrInvalid.
func (c *Commit) Validate() error {
	if err := CheckNames("session id", c.ID); err != nil {
		return err
	}
	if c.Rev == 0 {
		return invalid("commit of session %q builds on revision 0: the first is 1, made by Create", c.ID)
	}
	if err := checkTimers(c.SetTimers); err != nil {
		return err
	}
	return checkEffects(c.Effects)
}

// Validate checks an event that is to be appended. Its errors are ErrInvalid.
func (e *Event) Validate() error {
	if e.Key == "" {
		return nil
	}
	return CheckNames("event key", e.Key)
}

// CheckNames returns ErrInvalid if one of the names is not 1 to MaxName bytes of UTF-8
// without control characters; what says in the error what kind of name it is.
func CheckNames(what string, names ...string) error {
	for _, name := range names {
		if name == "" {
			return invalid("empty %s", what)
		}
		if len(name) > MaxName {
			return invalid("%s %.40q… has %d bytes, at most %d are allowed", what, name, len(name), MaxName)
		}
		if !utf8.ValidString(name) {
			return invalid("%s %q is not UTF-8", what, name)
		}
		for _, r := range name {
			if unicode.IsControl(r) {
				return invalid("%s %q contains a control character", what, name)
			}
		}
	}
	return nil
}

// CheckBuckets returns ErrInvalid if one of the buckets is not in 0 to n-1 or stands there
// twice.
func CheckBuckets(n int, buckets ...int) error {
	for _, b := range buckets {
		if b < 0 || b >= n {
			return invalid("bucket %d of a store with the buckets 0 to %d", b, n-1)
		}
	}
	if len(buckets) < 2 {
		return nil
	}
	seen := make(map[int]bool, len(buckets))
	for _, b := range buckets {
		if seen[b] {
			return invalid("bucket %d twice", b)
		}
		seen[b] = true
	}
	return nil
}

// CheckLease returns ErrInvalid if the time of a lease is not more than zero.
func CheckLease(lease time.Duration) error {
	if lease <= 0 {
		return invalid("a lease of %v, want more than zero", lease)
	}
	return nil
}

// CheckIdle returns ErrInvalid if the time by which Documents chooses is negative.
func CheckIdle(idle time.Duration) error {
	if idle < 0 {
		return invalid("documents put %v ago, want zero or more", idle)
	}
	return nil
}

func checkTimers(timers []Timer) error {
	for i := range timers {
		if y := timers[i].At.UTC().Year(); y < 1970 || y > 9999 {
			return invalid("timer %q is set to the year %d, outside 1970 to 9999", timers[i].ID, y)
		}
	}
	return checkNew("timer id", len(timers), func(i int) string { return timers[i].ID })
}

func checkEffects(effects []Effect) error {
	return checkNew("effect id", len(effects), func(i int) string { return effects[i].ID })
}

// checkNew checks n names, none of which may be there twice. A step has few, so mostly they are compared with each
// other.
func checkNew(what string, n int, name func(int) string) error {
	var seen map[string]bool
	if n > 8 {
		seen = make(map[string]bool, n)
	}
	for i := range n {
		if err := CheckNames(what, name(i)); err != nil {
			return err
		}
		twice := seen[name(i)]
		for j := 0; seen == nil && j < i; j++ {
			twice = twice || name(j) == name(i)
		}
		if twice {
			return invalid("%s %q twice", what, name(i))
		}
		if seen != nil {
			seen[name(i)] = true
		}
	}
	return nil
}
