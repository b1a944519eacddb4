package config

import (
	"strconv"
	"time"
)

// Settings are the options of one orchestration server. An option has the value of
// the server itself, else the one that its cluster shares, else the default of the
// catalogue. It is safe for concurrent use.
type Settings struct {
	app     Options
	shared  Options
	started *Settings // has the options that only a start changes; nil: these here do
	looked  func(section, option string)
}

// Observed returns the same settings, which tell f of each option that somebody looks up, and of each section
// that is read as a whole with the option "*". What a program does not look up it does not honour.
func (s *Settings) Observed(f func(section, option string)) *Settings {
	o := *s
	o.looked = f
	return &o
}

// Settings returns the options of an orchestration server; false when there is no
// such application, or it has another type.
func (s *Site) Settings(application string) (*Settings, bool) {
	app := s.ApplicationObject(application)
	if app == nil || app.Type != OrchestrationServer {
		return nil, false
	}
	st := &Settings{app: app.Options}
	if cl := s.ClusterOf(application); cl != nil {
		st.shared = cl.Shared
	}
	return st, true
}

// Lookup returns a value and whether it is set, as opposed to being the default.
func (s *Settings) Lookup(section, option string) (value string, set bool) {
	if s.looked != nil {
		s.looked(section, option)
	}
	spec := findSpec(InApplication, section, option)
	if s.started != nil && spec != nil && spec.Effect == AtStart {
		s = s.started
	}
	if v, ok := s.app.Value(section, option); ok {
		return v, true
	}
	if v, ok := s.shared.Value(section, option); ok {
		return v, true
	}
	if spec != nil {
		return spec.Default, false
	}
	return "", false
}

// Text returns the value of an option; empty when it has none, nor a default.
func (s *Settings) Text(section, option string) string {
	v, _ := s.Lookup(section, option)
	return v
}

// Int returns the value of an Integer of the catalogue, in the unit that it has
// there; 0 for one without value.
func (s *Settings) Int(section, option string) int64 {
	n, err := strconv.ParseInt(s.Text(section, option), 10, 64)
	if err != nil { // NewSite has checked it: there is none
		return 0
	}
	return n
}

// Bool returns the value of a Boolean of the catalogue; false for one without value.
func (s *Settings) Bool(section, option string) bool {
	b, _ := readBool(s.Text(section, option))
	return b
}

// Duration returns the value of an Integer of the catalogue whose unit is a time; 0 for
// any other option.
func (s *Settings) Duration(section, option string) time.Duration {
	spec := findSpec(InApplication, section, option)
	if spec == nil {
		return 0
	}
	n := time.Duration(s.Int(section, option))
	switch spec.Unit {
	case "ms":
		return n * time.Millisecond
	case "s":
		return n * time.Second
	case "h":
		return n * time.Hour
	}
	return 0
}

// Section returns all options that are set in a section: those that the cluster
// shares and the server's own in their place or behind them.
func (s *Settings) Section(section string) []Option {
	if s.looked != nil {
		s.looked(section, "*")
	}
	merged := Options{{Name: section, Options: s.shared.Section(section)}}
	for _, o := range s.app.Section(section) {
		merged = merged.put(section, o)
	}
	return merged.Section(section)
}

// NoEffect is an option that is set, and has no effect in the server of package config/server.
type NoEffect struct {
	Section, Option string
	Reason          string // Spec.NoEffect
}

// NoEffects returns the options that are set to something else than their default and have no
// effect, in the order of the catalogue; those of a section with free names in their own.
func (s *Settings) NoEffects() []NoEffect {
	var list []NoEffect
	for i := range catalogue {
		spec := &catalogue[i]
		if spec.Where != InApplication || spec.NoEffect == "" {
			continue
		}
		for _, o := range s.Section(spec.Section) {
			if findSpec(InApplication, spec.Section, o.Name) == spec && !spec.isDefault(o.Value) {
				list = append(list, NoEffect{spec.Section, o.Name, spec.NoEffect})
			}
		}
	}
	return list
}
