package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Where says in which objects an option stands.
type Where string

// The places.
const (
	InApplication Where = "Application"           // options of an orchestration server, or of its cluster in the enhanced form
	InDN          Where = "DN"                    // annex
	InScript      Where = "Script"                // annex, of the type EnhancedRouting
	InStatistic   Where = "Transaction Statistic" // annex
)

// ValueType is the type of an option's value.
type ValueType string

// The types.
const (
	Text    ValueType = "text"
	Integer ValueType = "integer"
	Boolean ValueType = "boolean" // true or false; yes, no, on, off, 1 and 0 are read too
	Choice  ValueType = "choice"  // one of Spec.Choices
	URL     ValueType = "URL"
	Outputs ValueType = "outputs" // comma list of stdout, stderr, network, memory, file names
	Nodes   ValueType = "nodes"   // semicolon list of hosts, each with a port or without
)

// Effect says when another value of an option is honoured.
type Effect string

// The effects.
const (
	AtOnce          Effect = "at once"
	NextInteraction Effect = "next interaction"
	AtStart         Effect = "at start" // of the server
)

// Spec describes an option.
type Spec struct {
	Where   Where
	Section string
	Name    string // with * at its end: all that begin so; "*": all
	Type    ValueType
	Unit    string // of an Integer: ms, s, KB, MB, …; may be empty
	Min     int64  // of an Integer
	Max     int64  // of an Integer; 0: none
	Choices []string
	Default string // empty: none

	// Evidence says where option comes from: S and D are guides of the vendor, W a draft of
	// one, L what real logs show, T other public code, K what all products of the vendor have in
	// common, M memory alone.
	Evidence string

	// OurDefault says that no document gives the default: it is our choice. The same
	// holds of OurRange for Min, Max and Choices, and of OurEffect for Effect.
	OurDefault, OurRange, OurEffect bool

	Effect  Effect
	Meaning string

	// By is what honours the option in the server that package config/server builds.
	// NoEffect says why it has no effect there. One of the two is given.
	By, NoEffect string
}

// Catalogue returns the descriptions of all options, section by section.
func Catalogue() []Spec { return slices.Clone(catalogue) }

type sectionKey struct {
	where Where
	name  string
}

// sectionSpec has what may stand in a section.
type sectionSpec struct {
	specs    map[string]*Spec // by full name
	names    []string
	prefixes []*Spec
}

// sections has all sections of the catalogue.
var sections = func() map[sectionKey]*sectionSpec {
	m := map[sectionKey]*sectionSpec{}
	for i := range catalogue {
		s := &catalogue[i]
		key := sectionKey{s.Where, s.Section}
		if m[key] == nil {
			m[key] = &sectionSpec{specs: map[string]*Spec{}}
		}
		if strings.HasSuffix(s.Name, "*") {
			m[key].prefixes = append(m[key].prefixes, s)
		} else {
			m[key].names = append(m[key].names, s.Name)
			m[key].specs[s.Name] = s
		}
	}
	return m
}()

func (s *sectionSpec) find(option string) *Spec {
	if spec := s.specs[option]; spec != nil {
		return spec
	}
	for _, spec := range s.prefixes {
		if strings.HasPrefix(option, strings.TrimSuffix(spec.Name, "*")) {
			return spec
		}
	}
	return nil
}

// FindSpec returns the description of an option; false when the catalogue does not
// have it.
func FindSpec(where Where, section, option string) (Spec, bool) {
	if s := findSpec(where, section, option); s != nil {
		return *s, true
	}
	return Spec{}, false
}

func findSpec(where Where, section, option string) *Spec {
	if s := sections[sectionKey{where, section}]; s != nil {
		return s.find(option)
	}
	return nil
}

// Check says what is wrong with a value, and what would be right; empty for a value
// that is well. An empty value is: the default counts.
func (s *Spec) Check(value string) string {
	value = strings.TrimSpace(value)
	if value == "" {
		return ""
	}
	switch s.Type {
	case Integer:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < s.Min || s.Max != 0 && n > s.Max {
			return fmt.Sprintf("%q is not %s", value, s.Range())
		}
	case Boolean:
		if _, ok := readBool(value); !ok {
			return fmt.Sprintf("%q is neither true nor false", value)
		}
	case Choice:
		if !slices.Contains(s.Choices, value) {
			return fmt.Sprintf("%q is none of %s%s", value, strings.Join(s.Choices, ", "), didYouMean(value, s.Choices))
		}
	case URL:
		if u, err := url.Parse(value); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Sprintf("%q is not an absolute URL such as https://lb.example:8080/", value)
		}
	case Nodes:
		for node := range strings.SplitSeq(value, ";") {
			if problem := checkNode(strings.TrimSpace(node)); problem != "" {
				return problem
			}
		}
	case Outputs:
		for output := range strings.SplitSeq(value, ",") {
			if strings.TrimSpace(output) == "" {
				return fmt.Sprintf("%q has an empty output: want a comma list of stdout, stderr, network, memory and file names", value)
			}
		}
	}
	if form, ok := s.form(); ok {
		return form.check(value)
	}
	if strings.HasPrefix(s.Name, regexPrefix) {
		if _, err := regexp.Compile(value); err != nil {
			return "is not a regular expression: " + err.Error()
		}
	}
	return ""
}

// regexPrefix begins the names of options whose value is a regular expression.
const regexPrefix = "ors-regex-"

func checkNode(node string) string {
	host, port, named := strings.Cut(node, ":")
	if i := strings.LastIndex(node, "]"); strings.HasPrefix(node, "[") && i > 0 {
		host = node[:i+1]
		port, named = strings.CutPrefix(node[i+1:], ":")
	}
	n, err := strconv.Atoi(port)
	if host == "" || strings.ContainsAny(host, " ,/") || named && (err != nil || n < 1 || n > 65535) {
		return fmt.Sprintf("%q is not a host, or a host and port such as a.example:6379; several are separated by semicolons", node)
	}
	return ""
}

// Range tells the values of the option in words.
func (s *Spec) Range() string {
	if form, ok := s.form(); ok {
		return form.words
	}
	switch s.Type {
	case Integer:
		text := fmt.Sprintf("an integer from %d", s.Min)
		if s.Max != 0 {
			text = fmt.Sprintf("an integer from %d to %d", s.Min, s.Max)
		}
		if s.Unit != "" {
			text += " (" + s.Unit + ")"
		}
		return text
	case Boolean:
		return "true or false"
	case Choice:
		return strings.Join(s.Choices, ", ")
	case Nodes:
		return "host:port;host:port;…"
	case Outputs:
		return "comma list of stdout, stderr, network, memory, file names"
	}
	return string(s.Type)
}

// isDefault reports whether a value makes no difference.
func (s *Spec) isDefault(value string) bool {
	value = strings.TrimSpace(value)
	if s.Type == Boolean && value != "" && s.Default != "" {
		set, _ := readBool(value)
		deflt, _ := readBool(s.Default)
		return set == deflt
	}
	return value == "" || value == s.Default
}

func readBool(s string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "yes", "on", "1":
		return true, true
	case "false", "no", "off", "0":
		return false, true
	}
	return false, false
}

// options checks the options of all objects that the catalogue knows.
func (c *check) options() {
	o := c.site.objects
	for _, a := range o.Applications {
		if a.Type == OrchestrationServer {
			c.list(a, InApplication, a.Options)
		}
	}
	// Annexes have sections of other products too.
	of := func(where Where, name string) func(Object, Options) {
		known := sections[sectionKey{where, name}]
		return func(o Object, annex Options) {
			for i := range annex {
				if annex[i].Name == name {
					c.section(o, known, annex[i])
				}
			}
		}
	}
	inDN, inScript, inStatistic := of(InDN, sectionOrchestration), of(InScript, sectionApplication), of(InStatistic, "orchestration")
	for _, dn := range o.DNs {
		inDN(dn, dn.Annex)
	}
	for _, sc := range o.Scripts {
		if sc.Type == "" || sc.Type == EnhancedRouting {
			inScript(sc, sc.Annex)
		}
	}
	for _, t := range o.Transactions {
		switch {
		case t.Type == Statistic:
			inStatistic(t, t.Annex)
		case t.Type == List && t.Name != clusterList && t.Annex.Section(clusterSection) != nil:
			shared := slices.DeleteFunc(slices.Clone(t.Annex), func(s Section) bool { return s.Name == clusterSection })
			c.list(t, InApplication, shared)
		}
	}
}

// list checks a list of options.
func (c *check) list(o Object, where Where, l Options) {
	for _, section := range l {
		if known := sections[sectionKey{where, section.Name}]; known != nil {
			c.section(o, known, section)
		} else {
			c.unknownSection(o, where, section)
		}
	}
	if where == InApplication {
		c.together(o, l)
	}
}

// section checks the options of a section.
func (c *check) section(o Object, known *sectionSpec, section Section) {
	for _, option := range section.Options {
		spec := known.find(option.Name)
		if spec == nil {
			c.warn(atOption(o, section.Name, option, "is not in the catalogue and has no effect%s", didYouMean(option.Name, known.names)))
			continue
		}
		if problem := spec.Check(option.Value); problem != "" {
			if option.Secret {
				problem = "the value is not " + spec.Range()
			}
			c.fail(atOption(o, section.Name, option, "%s", problem))
		}
	}
}

func (c *check) unknownSection(o Object, where Where, section Section) {
	var names []string
	for key := range sections {
		if key.where == where {
			names = append(names, key.name)
		}
	}
	slices.Sort(names)
	e := at(o, "is not in the catalogue and has no effect%s", didYouMean(section.Name, names))
	if e.Section = section.Name; len(section.Options) > 0 && section.Options[0].line > 0 {
		e.Line = section.Options[0].line
	}
	c.warn(e)
}

// together checks options that depend on each other.
func (c *check) together(o Object, l Options) {
	const persistence = "persistence"
	_, hasCert := l.Value(persistence, "tls-cert")
	_, hasKey := l.Value(persistence, "tls-key")
	if hasCert != hasKey {
		there, missing := "tls-cert", "tls-key"
		if hasKey {
			there, missing = missing, there
		}
		option, _ := l.Find(persistence, there)
		c.fail(atOption(o, persistence, option, "needs %s beside it", missing))
	}
	kind, _ := l.Value(persistence, "type")
	if kind != "redis" {
		return
	}
	option, _ := l.Find(persistence, "type")
	if _, ok := l.Value(persistence, "redis-nodes"); !ok {
		c.warn(atOption(o, persistence, option, "redis needs the option redis-nodes"))
	}
	if v, _ := l.Value("orchestration", "sessionid-with-nodeid"); v != "" {
		if b, _ := readBool(v); !b {
			c.fail(atOption(o, persistence, option, "redis needs orchestration/sessionid-with-nodeid to be true"))
		}
	}
}
