package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/seed-ff723688/ors/persistence"
)

// Level says what has to have happened before a write is answered. The package comment tells
// what each one can lose.
type Level int

// The levels of durability.
const (
	LevelLocal      Level = iota // the server keeps an append-only file
	LevelMemory                  // as the server is configured
	LevelReplicated              // LevelLocal, and one replica has the write
)

var levelNames = [...]string{"local", "memory", "replicated"}

// String returns "local", "memory" or "replicated".
func (l Level) String() string {
	if l < 0 || int(l) >= len(levelNames) {
		return fmt.Sprintf("Level(%d)", int(l))
	}
	return levelNames[l]
}

// ParseLevel reads what String writes.
func ParseLevel(s string) (Level, error) {
	for i, name := range levelNames {
		if s == name {
			return Level(i), nil
		}
	}
	return 0, fmt.Errorf("redisstore: %w: level %.40q, want one of %s", persistence.ErrInvalid, s, strings.Join(levelNames[:], ", "))
}

// Options are the settings of a Store. The zero value, like a nil pointer, means the
// defaults.
type Options struct {
	// Prefix begins every key; default "ORS".
	Prefix string

	// Cluster is the name of the cluster of engines whose sessions these are; default
	// "default". It stands in every key.
	Cluster string

	// Buckets is the number of buckets of a new store; default persistence.DefaultBuckets, at
	// most persistence.MaxBuckets. Of a store that exists it has to be the number it was created
	// with, or 0.
	Buckets int

	// Level is the level of durability; default LevelLocal.
	Level Level

	// MaxInbox is the greatest number of unhandled events of one session; default 10,000,
	// negative for no limit.
	MaxInbox int

	// TTL, where it is more than zero, has what is stored of a session expire that long after its
	// last write: a safety net against sessions that nobody ends. A session that is
	// idle for longer is lost.
	TTL time.Duration

	// Username and Password log in to the servers; TLS, when not nil, encrypts.
	Username, Password string
	TLS                *tls.Config

	// DB is the number of the database of a single server; a cluster has 0 only.
	DB int

	// Timeout bounds an operation, beside its context; default 5 s.
	Timeout time.Duration

	// ReplicaTimeout is how long a write at LevelReplicated waits for a replica; default 1 s.
	ReplicaTimeout time.Duration

	// Connections is the number of connections to each server: a power of two, default 4. At LevelReplicated
	// as many writes as MaxWaiting wait at the same time, each on a connection of its own;
	// default 128.
	Connections, MaxWaiting int
}

func (o *Options) withDefaults() (Options, error) {
	var out Options
	if o != nil {
		out = *o
	}
	bad := func(format string, args ...any) (Options, error) {
		return out, fmt.Errorf("%w: Options."+format, append([]any{persistence.ErrInvalid}, args...)...)
	}
	if n := out.Buckets; n < 0 || n > persistence.MaxBuckets {
		return bad("Buckets is %d, want 1 to %d", n, persistence.MaxBuckets)
	}
	if out.Level < 0 || int(out.Level) >= len(levelNames) {
		return bad("Level is %d, which is none", int(out.Level))
	}
	if out.Connections == 0 {
		out.Connections = 4
	}
	if n := out.Connections; n < 1 || n > 256 || n&(n-1) != 0 {
		return bad("Connections is %d, want a power of two up to 256", n)
	}
	if out.Timeout < 0 || out.ReplicaTimeout < 0 || out.TTL < 0 || out.MaxWaiting < 0 {
		return bad("Timeout, ReplicaTimeout, TTL and MaxWaiting must not be negative")
	}
	if out.Prefix == "" {
		out.Prefix = "ORS"
	}
	if out.Cluster == "" {
		out.Cluster = "default"
	}
	for _, name := range []string{out.Prefix, out.Cluster} {
		if err := persistence.CheckNames("prefix or cluster", name); err != nil {
			return out, err
		}
		if strings.ContainsAny(name, "{}") {
			return bad("Prefix and Cluster must not contain braces, as %q does", name)
		}
	}
	if out.MaxInbox == 0 {
		out.MaxInbox = 10_000
	}
	if out.Timeout == 0 {
		out.Timeout = 5 * time.Second
	}
	if out.ReplicaTimeout == 0 {
		out.ReplicaTimeout = time.Second
	}
	if out.MaxWaiting == 0 {
		out.MaxWaiting = 128
	}
	return out, nil
}

// Store is a persistence.Store on Redis. It is safe for concurrent use. Make one with Open and end
// it with Close.
type Store struct {
	opts    Options
	client  rueidis.Client
	prefix  string // of all keys: "ORS:C:"
	buckets int
	ttl     string // in milliseconds; "0" for none
	waiting chan struct{}
	closed  atomic.Bool
}

var _ persistence.Store = (*Store)(nil)

// Open connects to a server, or to the cluster that one of the servers belongs to, and makes the
// store where there is none. It fails where the server is too old, evicts keys, or does not keep
// what Options.Level asks for.
func Open(ctx context.Context, addresses []string, opts *Options) (*Store, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("redisstore: open: %w", err)
	}
	if len(addresses) == 0 {
		return nil, fmt.Errorf("redisstore: open: %w: no address", persistence.ErrInvalid)
	}
	fail := func(err error) (*Store, error) {
		return nil, fmt.Errorf("redisstore: open %s: %w", strings.Join(addresses, ","), err)
	}
	multiplex := 0
	for n := o.Connections; n > 1; n >>= 1 {
		multiplex++
	}
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: addresses, Username: o.Username, Password: o.Password, TLSConfig: o.TLS, SelectDB: o.DB,
		ClientName: "ors", DisableCache: true, PipelineMultiplex: multiplex, BlockingPoolSize: o.MaxWaiting,
		BlockingPoolCleanup: time.Minute, BlockingPoolMinSize: 1,
		Dialer: net.Dialer{Timeout: o.Timeout}, ConnWriteTimeout: o.Timeout + o.ReplicaTimeout,
	})
	if err != nil {
		return fail(err)
	}
	s := &Store{
		opts: o, client: client, prefix: o.Prefix + ":" + o.Cluster + ":",
		ttl: strconv.FormatInt(o.TTL.Milliseconds(), 10), waiting: make(chan struct{}, o.MaxWaiting),
	}
	if err := s.prepare(ctx); err != nil {
		client.Close()
		return fail(err)
	}
	return s, nil
}

// Buckets returns the number of buckets.
func (s *Store) Buckets() int { return s.buckets }

// Close closes the connections. Operations under way fail.
func (s *Store) Close() error {
	if s.closed.CompareAndSwap(false, true) {
		s.client.Close()
	}
	return nil
}

// format is the version of the layout. Another one is refused. (1 and 2, of no release, numbered effects in another
// way, and had documents without times.)
const format = 3

// prepare checks the servers and makes the store.
func (s *Store) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	for address, node := range s.client.Nodes() {
		text, err := node.Do(ctx, node.B().Info().Build()).ToString()
		if err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
		if err := s.checkServer(info(text)); err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
	}
	want := s.opts.Buckets
	if want == 0 {
		want = persistence.DefaultBuckets
	}
	r, err := s.write(ctx, scriptPrepare, []string{s.prefix + "meta"}, []string{strconv.Itoa(format), strconv.Itoa(want)})
	if err != nil {
		return err
	}
	found, err := r.number(0)
	if err != nil {
		return err
	}
	if found != format {
		return fmt.Errorf("the store %s has format %d, this version reads %d: use the version that wrote it, to export the sessions where it is an older one", s.prefix, found, format)
	}
	n, err := r.number(1)
	if err != nil || n < 1 || n > persistence.MaxBuckets {
		return fmt.Errorf("%smeta says %d buckets, want 1 to %d: it is damaged", s.prefix, n, persistence.MaxBuckets)
	}
	s.buckets = int(n)
	if s.opts.Buckets != 0 && s.opts.Buckets != s.buckets {
		return fmt.Errorf("%w: Options.Buckets is %d, the store was created with %d", persistence.ErrInvalid, s.opts.Buckets, s.buckets)
	}
	return nil
}

// info reads the answer to INFO.
func info(text string) map[string]string {
	out := make(map[string]string)
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out[key] = value
		}
	}
	return out
}

func (s *Store) checkServer(info map[string]string) error {
	version := info["redis_version"]
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < 7 {
		return fmt.Errorf("the server has version %q: Redis 7.0 or later, or Valkey, is needed", version)
	}
	if policy := info["maxmemory_policy"]; info["maxmemory"] != "0" && policy != "noeviction" {
		return fmt.Errorf("the server would throw sessions away when it is full: set maxmemory-policy from %s to noeviction", policy)
	}
	if s.opts.Level != LevelMemory && info["aof_enabled"] != "1" {
		return fmt.Errorf("the server keeps no append-only file, as level %s needs: set appendonly to yes, or choose LevelMemory", s.opts.Level)
	}
	return nil
}

// bucketKeys makes the names of a bucket's keys.
type bucketKeys string

func (s *Store) bucket(n int) bucketKeys {
	b := append(append(make([]byte, 0, len(s.prefix)+len("{b00000}:")), s.prefix...), "{b"...)
	for limit := 1000; limit > 1 && n < limit; limit /= 10 {
		b = append(b, '0')
	}
	return bucketKeys(append(strconv.AppendInt(b, int64(n), 10), "}:"...))
}

func (b bucketKeys) own() string    { return string(b) + "own" }
func (b bucketKeys) due() string    { return string(b) + "due" }
func (b bucketKeys) ready() string  { return string(b) + "ready" }
func (b bucketKeys) all() string    { return string(b) + "all" }
func (b bucketKeys) claims() string { return string(b) + "claims" }
func (b bucketKeys) docs() string   { return string(b) + "docs" }

func (b bucketKeys) document(d persistence.Digest) string { return string(b) + "d:" + d.String() }

func (b bucketKeys) session(id string) string { return string(b) + "s:" + id }
func (b bucketKeys) inbox(id string) string   { return string(b) + "i:" + id }
func (b bucketKeys) keys(id string) string    { return string(b) + "k:" + id }

// keysOf are all keys that a write to a session may touch, in the order of the scripts.
func (s *Store) keysOf(id string) []string {
	b := s.bucket(persistence.BucketOf(id, s.buckets))
	return []string{
		b.own(), b.session(id), b.inbox(id), b.keys(id), b.due(), b.ready(), b.all(), b.claims(),
	}
}

// commitKeys are those that a commit may touch, no more than are needed, in the order of its script.
func (s *Store) commitKeys(id string) []string {
	b := s.bucket(persistence.BucketOf(id, s.buckets))
	keys := append(make([]string, 0, 6), b.own(), b.session(id), b.due(), b.ready(), b.inbox(id))
	if s.opts.TTL > 0 {
		keys = append(keys, b.keys(id))
	}
	return keys
}

// errUnexpected is an answer that no script of this package gives.
var errUnexpected = errors.New("unexpected answer of the server: its keys were changed by somebody else")
