package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// SiteOptions say who looks at a configuration. nil options and zero fields are
// fine.
type SiteOptions struct {
	// Application is the name of the orchestration server that asks: its own
	// options are found first, and its first tenant is the default one. Empty: none.
	Application string

	// Cluster is the name of the cluster that asks, for "application@<cluster>". Default: the
	// cluster of which Application is a node, if there is one.
	Cluster string

	// Interaction tells at which DN an interaction is, for Option; false when it is not
	// known. nil: it never is. It is called inside of a macrostep and must be quick. A server of
	// config/server knows it without.
	Interaction func(id string) (dn string, ok bool)
}

// Site is a checked configuration as one server sees it. It does not change and is safe for
// concurrent use. It is a fm.Applications and a fm.Configuration.
type Site struct {
	objects  *Objects
	opts     SiteOptions
	byID     map[ID]Object
	dns      map[string]*DN   // by number: the first
	twins    map[string][]*DN // all of a number, where there are several
	switches map[string]*Switch
	persons  map[string]*Person // by user name
	tables   map[*StatTable][]specialDay
	zones    map[*TimeZone]*time.Location
	scripts  map[*Script]Strategy // what those of the type EnhancedRouting say
	clusters []Cluster
	cluster  string
	tenant   string // the default one
	tenantID map[string]int
	warnings []*Error
}

// NewSite checks objects and makes a Site of them. The error is Errors, with
// everything that is wrong: names that occur twice or lead nowhere, and options
// that the catalogue refuses. What is only doubtful is in Warnings. The objects must
// not be changed afterwards.
func NewSite(objects *Objects, opts *SiteOptions) (*Site, error) {
	if objects == nil {
		objects = &Objects{}
	}
	s := &Site{objects: objects}
	if opts != nil {
		s.opts = *opts
	}
	c := &check{site: s}
	for _, w := range objects.Warnings {
		c.warn(w)
	}
	s.index(c)
	c.references()
	c.options()
	if name := s.opts.Application; name != "" {
		if app := s.ApplicationObject(name); app == nil {
			c.fail(&Error{Problem: fmt.Sprintf("there is no application object %q, as which this server is to run%s", name, c.near(KindApplication, name))})
		} else {
			s.tenant = app.DefaultTenant()
		}
	}
	s.findClusters(c)
	s.chooseCluster(c)
	c.strategies()
	c.statTables()
	c.timeZones()
	if err := c.result(); err != nil {
		return nil, err
	}
	return s, nil
}

// index files the objects under their names.
func (s *Site) index(c *check) {
	o := s.objects
	s.byID = make(map[ID]Object, len(o.Persons)+64)
	s.dns = make(map[string]*DN, len(o.DNs))
	s.twins = map[string][]*DN{}
	s.switches = make(map[string]*Switch, len(o.Switches))
	s.persons = make(map[string]*Person, len(o.Persons))
	s.tenantID = make(map[string]int, len(o.Tenants))
	o.each(func(object Object) {
		if dn, ok := object.(*DN); ok {
			s.indexDN(c, dn)
			return
		}
		id := object.ID()
		if id.Name == "" {
			c.fail(at(object, "has no name"))
			return
		}
		if first, ok := s.byID[id]; ok {
			c.twice(object, first)
			return
		}
		s.byID[id] = object
	})
	for _, sw := range o.Switches {
		s.switches[sw.Name] = sw
	}
	for _, p := range o.Persons {
		if p.UserName != "" && s.persons[p.UserName] == nil {
			s.persons[p.UserName] = p
		}
	}
	for i, t := range o.Tenants {
		if s.tenantID[t.Name] = t.DBID; t.DBID == 0 {
			s.tenantID[t.Name] = i + 1
		}
	}
}

// indexDN files a DN. They have an index of their own: there are many, and most
// numbers are there once.
func (s *Site) indexDN(c *check, dn *DN) {
	if dn.Number == "" || dn.Switch == "" {
		c.fail(at(dn, "has no number, or no switch"))
		return
	}
	first := s.dns[dn.Number]
	if first == nil {
		s.dns[dn.Number] = dn
		return
	}
	if other := s.dn(dn.Number, dn.Switch); other != nil {
		c.twice(dn, other)
		return
	}
	if s.twins[dn.Number] == nil {
		s.twins[dn.Number] = []*DN{first}
	}
	s.twins[dn.Number] = append(s.twins[dn.Number], dn)
}

// dn finds a DN of a switch; nil when there is none.
func (s *Site) dn(number, switchName string) *DN {
	if first := s.dns[number]; first != nil && first.Switch == switchName {
		return first
	}
	for _, dn := range s.twins[number] {
		if dn.Switch == switchName {
			return dn
		}
	}
	return nil
}

// Objects returns all objects, which must not be changed.
func (s *Site) Objects() *Objects { return s.objects }

// Warnings returns what is doubtful: unknown options of known sections, things that
// are there but have no effect. The slice must not be changed.
func (s *Site) Warnings() []*Error { return s.warnings }

// Secrets returns the values of options that are secrets (Option.Secret), of all objects, each once: what a
// log must not have.
func (s *Site) Secrets() []string {
	seen := map[string]bool{}
	add := func(l Options) {
		for i := range l {
			for j := range l[i].Options {
				if o := &l[i].Options[j]; o.Secret && o.Value != "" {
					seen[o.Value] = true
				}
			}
		}
	}
	for _, dn := range s.objects.DNs { // there are many
		add(dn.Annex)
	}
	s.objects.each(func(o Object) {
		if _, ok := o.(*DN); ok {
			return
		}
		for _, l := range o.lists() {
			add(l.options)
		}
	})
	return slices.Sorted(maps.Keys(seen))
}

// Cluster returns the name of the cluster that asks; empty for none.
func (s *Site) Cluster() string { return s.cluster }

// DefaultTenant returns the first tenant of the server that asks; empty when it has none.
func (s *Site) DefaultTenant() string { return s.tenant }

// Object returns an object of any kind; nil when there is none of this ID.
func (s *Site) Object(id ID) Object {
	if id.Kind == KindDN {
		if number, switchName, ok := strings.Cut(id.Name, "@"); ok && id.Tenant == "" {
			if dn := s.dn(number, switchName); dn != nil {
				return dn
			}
		}
		return nil
	}
	return s.byID[id]
}

// find looks for an object of a tenant, then for one that belongs to none, then
// for one of the default tenant.
func find[T Object](s *Site, kind Kind, tenant, name string) (found T, ok bool) {
	for _, t := range [...]string{tenant, "", s.tenant} {
		if o := s.Object(ID{kind, t, name}); o != nil {
			found, ok = o.(T)
			return found, ok
		}
	}
	return found, false
}

// ApplicationObject returns an application object by name; nil when there is none.
func (s *Site) ApplicationObject(name string) *Application {
	a, _ := find[*Application](s, KindApplication, "", name)
	return a
}

// OwnApplication returns the application object of the server that asks
// (SiteOptions.Application); nil when none does.
func (s *Site) OwnApplication() *Application {
	if s.opts.Application == "" {
		return nil
	}
	return s.ApplicationObject(s.opts.Application)
}

// Tenants returns the tenants in the order of the server that asks, its default tenant
// first; without such a server, all in the order of the configuration.
func (s *Site) Tenants() []*Tenant {
	app := s.ApplicationObject(s.opts.Application)
	if app == nil {
		return s.objects.Tenants
	}
	tenants := make([]*Tenant, 0, len(app.Tenants))
	for _, name := range app.Tenants {
		if t, ok := find[*Tenant](s, KindTenant, "", name); ok {
			tenants = append(tenants, t)
		}
	}
	return tenants
}

// Host returns a host by name; nil when there is none.
func (s *Site) Host(name string) *Host {
	h, _ := find[*Host](s, KindHost, "", name)
	return h
}

// Switch returns a switch by name; nil when there is none.
func (s *Site) Switch(name string) *Switch { return s.switches[name] }

// Script returns a script that a tenant can use: its own, one that belongs to no
// tenant, or one of the default tenant; nil when there is none. The same holds for the
// methods below.
func (s *Site) Script(tenant, name string) *Script {
	sc, _ := find[*Script](s, KindScript, tenant, name)
	return sc
}

// Transaction returns a transaction, by its name.
func (s *Site) Transaction(tenant, name string) *Transaction {
	t, _ := find[*Transaction](s, KindTransaction, tenant, name)
	return t
}

// Person returns a person, by the employee id.
func (s *Site) Person(tenant, employeeID string) *Person {
	p, _ := find[*Person](s, KindPerson, tenant, employeeID)
	return p
}

// Place returns a place.
func (s *Site) Place(tenant, name string) *Place {
	p, _ := find[*Place](s, KindPlace, tenant, name)
	return p
}

// PersonByUserName returns a person by the user name, which is unique over all
// tenants; nil when there is none.
func (s *Site) PersonByUserName(name string) *Person { return s.persons[name] }

// DN finds a DN by its number, or by number and switch as in "5000@Main". A
// number that several switches have is ErrNoDN without the switch.
func (s *Site) DN(name string) (*DN, error) {
	number, switchName, named := strings.Cut(name, "@")
	found := s.dns[number]
	if named {
		found = s.dn(number, switchName)
	} else if twins := s.twins[number]; twins != nil {
		return nil, fmt.Errorf("%w: %s is on the switches %s and %s; write %s@%s", ErrNoDN, name, twins[0].Switch, twins[1].Switch, number, twins[0].Switch)
	}
	if found == nil {
		return nil, fmt.Errorf("%w: %s", ErrNoDN, name)
	}
	return found, nil
}

// Numbers returns the numbers of all DNs that are not disabled, in the order of
// the configuration, each once: what a telephony link has to register. Interaction queues,
// which no switch knows, are left out.
func (s *Site) Numbers() []string {
	numbers := make([]string, 0, len(s.dns))
	seen := make(map[string]bool, len(s.dns))
	for _, dn := range s.objects.DNs {
		if !dn.Disabled && dn.Type != InteractionQueue && !seen[dn.Number] {
			seen[dn.Number] = true
			numbers = append(numbers, dn.Number)
		}
	}
	return numbers
}
