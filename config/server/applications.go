package server

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
)

// applications says which application handles an interaction: what the configuration says
// of the DN on the switch of the link. From suspension on there is none.
type applications struct {
	live      *config.Live
	suspended atomic.Bool
	calls     atomic.Pointer[[]string] // the switches of calls
	media     atomic.Pointer[[]string] // and of multimedia interactions
}

// setSwitches says which switches there are.
func (a *applications) setSwitches(calls, media []string) {
	a.calls.Store(&calls)
	a.media.Store(&media)
}

// Application implements fm.Applications.
func (a *applications) Application(dn string, call *telephony.CallAttributes) (session.Application, error) {
	if a.suspended.Load() {
		return session.Application{}, nil
	}
	switches := *a.calls.Load()
	if call.ConnID == 0 {
		switches = *a.media.Load()
	}
	site := a.live.Site()
	return site.Application(atSwitch(site, dn, switches), call)
}

// atSwitch is a DN with the first of the switches that has it; the DN as it is when none has.
func atSwitch(site *config.Site, dn string, switches []string) string {
	for _, name := range switches {
		if _, err := site.DN(dn + "@" + name); err == nil {
			return dn + "@" + name
		}
	}
	return dn
}

// configuration is what strategies read: options from the DN of an interaction on.
type configuration struct {
	*config.Live
	s *Server
}

// Option implements fm.Configuration.
func (c configuration) Option(tenant, interactionID, key string, from telephony.LookupSequence) (value string, ok bool) {
	dn, known := "", false
	if interactionID != "" {
		dn, known = c.s.connector.DN(interactionID)
	}
	if !known {
		return c.Live.Option(tenant, interactionID, key, from)
	}
	site := c.Site()
	return site.OptionAt(tenant, atSwitch(site, dn, slices.Concat(*c.s.apps.calls.Load(), *c.s.apps.media.Load())), key, from)
}

// owners tells where the other nodes are reached.
type owners struct {
	node  int
	byID  atomic.Pointer[map[int]string] // external-url by DBID of the primary application
	owner func(sessionID string) (node int, ok bool)
}

// update reads the nodes of the configuration.
func (o *owners) update(site *config.Site) {
	byID := map[int]string{}
	backups := map[string]bool{}
	for _, app := range site.Objects().Applications {
		backups[app.Server.Backup] = true
	}
	for _, app := range site.Objects().Applications {
		if app.Type != config.OrchestrationServer || app.Disabled || app.DBID == 0 || backups[app.Name] {
			continue
		}
		if settings, ok := site.Settings(app.Name); ok {
			if url := externalURL(settings); url != "" {
				byID[app.DBID] = url
			}
		}
	}
	o.byID.Store(&byID)
}

// Owner implements rest.Owners: the node stands in the session id.
func (o *owners) Owner(_ context.Context, sessionID string) (externalURL string, ok bool) {
	node, ok := o.owner(sessionID)
	if !ok || node == o.node {
		return "", false
	}
	externalURL, ok = (*o.byID.Load())[node]
	return externalURL, ok
}
