package fm

import (
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/telephony"
)

var errNoServices = errors.New("the modules were registered without services; register them with Services.Install")

// sessionState is the session's part of the session module: _genesys.session.
type sessionState struct {
	s      *Services // nil: only for parsing
	tenant string    // set by setTenant; empty: ServicesOptions.Tenant
	server *view
}

// lookupSequences and weekDays are the enumerations of _genesys.session.
var (
	lookupSequences = enum(int(telephony.StartFromStrategy), telephony.LookupNames()...)
	weekDays        = enum(0, "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
)

// serverView is _genesys.session.server, the same for all sessions.
func serverView(s *Services) *view {
	var server Server
	if s != nil {
		server = s.opts.Server
	}
	return viewOf(datamodel.Member{Name: "name", Value: server.Name}, datamodel.Member{Name: "cluster", Value: server.Cluster},
		datamodel.Member{Name: "url", Value: textOrUndefined(server.URL)})
}

func textOrUndefined(s string) datamodel.Value {
	if s == "" {
		return nil
	}
	return s
}

// Globals implements scxml.ModuleState.
func (st *sessionState) Globals() map[string]datamodel.Value {
	return map[string]datamodel.Value{"_genesys.session": st}
}

// Deliver implements scxml.ModuleState.
func (*sessionState) Deliver(*datamodel.Event) {}

// Snapshot implements scxml.ModuleState.
func (st *sessionState) Snapshot(dst []byte) ([]byte, error) { return append(dst, st.tenant...), nil }

// Restore implements scxml.ModuleState.
func (st *sessionState) Restore(snapshot []byte) error {
	st.tenant = string(snapshot)
	return nil
}

// Resident implements scxml.Resident.
func (*sessionState) Resident() bool { return false }

// sessionFunctions are the functions of _genesys.session, in the order of their
// names in the table.
var sessionFunctions = []struct {
	name string
	call func(*sessionState, arguments) (datamodel.Value, error)
}{
	{"setTenant", (*sessionState).setTenant},
	{"ActiveServerName", (*sessionState).activeServerName},
	{"timeInZone", (*sessionState).timeInZone},
	{"dateInZone", (*sessionState).dateInZone},
	{"dayInZone", (*sessionState).dayInZone},
	{"isSpecialDay", (*sessionState).isSpecialDay},
	{"getListItemValue", (*sessionState).listItemValue},
	{"listLookupValue", (*sessionState).listLookup},
	{"getConfigOption", (*sessionState).configOption},
}

// Names implements datamodel.HostObject.
func (st *sessionState) Names() []string {
	names := []string{"server", "tenant", "tenantid", "lookupseq", "day"}
	for _, f := range sessionFunctions {
		names = append(names, f.name)
	}
	return names
}

// Get implements datamodel.HostObject.
func (st *sessionState) Get(name string) (datamodel.Value, bool) {
	switch name {
	case "server":
		return st.server, true
	case "tenant":
		return textOrUndefined(st.tenantName()), true
	case "tenantid":
		if c := st.configuration(); c != nil {
			if id, ok := c.Tenant(st.tenantName()); ok {
				return float64(id), true
			}
		}
		return nil, true
	case "lookupseq":
		return lookupSequences, true
	case "day":
		return weekDays, true
	}
	for _, f := range sessionFunctions {
		if f.name == name {
			return datamodel.Func(func(args []datamodel.Value) (datamodel.Value, error) {
				if st.s == nil {
					return nil, fmt.Errorf("%s: %w", name, errNoServices)
				}
				v, err := f.call(st, args)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
				return v, nil
			}), true
		}
	}
	return nil, false
}

// arguments are those of a function; missing ones are undefined.
type arguments []datamodel.Value

func (a arguments) at(i int) datamodel.Value {
	if i < len(a) {
		return a[i]
	}
	return nil
}

func (st *sessionState) tenantName() string {
	if st.tenant == "" && st.s != nil {
		return st.s.opts.Tenant
	}
	return st.tenant
}

func (st *sessionState) configuration() Configuration {
	if st.s == nil {
		return nil
	}
	return st.s.opts.Configuration
}

// needConfiguration returns what the functions read.
func (st *sessionState) needConfiguration() (Configuration, error) {
	if c := st.configuration(); c != nil {
		return c, nil
	}
	return nil, errors.New("no configuration is connected")
}

func (st *sessionState) setTenant(args arguments) (datamodel.Value, error) {
	name := asText(args.at(0))
	if name == "" {
		return nil, errors.New("it needs the name of a tenant")
	}
	if c := st.configuration(); c != nil {
		if _, ok := c.Tenant(name); !ok {
			return nil, fmt.Errorf("no tenant %.100q", name)
		}
	}
	st.tenant = name
	return true, nil
}

func (st *sessionState) activeServerName(arguments) (datamodel.Value, error) {
	return st.s.opts.Server.Name, nil
}

// nowIn is the present time in a zone.
func (st *sessionState) nowIn(zone datamodel.Value) (time.Time, error) {
	l, err := st.s.zone(zone)
	if err != nil {
		return time.Time{}, err
	}
	return st.s.clock.Now().In(l), nil
}

func (st *sessionState) timeInZone(args arguments) (datamodel.Value, error) {
	t, err := st.nowIn(args.at(0))
	return t.Format(time.TimeOnly), err
}

func (st *sessionState) dateInZone(args arguments) (datamodel.Value, error) {
	t, err := st.nowIn(args.at(0))
	return t.Format(time.DateOnly), err
}

func (st *sessionState) dayInZone(args arguments) (datamodel.Value, error) {
	t, err := st.nowIn(args.at(0))
	return float64(t.Weekday()), err
}

func (st *sessionState) isSpecialDay(args arguments) (datamodel.Value, error) {
	c, err := st.needConfiguration()
	if err != nil {
		return nil, err
	}
	now, err := st.nowIn(args.at(2))
	if err != nil {
		return nil, err
	}
	return c.SpecialDay(st.tenantName(), asText(args.at(0)), asText(args.at(1)), now, truth(args.at(3)))
}

func (st *sessionState) listItemValue(args arguments) (datamodel.Value, error) {
	c, err := st.needConfiguration()
	if err != nil {
		return nil, err
	}
	list, item, key := asText(args.at(0)), asText(args.at(1)), asText(args.at(2))
	keys, ok := c.ListItem(st.tenantName(), list, item)
	if !ok {
		return nil, fmt.Errorf("no item %.100q in a list %.100q", item, list)
	}
	if key != "" {
		return keys[key], nil
	}
	names := make([]string, 0, len(keys))
	for name := range keys {
		names = append(names, name)
	}
	sort.Strings(names)
	all := datamodel.NewObject()
	for _, name := range names {
		all.Set(name, keys[name])
	}
	return all, nil
}

// listLookup is getListItemValue without exceptions: what is missing is ”.
func (st *sessionState) listLookup(args arguments) (datamodel.Value, error) {
	c, err := st.needConfiguration()
	if err != nil {
		return nil, err
	}
	keys, _ := c.ListItem(st.tenantName(), asText(args.at(0)), asText(args.at(1)))
	return keys[asText(args.at(2))], nil
}

func (st *sessionState) configOption(args arguments) (datamodel.Value, error) {
	c, err := st.needConfiguration()
	if err != nil {
		return nil, err
	}
	from := telephony.StartFromStrategy
	if n, ok := args.at(2).(float64); ok {
		from = telephony.LookupSequence(n)
	}
	v, _ := c.Option(st.tenantName(), asText(args.at(0)), asText(args.at(1)), from)
	return v, nil
}
