package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/session"
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

	// Fetch has the options fetch-timeout, max-age, max-stale, http-version and http-useragent of the
	// script.
	Fetch session.FetchPolicy

	// Limits has max-duration and max-loop-count of the script; MaxAge and
	// Machine.StateEntries alone.
	Limits session.SessionLimits

	value any // has Limits; nil for none
}

// The members of the value that stays with a session (session.Info.Value).
const (
	valueMedia    = "media"
	valueDuration = "max-duration"
	valueLoops    = "max-loop-count"
)

// LimitsOf returns the limits that the options max-duration and max-loop-count of a script gave to
// a session that a call has started, and to those that came from it: of session.Info.Value. It is zero for others.
func LimitsOf(value any) session.SessionLimits {
	var l session.SessionLimits
	if o, ok := value.(*datamodel.Object); ok {
		age, _ := o.Get(valueDuration)
		loops, _ := o.Get(valueLoops)
		if n, ok := age.(float64); ok {
			l.MaxAge = time.Duration(n) * time.Second
		}
		if n, ok := loops.(float64); ok {
			l.Machine.StateEntries = int(n)
		}
	}
	return l
}

// MediaOf returns the media type of the interaction that has started a session, of
// session.Info.Value; empty for a call, and for other sessions.
func MediaOf(value any) string {
	o, ok := value.(*datamodel.Object)
	if !ok {
		return ""
	}
	media, _ := o.Get(valueMedia)
	text, _ := media.(string)
	return text
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
	// NewSite checks the values.
	number := func(option string) (int64, bool) {
		v, ok := sc.Annex.Value(sectionApplication, option)
		n, err := strconv.ParseInt(v, 10, 64)
		return n, ok && err == nil
	}
	seconds := func(option string) time.Duration {
		n, ok := number(option)
		if ok && n == 0 {
			return -1
		}
		return time.Duration(n) * time.Second
	}
	st.Fetch.MaxAge, st.Fetch.MaxStale = seconds("max-age"), seconds("max-stale")
	st.Fetch.HTTP, _ = sc.Annex.Value(sectionApplication, "http-version")
	st.Fetch.UserAgent, _ = sc.Annex.Value(sectionApplication, "http-useragent")
	if ms, ok := number("fetch-timeout"); ok {
		st.Fetch.Timeout = time.Duration(ms) * time.Millisecond
	}
	limits := datamodel.NewObject()
	for _, option := range []string{valueDuration, valueLoops} {
		if n, _ := number(option); n > 0 {
			limits.Set(option, float64(n))
		}
	}
	if limits.Len() > 0 {
		st.value = limits
		st.Limits = LimitsOf(limits)
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

// Application returns what runs for a call that is at a DN: the documents in the order in
// which to try them and their parameters, both expanded, and the options of the script. It has no URL, and
// there is no error, when the DN is not in the configuration or has no application: the call
// is not ours. Other errors are *Error.
func (s *Site) Application(dn string, call *telephony.CallAttributes) (session.Application, error) {
	st, err := s.Resolve(dn)
	switch {
	case errors.Is(err, ErrNoDN), errors.Is(err, ErrNoApplication):
		return session.Application{}, nil
	case err != nil:
		return session.Application{}, err
	}
	st = st.Expand(call)
	if call.MediaType != "" {
		o := datamodel.NewObject(datamodel.Member{Name: valueMedia, Value: call.MediaType})
		if limits, ok := st.value.(*datamodel.Object); ok {
			for _, m := range limits.Members() {
				o.Set(m.Name, m.Value)
			}
		}
		st.value = o
	}
	app := session.Application{URLs: []string{st.URL}, Params: st.Params, Fetch: st.Fetch, Value: st.value}
	if st.AlternateURL != "" {
		app.URLs = append(app.URLs, st.AlternateURL)
	}
	return app, nil
}
