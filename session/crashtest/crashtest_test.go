package crashtest_test

import (
	"path/filepath"
	"testing"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/boltstore"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/crashtest"
)

// inFile is a store in a file, changed by wrap.
func inFile(wrap func(persistence.Store) persistence.Store) crashtest.Target {
	return crashtest.Target{
		Place: func(tb testing.TB) string { return filepath.Join(tb.TempDir(), "store.db") },
		Open: func(path string) (persistence.Store, error) {
			s, err := boltstore.Open(path, &boltstore.Options{Buckets: 16})
			if err != nil || wrap == nil {
				return s, err
			}
			return wrap(s), nil
		},
	}
}

// TestKilled: nothing is missing, nothing is lost, nothing happened twice.
func TestKilled(t *testing.T) {
	crashtest.Run(t, inFile(nil), &crashtest.Options{Sessions: sessions, Kills: kills})
}

// TestKilledWhilePassive is the same with sessions that leave memory whenever they are idle.
func TestKilledWhilePassive(t *testing.T) {
	target := inFile(nil)
	target.Engine = func(o *session.Options) { o.Resident = -1 }
	crashtest.Run(t, target, &crashtest.Options{Sessions: 50, Events: 20, Kills: kills / 5})
}
