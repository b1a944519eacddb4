package config

import (
	"errors"
	"fmt"
	"strings"
)

// Annex holds the options of an object: section, option, value. Names of
// sections and options are compared as they are written.
type Annex map[string]map[string]string

// Option returns an option, without surrounding white space, and whether it is
// there and not empty.
func (a Annex) Option(section, option string) (string, bool) {
	v := strings.TrimSpace(a[section][option])
	return v, v != ""
}

// DNType is the type of a DN in the configuration.
type DNType string

// The types of DN to which an application can be attached.
const (
	Extension        DNType = "Extension"
	ACDPosition      DNType = "ACDPosition"
	RoutingPoint     DNType = "RoutingPoint"
	InteractionQueue DNType = "InteractionQueue"
)

// Site is the configuration of one site.
type Site struct {
	Switches []Switch
	Scripts  []Script

	// Cluster is the name of the cluster that asks, for "application@<cluster>";
	// may be empty.
	Cluster string
}

// Switch is a switch and its DNs.
type Switch struct {
	Name string
	DNs  []DN
}

// DN is a directory number.
type DN struct {
	Number string // unique within its switch
	Type   DNType
	Annex  Annex // section "Orchestration"
}

// Script is a script object of the type Enhanced Routing.
type Script struct {
	Name  string
	Annex Annex // sections "Application" and "ApplicationParms"
}

// Errors that callers branch on.
var (
	// ErrNoDN: the configuration has no such DN, or more than one.
	ErrNoDN = errors.New("config: no such DN")

	// ErrNoApplication: no application is attached to the DN, or none for the
	// cluster that asks.
	ErrNoApplication = errors.New("config: no application on the DN")
)

// Error reports an object whose options make no sense.
type Error struct {
	Object  string // "DN 5000@Main", "script Sales"
	Section string
	Option  string
	Problem string // what is wrong and what to do about it
}

func (e *Error) Error() string {
	return fmt.Sprintf("config: %s, section %s, option %s: %s", e.Object, e.Section, e.Option, e.Problem)
}

// DN finds a DN by its number, or by number and switch as in "5000@Main". A
// number that several switches have is ErrNoDN without the switch.
func (s *Site) DN(name string) (*Switch, *DN, error) {
	number, switchName, named := strings.Cut(name, "@")
	var at *Switch
	var found *DN
	for i := range s.Switches {
		sw := &s.Switches[i]
		if named && sw.Name != switchName {
			continue
		}
		for j := range sw.DNs {
			if sw.DNs[j].Number != number {
				continue
			}
			if found != nil {
				return nil, nil, fmt.Errorf("%w: %s is on the switches %s and %s; write %s@%s", ErrNoDN, name, at.Name, sw.Name, number, at.Name)
			}
			at, found = sw, &sw.DNs[j]
		}
	}
	if found == nil {
		return nil, nil, fmt.Errorf("%w: %s", ErrNoDN, name)
	}
	return at, found, nil
}

// Numbers returns the numbers of all DNs, in the order of the configuration,
// each once: what a telephony link has to register. Interaction queues, which no switch knows, are
// left out.
func (s *Site) Numbers() []string {
	var numbers []string
	seen := map[string]bool{}
	for _, sw := range s.Switches {
		for _, dn := range sw.DNs {
			if !seen[dn.Number] && dn.Type != InteractionQueue {
				seen[dn.Number] = true
				numbers = append(numbers, dn.Number)
			}
		}
	}
	return numbers
}

func (s *Site) script(name string) *Script {
	for i := range s.Scripts {
		if s.Scripts[i].Name == name {
			return &s.Scripts[i]
		}
	}
	return nil
}
