package fm

import (
	"fmt"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/telephony"
)

// Configuration is what the functions of _genesys.session read of the
// configuration. Its methods are called inside of a macrostep: they answer from memory,
// at once, and may be called concurrently. *ConfigurationTable is one, and so is *config.Site.
type Configuration interface {
	// Tenant returns the number of a tenant; false when there is none of this name.
	Tenant(name string) (id int, ok bool)

	// ListItem returns the keys of an item of a List object (a transaction of type
	// list); false when the list or the item is missing.
	ListItem(tenant, list, item string) (keys map[string]string, ok bool)

	// Option returns the value of an option, looked for from a place on; false when
	// it is set nowhere.
	Option(tenant, interactionID, key string, from telephony.LookupSequence) (value string, ok bool)

	// SpecialDay reports whether a moment, in the zone that was asked for, is
	// on one of the special days of a statistical table. day names one of them; empty:
	// any. useTime also compares the time of the day. The error says that there is no such
	// table or day.
	SpecialDay(tenant, table, day string, at time.Time, useTime bool) (bool, error)

	// Zone returns a time zone of the configuration; nil when it has none of this
	// name. Then the names of the IANA database and the usual abbreviations are tried.
	Zone(name string) *time.Location
}

// ServiceObjectives is a Configuration that has service objectives, for
// _genesys.queue.findServiceObjective: in what time interactions of a media type, a service and a
// segment of customers are to be served. Empty names mean that they do not matter.
type ServiceObjectives interface {
	ServiceObjective(tenant, media, service, segment string) (time.Duration, bool)
}

// ConfigurationTable is a Configuration in memory, the same for all tenants. It
// must not be changed while it is in use.
type ConfigurationTable struct {
	Tenants     map[string]int                          // number by name
	Lists       map[string]map[string]map[string]string // list, item, key
	Options     map[string]string                       // by key; wherever the search begins
	SpecialDays map[string][]SpecialDay                 // by statistical table
	Zones       map[string]*time.Location
	Objectives  []ServiceObjective // the first that fits counts
}

// ServiceObjective is the time in which interactions are to be served. An empty name
// fits all.
type ServiceObjective struct {
	Media, Service, Segment string
	Within                  time.Duration
}

// ServiceObjective implements ServiceObjectives.
func (c *ConfigurationTable) ServiceObjective(_, media, service, segment string) (time.Duration, bool) {
	fits := func(entry, asked string) bool { return entry == "" || entry == asked }
	for _, o := range c.Objectives {
		if fits(o.Media, media) && fits(o.Service, service) && fits(o.Segment, segment) {
			return o.Within, true
		}
	}
	return 0, false
}

// SpecialDay is a day of a statistical table.
type SpecialDay struct {
	Name     string
	Year     int // 0: every year
	Month    time.Month
	Day      int
	From, To time.Duration // since midnight; both 0: the whole day
}

// Tenant implements Configuration.
func (c *ConfigurationTable) Tenant(name string) (int, bool) {
	id, ok := c.Tenants[name]
	return id, ok
}

// ListItem implements Configuration.
func (c *ConfigurationTable) ListItem(_, list, item string) (map[string]string, bool) {
	keys, ok := c.Lists[list][item]
	return keys, ok
}

// Option implements Configuration.
func (c *ConfigurationTable) Option(_, _, key string, _ telephony.LookupSequence) (string, bool) {
	v, ok := c.Options[key]
	return v, ok
}

// SpecialDay implements Configuration.
func (c *ConfigurationTable) SpecialDay(_, table, day string, at time.Time, useTime bool) (bool, error) {
	days, ok := c.SpecialDays[table]
	if !ok {
		return false, fmt.Errorf("no statistical table %q", table)
	}
	known := day == ""
	for _, d := range days {
		if day != "" && d.Name != day {
			continue
		}
		known = true
		if d.Year != 0 && d.Year != at.Year() || d.Month != at.Month() || d.Day != at.Day() {
			continue
		}
		hour, minute, second := at.Clock()
		clock := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
		if !useTime || d.From == 0 && d.To == 0 || d.From <= clock && clock < d.To {
			return true, nil
		}
	}
	if !known {
		return false, fmt.Errorf("no special day %q in the statistical table %q", day, table)
	}
	return false, nil
}

// Zone implements Configuration.
func (c *ConfigurationTable) Zone(name string) *time.Location { return c.Zones[name] }

// zoneNames gives the usual abbreviations of time zones, those of the
// configuration layer and of Java, their places in the IANA database.
var zoneNames = map[string]string{
	"UTC": "UTC", "GMT": "UTC", "WET": "Europe/Lisbon", "ECT": "Europe/Paris", "CET": "Europe/Paris", "MEZ": "Europe/Berlin",
	"EET": "Europe/Athens", "ART": "Africa/Cairo", "EAT": "Africa/Addis_Ababa", "CAT": "Africa/Harare", "MSK": "Europe/Moscow",
	"MET": "Asia/Tehran", "NET": "Asia/Yerevan", "PLT": "Asia/Karachi", "IST": "Asia/Kolkata", "BST": "Asia/Dhaka",
	"VST": "Asia/Ho_Chi_Minh", "CTT": "Asia/Shanghai", "JST": "Asia/Tokyo", "ACT": "Australia/Darwin", "AET": "Australia/Sydney",
	"SST": "Pacific/Guadalcanal", "NST": "Pacific/Auckland", "MIT": "Pacific/Apia", "HST": "Pacific/Honolulu",
	"AST": "America/Anchorage", "PST": "America/Los_Angeles", "PNT": "America/Phoenix", "MST": "America/Denver",
	"CST": "America/Chicago", "EST": "America/New_York", "IET": "America/Indiana/Indianapolis", "PRT": "America/Puerto_Rico",
	"CNT": "America/St_Johns", "AGT": "America/Argentina/Buenos_Aires", "BET": "America/Sao_Paulo",
}

// zone finds a time zone by name; no name is ServicesOptions.Location.
func (s *Services) zone(name datamodel.Value) (*time.Location, error) {
	n := asText(name)
	if n == "" {
		return s.opts.Location, nil
	}
	if s.opts.Configuration != nil {
		if l := s.opts.Configuration.Zone(n); l != nil {
			return l, nil
		}
	}
	if l, ok := s.zones.Load(n); ok {
		return l.(*time.Location), nil
	}
	place := n
	if p, ok := zoneNames[n]; ok {
		place = p
	}
	l, err := time.LoadLocation(place)
	if err != nil {
		return nil, fmt.Errorf("no time zone %.40q", n)
	}
	s.zones.Store(n, l)
	return l, nil
}
