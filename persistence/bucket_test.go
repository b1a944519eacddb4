package persistence_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
)

// The function is part of the format of stored data: these values are fixed for ever.
func TestBucketOfNeverChanges(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		want int
	}{
		{"004BUJ1C0KBHF8NIG7HNK2LAES000008", 1024, 8},
		{"~4665~029I4G7KGCET96MLCCSH5B5AES01M138", 1024, 3<<5 + 8},
		{"~4665~029I4G7KGCET96MLCCSH5B5AES01M138", 32768, 1<<10 + 3<<5 + 8},
		{"004BUJ1C0KBHF8NIG7HNK2LAES000VVV", 32768, 32767},
		{"004BUJ1C0KBHF8NIG7HNK2LAES000VVV", 1000, 767},
		{"", 1024, 961},
		{"a", 1024, 192},
		{"session-1", 1024, 272},
		{"004buj1c0kbhf8nig7hnk2laes000vvv", 1024, 815},
		{"~no end", 1024, 894},
		{"anything", 1, 0},
		{"anything", 0, 0},
		{"anything", -5, 0},
	} {
		require.Equal(t, c.want, persistence.BucketOf(c.name, c.n), "BucketOf(%q, %d)", c.name, c.n)
	}
}

func TestAppendBucketIsReadBack(t *testing.T) {
	for bucket := range persistence.MaxBuckets {
		id := string(persistence.AppendBucket([]byte("004BUJ1C0KBHF8NIG7HNK2LAES000"), bucket))
		require.Equal(t, bucket, persistence.BucketOf(id, persistence.MaxBuckets), id)
		require.Equal(t, bucket, persistence.BucketOf("~12~"+id, persistence.MaxBuckets), id)
	}
}

func TestBucketOfSpreadsNames(t *testing.T) {
	const buckets, each = 1024, 100
	var count [buckets]int
	for i := range buckets * each {
		count[persistence.BucketOf(fmt.Sprint("session-", i), buckets)]++
	}
	for b, n := range count {
		require.InDelta(t, each, n, each*0.6, "bucket %d", b)
	}
}

func TestBucketOfAllocatesNothing(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() {
		persistence.BucketOf("~4665~029I4G7KGCET96MLCCSH5B5AES01M138", 1024)
		persistence.BucketOf("another form of id", 1024)
	}))
}
