package cassandrastore

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
)

// Two stores, as two engines have them, share no lock: what they write at the same time is put in
// order by the servers.
func twoStores(t *testing.T) (a, b *Store, epoch uint64) {
	opts := options(Options{Timeout: 30 * time.Second})
	a, epoch = start(t, opts)
	b, err := Open(t.Context(), []string{startServer(t).address()}, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return a, b, epoch
}

func TestTwoEnginesAppendWhileOneCommits(t *testing.T) {
	const each = 25
	ctx := t.Context()
	a, b, epoch := twoStores(t)
	require.NoError(t, a.Create(ctx, epoch, &persistence.Session{ID: id}))
	var wg sync.WaitGroup
	numbers := make([][]uint64, 4)
	for w := range numbers {
		s := []*Store{a, b}[w%2]
		wg.Go(func() {
			for i := range each {
				n, err := s.Append(ctx, id, persistence.Event{Key: fmt.Sprintf("%d/%d", w, i)})
				if err != nil {
					t.Errorf("append: %v", err)
					return
				}
				numbers[w] = append(numbers[w], n)
			}
		})
	}
	handled := make(map[string]bool)
	for rev := uint64(1); len(handled) < 4*each && !t.Failed(); {
		s, err := b.Load(ctx, id)
		require.NoError(t, err)
		if len(s.Inbox) == 0 {
			continue
		}
		require.Equal(t, rev, s.Rev)
		require.Equal(t, s.Acked+1, s.Inbox[0].Number)
		require.False(t, handled[s.Inbox[0].Key], "an event was handled twice")
		handled[s.Inbox[0].Key] = true
		require.NoError(t, a.Commit(ctx, epoch, &persistence.Commit{ID: id, Rev: rev, Acked: s.Inbox[0].Number}))
		rev++
	}
	wg.Wait()
	seen := make(map[uint64]bool)
	for _, some := range numbers {
		for _, n := range some {
			require.False(t, seen[n], "number %d was given twice", n)
			seen[n] = true
		}
	}
	require.Len(t, seen, 4*each)
	s, err := a.Load(ctx, id)
	require.NoError(t, err)
	require.EqualValues(t, 4*each, s.Acked)
	require.Empty(t, s.Inbox)
	for info, err := range b.Ready(ctx, 0) {
		t.Errorf("ready: %v %v", info, err)
	}
}

func TestTwoEnginesWantOneCall(t *testing.T) {
	ctx := t.Context()
	a, b, epoch := twoStores(t)
	for call := range 8 {
		claim := fmt.Sprintf("%028dC000", call)
		ids := make([]string, 4)
		var wg sync.WaitGroup
		for w := range ids {
			s, mine := []*Store{a, b}[w%2], fmt.Sprintf("%027dS%d000", call, w)
			wg.Go(func() {
				err := s.Create(ctx, epoch, &persistence.Session{ID: mine, Claim: claim})
				var claimed *persistence.ClaimedError
				switch {
				case err == nil:
					ids[w] = mine
				case errors.As(err, &claimed):
					ids[w] = claimed.Session
				default:
					t.Errorf("create: %v", err)
				}
			})
		}
		wg.Wait()
		holder, err := a.Lookup(ctx, claim)
		require.NoError(t, err)
		require.Equal(t, []string{holder, holder, holder, holder}, ids)
	}
	sessions := 0
	for _, err := range a.List(ctx, 0, "") {
		require.NoError(t, err)
		sessions++
	}
	require.Equal(t, 8, sessions)
}

// An engine takes a bucket while another writes as fast as it can.
func TestTakeoverByAnotherEngine(t *testing.T) {
	ctx := t.Context()
	old, next, epoch := twoStores(t)
	for round := range 5 {
		session := fmt.Sprintf("%028d%d000", 0, round)
		require.NoError(t, old.Create(ctx, epoch, &persistence.Session{ID: session}))
		answered := make(chan uint64, 1)
		begun := make(chan struct{})
		go func() {
			rev := uint64(1)
			for ; ; rev++ {
				err := old.Commit(ctx, epoch, &persistence.Commit{ID: session, Rev: rev})
				if rev == 3 || err != nil && rev < 3 {
					close(begun)
				}
				if err != nil {
					if !errors.Is(err, persistence.ErrFenced) {
						t.Errorf("commit: %v", err)
					}
					answered <- rev
					return
				}
			}
		}()
		<-begun
		leases, err := next.Acquire(ctx, "owner", time.Hour, 0)
		require.NoError(t, err)
		s, err := next.Load(ctx, session)
		require.NoError(t, err)
		require.NoError(t, next.Commit(ctx, leases[0].Epoch, &persistence.Commit{ID: session, Rev: s.Rev}))
		require.Equal(t, <-answered, s.Rev, "what the old owner was told, and what the new one read")
		epoch = leases[0].Epoch
	}
}
