package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/inspect"
	"github.com/seed-ff723688/ors/session"
)

// pruneInterval is the time between two looks for documents that can go.
const pruneInterval = 24 * time.Hour

// pruner removes the documents from a store that no session names any more, once a day.
type pruner struct {
	store  persistence.Store
	clock  session.Clock
	logger *slog.Logger
	ctx    context.Context // of the work under way
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	stop    func() bool
	working sync.WaitGroup
}

func newPruner(store persistence.Store, clock session.Clock, logger *slog.Logger) *pruner {
	p := &pruner{store: store, clock: clock, logger: logger}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.stop = clock.AfterFunc(pruneInterval, p.again)
	return p
}

func (p *pruner) again() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.working.Add(1)
	p.mu.Unlock()
	defer p.working.Done()

	pruned, err := inspect.Prune(p.ctx, p.store, session.StoredDocuments, nil)
	switch {
	case err != nil && p.ctx.Err() == nil:
		p.logger.Warn("documents that no session needs stay in the store until tomorrow", "removed", len(pruned.Dropped), "error", err)
	case len(pruned.Dropped) > 0:
		p.logger.Info("documents that no session needs are removed from the store", "removed", len(pruned.Dropped))
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.stop = p.clock.AfterFunc(pruneInterval, p.again)
	}
}

// close returns when nothing is being done any more.
func (p *pruner) close() {
	p.mu.Lock()
	p.closed = true
	p.stop()
	p.mu.Unlock()
	p.cancel()
	p.working.Wait()
}
