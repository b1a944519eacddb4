package gws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-ff723688/ors/config"
)

// text is a value that the API writes as a text in one version and as a number or a truth value in another.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '"':
		var s string
		err := json.Unmarshal(b, &s)
		*t = text(s)
		return err
	case '{', '[':
		return errors.New("a text, a number or a truth value is expected, and there is a list or an object")
	case 'n':
		*t = ""
	default:
		*t = text(b)
	}
	return nil
}

// yes reads a truth value, be it one of JSON or a CfgFlag.
func (t text) yes() bool { return t == "true" || t == "CFGTrue" || t == "2" }

type user struct {
	DBID         text            `json:"DBID"`
	UserName     text            `json:"userName"`
	EmployeeID   text            `json:"employeeID"`
	FirstName    text            `json:"firstName"`
	LastName     text            `json:"lastName"`
	EmailAddress text            `json:"emailAddress"`
	LoginCode    text            `json:"loginCode"`
	Enabled      text            `json:"enabled"`
	IsAgent      text            `json:"isAgent"`
	WrapUpTime   text            `json:"wrapUpTime"`
	PlaceNames   []text          `json:"placeNames"`
	SwitchNames  []text          `json:"switchNames"`
	Properties   json.RawMessage `json:"userProperties"`
	Phones       []struct {
		Number    text `json:"number"`
		PlaceName text `json:"placeName"`
		IsDefault text `json:"isDefault"`
	} `json:"phones"`
	Skills []struct {
		Name  text `json:"name"`
		Level text `json:"level"`
	} `json:"skills"`
}

// object is what DNs, skills and groups have in common.
type object struct {
	DBID       text            `json:"DBID"`
	Name       text            `json:"name"`
	State      text            `json:"state"`
	Properties json.RawMessage `json:"userProperties"`
}

func (o object) disabled() bool { return o.State == "CFGDisabled" || o.State == "2" }

type dn struct {
	object
	Number     text            `json:"number"`
	SwitchDBID text            `json:"switchDBID"`
	Switch     json.RawMessage `json:"switch"`
}

type group struct {
	CfgGroup   object `json:"CfgGroup"`
	Type       text   `json:"type"`
	AgentDBIDs []text `json:"agentDBIDs"`
	DNs        []struct {
		DBID text `json:"DNDBID"`
	} `json:"DNs"`
}

// reading makes objects of answers.
type reading struct {
	s       *Source
	path    string // of the list
	at      string // the item, in errors
	out     config.Objects
	wrong   config.Errors
	persons map[text]string // employee ids, by DBID
	dns     map[text]string // number@switch, by DBID
	known   map[string]bool // number@switch; nil: DNs are not read, and phones are taken for DNs
	places  map[string]*config.Place
	unknown map[string]int // how often a reference led nowhere
}

const maxWrong = 100

func (r *reading) fail(format string, args ...any) {
	if len(r.wrong) < maxWrong {
		r.wrong = append(r.wrong, &config.Error{File: r.path, Object: r.at, Problem: fmt.Sprintf(format, args...)})
	}
}

// objects makes objects of all lists.
func (a answers) objects(s *Source) (*config.Objects, error) {
	r := &reading{s: s, persons: map[text]string{}, dns: map[text]string{}, places: map[string]*config.Place{}, unknown: map[string]int{}}
	if slices.ContainsFunc(a, func(l *list) bool { return l.key == "dns" }) {
		r.known = map[string]bool{}
	}
	// Users name places, and places name DNs.
	order := []string{"dns", "users", "skills", "agent-groups", "dn-groups"}
	for _, key := range order {
		for _, l := range a {
			if l.key != key {
				continue
			}
			r.path = s.base.String() + l.path
			for i, item := range l.items {
				r.at = key + " " + strconv.Itoa(i+1)
				r.item(l, item)
			}
		}
	}
	if len(r.wrong) > 0 {
		return nil, r.wrong
	}
	for _, what := range []string{"agents of agent groups that are no users", "DNs of DN groups that are not read", "phones of users that are no DNs"} {
		if n := r.unknown[what]; n > 0 {
			r.out.Warnings = append(r.out.Warnings, &config.Error{File: s.base.String(), Problem: fmt.Sprintf("%d %s are left out", n, what)})
		}
	}
	for kind, drop := range map[config.Kind]func(){
		config.KindPerson: func() { r.out.Persons = nil },
		config.KindDN:     func() { r.out.DNs = nil },
		config.KindPlace:  func() { r.out.Places = nil },
	} {
		if !slices.Contains(s.opts.Kinds, kind) {
			drop()
		}
	}
	return &r.out, nil
}

func (r *reading) item(l *list, raw json.RawMessage) {
	switch l.key {
	case "users":
		var u user
		if r.decode(raw, &u) {
			r.user(u)
		}
	case "dns":
		var d dn
		if r.decode(raw, &d) {
			r.dn(d, l.dnType)
		}
	case "skills":
		var o object
		if r.decode(raw, &o) && r.named("name", o.Name) {
			skill := &config.Skill{Name: string(o.Name), Tenant: r.s.opts.Tenant, Disabled: o.disabled(), Annex: r.annex(o.Properties)}
			config.Locate(skill, r.path, 0)
			r.out.Skills = append(r.out.Skills, skill)
		}
	default:
		var g group
		if r.decode(raw, &g) && r.named("CfgGroup.name", g.CfgGroup.Name) {
			r.group(l.key, g)
		}
	}
}

func (r *reading) decode(raw json.RawMessage, v any) bool {
	if b := bytes.TrimSpace(raw); len(b) == 0 || b[0] != '{' {
		r.fail("is not an object")
		return false
	}
	if err := json.Unmarshal(raw, v); err != nil {
		reason := err.Error()
		var shape *json.UnmarshalTypeError
		if errors.As(err, &shape) {
			reason = fmt.Sprintf("%s is %s, which the API does not describe", shape.Field, shape.Value)
		}
		r.fail("%s", reason)
		return false
	}
	return true
}

func (r *reading) named(field string, v text) bool {
	if v == "" {
		r.fail("%s is missing", field)
	}
	return v != ""
}

// integer reads a number, which some versions write with decimals.
func (r *reading) integer(field string, v text) int {
	if v == "" {
		return 0
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || f < 0 || f > 1e9 {
		r.fail("%s is %q, not a number from 0", field, printable(string(v)))
		return 0
	}
	return int(f)
}

func (r *reading) user(u user) {
	id := u.EmployeeID
	if id == "" {
		id = u.UserName
	}
	if !r.named("employeeID, or userName,", id) {
		return
	}
	p := &config.Person{EmployeeID: string(id), UserName: string(u.UserName), FirstName: string(u.FirstName), LastName: string(u.LastName),
		Email: string(u.EmailAddress), Tenant: r.s.opts.Tenant, Agent: u.IsAgent.yes(), Disabled: u.Enabled == "false", Annex: r.annex(u.Properties)}
	config.Locate(p, r.path, 0)
	for _, s := range u.Skills {
		p.Skills = append(p.Skills, config.SkillLevel{Skill: string(s.Name), Level: r.integer("the level of a skill", s.Level)})
	}
	if u.LoginCode != "" {
		for _, sw := range u.SwitchNames {
			p.Logins = append(p.Logins, config.Login{Switch: string(sw), Code: string(u.LoginCode), WrapupTime: r.integer("wrapUpTime", u.WrapUpTime)})
		}
	}
	for _, name := range u.PlaceNames {
		r.place(string(name))
		if p.Place == "" {
			p.Place = string(name)
		}
	}
	for _, phone := range u.Phones {
		if phone.PlaceName == "" {
			continue
		}
		place := r.place(string(phone.PlaceName))
		if p.Place == "" || phone.IsDefault.yes() {
			p.Place = place.Name
		}
		// A phone is a DN on each switch of its user.
		for _, sw := range u.SwitchNames {
			name := string(phone.Number) + "@" + string(sw)
			if r.known != nil && !r.known[name] {
				r.unknown["phones of users that are no DNs"]++
			} else if !slices.Contains(place.DNs, name) {
				place.DNs = append(place.DNs, name)
			}
		}
	}
	r.persons[u.DBID] = p.EmployeeID
	r.out.Persons = append(r.out.Persons, p)
}

// place returns the place of a name, which some user has.
func (r *reading) place(name string) *config.Place {
	p := r.places[name]
	if p == nil {
		p = &config.Place{Name: name, Tenant: r.s.opts.Tenant}
		config.Locate(p, r.path, 0)
		r.places[name] = p
		r.out.Places = append(r.out.Places, p)
	}
	return p
}

func (r *reading) dn(d dn, t config.DNType) {
	if !r.named("number", d.Number) {
		return
	}
	on := ""
	if b := bytes.TrimSpace(d.Switch); len(b) > 0 && b[0] == '{' {
		var o object
		if !r.decode(d.Switch, &o) {
			return
		}
		on = string(o.Name)
	}
	if on == "" {
		on = r.s.opts.Switches[string(d.SwitchDBID)]
	}
	if on == "" {
		r.fail("the DN %s has no switch.name, and Options.Switches has no name for its switchDBID %q", printable(string(d.Number)), printable(string(d.SwitchDBID)))
		return
	}
	o := &config.DN{Number: string(d.Number), Switch: on, Type: t, Alias: string(d.Name), Tenant: r.s.opts.Tenant, Disabled: d.disabled(), Annex: r.annex(d.Properties)}
	config.Locate(o, r.path, 0)
	r.dns[d.DBID] = o.Number + "@" + on
	r.known[o.Number+"@"+on] = true
	r.out.DNs = append(r.out.DNs, o)
}

func (r *reading) group(key string, g group) {
	name, tenant, disabled, annex := string(g.CfgGroup.Name), r.s.opts.Tenant, g.CfgGroup.disabled(), r.annex(g.CfgGroup.Properties)
	if key == "agent-groups" {
		o := &config.AgentGroup{Name: name, Tenant: tenant, Disabled: disabled, Annex: annex}
		for _, id := range g.AgentDBIDs {
			if agent, ok := r.persons[id]; ok {
				o.Agents = append(o.Agents, agent)
			} else {
				r.unknown["agents of agent groups that are no users"]++
			}
		}
		config.Locate(o, r.path, 0)
		r.out.AgentGroups = append(r.out.AgentGroups, o)
		return
	}
	o := &config.DNGroup{Name: name, Tenant: tenant, Type: strings.TrimPrefix(string(g.Type), "CFG"), Disabled: disabled, Annex: annex}
	for _, info := range g.DNs {
		if number, ok := r.dns[info.DBID]; ok {
			o.DNs = append(o.DNs, number)
		} else {
			r.unknown["DNs of DN groups that are not read"]++
		}
	}
	config.Locate(o, r.path, 0)
	r.out.DNGroups = append(r.out.DNGroups, o)
}

// pair is a member of an object, or of a list of key-value pairs.
type pair struct {
	key   string
	value json.RawMessage
}

// annex reads user properties: sections of options, as an object of objects or as a list of pairs
// with key, type and value. Deeper ones are left out.
func (r *reading) annex(raw json.RawMessage) config.Options {
	var l config.Options
	for _, section := range r.pairs(raw) {
		s := config.Section{Name: section.key}
		for _, o := range r.pairs(section.value) {
			var v text
			if json.Unmarshal(o.value, &v) == nil {
				s.Options = append(s.Options, config.Option{Name: o.key, Value: string(v), Secret: strings.Contains(strings.ToLower(o.key), "password")})
			}
		}
		l = append(l, s)
	}
	return l
}

// pairs reads an object, or a list of pairs, in the order in which it stands.
func (r *reading) pairs(raw json.RawMessage) []pair {
	b := bytes.TrimSpace(raw)
	if len(b) == 0 || string(b) == "null" {
		return nil
	}
	var l []pair
	if b[0] == '[' {
		var list []struct {
			Key   text            `json:"key"`
			Value json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal(b, &list); err != nil {
			r.fail("userProperties is a list of something else than pairs of key and value")
			return nil
		}
		for _, p := range list {
			l = append(l, pair{string(p.Key), p.Value})
		}
		return l
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		r.fail("userProperties is neither an object of sections nor a list of pairs")
		return nil
	}
	for d.More() {
		key, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		name, ok := key.(string)
		if err != nil || !ok {
			if !errors.Is(err, io.EOF) {
				r.fail("userProperties is not JSON")
			}
			return l
		}
		l = append(l, pair{name, value})
	}
	return l
}
