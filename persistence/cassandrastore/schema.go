package cassandrastore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/seed-ff723688/ors/persistence"
)

// schemaVersion is the version of the tables. Another one is refused. (1, of no release, had documents without times.)
const schemaVersion = 2

// tables are the tables, with KS for the keyspace. The first column of each key is the cluster. The
// hints may forget deletions early: one that comes back is found out when it is read.
var tables = []struct{ name, create string }{
	{"meta", `CREATE TABLE IF NOT EXISTS KS.meta (name text PRIMARY KEY, version int, buckets int)`},
	{"lease", `CREATE TABLE IF NOT EXISTS KS.lease (store text, bucket int, ver bigint, epoch bigint, owner text, until bigint,
		PRIMARY KEY ((store, bucket)))`},
	{"session", `CREATE TABLE IF NOT EXISTS KS.session (store text, id text, kind tinyint, n bigint, name text,
		born bigint, ver bigint, live boolean, epoch bigint, rev bigint, acked bigint, tail bigint, claim text, document blob,
		timers int, effects int, ready bigint, waiting boolean, due bigint, due_at bigint,
		snapshot blob, timer_set blob, outbox blob,
		event_key text, number bigint, data blob,
		PRIMARY KEY ((store, id), kind, n, name))`},
	{"claim", `CREATE TABLE IF NOT EXISTS KS.claim (store text, claim text, ver bigint, id text, born bigint,
		PRIMARY KEY ((store, claim)))`},
	{"listed", `CREATE TABLE IF NOT EXISTS KS.listed (store text, bucket int, id text, born bigint,
		PRIMARY KEY ((store, bucket), id, born)) WITH gc_grace_seconds = 3600`},
	{"ready", `CREATE TABLE IF NOT EXISTS KS.ready (store text, bucket int, id text, born bigint, n bigint,
		PRIMARY KEY ((store, bucket), id, born, n)) WITH gc_grace_seconds = 3600`},
	{"due", `CREATE TABLE IF NOT EXISTS KS.due (store text, bucket int, at bigint, id text, born bigint, n bigint,
		PRIMARY KEY ((store, bucket), at, id, born, n)) WITH gc_grace_seconds = 3600`},
	{"document", `CREATE TABLE IF NOT EXISTS KS.document (store text, digest blob, ver bigint, put bigint, size bigint, body blob,
		PRIMARY KEY ((store, digest)))`},
}

// The kinds of rows of a session's partition.
const (
	kindHead  = 0 // n and name are zero: what there is once
	kindEvent = 1 // n is the event's number
	kindKey   = 2 // n is the generation of the event's number, name its key
)

// headColumns are read into a head, headOf.
const headColumns = "born, ver, live, epoch, rev, acked, tail, claim, document, timers, effects, ready, waiting, due, due_at"

// statements are the CQL statements of a store.
type statements struct {
	keyspace string

	setVersion, setBuckets, meta                 string
	lease, leases, setLease                      string
	head, headTimers, headAll, all, events, keys string
	prepare, create, update, remove, removeRest  string
	addEvent, addKey, dropEvents, dropKeys       string
	claim, setClaim, dropClaim                   string
	listed, addListed, dropListed                string
	ready, addReady, dropReady                   string
	due, addDue, dropDue                         string
	document, documentTime, documents            string
	addDocument, renewDocument, dropDocument     string
}

func newStatements(keyspace string) *statements {
	ks := func(cql string) string { return strings.ReplaceAll(cql, "KS.", `"`+keyspace+`".`) }
	const ofHead = " WHERE store = ? AND id = ? AND kind = 0 AND n = 0 AND name = ''"
	return &statements{
		keyspace: keyspace,

		setVersion: ks(`INSERT INTO KS.meta (name, version) VALUES (?, ?) IF NOT EXISTS`),
		setBuckets: ks(`INSERT INTO KS.meta (name, buckets) VALUES (?, ?) IF NOT EXISTS`),
		meta:       ks(`SELECT version, buckets FROM KS.meta WHERE name = ?`),

		lease:    ks(`SELECT ver, epoch, owner, until FROM KS.lease WHERE store = ? AND bucket = ?`),
		leases:   ks(`SELECT bucket, epoch, owner, until FROM KS.lease WHERE store = ? AND bucket IN ?`),
		setLease: ks(`UPDATE KS.lease SET ver = ?, epoch = ?, owner = ?, until = ? WHERE store = ? AND bucket = ? IF ver = ?`),

		head:       ks(`SELECT ` + headColumns + ` FROM KS.session` + ofHead),
		headTimers: ks(`SELECT ` + headColumns + `, timer_set FROM KS.session` + ofHead),
		headAll:    ks(`SELECT ` + headColumns + `, timer_set, outbox FROM KS.session` + ofHead),
		all:        ks(`SELECT ` + headColumns + `, timer_set, outbox, snapshot, kind, n, event_key, data FROM KS.session WHERE store = ? AND id = ? AND kind <= 1`),
		events:     ks(`SELECT n, event_key, data FROM KS.session WHERE store = ? AND id = ? AND kind = 1 AND n > ? LIMIT ?`),
		keys:       ks(`SELECT number FROM KS.session WHERE store = ? AND id = ? AND kind = 2 AND n IN ? AND name = ?`),

		// A session that is being created has a day to become one.
		prepare: ks(`UPDATE KS.session USING TTL 86400 SET born = ?, ver = ?, epoch = ?` + ofHead + ` IF ver = ?`),
		create: ks(`UPDATE KS.session SET born = ?, ver = ?, live = true, epoch = ?, rev = ?, acked = ?, tail = ?, claim = ?, document = ?,
			timers = ?, effects = ?, ready = ?, waiting = ?, due = ?, due_at = ?, snapshot = ?, timer_set = ?, outbox = ?` + ofHead + ` IF ver = ?`),
		update: ks(`UPDATE KS.session SET ver = ?, epoch = ?, rev = ?, acked = ?, tail = ?, timers = ?, effects = ?,
			ready = ?, waiting = ?, due = ?, due_at = ?, snapshot = ?, timer_set = ?, outbox = ?` + ofHead + ` IF ver = ?`),
		remove:     ks(`DELETE FROM KS.session` + ofHead + ` IF ver = ?`),
		removeRest: ks(`DELETE FROM KS.session WHERE store = ? AND id = ? AND kind >= 0`),

		addEvent:   ks(`INSERT INTO KS.session (store, id, kind, n, name, event_key, data) VALUES (?, ?, 1, ?, '', ?, ?)`),
		addKey:     ks(`INSERT INTO KS.session (store, id, kind, n, name, number) VALUES (?, ?, 2, ?, ?, ?)`),
		dropEvents: ks(`DELETE FROM KS.session WHERE store = ? AND id = ? AND kind = 1 AND n <= ?`),
		dropKeys:   ks(`DELETE FROM KS.session WHERE store = ? AND id = ? AND kind = 2 AND n < ?`),

		claim:     ks(`SELECT ver, id, born FROM KS.claim WHERE store = ? AND claim = ?`),
		setClaim:  ks(`UPDATE KS.claim SET ver = ?, id = ?, born = ? WHERE store = ? AND claim = ? IF ver = ?`),
		dropClaim: ks(`DELETE FROM KS.claim WHERE store = ? AND claim = ? IF born = ?`),

		listed:     ks(`SELECT id, born FROM KS.listed WHERE store = ? AND bucket = ? AND (id, born) > (?, ?) LIMIT ?`),
		addListed:  ks(`INSERT INTO KS.listed (store, bucket, id, born) VALUES (?, ?, ?, ?)`),
		dropListed: ks(`DELETE FROM KS.listed WHERE store = ? AND bucket = ? AND id = ? AND born = ?`),

		ready:     ks(`SELECT id, born, n FROM KS.ready WHERE store = ? AND bucket = ? AND (id, born, n) > (?, ?, ?) LIMIT ?`),
		addReady:  ks(`INSERT INTO KS.ready (store, bucket, id, born, n) VALUES (?, ?, ?, ?, ?)`),
		dropReady: ks(`DELETE FROM KS.ready WHERE store = ? AND bucket = ? AND id = ? AND born = ? AND n = ?`),

		due:     ks(`SELECT at, id, born, n FROM KS.due WHERE store = ? AND bucket = ? AND at <= ?`),
		addDue:  ks(`INSERT INTO KS.due (store, bucket, at, id, born, n) VALUES (?, ?, ?, ?, ?, ?)`),
		dropDue: ks(`DELETE FROM KS.due WHERE store = ? AND bucket = ? AND at = ? AND id = ? AND born = ? AND n = ?`),

		document:      ks(`SELECT body FROM KS.document WHERE store = ? AND digest = ?`),
		documentTime:  ks(`SELECT ver, put, toUnixTimestamp(now()) FROM KS.document WHERE store = ? AND digest = ?`),
		documents:     ks(`SELECT store, digest, size, put, toUnixTimestamp(now()) FROM KS.document`),
		addDocument:   ks(`UPDATE KS.document SET ver = ?, put = ?, size = ?, body = ? WHERE store = ? AND digest = ? IF ver = ?`),
		renewDocument: ks(`UPDATE KS.document SET ver = ?, put = ? WHERE store = ? AND digest = ? IF ver = ?`),
		dropDocument:  ks(`DELETE FROM KS.document WHERE store = ? AND digest = ? IF ver = ?`),
	}
}

// prepare makes what is missing and checks what is there.
func (s *Store) prepare(ctx context.Context) error {
	if err := s.createTables(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	version, _, err := s.settle(ctx, "schema", s.cql.setVersion, schemaVersion)
	if err != nil {
		return err
	}
	if version != schemaVersion {
		return fmt.Errorf("the tables of keyspace %s have schema version %d, this program reads %d: use the program that made them, to export the sessions where it is an older one",
			s.opts.Keyspace, version, schemaVersion)
	}
	want := s.opts.Buckets
	if want == 0 {
		want = persistence.DefaultBuckets
	}
	_, s.buckets, err = s.settle(ctx, "store "+s.opts.Cluster, s.cql.setBuckets, want)
	if err != nil {
		return err
	}
	if s.buckets < 1 || s.buckets > persistence.MaxBuckets {
		return fmt.Errorf("keyspace %s says %d buckets, want 1 to %d: it is damaged", s.opts.Keyspace, s.buckets, persistence.MaxBuckets)
	}
	if s.opts.Buckets != 0 && s.opts.Buckets != s.buckets {
		return fmt.Errorf("%w: Options.Buckets is %d, the store was created with %d", persistence.ErrInvalid, s.opts.Buckets, s.buckets)
	}
	_, err = s.leaseOf(ctx, 0) // decisions may find enough replicas where reads and writes do not
	return explained(err)
}

// settle reads a row of meta, after setting it where it is missing.
func (s *Store) settle(ctx context.Context, name, set string, value int) (version, buckets int, err error) {
	read := func() error {
		return s.session.Query(s.cql.meta, name).Consistency(s.serial).ScanContext(ctx, &version, &buckets)
	}
	if err = read(); errors.Is(err, gocql.ErrNotFound) {
		_, err = s.session.Query(set, name, value).Consistency(s.write).MapScanCASContext(ctx, make(map[string]any))
		if err == nil {
			err = read()
		}
	}
	return version, buckets, explained(err)
}

func explained(err error) error {
	var few *gocql.RequestErrUnavailable
	if errors.As(err, &few) {
		return fmt.Errorf("%d of the %d replicas needed are there; a keyspace with another number of them is made with Options.StrategyOptions: %w", few.Alive, few.Required, err)
	}
	return err
}

func (s *Store) createTables(ctx context.Context) error {
	there := make(map[string]bool)
	iter := s.session.Query(`SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?`, s.opts.Keyspace).
		Consistency(gocql.LocalOne).IterContext(ctx)
	for name := ""; iter.Scan(&name); {
		there[name] = true
	}
	if err := iter.Close(); err != nil {
		return err
	}
	var ddl []string
	for _, t := range tables {
		if !there[t.name] {
			ddl = append(ddl, strings.ReplaceAll(t.create, "KS.", `"`+s.opts.Keyspace+`".`))
		}
	}
	if len(there) == 0 {
		how, err := replication(s.opts.StrategyClass, s.opts.StrategyOptions)
		if err != nil {
			return err
		}
		ddl = append([]string{fmt.Sprintf(`CREATE KEYSPACE IF NOT EXISTS "%s" WITH replication = %s`, s.opts.Keyspace, how)}, ddl...)
	}
	for _, cql := range ddl {
		if err := s.session.Query(cql).ExecContext(ctx); err != nil {
			return fmt.Errorf("creating the schema: %w", err)
		}
	}
	if len(ddl) == 0 {
		return nil
	}
	return s.session.AwaitSchemaAgreement(ctx)
}
