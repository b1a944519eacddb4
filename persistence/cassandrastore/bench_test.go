package cassandrastore

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence/storetest"
)

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, open(startServer(b), Options{}))
}

// BenchmarkRatio compares commits of 64 sessions through a Store with a bare loop of one lightweight
// transaction on a partition that writes the same bytes, over the same connections.
//
//	cd persistence/cassandrastore && go test -run '^$' -bench Ratio -benchtime 1x .
func BenchmarkRatio(b *testing.B) {
	const callers, calls = 64, 2000
	s, err := Open(b.Context(), []string{startServer(b).address()}, options(Options{}))
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	storetest.Compare(b,
		storetest.Commits("store", s, callers, 0, calls),
		storetest.Contender{Name: "bare", Callers: callers, Calls: calls, Steps: func(b *testing.B, round int) func(int) error {
			return bareStep(b, s, callers, round)
		}})
}

// bareStep writes the same bytes in one conditional update, and reads nothing.
func bareStep(b *testing.B, s *Store, sessions, round int) func(int) error {
	vers := make([]int64, sessions)
	table := `"` + s.opts.Keyspace + `".session`
	create := `INSERT INTO ` + table + ` (store, id, kind, n, name, ver) VALUES ('bare', ?, 0, 0, '', 0)`
	update := `UPDATE ` + table + ` SET ver = ?, rev = ?, snapshot = ?, outbox = ?, timer_set = ? WHERE store = 'bare' AND id = ? AND kind = 0 AND n = 0 AND name = '' IF ver = ?`
	name := func(i int) string { return fmt.Sprintf("%s%d-%d", s.opts.Cluster, round, i) }
	for i := range sessions {
		require.NoError(b, s.put(b.Context(), create, name(i)))
	}
	return func(i int) error {
		ver := vers[i]
		vers[i]++
		applied, err := s.session.Query(update, ver+1, ver, make([]byte, 4096), make([]byte, 200), make([]byte, 200), name(i), ver).Consistency(s.write).
			MapScanCASContext(b.Context(), make(map[string]any))
		if err == nil && !applied {
			err = fmt.Errorf("not applied")
		}
		return err
	}
}
