package config

import (
	"errors"
	"fmt"
	"net/url"
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

// Application is what runs for an interaction.
type Application struct {
	// URL is where the SCXML document is; AlternateURL is tried when the document at URL
	// cannot be fetched or compiled, empty for none.
	URL, AlternateURL string

	// Script is the name of the script object that it came from; empty for a URL
	// at the DN itself.
	Script string

	// Params are the parameters of the application; they override <data> items of
	// the same name.
	Params map[string]string
}

// Resolve returns the application of a DN, given by its number or as
// "number@switch". URLs and parameters are as configured; Application.Expand
// fills them. The errors are ErrNoDN, ErrNoApplication and *Error.
func (s *Site) Resolve(dn string) (Application, error) {
	sw, d, err := s.DN(dn)
	if err != nil {
		return Application{}, err
	}
	object := "DN " + d.Number + "@" + sw.Name
	option, value := s.applicationOption(d)
	if value == "" {
		return Application{}, fmt.Errorf("%w: %s", ErrNoApplication, object)
	}
	if name, ok := strings.CutPrefix(value, scriptScheme); ok {
		script := s.script(strings.TrimSpace(name))
		if script == nil {
			return Application{}, &Error{object, sectionOrchestration, option,
				fmt.Sprintf("there is no script object %q", strings.TrimSpace(name))}
		}
		return script.application()
	}
	first, second, _ := strings.Cut(value, " ")
	app := Application{URL: first, AlternateURL: second}
	for _, u := range []string{app.URL, app.AlternateURL} {
		if err := checkURL(u); err != nil {
			return Application{}, &Error{object, sectionOrchestration, option, err.Error()}
		}
	}
	return app, nil
}

// applicationOption returns the option that counts for the site's cluster: its
// own, else the plain one unless another cluster has claimed the DN.
func (s *Site) applicationOption(d *DN) (option, value string) {
	if s.Cluster != "" {
		option = optionApplication + "@" + s.Cluster
		if value, ok := d.Annex.Option(sectionOrchestration, option); ok {
			return option, value
		}
	}
	for name := range d.Annex[sectionOrchestration] {
		if strings.HasPrefix(name, optionApplication+"@") {
			if _, ok := d.Annex.Option(sectionOrchestration, name); ok {
				return "", ""
			}
		}
	}
	value, _ = d.Annex.Option(sectionOrchestration, optionApplication)
	return optionApplication, value
}

func (sc *Script) application() (Application, error) {
	object := "script " + sc.Name
	app := Application{Script: sc.Name}
	var ok bool
	if app.URL, ok = sc.Annex.Option(sectionApplication, optionURL); !ok {
		return Application{}, &Error{object, sectionApplication, optionURL, "is required: the URL of the SCXML document"}
	}
	app.AlternateURL, _ = sc.Annex.Option(sectionApplication, optionAlternateURL)
	if err := checkURL(app.URL); err != nil {
		return Application{}, &Error{object, sectionApplication, optionURL, err.Error()}
	}
	if err := checkURL(app.AlternateURL); err != nil {
		return Application{}, &Error{object, sectionApplication, optionAlternateURL, err.Error()}
	}
	if params := sc.Annex[sectionParameters]; len(params) > 0 {
		app.Params = make(map[string]string, len(params))
		for name, value := range params {
			app.Params[name] = value
		}
	}
	return app, nil
}

// checkURL accepts an empty URL, and any scheme: what can be read is the
// business of the host's loader. Elements to be filled in do not stand in the scheme, so it can be
// judged before they are.
func checkURL(u string) error {
	if u == "" {
		return nil
	}
	if strings.ContainsAny(u, " \t\r\n") {
		return fmt.Errorf("%q has more than one space: want one URL, or two with one space between them", u)
	}
	if !absoluteURL.MatchString(u) {
		return fmt.Errorf("%q is not an absolute URL such as file:///apps/a.scxml, http://… or script:<name>", u)
	}
	return nil
}

var absoluteURL = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:[^\s]`)

// Expand fills the elements in square brackets from an interaction: values are
// percent-encoded in URLs and put as they are into parameters. What the
// interaction does not have is empty; other text in brackets stays.
//
//	[DNIS] [ANI] [DN] [CED]   the number dialled, the caller's, ThisDN, the collected digits
//	[UDATA]                   all user data: name1=value1&name2=value2
//	[UDATA.*]                 all user data: name1:value1,name2:value2
//	[UDATA.<key>]             the value of one key
func (a Application) Expand(call *telephony.CallAttributes) Application {
	a.URL = expand(a.URL, call, escape)
	a.AlternateURL = expand(a.AlternateURL, call, escape)
	if len(a.Params) > 0 {
		params := make(map[string]string, len(a.Params))
		for name, value := range a.Params {
			params[name] = expand(value, call, func(s string) string { return s })
		}
		a.Params = params
	}
	return a
}

func expand(s string, call *telephony.CallAttributes, encode func(string) string) string {
	if !strings.Contains(s, "[") {
		return s
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "[")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, "]")
		value, known := element(name, call, encode)
		if !closed || !known {
			b.WriteByte('[')
			s = rest
			continue
		}
		b.WriteString(value)
		s = after
	}
}

func element(name string, call *telephony.CallAttributes, encode func(string) string) (value string, known bool) {
	switch name {
	case "DNIS":
		return encode(call.DNIS), true
	case "ANI":
		return encode(call.ANI), true
	case "DN":
		return encode(call.ThisDN), true
	case "CED":
		return encode(call.CollectedDigits), true
	case "UDATA":
		return userData(call.UserData, "=", "&", encode), true
	case "UDATA.*":
		return userData(call.UserData, ":", ",", encode), true
	}
	if key, ok := strings.CutPrefix(name, "UDATA."); ok {
		return encode(call.UserData.Text(key)), true
	}
	return "", false
}

func userData(l telephony.KVList, is, and string, encode func(string) string) string {
	var b strings.Builder
	for i, p := range l {
		if i > 0 {
			b.WriteString(and)
		}
		b.WriteString(encode(p.Key))
		b.WriteString(is)
		b.WriteString(encode(p.Value.Text()))
	}
	return b.String()
}

// escape makes a value of an interaction harmless anywhere behind the scheme of
// a URL: nothing in it can end a path segment or a query value, or climb up.
func escape(s string) string {
	e := strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	if strings.Trim(e, ".") == "" {
		e = strings.ReplaceAll(e, ".", "%2E")
	}
	return e
}

// Application returns the documents for a call that is at a DN, in the order in
// which to try them, and their parameters, expanded. It returns no URL and no
// error when the DN is not in the configuration or has no application: the call
// is not ours. Other errors are *Error.
func (s *Site) Application(dn string, call *telephony.CallAttributes) (urls []string, params map[string]string, err error) {
	app, err := s.Resolve(dn)
	switch {
	case errors.Is(err, ErrNoDN), errors.Is(err, ErrNoApplication):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	}
	app = app.Expand(call)
	urls = append(urls, app.URL)
	if app.AlternateURL != "" {
		urls = append(urls, app.AlternateURL)
	}
	return urls, app.Params, nil
}
