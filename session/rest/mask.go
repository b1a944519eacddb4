package rest

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/seed-ff723688/ors/datamodel"
)

// Rules are options of a configuration object, in the form of Orchestration Server.
type Rules struct {
	// Regex has the options ors-regex-NAME and ors-regex-NAME;FILTER. The value is a
	// regular expression (RE2 syntax). FILTER is hide, the default, which puts **** in
	// the place of what matches, or tag, which puts it between <# and #>.
	Regex map[string]string

	// Filter is the section log-filter: default-filter-type. FilterData is
	// log-filter-data: the filter of a key. They count for user data and data of sessions.
	// Filters are copy, hide, hide-first,N, hide-last,N, unhide-first,N, unhide-last,N
	// and skip; the default is copy.
	Filter     map[string]string
	FilterData map[string]string

	// Secrets are texts that **** takes the place of wherever they stand, as they are, quoted or escaped for a
	// URL, before anything else is looked at: passwords of a configuration. Those of less than 6 bytes are
	// passed over: they would be found everywhere.
	Secrets []string
}

// minHidden is the length of the shortest of Rules.Secrets that is looked for.
const minHidden = 6

// secretTexts makes what replaces secrets, the longest first; nil for none.
func secretTexts(secrets []string) *strings.Replacer {
	forms := map[string]bool{}
	for _, s := range secrets {
		if s = strings.TrimSpace(s); len(s) < minHidden {
			continue
		}
		quoted := strconv.Quote(s)
		for _, form := range []string{s, quoted[1 : len(quoted)-1], url.QueryEscape(s), url.PathEscape(s)} {
			forms[form] = true
		}
	}
	if len(forms) == 0 {
		return nil
	}
	list := sortedKeys(forms)
	slices.SortStableFunc(list, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(list))
	for _, form := range list {
		pairs = append(pairs, form, hidden)
	}
	return strings.NewReplacer(pairs...)
}

// Masking hides what is not to be seen in logs and answers. A nil *Masking and the zero value hide
// nothing. It is safe for concurrent use.
type Masking struct {
	rules atomic.Pointer[maskRules]
}

// maskRules are Rules, compiled.
type maskRules struct {
	secrets *strings.Replacer // nil: none
	regex   []maskRegex
	keys    map[string]filter
	other   filter
}

type maskRegex struct {
	expr *regexp.Regexp
	tag  bool
}

// filter is one of log-filter-data.
type filter struct {
	kind string
	n    int
}

const hidden = "****"

// NewMasking compiles rules. The error names the option and what is wrong with it.
func NewMasking(rules *Rules) (*Masking, error) {
	m := &Masking{}
	return m, m.Set(rules)
}

// Set puts other rules in the place of those that there are, for all that have the Masking. On an
// error, as those of NewMasking, they stay.
func (m *Masking) Set(rules *Rules) error {
	compiled, err := compileRules(rules)
	if err == nil {
		m.rules.Store(compiled)
	}
	return err
}

// none are the rules of a Masking without any.
var none = &maskRules{other: filter{kind: "copy"}}

func (m *Masking) now() *maskRules {
	if m == nil {
		return none
	}
	if r := m.rules.Load(); r != nil {
		return r
	}
	return none
}

func compileRules(rules *Rules) (*maskRules, error) {
	m := &maskRules{keys: map[string]filter{}, other: filter{kind: "copy"}}
	if rules == nil {
		return m, nil
	}
	m.secrets = secretTexts(rules.Secrets)
	for _, option := range sortedKeys(rules.Regex) {
		name, kind, _ := strings.Cut(option, ";")
		if short, ok := strings.CutPrefix(name, "ors-regex-"); !ok || short == "" {
			return nil, fmt.Errorf("rest: option %q: want ors-regex-NAME or ors-regex-NAME;FILTER", option)
		}
		if kind != "" && kind != "hide" && kind != "tag" {
			return nil, fmt.Errorf("rest: option %q: filter %q: want hide or tag", option, kind)
		}
		expr, err := regexp.Compile(rules.Regex[option])
		if err != nil {
			return nil, fmt.Errorf("rest: option %q: %w", option, err)
		}
		if expr.MatchString("") {
			return nil, fmt.Errorf("rest: option %q: the expression matches an empty text", option)
		}
		m.regex = append(m.regex, maskRegex{expr, kind == "tag"})
	}
	for _, option := range sortedKeys(rules.Filter) {
		if option != "default-filter-type" {
			return nil, fmt.Errorf("rest: section log-filter: option %q: want default-filter-type", option)
		}
		f, err := parseFilter(rules.Filter[option])
		if err != nil {
			return nil, fmt.Errorf("rest: section log-filter: option %q: %w", option, err)
		}
		m.other = f
	}
	for _, key := range sortedKeys(rules.FilterData) {
		f, err := parseFilter(rules.FilterData[key])
		if err != nil {
			return nil, fmt.Errorf("rest: section log-filter-data: option %q: %w", key, err)
		}
		m.keys[lowerKey(key)] = f
	}
	return m, nil
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// lowerKey is a key as the rules know it: case does not count.
func lowerKey(key string) string { return strings.ToLower(key) }

func parseFilter(text string) (filter, error) {
	kind, count, counted := strings.Cut(strings.ReplaceAll(text, " ", ""), ",")
	switch kind {
	case "copy", "hide", "skip":
		if !counted {
			return filter{kind: kind}, nil
		}
	case "hide-first", "hide-last", "unhide-first", "unhide-last":
		if n, err := strconv.Atoi(count); err == nil && n >= 0 {
			return filter{kind, n}, nil
		}
	}
	return filter{}, fmt.Errorf("filter %q: want copy, hide, skip, or hide-first, hide-last, unhide-first, unhide-last with a comma and a number", text)
}

// apply filters a text; false leaves it out with its key.
func (f filter) apply(s string) (string, bool) {
	n := utf8.RuneCountInString(s)
	k := min(f.n, n)
	switch f.kind {
	case "hide":
		return hidden, true
	case "skip":
		return "", false
	case "hide-first":
		return strings.Repeat("*", k) + tail(s, n-k), true
	case "hide-last":
		return head(s, n-k) + strings.Repeat("*", k), true
	case "unhide-first":
		return head(s, k) + strings.Repeat("*", n-k), true
	case "unhide-last":
		return strings.Repeat("*", n-k) + tail(s, k), true
	}
	return s, true
}

// head and tail are the first and the last n characters of a text.
func head(s string, n int) string { return string([]rune(s)[:n]) }

func tail(s string, n int) string {
	r := []rune(s)
	return string(r[len(r)-n:])
}

// Text applies the regular expressions to a text, and hides secrets.
func (m *Masking) Text(s string) string { return m.now().text(s) }

func (m *maskRules) text(s string) string {
	if m.secrets != nil {
		s = m.secrets.Replace(s)
	}
	for _, r := range m.regex {
		if r.tag {
			s = r.expr.ReplaceAllString(s, "<#$0#>")
		} else {
			s = r.expr.ReplaceAllLiteralString(s, hidden)
		}
	}
	return s
}

// Filter applies the filter of a key of user data to its value, and no regular expression; keep is false
// where the key is left out, own when the filter is one for this key and not the default.
func (m *Masking) Filter(key, value string) (text string, keep, own bool) {
	r := m.now()
	f, own := r.keys[lowerKey(key)]
	if !own {
		f = r.other
	}
	text, keep = f.apply(value)
	return text, keep, own
}

// Value returns a copy of v in which the members of objects are filtered by their
// names, and texts by the regular expressions. A filter for a key counts for all that is
// inside; anything but a text is replaced as a whole. A number in which an expression finds
// something becomes a text.
func (m *Masking) Value(v datamodel.Value) datamodel.Value { return m.now().value(v) }

func (m *maskRules) value(v datamodel.Value) datamodel.Value {
	if m == none {
		return v
	}
	switch v := v.(type) {
	case string:
		return m.text(v)
	case float64:
		text := string(datamodel.EncodeJSON(v))
		if masked := m.text(text); masked != text {
			return masked
		}
		return v
	case datamodel.XML:
		v.Text = m.text(v.Text)
		return v
	case []datamodel.Value:
		list := make([]datamodel.Value, len(v))
		for i := range v {
			list[i] = m.value(v[i])
		}
		return list
	case *datamodel.Object:
		o := datamodel.NewObject()
		for _, member := range v.Members() {
			if value, ok := m.member(member); ok {
				o.Set(m.text(member.Name), value)
			}
		}
		return o
	}
	return v
}

func (m *maskRules) member(member datamodel.Member) (datamodel.Value, bool) {
	f, ok := m.keys[lowerKey(member.Name)]
	if !ok {
		f = m.other
		if _, isObject := member.Value.(*datamodel.Object); isObject {
			f = filter{kind: "copy"} // the default counts for what is inside
		}
	}
	if f.kind == "copy" {
		return m.value(member.Value), true
	}
	text, isText := member.Value.(string)
	if !isText {
		text = string(datamodel.EncodeJSON(member.Value))
	}
	text, keep := f.apply(text)
	return m.text(text), keep
}
