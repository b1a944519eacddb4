package redisstore

import (
	"context"
	"strconv"
	"testing"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence/storetest"
)

func BenchmarkStore(b *testing.B) {
	s := startServer(b, appendOnly...)
	storetest.Benchmark(b, open(Options{}, s.address))
}

// BenchmarkRatio compares commits of 512 sessions through a Store with a bare loop of script
// calls, over the same connections to the same server.
//
//	cd persistence/redisstore && go test -run '^$' -bench Ratio -benchtime 1x .
func BenchmarkRatio(b *testing.B) {
	const callers, calls = 512, 20_000
	server := startServer(b, appendOnly...)
	s, err := Open(b.Context(), []string{server.address}, nil)
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	storetest.Compare(b,
		storetest.Commits("store", s, callers, 0, calls),
		storetest.Contender{Name: "bare", Callers: callers, Calls: calls, Steps: func(*testing.B, int) func(int) error {
			return bareSteps(s, callers)
		}})
}

// bareSteps does the work that is in such a commit whatever a store is like: one script call writes the
// same bytes under the same names into the session's hash, removes the effect before, and keeps the order of timers, in
// three commands. It decides nothing: it reads no field, compares no epoch, revision or position, looks for no effect
// of the same id, and counts none.
func bareSteps(s *Store, sessions int) func(int) error {
	set := script(header + `
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[3])
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
return {'OK'}
`)
	clear := script(header + `
redis.call('HDEL', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
return {'OK'}
`)
	snapshot, small := make([]byte, 4096), string(make([]byte, 200))
	steps, ids := make([]int, sessions), make([]string, sessions)
	for i := range ids {
		ids[i] = storetest.SessionID(i, sessions)
	}
	return func(i int) error {
		steps[i]++
		n, id := strconv.Itoa(steps[i]), ids[i]
		keys := []string{"{bare}s:" + id, "{bare}due"}
		fields := []string{"b", rueidis.BinaryString(snapshot), "a", "0", "r", n, "o", "1", ">" + n, n + ":0:" + small}
		do, args := clear, []string{">" + strconv.Itoa(steps[i]-1), "@timer", id + "\x00timer"}
		if steps[i]%2 == 1 {
			do, args[1] = set, "19000000000"+n
			fields = append(fields, "@timer", args[1]+":"+small)
		}
		_, err := answer(s.eval(context.Background(), s.client, do, keys, append(args, fields...)))
		return err
	}
}
