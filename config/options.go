package config

import (
	"slices"
	"strconv"
	"strings"
)

// Options are the options of an object, or its annex: a list of sections, each
// a list of options, in the order of the source. Names are compared as they are
// written. The zero value has none. A value is not changed once a Site has been made of
// it: Set returns another one.
type Options []Section

// Section is a named list of options.
type Section struct {
	Name    string
	Options []Option
}

// Option is one option. Several of one name do not occur in a section.
type Option struct {
	Name  string
	Value string

	// Secret says that the value was read from the environment or from a file of its own. It
	// is left out of errors, changes and String.
	Secret bool

	line int // in the file of the object; 0: unknown
}

// hidden takes the place of the value of a secret.
const hidden = "****"

// String returns "name=value", with a secret hidden.
func (o Option) String() string { return o.Name + "=" + o.shown() }

func (o Option) shown() string {
	if o.Secret {
		return hidden
	}
	return o.Value
}

// hide leaves a secret, and the parts of one that is a list of URLs, out of a text about it.
func (o Option) hide(text string) string {
	if !o.Secret {
		return text
	}
	script, _ := scriptName(o.Value)
	for _, part := range append([]string{o.Value, script}, strings.Fields(o.Value)...) {
		if part != "" {
			quoted := strconv.Quote(part)
			text = strings.ReplaceAll(strings.ReplaceAll(text, quoted[1:len(quoted)-1], hidden), part, hidden)
		}
	}
	return text
}

// Section returns the options of a section, nil when there is none of this name.
func (o Options) Section(name string) []Option {
	for i := range o {
		if o[i].Name == name {
			return o[i].Options
		}
	}
	return nil
}

// Find returns an option and whether it is there, be it empty.
func (o Options) Find(section, option string) (Option, bool) {
	list := o.Section(section)
	for i := range list {
		if list[i].Name == option {
			return list[i], true
		}
	}
	return Option{}, false
}

// Value returns the value of an option, without surrounding white space, and
// whether it is there and not empty.
func (o Options) Value(section, option string) (string, bool) {
	found, _ := o.Find(section, option)
	v := strings.TrimSpace(found.Value)
	return v, v != ""
}

// Set returns the options with one more, or with another value for one that is
// there. The receiver stays as it is.
//
//	config.Options{}.Set("Orchestration", "application", "script:Sales")
func (o Options) Set(section, option, value string) Options {
	return o.put(section, Option{Name: option, Value: value})
}

func (o Options) put(section string, set Option) Options {
	sections := slices.Clone(o)
	i := slices.IndexFunc(sections, func(s Section) bool { return s.Name == section })
	if i < 0 {
		return append(sections, Section{Name: section, Options: []Option{set}})
	}
	options := slices.Clone(sections[i].Options)
	if j := slices.IndexFunc(options, func(p Option) bool { return p.Name == set.Name }); j >= 0 {
		options[j] = set
	} else {
		options = append(options, set)
	}
	sections[i].Options = options
	return sections
}

// SetAll is Set for all entries of a map, in the order of their names.
func (o Options) SetAll(section string, values map[string]string) Options {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		o = o.Set(section, name, values[name])
	}
	return o
}
