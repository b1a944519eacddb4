package server

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/config"
)

// RedisSettings are the options of the section persistence for Redis, as the Options of
// persistence/redisstore have them.
type RedisSettings struct {
	Nodes              []string // "host:port"; the addresses of redisstore.Open
	Cluster            string
	Username, Password string
	TLS                *tls.Config // nil: no TLS
	Timeout            time.Duration
}

// Redis reads RedisSettings. cluster is the name of the cluster, empty for the default
// one: config.Site.ClusterOf tells. The error names the option and what is wrong with it.
//
//	r, err := server.Redis(settings, cluster)
//	if err != nil {
//		return nil, err
//	}
//	return redisstore.Open(ctx, r.Nodes, &redisstore.Options{Cluster: r.Cluster,
//		Username: r.Username, Password: r.Password, TLS: r.TLS, Timeout: r.Timeout})
func Redis(st *config.Settings, cluster string) (*RedisSettings, error) {
	r := &RedisSettings{
		Nodes: nodes(st, "redis-nodes"), Cluster: cluster,
		Username: st.Text(persistenceSection, "username"), Password: st.Text(persistenceSection, "password"),
		Timeout: st.Duration(persistenceSection, "redis-socket-timeout"),
	}
	if len(r.Nodes) == 0 {
		return nil, optionError(persistenceSection, "redis-nodes", errors.New("is not set: want host:port;host:port"))
	}
	var err error
	r.TLS, err = storeTLS(st)
	return r, err
}

// CassandraSettings are the options of the section persistence for Cassandra, as the Options of
// persistence/cassandrastore have them.
type CassandraSettings struct {
	Nodes                          []string // those of cassandrastore.Open
	Port                           int
	Keyspace                       string
	StrategyClass, StrategyOptions string
	Cluster                        string
	Username, Password             string
	TLS                            *tls.Config // nil: no TLS
	Connections                    int         // to each node; 0: the default
}

// thriftPort is that of the protocol by which Orchestration Server talks to Cassandra.
const thriftPort = 9160

// Cassandra reads CassandraSettings, as Redis does. The port 9160 of Thrift is taken for that
// of CQL, 9042.
func Cassandra(st *config.Settings, cluster string) (*CassandraSettings, error) {
	text := func(option string) string { return st.Text(persistenceSection, option) }
	c := &CassandraSettings{
		Nodes: nodes(st, "cassandra-nodes"), Port: int(st.Int(persistenceSection, "cassandra-listenport")),
		Keyspace: text("cassandra-keyspace-name"), StrategyClass: text("cassandra-strategy-class"), StrategyOptions: text("cassandra-strategy-options"),
		Cluster: cluster, Username: text("username"), Password: text("password"),
		Connections: int(st.Int(persistenceSection, "cassandra-thread-count")),
	}
	if c.Port == thriftPort {
		c.Port = 0
	}
	if len(c.Nodes) == 0 {
		return nil, optionError(persistenceSection, "cassandra-nodes", errors.New("is not set: want host;host"))
	}
	var err error
	c.TLS, err = storeTLS(st)
	return c, err
}

const persistenceSection = "persistence"

func nodes(st *config.Settings, option string) []string {
	var list []string
	for n := range strings.SplitSeq(st.Text(persistenceSection, option), ";") {
		if n = strings.TrimSpace(n); n != "" {
			list = append(list, n)
		}
	}
	return list
}

// storeTLS reads the options tls-*; nil without tls-enabled.
func storeTLS(st *config.Settings) (*tls.Config, error) {
	text := func(option string) string { return st.Text(persistenceSection, option) }
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: text("tls-sni")}
	cert, key, file, folder := text("tls-cert"), text("tls-key"), text("tls-cacert"), text("tls-cacertdir")
	if !st.Bool(persistenceSection, "tls-enabled") {
		return nil, nil
	}
	var err error
	if c.RootCAs, err = authorities(file, folder); err != nil {
		return nil, optionError(persistenceSection, "tls-cacert, tls-cacertdir", err)
	}
	if cert != "" {
		pair, err := keyPair(cert, "PEM", key, "PEM")
		if err != nil {
			return nil, optionError(persistenceSection, "tls-cert, tls-key", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// slowStore warns of operations of the store that take longer than cassandra-max-latency.
func slowStore(st *config.Settings, logger *slog.Logger) func(operation string, d time.Duration) {
	most := st.Duration(persistenceSection, "cassandra-max-latency")
	return func(operation string, d time.Duration) {
		if d > most {
			logger.Warn("the store is slow", "operation", operation, "time", d, "most", most)
		}
	}
}
