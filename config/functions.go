package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// Tenant returns the number of a tenant: its DBID, or its place in the
// configuration, from 1, when it has none.
func (s *Site) Tenant(name string) (id int, ok bool) {
	id, ok = s.tenantID[name]
	return id, ok
}

// ListItem returns the keys of an item of a List object: the options of the
// section of that name in its annex. The list is found by name, else by alias. false when the list
// or the item is missing, or the list is disabled.
func (s *Site) ListItem(tenant, list, item string) (keys map[string]string, ok bool) {
	t := s.Transaction(tenant, list)
	if t == nil {
		t = s.listByAlias(tenant, list)
	}
	if t == nil || t.Type != List || t.Disabled {
		return nil, false
	}
	i := slices.IndexFunc(t.Annex, func(section Section) bool { return section.Name == item })
	if i < 0 {
		return nil, false
	}
	keys = make(map[string]string, len(t.Annex[i].Options))
	for _, o := range t.Annex[i].Options {
		keys[o.Name] = o.Value
	}
	return keys, true
}

func (s *Site) listByAlias(tenant, alias string) *Transaction {
	for _, of := range [...]string{tenant, "", s.tenant} {
		for _, t := range s.objects.Transactions {
			if t.Alias == alias && alias != "" && t.Tenant == of {
				return t
			}
		}
	}
	return nil
}

// Option returns the value of an option, looked for from a place on: the script
// object of the interaction's DN, the DN, the server that asks (with what its cluster shares), the
// tenant, the T-Server of the DN's switch. The DN is that of SiteOptions.Interaction; OptionAt is told
// it. key is "section/option", or an option alone: then all sections are tried in their order.
func (s *Site) Option(tenant, interactionID, key string, from telephony.LookupSequence) (value string, ok bool) {
	at := ""
	if interactionID != "" && s.opts.Interaction != nil {
		at, _ = s.opts.Interaction(interactionID)
	}
	return s.OptionAt(tenant, at, key, from)
}

// OptionAt is Option for an interaction at a DN, "5000" or "5000@Main"; empty, or one that
// the configuration does not have: it is at none.
func (s *Site) OptionAt(tenant, at, key string, from telephony.LookupSequence) (value string, ok bool) {
	var dn *DN
	if at != "" {
		dn, _ = s.DN(at) // without one its places are passed over
	}
	if from <= telephony.StartFromStrategy && dn != nil {
		if st, err := s.Resolve(dn.ID().Name); err == nil && st.Script != "" {
			if sc := s.Script(s.tenantOf(dn), st.Script); sc != nil {
				if v, ok := byKey(sc.Annex, key); ok {
					return v, true
				}
			}
		}
	}
	if from <= telephony.StartFromCDN && dn != nil {
		if v, ok := byKey(dn.Annex, key); ok {
			return v, true
		}
	}
	if app := s.ApplicationObject(s.opts.Application); from <= telephony.StartFromRouter && app != nil {
		if v, ok := byKey(app.Options, key); ok {
			return v, true
		}
		if cl := s.ClusterOf(app.Name); cl != nil {
			if v, ok := byKey(cl.Shared, key); ok {
				return v, true
			}
		}
	}
	if from <= telephony.StartFromTenant {
		if tenant == "" {
			tenant = s.tenant
		}
		if t, ok := find[*Tenant](s, KindTenant, "", tenant); ok {
			if v, ok := byKey(t.Annex, key); ok {
				return v, true
			}
		}
	}
	if dn == nil || s.switches[dn.Switch] == nil {
		return "", false
	}
	if app := s.ApplicationObject(s.switches[dn.Switch].TServer); app != nil {
		return byKey(app.Options, key)
	}
	return "", false
}

func (s *Site) tenantOf(dn *DN) string {
	if sw := s.switches[dn.Switch]; dn.Tenant == "" && sw != nil {
		return sw.Tenant
	}
	return dn.Tenant
}

// byKey finds an option by "section/option" or by its name alone. A secret is not found:
// scripts have no business with it.
func byKey(l Options, key string) (string, bool) {
	section, option, named := strings.Cut(key, "/")
	if named {
		if o, ok := l.Find(section, option); ok && !o.Secret {
			return o.Value, true
		}
	}
	for _, sec := range l {
		if o, ok := l.Find(sec.Name, key); ok && !o.Secret {
			return o.Value, true
		}
	}
	return "", false
}

// specialDay is a StatDay that has been read.
type specialDay struct {
	name     string
	year     int // 0: every year
	month    time.Month
	day      int
	from, to time.Duration // since midnight
}

func (d *StatDay) read() (specialDay, *Error) {
	day := specialDay{name: d.Name, to: 24 * time.Hour}
	// A leap year lets 02-29 be a day of every year.
	if t, err := time.Parse("2006-01-02", d.Date); err == nil {
		day.year, day.month, day.day = t.Date()
	} else if t, err := time.Parse("2006-01-02", "2000-"+d.Date); err == nil {
		_, day.month, day.day = t.Date()
	} else {
		return day, at(d, "date: %q is neither a day such as 2026-12-24 nor one of every year such as 12-24", d.Date)
	}
	if d.From == "" && d.To == "" {
		return day, nil
	}
	var ok [2]bool
	day.from, ok[0] = clockTime(d.From)
	day.to, ok[1] = clockTime(d.To)
	if !ok[0] || !ok[1] {
		return day, at(d, "from and to: %q and %q are not two times such as 09:30 and 24:00", d.From, d.To)
	}
	if day.from >= day.to {
		return day, at(d, "from and to: %s is not before %s", d.From, d.To)
	}
	return day, nil
}

func clockTime(s string) (time.Duration, bool) {
	if s == "24:00" {
		return 24 * time.Hour, true
	}
	t, err := time.Parse("15:04", s)
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err == nil
}

// statTables reads the statistical tables.
func (c *check) statTables() {
	c.site.tables = make(map[*StatTable][]specialDay, len(c.site.objects.StatTables))
	for _, d := range c.site.objects.StatDays {
		if _, err := d.read(); err != nil {
			c.fail(err)
		}
	}
	for _, t := range c.site.objects.StatTables {
		days := []specialDay{}
		for _, name := range t.StatDays {
			d, ok := find[*StatDay](c.site, KindStatDay, t.Tenant, name)
			if !ok {
				c.fail(at(t, "statDays: there is no StatDay %q%s", name, c.near(KindStatDay, name)))
				continue
			}
			if day, err := d.read(); err == nil && !d.Disabled {
				days = append(days, day)
			}
		}
		c.site.tables[t] = days
	}
}

// SpecialDay reports whether a moment is on one of the special days of a
// statistical table. day names one of them; empty: any. useTime also compares the
// time of the day. The error says that there is no such table or day.
func (s *Site) SpecialDay(tenant, table, day string, at time.Time, useTime bool) (bool, error) {
	t, ok := find[*StatTable](s, KindStatTable, tenant, table)
	if !ok || t.Disabled {
		return false, fmt.Errorf("no statistical table %q", table)
	}
	hour, minute, second := at.Clock()
	clock := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
	known := day == ""
	for _, d := range s.tables[t] {
		if day != "" && d.name != day {
			continue
		}
		known = true
		if d.year != 0 && d.year != at.Year() || d.month != at.Month() || d.day != at.Day() {
			continue
		}
		if !useTime || d.from <= clock && clock < d.to {
			return true, nil
		}
	}
	if !known {
		return false, fmt.Errorf("no special day %q in the statistical table %q", day, table)
	}
	return false, nil
}

// timeZones reads the time zones.
func (c *check) timeZones() {
	c.site.zones = make(map[*TimeZone]*time.Location, len(c.site.objects.TimeZones))
	for _, z := range c.site.objects.TimeZones {
		l, err := z.read()
		if err != nil {
			c.fail(err)
			continue
		}
		c.site.zones[z] = l
	}
}

func (z *TimeZone) read() (*time.Location, *Error) {
	if (z.Location == "") == (z.Offset == "") {
		return nil, at(z, "has either a location or an offset")
	}
	if z.Offset == "" {
		// LoadLocation reads Local as the zone of this machine.
		l, err := time.LoadLocation(z.Location)
		if err != nil || z.Location == "Local" {
			return nil, at(z, "location: the IANA database of this machine has no %q, such as Europe/Paris", z.Location)
		}
		return l, nil
	}
	t, err := time.Parse("-07:00", z.Offset)
	if err != nil {
		return nil, at(z, "offset: %q is no distance from GMT such as +05:30", z.Offset)
	}
	_, seconds := t.Zone()
	return time.FixedZone(z.Name, seconds), nil
}

// Zone returns a time zone of the configuration that belongs to no tenant or to the default
// one; nil when there is none of the name or it is disabled: then the names of the IANA database
// and the usual abbreviations count.
func (s *Site) Zone(name string) *time.Location {
	z, ok := find[*TimeZone](s, KindTimeZone, "", name)
	if !ok || z.Disabled {
		return nil
	}
	return s.zones[z]
}
