package fm_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony/fm"
)

var update = flag.Bool("update", false, "rewrite MODULES.md")

// MODULES.md is what the tables say.
func TestModulesDocument(t *testing.T) {
	const file = "MODULES.md"
	want := modulesDocument(fm.Specs())
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	is, should := strings.Split(string(got), "\n"), strings.Split(want, "\n")
	const remedy = "MODULES.md is out of date: go test ./telephony/fm -run TestModules -update"
	for i := range min(len(is), len(should)) {
		require.Equal(t, should[i], is[i], "line %d; %s", i+1, remedy)
	}
	require.Len(t, is, len(should), remedy)
}

// sample writes an element of a table: with what it needs, or with all that it
// may have.
func sample(prefix string, e *fm.ElementSpec, full bool) string {
	var b strings.Builder
	switch e.Namespace {
	case "":
	case fm.DialogNamespace:
		prefix = "dialog:"
	default:
		prefix = ""
	}
	b.WriteString("<" + prefix + e.Name)
	for _, a := range e.Attributes {
		switch {
		case e.Name == "prompt" && a.Name != "intid": // which excludes the others
		case a.Kind == fm.LocationKind:
			fmt.Fprintf(&b, ` %s="%s"`, a.Name, map[bool]string{true: "req", false: "place"}[a.Name == "requestid"])
		case !full && !a.Required && e.Name != "prompt":
		case a.Kind == fm.TokenKind && a.Values == nil:
			fmt.Fprintf(&b, ` %s="%s"`, a.Name, map[bool]string{true: "ann", false: "x"}[e.Name == "prompts"])
		case a.Kind == fm.TokenKind:
			fmt.Fprintf(&b, ` %s="%s"`, a.Name, a.Values[len(a.Values)-1])
		default:
			fmt.Fprintf(&b, ` %s="'1'"`, a.Name)
		}
	}
	b.WriteString(">")
	for i := range e.Children {
		if child := &e.Children[i]; full || child.Min > 0 || child.Name == "targetid" {
			b.WriteString(strings.ReplaceAll(sample(prefix, child, full), `="req"`, `="place"`))
		}
	}
	return b.String() + "</" + prefix + e.Name + ">"
}

// tabled wraps an action into a document that logs what answers it. bare leaves
// "http://" out of the namespaces of the modules.
func tabled(action string, bare bool) string {
	var ns strings.Builder
	for _, spec := range fm.Specs() {
		namespace := spec.Namespace
		if bare {
			namespace = strings.TrimPrefix(namespace, "http://")
		}
		fmt.Fprintf(&ns, ` xmlns:%s="%s"`, spec.Prefix, namespace)
	}
	return opening() + ns.String() + `>
<datamodel><data id="req"/><data id="place"/></datamodel>
<state id="s"><onentry>` + action + `</onentry>
<transition event="*"><log expr="_event.name + ' ' + (_event.data.requestid !== undefined &amp;&amp; (req === undefined || req == _event.data.requestid))"/></transition>
</state></scxml>`
}

// Every action of every table is answered, in both spellings of the namespace, also
// when nothing is connected and its values make no sense; witness compares the
// answer with the table.
func TestModulesAnswer(t *testing.T) {
	for _, spec := range fm.Specs() {
		for i := range spec.Elements {
			e := &spec.Elements[i]
			for _, full := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%t", spec.Name, e.Name, full), func(t *testing.T) {
					document := tabled(sample(spec.Prefix+":", e, full), full)
					doc, err := scxml.Parse(t.Context(), []byte(document), &scxml.ParseOptions{
						Languages: []datamodel.Language{goja.New(nil)}, Modules: fm.Modules()})
					var problems *scxml.ParseError
					if e.Event == "" { // it has its place inside of another one only
						require.ErrorAs(t, err, &problems)
						assert.Contains(t, problems.Detail(), "<"+e.Name+">")
						return
					}
					if errors.As(err, &problems) {
						t.Fatal(problems.Detail())
					}
					require.NoError(t, err)
					require.Empty(t, doc.Warnings())
					if e.Event == "session.terminate" && !full {
						return // it ends the session that could hear of it
					}
					w := newWorld(t, document)
					_, err = w.engine.Start(t.Context(), session.StartRequest{URL: "mem:a", SessionID: "s"})
					require.NoError(t, err)
					w.clock.Advance(time.Minute)
					var want []string
					if e.Accepted && !strings.HasPrefix(e.Event, "dialog.") { // a treatment is not accepted without a call
						want = append(want, "s: "+e.Event+".requestid true")
					}
					w.expect(append(want, "s: error."+e.Event+" true")...)
				})
			}
		}
	}
}

// memberSamples says of each member that works how to use it and what comes of it: the
// call of the test waits at 5000, it is Friday.
var memberSamples = map[string]string{
	"_genesys.ixn.interactions.length":                                     "1",
	"_genesys.ixn.firstixnid == _genesys.ixn.interactions[0].g_uid":        "true",
	"_genesys.ixn.mediaType.TMediaChat":                                    "5",
	"_genesys.ixn.getMediaIntValue('TMediaEMail')":                         "2",
	"_genesys.ixn.setuData({a: 7}) === undefined":                          "true",
	"_genesys.ixn.getuData('OP-Session-ID')":                               "s1",
	"_genesys.ixn.deleteuData('b') === undefined":                          "true",
	"_genesys.queue.rType.RouteTypeDefault":                                "1",
	"_genesys.queue.overwriteType.UseConfig":                               "3",
	"_genesys.queue.usecapcond.Only":                                       "1",
	"_genesys.queue.excludeAgents('ann,bob')":                              "",
	"_genesys.queue.priorityTuning(true, false, false) === undefined":      "true",
	"_genesys.queue.findServiceObjective('voice', 'sales', 'gold')":        "90",
	"_genesys.queue.useMediaType('TMediaVoice')":                           "",
	"_genesys.queue.useCapacity(_genesys.queue.usecapcond.Never)":          "1",
	"_genesys.queue.useCustomAgentType('Place')":                           "",
	"_genesys.queue.checkAgentState(false)":                                "true",
	"_genesys.queue.setThreshold('StatAgentsReady = 1', 'Sales')":          "",
	"_genesys.queue.setVQPriority('VQ', 5) === undefined":                  "true",
	"_genesys.queue.reserveTargets(5)":                                     "0",
	"_genesys.queue.SetIdealAgent({English: 3}) === undefined":             "true",
	"_genesys.queue.GetIntegerKey('a:1|b: 22', 'b')":                       "22",
	"_genesys.queue.getRStatCfgOption('o')":                                "on",
	"_genesys.queue.setOption('p', 'off')":                                 "",
	"_genesys.queue.setDNISOverride('UseANI')":                             "0",
	"_genesys.voice.overwriteType.UseDNIS":                                 "2",
	"_genesys.session.server.name":                                         "ors",
	"_genesys.session.tenant":                                              "Main",
	"_genesys.session.tenantid":                                            "101",
	"_genesys.session.lookupseq.StartFromTenant":                           "2",
	"_genesys.session.day.Friday":                                          "5",
	"_genesys.session.setTenant('Main')":                                   "true",
	"_genesys.session.ActiveServerName()":                                  "ors",
	"_genesys.session.timeInZone('CET')":                                   "04:04:05",
	"_genesys.session.dateInZone('UTC')":                                   "2026-01-02",
	"_genesys.session.dayInZone('UTC')":                                    "5",
	"_genesys.session.isSpecialDay('Holidays', 'Second', 'UTC', false)":    "true",
	"_genesys.session.getListItemValue('L', 'i', 'k')":                     "v",
	"_genesys.session.listLookupValue('L', 'none', 'k')":                   "",
	"_genesys.session.getConfigOption(0, 'o', -1)":                         "on",
	"_genesys.statistic.sData('A@S.GA', 'StatX')":                          "1",
	"_genesys.statistic.getAvgData(['A@S.GA', 'B@S.GA'], 'StatX')":         "2",
	"_genesys.statistic.getMinData('A@S.GA,B@S.GA', 'StatX')":              "1",
	"_genesys.statistic.getMaxData(['A@S.GA', 'B@S.GA', 'none'], 'StatX')": "3",
	"_genesys.resource.resourceType.CFGExtension":                          "1",
}

// What the tables say scripts see is what scripts see, and each function is called
// by a strategy.
func TestModulesObjects(t *testing.T) {
	ask := func(lines []string) []string {
		statistics := &fm.StatisticTable{}
		statistics.Set("A@S.GA", "StatX", 1)
		statistics.Set("B@S.GA", "StatX", 3)
		w := newDeskWith(t, `<state id="s"><transition event="interaction.onrouterequest">`+strings.Join(lines, "\n")+`</transition></state>`,
			func(o *fm.Options) {
				var err error
				o.Services, err = fm.NewServices(&fm.ServicesOptions{Clock: o.Clock, Tenant: "Main", Server: fm.Server{Name: "ors"}, Statistics: statistics,
					Configuration: &fm.ConfigurationTable{
						Tenants: map[string]int{"Main": 101}, Options: map[string]string{"o": "on"},
						Objectives:  []fm.ServiceObjective{{Media: "voice", Segment: "silver", Within: time.Minute}, {Within: 90 * time.Second}},
						Lists:       map[string]map[string]map[string]string{"L": {"i": {"k": "v"}}},
						SpecialDays: map[string][]fm.SpecialDay{"Holidays": {{Name: "Second", Month: time.January, Day: 2}}},
					}})
				require.NoError(t, err)
			})
		w.call()
		require.Len(t, w.log, len(lines))
		return w.log
	}
	var lines, want []string
	expect := func(expr, text string) {
		lines, want = append(lines, show(expr)), append(want, "s1: "+text)
	}
	var roots []string
	used := map[string]bool{}
	name := regexp.MustCompile(`^_genesys\.\w+\.\w+`)
	for expr, text := range memberSamples {
		used[name.FindString(expr)] = true
		expect(expr, text)
	}
	for _, spec := range fm.Specs() {
		if spec.Root == "" {
			assert.Empty(t, spec.Members, spec.Name)
			continue
		}
		roots = append(roots, strings.TrimPrefix(spec.Root, "_genesys."))
		var names []string
		for _, m := range spec.Members {
			member, _, function := strings.Cut(m.Name, "(")
			names = append(names, member)
			expect("typeof "+spec.Root+"."+member+" == 'function'", fmt.Sprint(function))
			if m.Status == fm.Unsupported {
				expect("(function () { try { "+spec.Root+"."+member+"() } catch (e) { return 'throws' } })()", "throws")
				continue
			}
			assert.True(t, used[spec.Root+"."+member], "memberSamples has no use of %s.%s", spec.Root, member)
			delete(used, spec.Root+"."+member)
		}
		expect("Object.keys("+spec.Root+").join()", strings.Join(names, ","))
	}
	assert.Empty(t, used, "memberSamples has what the tables do not")
	expect("['ixn', 'queue', 'session', 'statistic', 'resource'].every(function (x) { return _genesys[x] !== undefined })", "true")
	expect("Object.keys(_genesys).sort().join()", strings.Join(sorted(roots), ","))
	assert.Equal(t, want, ask(lines))
}
