package server

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/telephony/router"
)

// people fills the router with the agents, groups and queues of the configuration, and
// follows their changes.
type people struct {
	router *router.Router
	logger *slog.Logger

	mu      sync.Mutex
	tenants map[string]bool // whose persons count; nil: all
	agents  map[string]router.Agent
	groups  map[groupName]group
	queues  map[router.Queue]bool
}

type groupName struct {
	typ  router.TargetType
	name string
}

type group struct {
	members []string
	script  string
}

func newPeople(r *router.Router, app *config.Application, logger *slog.Logger) *people {
	p := &people{router: r, logger: logger, agents: map[string]router.Agent{}, groups: map[groupName]group{}, queues: map[router.Queue]bool{}}
	if len(app.Tenants) > 0 {
		p.tenants = map[string]bool{"": true}
		for _, t := range app.Tenants {
			p.tenants[t] = true
		}
	}
	return p
}

// concerns reports whether a change is one of what the router knows.
func concerns(c config.Change) bool {
	switch c.Object.Kind {
	case config.KindPerson, config.KindPlace, config.KindAgentGroup, config.KindPlaceGroup, config.KindDNGroup, config.KindDN, config.KindSwitch:
		return true
	}
	return false
}

// update makes the router what a configuration says. switches are those of the link to the
// T-Server; seats there are preferred.
func (p *people) update(site *config.Site, switches []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.updateAgents(site, switches)
	p.updateGroups(site)
	p.updateQueues(site)
}

func (p *people) updateAgents(site *config.Site, switches []string) {
	now := make(map[string]router.Agent, len(p.agents))
	for _, person := range site.Objects().Persons {
		if !person.Agent || person.Disabled || p.tenants != nil && !p.tenants[person.Tenant] {
			continue
		}
		a := p.agent(site, person, switches)
		if _, twice := now[a.ID]; twice {
			p.logger.Warn("agent is left out: another one has the same employee id", "agent", a.ID, "tenant", person.Tenant)
			continue
		}
		now[a.ID] = a
	}
	for _, id := range slices.Sorted(maps.Keys(p.agents)) {
		if _, there := now[id]; !there {
			if err := p.router.RemoveAgent(id); err != nil {
				p.logger.Warn("agent is not removed", "agent", id, "error", err)
			}
			delete(p.agents, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(now)) {
		a := now[id]
		if before, there := p.agents[id]; there && sameAgent(&before, &a) {
			continue
		}
		if err := p.router.SetAgent(a); err != nil {
			p.logger.Warn("agent is left as he was", "agent", id, "error", err)
			continue
		}
		p.agents[id] = a
	}
}

// agent is a person as the router knows him.
func (p *people) agent(site *config.Site, person *config.Person, switches []string) router.Agent {
	a := router.Agent{ID: person.EmployeeID, Place: person.Place, Skills: make(map[string]int, len(person.Skills))}
	for _, l := range person.Skills {
		a.Skills[l.Skill] = l.Level
	}
	for _, l := range person.Logins {
		if len(switches) > 0 && !slices.Contains(switches, l.Switch) {
			continue
		}
		if l.Code != a.ID && !slices.Contains(a.Logins, l.Code) {
			a.Logins = append(a.Logins, l.Code)
		}
		if a.Place == "" {
			a.Place = l.DefaultPlace
		}
	}
	if place := site.Place(person.Tenant, a.Place); place != nil && !place.Disabled {
		a.DN, a.Switch = seat(site, place, switches)
	}
	return a
}

// seat is the DN of a place where calls are taken: the first one, on a switch of the link if
// there is one.
func seat(site *config.Site, place *config.Place, switches []string) (number, switchName string) {
	for _, name := range place.DNs {
		dn, err := site.DN(name)
		if err != nil || dn.Disabled || dn.Type != config.Extension && dn.Type != config.ACDPosition {
			continue
		}
		if slices.Contains(switches, dn.Switch) {
			return dn.Number, dn.Switch
		}
		if number == "" {
			number, switchName = dn.Number, dn.Switch
		}
	}
	return number, switchName
}

func sameAgent(a, b *router.Agent) bool {
	return a.DN == b.DN && a.Switch == b.Switch && a.Place == b.Place && slices.Equal(a.Logins, b.Logins) && maps.Equal(a.Skills, b.Skills)
}

func (p *people) updateGroups(site *config.Site) {
	now := map[groupName]group{}
	add := func(typ router.TargetType, tenant, name string, disabled bool, g group) {
		key := groupName{typ, name}
		if disabled || p.tenants != nil && !p.tenants[tenant] {
			return
		}
		if _, twice := now[key]; twice {
			p.logger.Warn("group is left out: another one has the same name", "group", name, "tenant", tenant)
			return
		}
		now[key] = g
	}
	for _, g := range site.Objects().AgentGroups {
		script, _ := g.Annex.Value("virtual", "script")
		add(router.TypeAgentGroup, g.Tenant, g.Name, g.Disabled, group{g.Agents, script})
	}
	for _, g := range site.Objects().PlaceGroups {
		add(router.TypePlaceGroup, g.Tenant, g.Name, g.Disabled, group{g.Places, ""})
	}
	for _, g := range site.Objects().DNGroups {
		add(router.TypeQueueGroup, g.Tenant, g.Name, g.Disabled, group{g.DNs, ""})
	}
	for key := range p.groups {
		if _, there := now[key]; !there {
			p.router.RemoveGroup(key.typ, key.name)
			delete(p.groups, key)
		}
	}
	byName := func(a, b groupName) int { return cmp.Or(cmp.Compare(a.typ, b.typ), cmp.Compare(a.name, b.name)) }
	for _, key := range slices.SortedFunc(maps.Keys(now), byName) {
		g := now[key]
		if before, there := p.groups[key]; there && before.script == g.script && slices.Equal(before.members, g.members) {
			continue
		}
		set := router.Group{Type: key.typ, Name: key.name, Members: g.members}
		var err error
		if g.script != "" {
			set.Script, err = router.ParseScript(g.script)
		}
		if err == nil {
			err = p.router.SetGroup(set)
		}
		if err != nil {
			p.logger.Warn("group is left as it was", "group", key.name, "error", err)
			continue
		}
		p.groups[key] = g
	}
}

// updateQueues has the calls of queues and routing points counted. One that is gone is
// counted no more, as it is not registered.
func (p *people) updateQueues(site *config.Site) {
	for _, dn := range site.Objects().DNs {
		switch dn.Type {
		case config.ACDQueue, config.RoutingQueue, config.VirtualQueue, config.RoutingPoint, config.VirtualRoutingPoint, config.ExternalRouting:
		default:
			continue
		}
		q := router.Queue{Number: dn.Number, Switch: dn.Switch}
		if dn.Disabled || p.queues[q] {
			continue
		}
		if err := p.router.SetQueue(q); err != nil {
			p.logger.Warn("calls of a queue are not counted", "dn", dn.Number, "switch", dn.Switch, "error", err)
			continue
		}
		p.queues[q] = true
	}
}
