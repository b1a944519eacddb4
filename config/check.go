package config

import (
	"fmt"
	"slices"
	"strings"
)

// maxErrors is how many errors, and how many warnings, are told one by one.
const maxErrors = 100

// check collects what is wrong with a configuration.
type check struct {
	site   *Site
	errors Errors
	more   int // errors that are not told
	known  map[Kind][]string
}

func (c *check) fail(e *Error) {
	if len(c.errors) == maxErrors {
		c.more++
		return
	}
	c.errors = append(c.errors, e)
}

func (c *check) warn(e *Error) {
	if len(c.site.warnings) < maxErrors {
		c.site.warnings = append(c.site.warnings, e)
	}
}

func (c *check) twice(o, first Object) {
	e := at(o, "is there twice")
	if w := first.where(); w.line > 0 {
		e.Problem = fmt.Sprintf("is there twice, first at %s:%d", w.file, w.line)
	} else if w.file != "" {
		e.Problem = "is there twice, first at " + w.file
	}
	c.fail(e)
}

// result is the error of all that is wrong; nil for nothing.
func (c *check) result() error {
	if c.more > 0 {
		c.errors = append(c.errors, &Error{Problem: fmt.Sprintf("and %d more", c.more)})
	}
	return c.errors.asError()
}

// near is the end of a message about a name that no object of a kind has.
func (c *check) near(kind Kind, name string) string {
	if len(c.errors) == maxErrors {
		return ""
	}
	known, ok := c.known[kind]
	if !ok {
		known = c.names(kind)
		if c.known == nil {
			c.known = map[Kind][]string{}
		}
		c.known[kind] = known
	}
	return didYouMean(name, known)
}

// names returns the names of all objects of a kind.
func (c *check) names(kind Kind) []string {
	var names []string
	c.site.objects.each(func(o Object) {
		if id := o.ID(); id.Kind == kind {
			names = append(names, id.Name)
		}
	})
	return names
}

// refers checks that a name leads to an object; an empty one does.
func (c *check) refers(from Object, field string, kind Kind, tenant, name string) {
	if name == "" {
		return
	}
	if _, ok := find[Object](c.site, kind, tenant, name); !ok {
		c.fail(at(from, "%s: there is no %s %q%s", field, kind, name, c.near(kind, name)))
	}
}

func (c *check) refersAll(from Object, field string, kind Kind, tenant string, names []string) {
	for _, name := range names {
		if name == "" {
			c.fail(at(from, "%s: a name is empty", field))
			continue
		}
		c.refers(from, field, kind, tenant, name)
	}
}

// references checks that the names that objects have of each other lead somewhere.
func (c *check) references() {
	o := c.site.objects
	for _, sw := range o.Switches {
		c.refers(sw, "tenant", KindTenant, "", sw.Tenant)
		c.refers(sw, "tServer", KindApplication, "", sw.TServer)
	}
	sw, dnTypes := "", DNType("").choices()
	for _, dn := range o.DNs {
		if dn.Switch != sw { // most have that of the one before
			if sw = dn.Switch; c.site.switches[sw] == nil {
				c.refers(dn, "switch", KindSwitch, "", sw)
				sw = ""
			}
		}
		if strings.Contains(dn.Number, "@") {
			c.fail(at(dn, `number: "@" is what separates a number from its switch`))
		}
		c.choice(dn, "type", string(dn.Type), dnTypes, true)
	}
	for _, sc := range o.Scripts {
		c.choice(sc, "type", string(sc.Type), ScriptType("").choices(), false)
	}
	for _, t := range o.Transactions {
		c.choice(t, "type", string(t.Type), TransactionType("").choices(), true)
	}
	for _, p := range o.Persons {
		c.refers(p, "place", KindPlace, p.Tenant, p.Place)
		for _, l := range p.Skills {
			c.refers(p, "skills", KindSkill, p.Tenant, l.Skill)
		}
		for _, l := range p.Logins {
			c.refers(p, "logins", KindSwitch, "", l.Switch)
			c.refers(p, "logins", KindPlace, p.Tenant, l.DefaultPlace)
		}
		if first := c.site.persons[p.UserName]; first != nil && first != p {
			c.fail(at(p, "userName: %s has the same", first.ID()))
		}
	}
	for _, p := range o.Places {
		c.refersAll(p, "dns", KindDN, "", p.DNs)
	}
	for _, g := range o.AgentGroups {
		c.refersAll(g, "agents", KindPerson, g.Tenant, g.Agents)
		c.refersAll(g, "dns", KindDN, "", g.DNs)
	}
	for _, g := range o.PlaceGroups {
		c.refersAll(g, "places", KindPlace, g.Tenant, g.Places)
	}
	for _, g := range o.DNGroups {
		c.refersAll(g, "dns", KindDN, "", g.DNs)
	}
	for _, v := range o.EnumeratorValues {
		c.refers(v, "enumerator", KindEnumerator, v.Tenant, v.Enumerator)
	}
	for _, a := range o.Applications {
		c.application(a)
	}
}

func (c *check) choice(o Object, field, value string, choices []string, required bool) {
	if value == "" && !required || slices.Contains(choices, value) {
		return
	}
	c.fail(at(o, "%s: %q is none of %s%s", field, value, strings.Join(choices, ", "), didYouMean(value, choices)))
}

// application checks what an application says of its server and its connections.
func (c *check) application(a *Application) {
	c.choice(a, "type", string(a.Type), ApplicationType("").choices(), true)
	c.choice(a, "redundancy", string(a.Server.Redundancy), Redundancy("").choices(), false)
	c.refers(a, "host", KindHost, "", a.Server.Host)
	c.refersAll(a, "tenants", KindTenant, "", a.Tenants)
	c.refers(a, "backup", KindApplication, "", a.Server.Backup)
	if a.Server.Backup != "" {
		if a.Server.Backup == a.Name {
			c.fail(at(a, "backup: an application cannot be its own backup"))
		}
		if a.Server.Redundancy != WarmStandby && a.Server.Redundancy != HotStandby {
			c.fail(at(a, "redundancy: is %s or %s where there is a backup", WarmStandby, HotStandby))
		}
	}
	if a.Type == OrchestrationServer && a.Server.Redundancy == HotStandby {
		c.fail(at(a, "redundancy: an orchestration server has %s or none", WarmStandby))
	}
	seen := map[string]bool{}
	for _, p := range a.Server.Ports {
		switch {
		case p.ID == "":
			c.fail(at(a, "port %d: has no id, such as default or http", p.Port))
		case seen[p.ID]:
			c.fail(at(a, "port %s: is there twice", p.ID))
		case p.Port < 1 || p.Port > 65535:
			c.fail(at(a, "port %s: %d is not from 1 to 65535", p.ID, p.Port))
		}
		seen[p.ID] = true
	}
	for _, l := range a.Connections {
		c.connection(a, l)
	}
}

var traces = []string{"off", "local", "remote", "full"}

func (c *check) connection(a *Application, l Connection) {
	c.refers(a, "connections", KindApplication, "", l.Server)
	if peer := c.site.ApplicationObject(l.Server); peer != nil && l.Port != "" {
		if _, ok := peer.Port(l.Port); !ok {
			c.fail(at(a, "connection to %s: it has no port with the id %q", l.Server, l.Port))
		}
	}
	if l.Protocol != "" && l.Protocol != "addp" {
		c.fail(at(a, "connection to %s: the protocol is addp or empty, not %q", l.Server, l.Protocol))
	}
	if l.LocalTimeout < 0 || l.RemoteTimeout < 0 {
		c.fail(at(a, "connection to %s: a time-out is negative", l.Server))
	}
	if l.Protocol == "" && (l.LocalTimeout != 0 || l.RemoteTimeout != 0 || l.Trace != "") {
		c.warn(at(a, "connection to %s: time-outs and trace have no effect without protocol: addp", l.Server))
	}
	if l.Trace != "" && !slices.Contains(traces, l.Trace) {
		c.fail(at(a, "connection to %s: trace %q is none of %s", l.Server, l.Trace, strings.Join(traces, ", ")))
	}
}

// strategies checks what DNs and scripts say of applications of SCXML.
func (c *check) strategies() {
	clusters := make([]string, len(c.site.clusters))
	for i := range clusters {
		clusters[i] = c.site.clusters[i].Name
	}
	c.site.scripts = make(map[*Script]Strategy, len(c.site.objects.Scripts))
	for _, sc := range c.site.objects.Scripts {
		if sc.Type != "" && sc.Type != EnhancedRouting {
			continue
		}
		c.site.scripts[sc] = sc.strategy()
		c.urls(sc)
	}
	var last struct{ tenant, value string }
	for _, dn := range c.site.objects.DNs {
		for _, o := range dn.Annex.Section(sectionOrchestration) {
			cluster, forCluster := strings.CutPrefix(o.Name, optionApplication+"@")
			if o.Name != optionApplication && !forCluster {
				continue
			}
			if forCluster && len(clusters) > 0 && !slices.Contains(clusters, cluster) {
				c.warn(atOption(dn, sectionOrchestration, o, "%s", fmt.Sprintf("there is no cluster %q%s", cluster, didYouMean(cluster, clusters))))
			}
			if strings.TrimSpace(o.Value) == "" {
				continue
			}
			tenant, errors := c.site.tenantOf(dn), len(c.errors)
			if tenant == last.tenant && o.Value == last.value { // many have that of the one before
				continue
			}
			c.attached(dn, o)
			if last.tenant, last.value = tenant, o.Value; len(c.errors) != errors {
				last.value = ""
			}
		}
	}
}

// attached checks an option application of a DN.
func (c *check) attached(dn *DN, o Option) {
	name, script := scriptName(o.Value)
	if !script {
		st := urls(o.Value)
		for _, u := range [...]string{st.URL, st.AlternateURL} {
			if problem := checkURL(u); problem != "" {
				c.fail(atOption(dn, sectionOrchestration, o, "%s", problem))
			}
		}
		return
	}
	switch sc := c.site.Script(c.site.tenantOf(dn), name); {
	case sc == nil:
		c.fail(atOption(dn, sectionOrchestration, o, "there is no script object %q%s", name, c.near(KindScript, name)))
	case sc.Type != "" && sc.Type != EnhancedRouting:
		c.fail(atOption(dn, sectionOrchestration, o, "the script object %q has the type %s; it takes %s", name, sc.Type, EnhancedRouting))
	case sc.Disabled:
		c.fail(atOption(dn, sectionOrchestration, o, "the script object %q is disabled", name))
	}
}

// urls checks the documents of a script.
func (c *check) urls(sc *Script) {
	if c.site.scripts[sc].URL == "" {
		c.fail(atOption(sc, sectionApplication, Option{Name: optionURL}, "is required: the URL of the SCXML document"))
	}
	for _, name := range [...]string{optionURL, optionAlternateURL} {
		o, _ := sc.Annex.Find(sectionApplication, name)
		if problem := checkURL(strings.TrimSpace(o.Value)); problem != "" {
			c.fail(atOption(sc, sectionApplication, o, "%s", problem))
		}
	}
}
