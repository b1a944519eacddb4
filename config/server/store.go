package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/persistence"
)

// StoreOpener opens a store with the options of the section persistence. It returns
// when the store can be used, or says why it cannot.
type StoreOpener func(ctx context.Context, settings *config.Settings) (persistence.Store, error)

// openStore opens the store that the configuration names.
func (s *Server) openStore(ctx context.Context, settings *config.Settings) error {
	if s.opts.Store != nil {
		s.store = s.opts.Store
		return nil
	}
	kind, set := settings.Lookup("persistence", "type")
	if !set && len(settings.Section("persistence")) == 0 {
		s.logger.Info("no store: the section persistence is empty; sessions end with the process")
		return nil
	}
	if kind == "none" || kind == "memory" {
		s.logger.Info("no store: sessions end with the process", "type", kind)
		return nil
	}
	open := s.opts.Stores[kind]
	if open == nil {
		known := slices.Sorted(maps.Keys(s.opts.Stores))
		return fmt.Errorf("server: Application %s, section persistence, option type: there is no opener for %q; this program has %s. Set server.Options.Stores[%q], or the option to none",
			s.app.Name, kind, strings.Join(append(known, "none"), ", "), kind)
	}
	store, err := open(ctx, settings)
	if err != nil {
		return fmt.Errorf("server: opening the store %q of Application %s: %w", kind, s.app.Name, err)
	}
	if store == nil {
		return fmt.Errorf("server: server.Options.Stores[%q] has returned no store and no error", kind)
	}
	s.store, s.ownStore = store, true
	return nil
}
