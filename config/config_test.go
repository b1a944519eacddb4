package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
)

var (
	_ fm.Applications  = (*config.Site)(nil)
	_ fm.Configuration = (*config.Site)(nil)
	_ fm.Applications  = (*config.Live)(nil)
	_ fm.Configuration = (*config.Live)(nil)
)

func objects() *config.Objects {
	dn := func(number, option, value string) *config.DN {
		return &config.DN{Number: number, Switch: "Main", Type: config.RoutingPoint, Annex: config.Options{}.Set("Orchestration", option, value)}
	}
	return &config.Objects{
		Switches: []*config.Switch{{Name: "Main"}, {Name: "Other"}},
		DNs: []*config.DN{
			dn("5000", "application", "file:/apps/a.scxml"),
			dn("5001", "application", "http://a/x.scxml https://b/x.scxml"),
			dn("5002", "application", " script: Sales "),
			dn("5004", "application@East", "file:/apps/east.scxml"),
			{Number: "5005", Switch: "Main", Type: config.RoutingPoint, Annex: config.Options{}.
				Set("Orchestration", "application", "file:/apps/all.scxml").Set("Orchestration", "application@East", "file:/apps/east.scxml")},
			{Number: "7001", Switch: "Main", Type: config.Extension},
			{Number: "7001", Switch: "Other", Type: config.Extension},
		},
		Scripts: []*config.Script{
			{Name: "Sales", Annex: config.Options{}.
				Set("Application", "url", "http://a/sales.scxml?ani=[ANI]&k=[UDATA.key]&all=[UDATA]").
				Set("Application", "alternate-url", "file:/apps/[DN].scxml").
				SetAll("ApplicationParms", map[string]string{"skill": "sales", "data": "[UDATA.*]", "odd": "a[b]c[", "digits": "[CED]/[DNIS]"})},
		},
	}
}

func site(t *testing.T, cluster string) *config.Site {
	t.Helper()
	s, err := config.NewSite(objects(), &config.SiteOptions{Cluster: cluster})
	require.NoError(t, err)
	return s
}

func TestResolve(t *testing.T) {
	s := site(t, "")
	for _, c := range []struct {
		dn   string
		want config.Strategy
		err  string
	}{
		{"5000", config.Strategy{URL: "file:/apps/a.scxml"}, ""},
		{"5000@Main", config.Strategy{URL: "file:/apps/a.scxml"}, ""},
		{"5001", config.Strategy{URL: "http://a/x.scxml", AlternateURL: "https://b/x.scxml"}, ""},
		{"5004", config.Strategy{}, "config: no application on the DN: DN 5004@Main"},
		{"5005", config.Strategy{}, "config: no application on the DN: DN 5005@Main"},
		{"7001", config.Strategy{}, "config: no such DN: 7001 is on the switches Main and Other; write 7001@Main"},
		{"7001@Other", config.Strategy{}, "config: no application on the DN"},
		{"5000@Other", config.Strategy{}, "config: no such DN: 5000@Other"},
		{"", config.Strategy{}, "config: no such DN"},
	} {
		got, err := s.Resolve(c.dn)
		if c.err != "" {
			assert.ErrorContains(t, err, c.err, c.dn)
			continue
		}
		require.NoError(t, err, c.dn)
		assert.Equal(t, c.want, got, c.dn)
	}

	s = site(t, "East")
	for _, dn := range []string{"5004", "5005"} {
		st, err := s.Resolve(dn)
		require.NoError(t, err)
		assert.Equal(t, "file:/apps/east.scxml", st.URL)
	}
	st, err := s.Resolve("5000")
	require.NoError(t, err)
	assert.Equal(t, "file:/apps/a.scxml", st.URL, "a plain option serves every cluster")
}

func TestRefusedApplications(t *testing.T) {
	for value, want := range map[string]string{
		"script:Nobody":             `config: DN 1@Main, section Orchestration, option application: there is no script object "Nobody"`,
		"script:Sale":               "did you mean Sales?",
		"script:Empty":              "config: Script Empty, section Application, option url: is required",
		"script:Mailer":             "has the type InteractionSubmitter; it takes EnhancedRouting",
		"1x://a/x.scxml":            `option application: "1x://a/x.scxml" is not an absolute URL`,
		"http://a/x  http://b/x":    "has more than one space",
		"apps/relative.scxml":       "is not an absolute URL",
		"http://[UDATA.host]/x":     "lets the interaction choose the server",
		"http://a/x http://[ANI].b": "lets the interaction choose the server",
	} {
		o := objects()
		o.Scripts = append(o.Scripts, &config.Script{Name: "Mailer", Type: config.InteractionSubmitter})
		if value == "script:Empty" {
			o.Scripts = append(o.Scripts, &config.Script{Name: "Empty", Annex: config.Options{}.Set("Application", "url", " ")})
		}
		o.DNs = append(o.DNs, &config.DN{Number: "1", Switch: "Main", Type: config.RoutingPoint, Annex: config.Options{}.Set("Orchestration", "application", value)})
		_, err := config.NewSite(o, nil)
		assert.ErrorContains(t, err, want, value)
		var one *config.Error
		assert.ErrorAs(t, err, &one)
	}
}

func TestExpand(t *testing.T) {
	call := &telephony.CallAttributes{ThisDN: "5002", DNIS: "800", ANI: "../x&y=1 +2", CollectedDigits: "42",
		UserData: telephony.KVList{{Key: "key", Value: telephony.String("a/b")}, {Key: "n", Value: telephony.Int(3)}}}
	app, err := site(t, "").Application("5002", call)
	require.NoError(t, err)
	assert.Equal(t, []string{
		"http://a/sales.scxml?ani=..%2Fx%26y%3D1%20%2B2&k=a%2Fb&all=key=a%2Fb&n=3",
		"file:/apps/5002.scxml",
	}, app.URLs)
	assert.Equal(t, map[string]string{"skill": "sales", "data": "key:a/b,n:3", "odd": "a[b]c[", "digits": "42/800"}, app.Params)

	call.ThisDN = ".."
	app, err = site(t, "").Application("5002", call)
	require.NoError(t, err)
	assert.Equal(t, "file:/apps/%2E%2E.scxml", app.URLs[1])
}

func TestApplicationOfOtherDNs(t *testing.T) {
	for _, dn := range []string{"1", "5004", "7001"} {
		app, err := site(t, "").Application(dn, &telephony.CallAttributes{})
		assert.NoError(t, err)
		assert.Empty(t, app.URLs)
		assert.Empty(t, app.Params)
	}
}

func TestNumbers(t *testing.T) {
	assert.Equal(t, []string{"5000", "5001", "5002", "5004", "5005", "7001"}, site(t, "").Numbers())
}
