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
	tenants map[string]bool           // whose persons count; nil: all
	persons map[string]*config.Person // of the agents, by id
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

// parts are what a change of the configuration concerns.
type parts struct {
	people  bool // the router
	seats   bool // where agents are: DNs, places and switches, which are registered too
	sources bool // where documents are
}

// partsOf finds out what changes concern. An option of a DN is none of the router's.
func partsOf(changes []config.Change) (p parts) {
	for _, c := range changes {
		switch c.Object.Kind {
		case config.KindPerson, config.KindAgentGroup, config.KindPlaceGroup, config.KindDNGroup:
			p.people = true
		case config.KindDN, config.KindPlace, config.KindSwitch:
			p.sources = true
			if c.Section == "" {
				p.people, p.seats = true, true
			}
		default: // scripts, the options of the application
			p.sources = true
		}
	}
	return p
}

// update makes the router what a configuration says. switches are those of the link to the
// T-Server; seats there are preferred. seats: they may have changed.
func (p *people) update(site *config.Site, switches []string, seats bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.updateAgents(site, switches, seats)
	p.updateGroups(site)
	if seats {
		p.updateQueues(site)
	}
}

func (p *people) updateAgents(site *config.Site, switches []string, seats bool) {
	now := make(map[string]*config.Person, len(p.persons))
	for _, person := range site.Objects().Persons {
		if !person.Agent || person.Disabled || p.tenants != nil && !p.tenants[person.Tenant] {
			continue
		}
		id := person.EmployeeID
		if now[id] != nil {
			p.logger.Warn("agent is left out: another one has the same employee id", "agent", id, "tenant", person.Tenant)
			continue
		}
		now[id] = person
		if !seats && p.persons[id] == person {
			continue // as it was
		}
		a := p.agent(site, person, switches)
		if before, there := p.agents[id]; there && sameAgent(&before, &a) {
			continue
		}
		if err := p.router.SetAgent(a); err != nil {
			p.logger.Warn("agent is left as he was", "agent", id, "error", err)
			continue
		}
		p.agents[id] = a
	}
	var gone []string
	for id := range p.agents {
		if now[id] == nil {
			gone = append(gone, id)
		}
	}
	slices.Sort(gone)
	for _, id := range gone {
		if err := p.router.RemoveAgent(id); err != nil {
			p.logger.Warn("agent is not removed", "agent", id, "error", err)
		}
		delete(p.agents, id)
	}
	p.persons = now
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
