package cassandrastore

import (
	"context"
	"crypto/tls"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/seed-ff723688/ors/persistence"
)

// Level says on how many replicas a write is before it is answered. The package comment tells
// what each one can lose.
type Level int

// The levels of durability.
const (
	LevelLocal      Level = iota // a quorum of the data centre: LOCAL_QUORUM, LOCAL_SERIAL
	LevelReplicated              // a quorum of all replicas: QUORUM, SERIAL
	LevelEach                    // a quorum of each data centre: EACH_QUORUM, SERIAL
)

var levelNames = [...]string{"local", "replicated", "each"}

// String returns "local", "replicated" or "each".
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
	return 0, fmt.Errorf("cassandrastore: %w: level %.40q, want one of %s", persistence.ErrInvalid, s, strings.Join(levelNames[:], ", "))
}

// consistency returns the levels at which to write, to read, and to decide.
func (l Level) consistency() (write, read, serial gocql.Consistency) {
	switch l {
	case LevelReplicated:
		return gocql.Quorum, gocql.Quorum, gocql.Serial
	case LevelEach:
		return gocql.EachQuorum, gocql.Quorum, gocql.Serial
	}
	return gocql.LocalQuorum, gocql.LocalQuorum, gocql.LocalSerial
}

// Options are the settings of a Store. The zero value, like a nil pointer, means the
// defaults.
type Options struct {
	// Port is the nodes' port for CQL where their address names none; default 9042.
	Port int

	// Keyspace is where the tables are; default "orchestration". It is created where it is
	// missing.
	Keyspace string

	// StrategyClass and StrategyOptions say how a keyspace that is created is replicated:
	// "SimpleStrategy" (the default) with "replication_factor:3" (the default) for one ring,
	// "NetworkTopologyStrategy" with the number of replicas in each data centre, "DC1:3;DC2:3",
	// for several. A keyspace that exists is left as it is.
	StrategyClass, StrategyOptions string

	// DataCentre, where it is not empty, is the data centre whose nodes are asked first. It must be given
	// at LevelLocal when the ring has several.
	DataCentre string

	// Cluster is the name of the cluster of engines whose sessions these are; default
	// "default". Clusters in one keyspace see nothing of each other.
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

	// MaxWrite is the greatest size of what one operation writes, in bytes; default 8 MiB. It has to
	// stay below the servers' max_mutation_size, half of commitlog_segment_size.
	MaxWrite int

	// Username and Password log in to the servers; TLS, when not nil, encrypts. The certificates
	// have to name the nodes' addresses, unless TLS.InsecureSkipVerify is set.
	Username, Password string
	TLS                *tls.Config

	// Timeout bounds an operation, beside its context; default 10 s. It should be longer than the
	// servers' own time-outs (2 s for a write), so that they speak first.
	Timeout time.Duration

	// Connections is the number of connections to each node; default 2.
	Connections int
}

var keyspaceName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,47}$`)

func (o *Options) withDefaults() (Options, error) {
	var out Options
	if o != nil {
		out = *o
	}
	bad := func(format string, args ...any) (Options, error) {
		return out, fmt.Errorf("%w: Options."+format, append([]any{persistence.ErrInvalid}, args...)...)
	}
	text := func(s *string, otherwise string) {
		if *s == "" {
			*s = otherwise
		}
	}
	number := func(n *int, otherwise int) {
		if *n == 0 {
			*n = otherwise
		}
	}
	text(&out.Keyspace, "orchestration")
	text(&out.StrategyClass, "SimpleStrategy")
	text(&out.Cluster, "default")
	number(&out.Port, 9042)
	number(&out.MaxInbox, 10_000)
	number(&out.MaxWrite, 8<<20)
	number(&out.Connections, 2)
	if out.StrategyOptions == "" && out.StrategyClass == "SimpleStrategy" {
		out.StrategyOptions = "replication_factor:3"
	}
	if out.Timeout == 0 {
		out.Timeout = 10 * time.Second
	}
	if n := out.Buckets; n < 0 || n > persistence.MaxBuckets {
		return bad("Buckets is %d, want 1 to %d", n, persistence.MaxBuckets)
	}
	if out.Level < 0 || int(out.Level) >= len(levelNames) {
		return bad("Level is %d, which is none", int(out.Level))
	}
	if out.Port < 1 || out.Port > 65535 {
		return bad("Port is %d, want 1 to 65535", out.Port)
	}
	if out.Timeout < 0 || out.MaxWrite < 0 || out.Connections < 0 {
		return bad("Timeout, MaxWrite and Connections must not be negative")
	}
	if !keyspaceName.MatchString(out.Keyspace) {
		return bad("Keyspace is %.60q, want a letter and up to 47 letters, digits and underscores", out.Keyspace)
	}
	if _, err := replication(out.StrategyClass, out.StrategyOptions); err != nil {
		return out, err
	}
	return out, persistence.CheckNames("Options.Cluster", out.Cluster)
}

// replication writes the replication of a keyspace in CQL.
func replication(class, options string) (string, error) {
	if class != "SimpleStrategy" && class != "NetworkTopologyStrategy" {
		return "", fmt.Errorf("%w: Options.StrategyClass is %.60q, want SimpleStrategy or NetworkTopologyStrategy", persistence.ErrInvalid, class)
	}
	var cql strings.Builder
	fmt.Fprintf(&cql, "{'class': '%s'", class)
	for part := range strings.SplitSeq(options, ";") {
		name, value, _ := strings.Cut(part, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || name == "" || strings.ContainsAny(name, `'"`) || class == "SimpleStrategy" && name != "replication_factor" {
			return "", fmt.Errorf("%w: Options.StrategyOptions is %.80q: want replication_factor:3 with SimpleStrategy, DC1:3;DC2:3 with NetworkTopologyStrategy",
				persistence.ErrInvalid, options)
		}
		fmt.Fprintf(&cql, ", '%s': %d", name, n)
	}
	return cql.String() + "}", nil
}

// Store is a persistence.Store on Cassandra. It is safe for concurrent use. Make one with Open and
// end it with Close.
type Store struct {
	opts    Options
	session *gocql.Session
	cql     *statements
	buckets int
	locks   locks

	write, read, serial gocql.Consistency

	running sync.RWMutex // held for reading by operations
	closed  bool
	cleanup sync.WaitGroup
	tidying chan struct{} // one place for each clean-up under way
}

var _ persistence.Store = (*Store)(nil)

// Open connects to a ring, of which nodes names some members (address, or address:port), and
// makes the keyspace, the tables and the store where there are none. It fails where the tables were
// made by another version of this package.
//
// Let one engine make a new keyspace before others are started: Cassandra does not like two to
// make the same tables at the same time.
func Open(ctx context.Context, nodes []string, opts *Options) (*Store, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("cassandrastore: open: %w", err)
	}
	if len(nodes) == 0 {
		return nil, fmt.Errorf("cassandrastore: open: %w: no node", persistence.ErrInvalid)
	}
	fail := func(err error) (*Store, error) {
		return nil, fmt.Errorf("cassandrastore: open %s: %w", strings.Join(nodes, ","), err)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	s := &Store{opts: o, cql: newStatements(o.Keyspace), tidying: make(chan struct{}, 256)}
	s.write, s.read, s.serial = o.Level.consistency()
	s.session, err = s.config(nodes).CreateSession()
	if err != nil {
		return fail(err)
	}
	if err := s.prepare(ctx); err != nil {
		s.session.Close()
		return fail(err)
	}
	return s, nil
}

func (s *Store) config(nodes []string) *gocql.ClusterConfig {
	c := gocql.NewCluster(nodes...)
	c.Port = s.opts.Port
	c.Timeout, c.ConnectTimeout = s.opts.Timeout, s.opts.Timeout
	c.NumConns = s.opts.Connections
	c.Consistency, c.SerialConsistency = s.read, s.serial
	c.WriteCoalesceWaitTime = 0 // waiting for more requests costs each one time
	c.ReconnectInterval = 2 * time.Second
	c.ReconnectionPolicy = &gocql.ConstantReconnectionPolicy{MaxRetries: 1, Interval: 100 * time.Millisecond}
	c.Metadata.CacheMode = gocql.KeyspaceOnly
	next := gocql.RoundRobinHostPolicy()
	if s.opts.DataCentre != "" {
		next = gocql.DCAwareRoundRobinPolicy(s.opts.DataCentre)
	}
	c.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(next)
	if s.opts.Username != "" || s.opts.Password != "" {
		c.Authenticator = gocql.PasswordAuthenticator{Username: s.opts.Username, Password: s.opts.Password}
	}
	if s.opts.TLS != nil {
		c.SslOpts = &gocql.SslOptions{Config: s.opts.TLS.Clone(), EnableHostVerification: !s.opts.TLS.InsecureSkipVerify}
	}
	return c
}

// Buckets returns the number of buckets.
func (s *Store) Buckets() int { return s.buckets }

// Close ends the connections after the operations under way have ended.
func (s *Store) Close() error {
	s.running.Lock()
	defer s.running.Unlock()
	if !s.closed {
		s.closed = true
		s.cleanup.Wait()
		s.session.Close()
	}
	return nil
}

// fits refuses what is too large for one write.
func (s *Store) fits(bytes int) error {
	if bytes > s.opts.MaxWrite {
		return fmt.Errorf("%w: a write of %d bytes, Options.MaxWrite is %d", persistence.ErrTooLarge, bytes, s.opts.MaxWrite)
	}
	return nil
}
