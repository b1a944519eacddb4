package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/seed-ff723688/ors/telephony"
)

// The sections and options that say which application handles an interaction.
const (
	sectionOrchestration = "Orchestration"
	optionApplication    = "application"

	sectionApplication = "Application"
	optionURL          = "url"
	optionAlternateURL = "alternate-url"

	sectionParameters = "ApplicationParms"

	scriptScheme = "script:"
)

// Strategy is the application of SCXML that runs for an interaction.
type Strategy struct {
	// URL is where the SCXML document is; AlternateURL is tried when the document at URL
	// cannot be fetched or compiled, empty for none.
	URL, AlternateURL string

	// Script is the name of the script object that it came from; empty for a URL
	// at the DN itself.
	Script string

	// Params are the parameters of the application; they override <data> items of
	// the same name. The map must not be changed.
	Params map[string]string
}

// Resolve returns the application of a DN, given by its number or as
// "number@switch". URLs and parameters are as configured; Strategy.Expand
// fills them. The errors are ErrNoDN and ErrNoApplication.
func (s *Site) Resolve(dn string) (Strategy, error) {
	d, err := s.DN(dn)
	if err != nil {
		return Strategy{}, err
	}
	option := s.applicationOption(d)
	if d.Disabled || strings.TrimSpace(option.Value) == "" {
		return Strategy{}, fmt.Errorf("%w: %s", ErrNoApplication, d.ID())
	}
	if name, ok := scriptName(option.Value); ok {
		return s.scripts[s.Script(s.tenantOf(d), name)], nil
	}
	return urls(option.Value), nil
}

// applicationOption returns the option that counts for the site's cluster: its
// own, else the plain one unless another cluster has claimed the DN.
func (s *Site) applicationOption(d *DN) Option {
	var plain Option
	claimed := false
	for _, o := range d.Annex.Section(sectionOrchestration) {
		if o.Name == optionApplication {
			plain = o
			continue
		}
		cluster, ok := strings.CutPrefix(o.Name, optionApplication+"@")
		if !ok || strings.TrimSpace(o.Value) == "" {
			continue
		}
		if cluster == s.cluster && cluster != "" {
			return o
		}
		claimed = true
	}
	if claimed {
		return Option{}
	}
	return plain
}

// scriptName is the name of the script object that an option application refers to.
func scriptName(value string) (string, bool) {
	name, ok := strings.CutPrefix(strings.TrimSpace(value), scriptScheme)
	return strings.TrimSpace(name), ok
}

// urls reads an option application of one URL or two.
func urls(value string) (st Strategy) {
	st.URL, st.AlternateURL, _ = strings.Cut(strings.TrimSpace(value), " ")
	return st
}

// strategy reads a script object.
func (sc *Script) strategy() Strategy {
	st := Strategy{Script: sc.Name}
	st.URL, _ = sc.Annex.Value(sectionApplication, optionURL)
	st.AlternateURL, _ = sc.Annex.Value(sectionApplication, optionAlternateURL)
	if params := sc.Annex.Section(sectionParameters); len(params) > 0 {
		st.Params = make(map[string]string, len(params))
		for _, o := range params {
			st.Params[o.Name] = o.Value
		}
	}
	return st
}

// checkURL says what is wrong with a URL; empty for one that is well or empty. It accepts any
// scheme: what can be read is the business of the host's loader. Elements to be filled in do not
// stand in the scheme, so it can be judged before they are.
func checkURL(u string) string {
	switch {
	case u == "":
		return ""
	case strings.ContainsAny(u, " \t\r\n"):
		return fmt.Sprintf("%q has more than one space: want one URL, or two with one space between them", u)
	case !absoluteURL.MatchString(u):
		return fmt.Sprintf("%q is not an absolute URL such as file:///apps/a.scxml, http://… or script:<name>", u)
	case elementInHost.MatchString(u):
		return fmt.Sprintf("%q lets the interaction choose the server: elements such as [ANI] stand in the path or the query", u)
	}
	return ""
}

var (
	absoluteURL   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:[^\s]`)
	elementInHost = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*\[(DNIS|ANI|DN|CED|EMAIL|UDATA)`)
)

// Application returns the documents for a call that is at a DN, in the order in
// which to try them, and their parameters, expanded. It returns no URL and no
// error when the DN is not in the configuration or has no application: the call
// is not ours. Other errors are *Error.
func (s *Site) Application(dn string, call *telephony.CallAttributes) (urls []string, params map[string]string, err error) {
	st, err := s.Resolve(dn)
	switch {
	case errors.Is(err, ErrNoDN), errors.Is(err, ErrNoApplication):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	}
	st = st.Expand(call)
	urls = append(urls, st.URL)
	if st.AlternateURL != "" {
		urls = append(urls, st.AlternateURL)
	}
	return urls, st.Params, nil
}
