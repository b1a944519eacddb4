package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/telephony"
)

func site() *config.Site {
	app := func(option, value string) config.Annex {
		return config.Annex{"Orchestration": {option: value}}
	}
	return &config.Site{
		Switches: []config.Switch{
			{Name: "Main", DNs: []config.DN{
				{Number: "5000", Type: config.RoutingPoint, Annex: app("application", "file:/apps/a.scxml")},
				{Number: "5001", Type: config.RoutingPoint, Annex: app("application", "http://a/x.scxml https://b/x.scxml")},
				{Number: "5002", Type: config.RoutingPoint, Annex: app("application", " script: Sales ")},
				{Number: "5003", Type: config.RoutingPoint, Annex: app("application", "script:Nobody")},
				{Number: "5004", Type: config.RoutingPoint, Annex: app("application@East", "file:/apps/east.scxml")},
				{Number: "5005", Type: config.RoutingPoint, Annex: config.Annex{"Orchestration": {
					"application": "file:/apps/all.scxml", "application@East": "file:/apps/east.scxml"}}},
				{Number: "5006", Type: config.RoutingPoint, Annex: app("application", "1x://a/x.scxml")},
				{Number: "5007", Type: config.RoutingPoint, Annex: app("application", "http://a/x  http://b/x")},
				{Number: "5008", Type: config.RoutingPoint, Annex: app("application", "script:Empty")},
				{Number: "5009", Type: config.RoutingPoint, Annex: app("application", "apps/relative.scxml")},
				{Number: "7001", Type: config.Extension},
			}},
			{Name: "Other", DNs: []config.DN{{Number: "7001", Type: config.Extension}}},
		},
		Scripts: []config.Script{
			{Name: "Sales", Annex: config.Annex{
				"Application":      {"url": "http://a/sales.scxml?ani=[ANI]&k=[UDATA.key]&all=[UDATA]", "alternate-url": "file:/apps/[DN].scxml"},
				"ApplicationParms": {"skill": "sales", "data": "[UDATA.*]", "odd": "a[b]c[", "digits": "[CED]/[DNIS]"},
			}},
			{Name: "Empty", Annex: config.Annex{"Application": {"url": " "}}},
		},
	}
}

func TestResolve(t *testing.T) {
	s := site()
	for _, c := range []struct {
		dn   string
		want config.Application
		err  string
	}{
		{"5000", config.Application{URL: "file:/apps/a.scxml"}, ""},
		{"5000@Main", config.Application{URL: "file:/apps/a.scxml"}, ""},
		{"5001", config.Application{URL: "http://a/x.scxml", AlternateURL: "https://b/x.scxml"}, ""},
		{"5003", config.Application{}, `config: DN 5003@Main, section Orchestration, option application: there is no script object "Nobody"`},
		{"5004", config.Application{}, "config: no application on the DN: DN 5004@Main"},
		{"5005", config.Application{}, "config: no application on the DN: DN 5005@Main"},
		{"5006", config.Application{}, `option application: "1x://a/x.scxml" is not an absolute URL`},
		{"5007", config.Application{}, "has more than one space"},
		{"5008", config.Application{}, "config: script Empty, section Application, option url: is required"},
		{"5009", config.Application{}, "is not an absolute URL"},
		{"7001", config.Application{}, "config: no such DN: 7001 is on the switches Main and Other; write 7001@Main"},
		{"7001@Other", config.Application{}, "config: no application on the DN"},
		{"5000@Other", config.Application{}, "config: no such DN: 5000@Other"},
		{"", config.Application{}, "config: no such DN"},
	} {
		got, err := s.Resolve(c.dn)
		if c.err != "" {
			assert.ErrorContains(t, err, c.err, c.dn)
			continue
		}
		require.NoError(t, err, c.dn)
		assert.Equal(t, c.want, got, c.dn)
	}

	s.Cluster = "East"
	for _, dn := range []string{"5004", "5005"} {
		app, err := s.Resolve(dn)
		require.NoError(t, err)
		assert.Equal(t, "file:/apps/east.scxml", app.URL)
	}
	app, err := s.Resolve("5000")
	require.NoError(t, err)
	assert.Equal(t, "file:/apps/a.scxml", app.URL, "a plain option serves every cluster")
}

func TestExpand(t *testing.T) {
	call := &telephony.CallAttributes{ThisDN: "5002", DNIS: "800", ANI: "../x&y=1 +2", CollectedDigits: "42",
		UserData: telephony.KVList{{Key: "key", Value: telephony.String("a/b")}, {Key: "n", Value: telephony.Int(3)}}}
	urls, params, err := site().Application("5002", call)
	require.NoError(t, err)
	assert.Equal(t, []string{
		"http://a/sales.scxml?ani=..%2Fx%26y%3D1%20%2B2&k=a%2Fb&all=key=a%2Fb&n=3",
		"file:/apps/5002.scxml",
	}, urls)
	assert.Equal(t, map[string]string{"skill": "sales", "data": "key:a/b,n:3", "odd": "a[b]c[", "digits": "42/800"}, params)

	call.ThisDN = ".."
	urls, _, err = site().Application("5002", call)
	require.NoError(t, err)
	assert.Equal(t, "file:/apps/%2E%2E.scxml", urls[1])
}

func TestApplicationOfOtherDNs(t *testing.T) {
	for _, dn := range []string{"1", "5004", "7001"} {
		urls, params, err := site().Application(dn, &telephony.CallAttributes{})
		assert.NoError(t, err)
		assert.Empty(t, urls)
		assert.Empty(t, params)
	}
	_, _, err := site().Application("5003", &telephony.CallAttributes{})
	var ce *config.Error
	require.ErrorAs(t, err, &ce)
	assert.Equal(t, "application", ce.Option)
}

func TestNumbers(t *testing.T) {
	assert.Equal(t, []string{"5000", "5001", "5002", "5003", "5004", "5005", "5006", "5007", "5008", "5009", "7001"}, site().Numbers())
}
