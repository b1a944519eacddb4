package config

import "reflect"

// ChangeKind says what has happened to an object.
type ChangeKind string

// The kinds of changes.
const (
	Added   ChangeKind = "added"
	Removed ChangeKind = "removed"
	Changed ChangeKind = "changed"
)

// Change is one difference between two configurations. Of a changed object there is one
// for each option of its lists, and one without option for all else.
type Change struct {
	Kind   ChangeKind
	Object ID

	Section  string // empty: something else than an option
	Option   string
	Old, New string // of the option; of secrets "****"; empty for one that is not there

	// Effect says when the change counts, by the catalogue: NextInteraction for what it
	// does not have.
	Effect Effect
}

// diff lists what is different in b. Objects that are the same pointers are the same;
// most are, and in the same place.
func diff(a, b *Site) []Change {
	d := &difference{a: a, b: b}
	o, p := a.objects, b.objects
	differ(d, o.Tenants, p.Tenants)
	differ(d, o.Hosts, p.Hosts)
	differ(d, o.Applications, p.Applications)
	differ(d, o.Switches, p.Switches)
	differ(d, o.DNs, p.DNs)
	differ(d, o.Scripts, p.Scripts)
	differ(d, o.Transactions, p.Transactions)
	differ(d, o.Persons, p.Persons)
	differ(d, o.Places, p.Places)
	differ(d, o.AgentGroups, p.AgentGroups)
	differ(d, o.PlaceGroups, p.PlaceGroups)
	differ(d, o.DNGroups, p.DNGroups)
	differ(d, o.Skills, p.Skills)
	differ(d, o.StatDays, p.StatDays)
	differ(d, o.StatTables, p.StatTables)
	differ(d, o.TimeZones, p.TimeZones)
	differ(d, o.Enumerators, p.Enumerators)
	differ(d, o.EnumeratorValues, p.EnumeratorValues)
	return d.changes
}

type difference struct {
	a, b    *Site
	changes []Change
}

type object interface {
	Object
	comparable
}

func differ[T object](d *difference, before, after []T) {
	for i, now := range after {
		if i < len(before) && before[i] == now {
			continue
		}
		id := now.ID()
		switch old := d.a.Object(id); {
		case old == nil:
			d.changes = append(d.changes, Change{Kind: Added, Object: id, Effect: NextInteraction})
		case old != Object(now):
			d.changes = append(d.changes, compare(id, old, now)...)
		}
	}
	for i, old := range before {
		if i < len(after) && after[i] == old {
			continue
		}
		if id := old.ID(); d.b.Object(id) == nil {
			d.changes = append(d.changes, Change{Kind: Removed, Object: id, Effect: NextInteraction})
		}
	}
}

// compare lists what is different in an object.
func compare(id ID, before, now Object) []Change {
	var changes []Change
	if !reflect.DeepEqual(bare(before), bare(now)) {
		changes = append(changes, Change{Kind: Changed, Object: id, Effect: effectOfObject(id.Kind)})
	}
	where := whereOf(now)
	for _, name := range [...]string{"options", "annex"} {
		old, new := named(before, name), named(now, name)
		add := func(section string, o, n Option, there bool) {
			c := Change{Kind: Changed, Object: id, Section: section, Option: n.Name, Old: o.shown(), New: n.shown(), Effect: NextInteraction}
			if !there {
				c.Option = o.Name
			}
			if spec := findSpec(where, section, c.Option); spec != nil {
				c.Effect = spec.Effect
			}
			changes = append(changes, c)
		}
		for _, section := range new {
			for _, n := range section.Options {
				if o, ok := old.Find(section.Name, n.Name); !ok || o.Value != n.Value {
					add(section.Name, o, n, true)
				}
			}
		}
		for _, section := range old {
			for _, o := range section.Options {
				if _, ok := new.Find(section.Name, o.Name); !ok {
					add(section.Name, o, Option{}, false)
				}
			}
		}
	}
	return changes
}

func named(o Object, name string) Options {
	for _, l := range o.lists() {
		if l.name == name {
			return l.options
		}
	}
	return nil
}

// bare is an object without its lists and its place in a file.
func bare(o Object) any {
	v := reflect.New(reflect.TypeOf(o).Elem()).Elem()
	v.Set(reflect.ValueOf(o).Elem())
	for i := range v.NumField() {
		if f := v.Field(i); f.Type() == optionsType {
			f.SetZero()
		}
	}
	v.Addr().Interface().(interface{ setOrigin(origin) }).setOrigin(origin{})
	return v.Interface()
}

// effectOfObject says when what is no option counts: the ports and connections of a
// server are made when it starts.
func effectOfObject(kind Kind) Effect {
	switch kind {
	case KindApplication, KindHost:
		return AtStart
	}
	return NextInteraction
}

// whereOf says which part of the catalogue describes the options of an object; empty: none.
func whereOf(o Object) Where {
	switch o := o.(type) {
	case *DN:
		return InDN
	case *Script:
		return InScript
	case *Transaction:
		if o.Type == Statistic {
			return InStatistic
		}
		return InApplication
	case *Application:
		return InApplication
	}
	return ""
}
