package boltstore

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
)

// Of a process that is killed while 32 writers are at work, every write that was
// answered is found, and every session is whole.
func TestKill(t *testing.T) {
	if path := os.Getenv("BOLTSTORE_CRASH_FILE"); path != "" {
		writeUntilKilled(t, path)
		return
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("BOLTSTORE_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("BOLTSTORE_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "store.db")
	for range 8 {
		answered := runAndKill(t, path, 200+random.IntN(2000))
		s, err := Open(path, nil)
		require.NoError(t, err)
		for id, rev := range answered {
			got, err := s.Load(t.Context(), id)
			require.NoError(t, err)
			require.GreaterOrEqual(t, got.Rev, rev, "a commit that was answered is there")
			checkWhole(t, got)
		}
		require.NoError(t, s.Close())
	}
}

// runAndKill starts a process that writes and kills it after a number of answers. It returns the
// revisions that were answered.
func runAndKill(t *testing.T, path string, answers int) map[string]uint64 {
	cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), "BOLTSTORE_CRASH_FILE="+path)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	answered := make(map[string]uint64)
	killed := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		id, rev, ok := strings.Cut(lines.Text(), " ")
		n, err := strconv.ParseUint(rev, 10, 64)
		if !ok || err != nil {
			t.Log(lines.Text())
			continue
		}
		answered[id] = n
		if answers--; answers == 0 {
			require.NoError(t, cmd.Process.Kill())
			killed = true
		}
	}
	require.Error(t, cmd.Wait())
	require.True(t, killed, "the process ended by itself: %s", stderr.String())
	return answered
}

// writeUntilKilled commits to 32 sessions at once and prints what was answered.
func writeUntilKilled(t *testing.T, path string) {
	s, err := Open(path, nil)
	require.NoError(t, err)
	leases, err := s.Acquire(t.Context(), "owner", time.Hour, 0)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			if err := commitFor(t.Context(), s, leases[0].Epoch, fmt.Sprintf("%029d000", i)); err != nil {
				fmt.Println("failed:", err)
				os.Exit(3)
			}
		})
	}
	wg.Wait()
}

// commitFor commits steps in which everything carries the number of the revision.
func commitFor(ctx context.Context, s *Store, epoch uint64, id string) error {
	p, err := s.Load(ctx, id)
	if err != nil {
		p = &persistence.Session{ID: id, Rev: 1}
		if err := s.Create(ctx, epoch, p); err != nil {
			return err
		}
	}
	for rev := p.Rev; ; rev++ {
		n, err := s.Append(ctx, id, persistence.Event{Data: []byte("event")})
		if err != nil {
			return err
		}
		mark := binary.BigEndian.AppendUint64(nil, rev+1)
		err = s.Commit(ctx, epoch, &persistence.Commit{
			ID: id, Rev: rev, Acked: n, Snapshot: bytes.Repeat(mark, 256),
			Confirmed: []string{fmt.Sprint(rev)}, Effects: []persistence.Effect{{ID: fmt.Sprint(rev + 1), Data: mark}},
			SetTimers: []persistence.Timer{{ID: "t", At: time.UnixMilli(int64(rev + 1)), Data: mark}},
		})
		if err != nil {
			return err
		}
		fmt.Println(id, rev+1)
	}
}

func checkWhole(t *testing.T, p *persistence.Session) {
	if p.Rev == 1 {
		return
	}
	mark := binary.BigEndian.AppendUint64(nil, p.Rev)
	require.Equal(t, bytes.Repeat(mark, 256), p.Snapshot)
	require.Equal(t, []persistence.Effect{{ID: fmt.Sprint(p.Rev), Data: mark}}, p.Outbox)
	require.Equal(t, []persistence.Timer{{ID: "t", At: time.UnixMilli(int64(p.Rev)).UTC(), Data: mark}}, p.Timers)
}
