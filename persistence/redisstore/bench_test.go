package redisstore

import (
	"context"
	"fmt"
	"testing"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence/storetest"
)

func BenchmarkStore(b *testing.B) {
	s := startServer(b, appendOnly...)
	storetest.Benchmark(b, open(Options{}, s.address))
}

// BenchmarkRatio compares commits of 512 sessions through a Store with a bare loop of one script
// call that writes the same bytes, over the same connections to the same server.
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
		storetest.Contender{Name: "bare", Callers: callers, Calls: calls, Steps: func(_ *testing.B, round int) func(int) error {
			return bareStep(s, round)
		}})
}

// bareStep writes the same bytes with the commands that such a commit needs at least.
func bareStep(s *Store, round int) func(int) error {
	l := script(header + `
redis.call('HSET', KEYS[1], 'snapshot', ARGV[1])
redis.call('HSET', KEYS[1], 'effect', ARGV[2])
redis.call('HSET', KEYS[1], 'timer', ARGV[2])
redis.call('ZADD', KEYS[2], 1, KEYS[1])
return {'OK'}
`)
	args := []string{rueidis.BinaryString(make([]byte, 4096)), rueidis.BinaryString(make([]byte, 200))}
	return func(i int) error {
		_, err := answer(s.eval(context.Background(), s.client, l, []string{fmt.Sprintf("{bare}%d:%d", round, i), "{bare}due"}, args))
		return err
	}
}
