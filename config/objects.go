package config

import "strings"

// Kind is the type of an object of the configuration layer.
type Kind string

// The kinds of objects that an orchestration server reads.
const (
	KindTenant          Kind = "Tenant"
	KindHost            Kind = "Host"
	KindApplication     Kind = "Application"
	KindSwitch          Kind = "Switch"
	KindDN              Kind = "DN"
	KindScript          Kind = "Script"
	KindTransaction     Kind = "Transaction"
	KindPerson          Kind = "Person"
	KindPlace           Kind = "Place"
	KindAgentGroup      Kind = "AgentGroup"
	KindPlaceGroup      Kind = "PlaceGroup"
	KindDNGroup         Kind = "DNGroup"
	KindSkill           Kind = "Skill"
	KindStatDay         Kind = "StatDay"
	KindStatTable       Kind = "StatTable"
	KindTimeZone        Kind = "TimeZone"
	KindEnumerator      Kind = "Enumerator"
	KindEnumeratorValue Kind = "EnumeratorValue"
)

// ID says which object is meant. Tenant is empty for what is unique over all tenants
// (tenants, hosts, applications, switches and DNs), and for objects of a site with a
// single tenant that it does not name.
type ID struct {
	Kind   Kind
	Tenant string
	Name   string // of a DN: number@switch; of a person: the employee id; of an enumerator's value: enumerator/name
}

// String is what errors call the object: "DN 5000@Main", "Script Sales".
func (id ID) String() string {
	if id.Tenant == "" {
		return string(id.Kind) + " " + id.Name
	}
	return string(id.Kind) + " " + id.Name + " of tenant " + id.Tenant
}

// Object is any of the objects below: *Tenant, *Host, *Application and so on.
type Object interface {
	// ID says which one it is.
	ID() ID

	where() origin
	lists() []optionList
}

// origin is where an object was read; the zero value: in no file.
type origin struct {
	file string
	line int
}

func (o origin) where() origin { return o }

func (o *origin) setOrigin(from origin) { *o = from }

// Locate says where an object was read, for errors about it: a file, or the URL of an interface
// without its query, and a line, 0 for none. A Source calls it for what it makes.
func Locate(o Object, file string, line int) {
	if at, ok := o.(interface{ setOrigin(origin) }); ok {
		at.setOrigin(origin{file, line})
	}
}

// optionList is a two-level list of an object, called by the name that files give it.
type optionList struct {
	name    string
	options Options
}

func annexOf(o Options) []optionList {
	if len(o) == 0 {
		return nil
	}
	return []optionList{{"annex", o}}
}

// Objects are the objects of a configuration, in the order of their source.
// They are plain data, and are not changed once a Site has been made of them.
type Objects struct {
	Tenants          []*Tenant          `json:"tenants"`
	Hosts            []*Host            `json:"hosts"`
	Applications     []*Application     `json:"applications"`
	Switches         []*Switch          `json:"switches"`
	DNs              []*DN              `json:"dns"`
	Scripts          []*Script          `json:"scripts"`
	Transactions     []*Transaction     `json:"transactions"`
	Persons          []*Person          `json:"persons"`
	Places           []*Place           `json:"places"`
	AgentGroups      []*AgentGroup      `json:"agentGroups"`
	PlaceGroups      []*PlaceGroup      `json:"placeGroups"`
	DNGroups         []*DNGroup         `json:"dnGroups"`
	Skills           []*Skill           `json:"skills"`
	StatDays         []*StatDay         `json:"statDays"`
	StatTables       []*StatTable       `json:"statTables"`
	TimeZones        []*TimeZone        `json:"timeZones"`
	Enumerators      []*Enumerator      `json:"enumerators"`
	EnumeratorValues []*EnumeratorValue `json:"enumeratorValues"`

	// Warnings are what the source finds doubtful; they become Site.Warnings.
	Warnings []*Error
}

// each calls f for every object, kind by kind, in the order of the source.
func (o *Objects) each(f func(Object)) {
	list(o.Tenants, f)
	list(o.Hosts, f)
	list(o.Applications, f)
	list(o.Switches, f)
	list(o.DNs, f)
	list(o.Scripts, f)
	list(o.Transactions, f)
	list(o.Persons, f)
	list(o.Places, f)
	list(o.AgentGroups, f)
	list(o.PlaceGroups, f)
	list(o.DNGroups, f)
	list(o.Skills, f)
	list(o.StatDays, f)
	list(o.StatTables, f)
	list(o.TimeZones, f)
	list(o.Enumerators, f)
	list(o.EnumeratorValues, f)
}

func list[T Object](objects []T, f func(Object)) {
	for _, o := range objects {
		f(o)
	}
}

// add appends the objects of another source.
func (o *Objects) add(p *Objects) {
	o.Tenants = append(o.Tenants, p.Tenants...)
	o.Hosts = append(o.Hosts, p.Hosts...)
	o.Applications = append(o.Applications, p.Applications...)
	o.Switches = append(o.Switches, p.Switches...)
	o.DNs = append(o.DNs, p.DNs...)
	o.Scripts = append(o.Scripts, p.Scripts...)
	o.Transactions = append(o.Transactions, p.Transactions...)
	o.Persons = append(o.Persons, p.Persons...)
	o.Places = append(o.Places, p.Places...)
	o.AgentGroups = append(o.AgentGroups, p.AgentGroups...)
	o.PlaceGroups = append(o.PlaceGroups, p.PlaceGroups...)
	o.DNGroups = append(o.DNGroups, p.DNGroups...)
	o.Skills = append(o.Skills, p.Skills...)
	o.StatDays = append(o.StatDays, p.StatDays...)
	o.StatTables = append(o.StatTables, p.StatTables...)
	o.TimeZones = append(o.TimeZones, p.TimeZones...)
	o.Enumerators = append(o.Enumerators, p.Enumerators...)
	o.EnumeratorValues = append(o.EnumeratorValues, p.EnumeratorValues...)
	o.Warnings = append(o.Warnings, p.Warnings...)
}

// Tenant is a business that shares the site with others. A site with a single
// one need not list it.
type Tenant struct {
	origin
	Name     string  `json:"name" cfg:"required"`
	DBID     int     `json:"dbid"` // 0: not known
	Disabled bool    `json:"disabled"`
	Annex    Options `json:"annex"`
}

// ID implements Object.
func (t *Tenant) ID() ID              { return ID{Kind: KindTenant, Name: t.Name} }
func (t *Tenant) lists() []optionList { return annexOf(t.Annex) }

// Switch is a switch. Its DNs name it.
type Switch struct {
	origin
	Name     string  `json:"name" cfg:"required"`
	Tenant   string  `json:"tenant"`
	Type     string  `json:"type"`    // free text
	TServer  string  `json:"tServer"` // the application that serves it; may be empty
	Disabled bool    `json:"disabled"`
	Annex    Options `json:"annex"` // section "gts"
}

// ID implements Object.
func (s *Switch) ID() ID              { return ID{Kind: KindSwitch, Name: s.Name} }
func (s *Switch) lists() []optionList { return annexOf(s.Annex) }

// DNType is the type of a DN in the configuration.
type DNType string

// The types of DNs. To Extension, ACDPosition, RoutingPoint and InteractionQueue an
// application can be attached.
const (
	Extension           DNType = "Extension"
	ACDPosition         DNType = "ACDPosition"
	ACDQueue            DNType = "ACDQueue"
	RoutingPoint        DNType = "RoutingPoint"
	ExternalRouting     DNType = "ExternalRoutingPoint"
	RoutingQueue        DNType = "RoutingQueue"
	VirtualQueue        DNType = "VirtualQueue"
	VirtualRoutingPoint DNType = "VirtualRoutingPoint"
	InteractionQueue    DNType = "InteractionQueue"
	VoiceTreatmentPort  DNType = "VoiceTreatmentPort"
	TrunkGroup          DNType = "TrunkGroup"
	Trunk               DNType = "Trunk"
	OtherDN             DNType = "Other"
)

func (DNType) choices() []string {
	return []string{string(Extension), string(ACDPosition), string(ACDQueue), string(RoutingPoint), string(ExternalRouting),
		string(RoutingQueue), string(VirtualQueue), string(VirtualRoutingPoint), string(InteractionQueue),
		string(VoiceTreatmentPort), string(TrunkGroup), string(Trunk), string(OtherDN)}
}

// DN is a directory number, or a queue of interactions.
type DN struct {
	origin
	Number   string  `json:"number" cfg:"required"` // unique within its switch
	Switch   string  `json:"switch" cfg:"required"`
	Type     DNType  `json:"type" cfg:"required"`
	Alias    string  `json:"alias"` // number_switch by habit; may be empty
	Tenant   string  `json:"tenant"`
	Disabled bool    `json:"disabled"`
	Annex    Options `json:"annex"` // section "Orchestration"
}

// ID implements Object.
func (d *DN) ID() ID              { return ID{Kind: KindDN, Name: d.Number + "@" + d.Switch} }
func (d *DN) lists() []optionList { return annexOf(d.Annex) }

// ScriptType is the type of a script object.
type ScriptType string

// The types of scripts.
const (
	EnhancedRouting      ScriptType = "EnhancedRouting"
	InteractionSubmitter ScriptType = "InteractionSubmitter"
	OtherScript          ScriptType = "Other"
)

func (ScriptType) choices() []string {
	return []string{string(EnhancedRouting), string(InteractionSubmitter), string(OtherScript)}
}

// Script is a script object.
type Script struct {
	origin
	Name     string     `json:"name" cfg:"required"`
	Tenant   string     `json:"tenant"`
	Type     ScriptType `json:"type"` // empty: EnhancedRouting
	Disabled bool       `json:"disabled"`
	Annex    Options    `json:"annex"` // of EnhancedRouting: sections "Application" and "ApplicationParms"
}

// ID implements Object.
func (s *Script) ID() ID              { return ID{KindScript, s.Tenant, s.Name} }
func (s *Script) lists() []optionList { return annexOf(s.Annex) }

// TransactionType is the type of a transaction object.
type TransactionType string

// The types of transactions.
const (
	List             TransactionType = "List"
	Statistic        TransactionType = "Statistic"
	OtherTransaction TransactionType = "Other"
)

func (TransactionType) choices() []string {
	return []string{string(List), string(Statistic), string(OtherTransaction)}
}

// Transaction is a transaction object. In the annex of a List, each section is
// an item and its options are the keys of the item.
type Transaction struct {
	origin
	Name         string          `json:"name" cfg:"required"`
	Alias        string          `json:"alias"`
	Tenant       string          `json:"tenant"`
	Type         TransactionType `json:"type" cfg:"required"`
	RecordPeriod int             `json:"recordPeriod"` // minutes
	Disabled     bool            `json:"disabled"`
	Annex        Options         `json:"annex"`
}

// ID implements Object.
func (t *Transaction) ID() ID              { return ID{KindTransaction, t.Tenant, t.Name} }
func (t *Transaction) lists() []optionList { return annexOf(t.Annex) }

// SkillLevel is a skill that somebody has.
type SkillLevel struct {
	Skill string
	Level int
}

// SkillLevels are the skills of a person. In files they are a mapping of names to levels.
type SkillLevels []SkillLevel

// Login is a login of an agent on a switch.
type Login struct {
	Switch       string `json:"switch" cfg:"required"`
	Code         string `json:"loginCode" cfg:"required"`
	WrapupTime   int    `json:"wrapupTime"`   // seconds
	DefaultPlace string `json:"defaultPlace"` // may be empty
}

// Person is an agent or another user.
type Person struct {
	origin
	EmployeeID string      `json:"employeeId" cfg:"required"`
	UserName   string      `json:"userName"`
	FirstName  string      `json:"firstName"`
	LastName   string      `json:"lastName"`
	Email      string      `json:"emailAddress"`
	Tenant     string      `json:"tenant"`
	Agent      bool        `json:"agent"`
	Place      string      `json:"place"`
	Skills     SkillLevels `json:"skills"`
	Logins     []Login     `json:"logins"`
	Disabled   bool        `json:"disabled"`
	Annex      Options     `json:"annex"`
}

// ID implements Object.
func (p *Person) ID() ID              { return ID{KindPerson, p.Tenant, p.EmployeeID} }
func (p *Person) lists() []optionList { return annexOf(p.Annex) }

// Place is where an agent works: the DNs that belong together.
type Place struct {
	origin
	Name     string   `json:"name" cfg:"required"`
	Tenant   string   `json:"tenant"`
	DNs      []string `json:"dns"` // number@switch
	Disabled bool     `json:"disabled"`
	Annex    Options  `json:"annex"`
}

// ID implements Object.
func (p *Place) ID() ID              { return ID{KindPlace, p.Tenant, p.Name} }
func (p *Place) lists() []optionList { return annexOf(p.Annex) }

// AgentGroup is a group of persons.
type AgentGroup struct {
	origin
	Name     string   `json:"name" cfg:"required"`
	Tenant   string   `json:"tenant"`
	Agents   []string `json:"agents"` // employee ids
	DNs      []string `json:"dns"`    // queues of the group, number@switch
	Disabled bool     `json:"disabled"`
	Annex    Options  `json:"annex"` // section "virtual", option "script": a skill expression
}

// ID implements Object.
func (g *AgentGroup) ID() ID              { return ID{KindAgentGroup, g.Tenant, g.Name} }
func (g *AgentGroup) lists() []optionList { return annexOf(g.Annex) }

// PlaceGroup is a group of places.
type PlaceGroup struct {
	origin
	Name     string   `json:"name" cfg:"required"`
	Tenant   string   `json:"tenant"`
	Places   []string `json:"places"`
	Disabled bool     `json:"disabled"`
	Annex    Options  `json:"annex"`
}

// ID implements Object.
func (g *PlaceGroup) ID() ID              { return ID{KindPlaceGroup, g.Tenant, g.Name} }
func (g *PlaceGroup) lists() []optionList { return annexOf(g.Annex) }

// DNGroup is a group of DNs.
type DNGroup struct {
	origin
	Name     string   `json:"name" cfg:"required"`
	Tenant   string   `json:"tenant"`
	Type     string   `json:"type"` // free text
	DNs      []string `json:"dns"`  // number@switch
	Disabled bool     `json:"disabled"`
	Annex    Options  `json:"annex"`
}

// ID implements Object.
func (g *DNGroup) ID() ID              { return ID{KindDNGroup, g.Tenant, g.Name} }
func (g *DNGroup) lists() []optionList { return annexOf(g.Annex) }

// Skill is a skill that agents can have.
type Skill struct {
	origin
	Name     string  `json:"name" cfg:"required"`
	Tenant   string  `json:"tenant"`
	Disabled bool    `json:"disabled"`
	Annex    Options `json:"annex"`
}

// ID implements Object.
func (s *Skill) ID() ID              { return ID{KindSkill, s.Tenant, s.Name} }
func (s *Skill) lists() []optionList { return annexOf(s.Annex) }

// StatDay is a special day, such as a holiday.
type StatDay struct {
	origin
	Name     string  `json:"name" cfg:"required"`
	Tenant   string  `json:"tenant"`
	Date     string  `json:"date" cfg:"required"` // 2026-12-24, or 12-24 for every year
	From     string  `json:"from"`                // 09:30; with To empty: the whole day
	To       string  `json:"to"`                  // 18:00, or 24:00; excluded
	Disabled bool    `json:"disabled"`
	Annex    Options `json:"annex"`
}

// ID implements Object.
func (d *StatDay) ID() ID              { return ID{KindStatDay, d.Tenant, d.Name} }
func (d *StatDay) lists() []optionList { return annexOf(d.Annex) }

// StatTable is a statistical table: a set of special days.
type StatTable struct {
	origin
	Name     string   `json:"name" cfg:"required"`
	Tenant   string   `json:"tenant"`
	StatDays []string `json:"statDays"`
	Disabled bool     `json:"disabled"`
	Annex    Options  `json:"annex"`
}

// ID implements Object.
func (s *StatTable) ID() ID              { return ID{KindStatTable, s.Tenant, s.Name} }
func (s *StatTable) lists() []optionList { return annexOf(s.Annex) }

// TimeZone is a time zone by the name that strategies call it. Those of the IANA database
// and the usual abbreviations, such as CET and PST, need no object.
type TimeZone struct {
	origin
	Name     string  `json:"name" cfg:"required"`
	Tenant   string  `json:"tenant"`
	Location string  `json:"location"` // a place of the IANA database: Europe/Paris
	Offset   string  `json:"offset"`   // or the distance from GMT, the whole year: +05:30
	Disabled bool    `json:"disabled"`
	Annex    Options `json:"annex"`
}

// ID implements Object.
func (z *TimeZone) ID() ID              { return ID{KindTimeZone, z.Tenant, z.Name} }
func (z *TimeZone) lists() []optionList { return annexOf(z.Annex) }

// Enumerator is a business attribute, such as MediaType or Service.
type Enumerator struct {
	origin
	Name        string  `json:"name" cfg:"required"`
	DisplayName string  `json:"displayName"`
	Tenant      string  `json:"tenant"`
	Disabled    bool    `json:"disabled"`
	Annex       Options `json:"annex"`
}

// ID implements Object.
func (e *Enumerator) ID() ID              { return ID{KindEnumerator, e.Tenant, e.Name} }
func (e *Enumerator) lists() []optionList { return annexOf(e.Annex) }

// EnumeratorValue is one of the values of an enumerator.
type EnumeratorValue struct {
	origin
	Name        string  `json:"name" cfg:"required"`
	Enumerator  string  `json:"enumerator" cfg:"required"`
	DisplayName string  `json:"displayName"`
	Tenant      string  `json:"tenant"`
	Default     bool    `json:"default"`
	Disabled    bool    `json:"disabled"`
	Annex       Options `json:"annex"`
}

// ID implements Object.
func (e *EnumeratorValue) ID() ID {
	return ID{KindEnumeratorValue, e.Tenant, strings.Join([]string{e.Enumerator, e.Name}, "/")}
}
func (e *EnumeratorValue) lists() []optionList { return annexOf(e.Annex) }
