package config_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/telephony"
)

// exportSite reads the export in testdata.
func exportSite(t *testing.T) *config.Site {
	t.Helper()
	o, err := config.NewFiles("testdata/export", nil).Read(context.Background())
	require.NoError(t, err)
	s, err := config.NewSite(o, &config.SiteOptions{Application: "ORS_Bikes"})
	require.NoError(t, err)
	return s
}

func TestExport(t *testing.T) {
	s := exportSite(t)
	ors := s.ApplicationObject("ORS_Bikes")
	require.NotNil(t, ors)
	assert.Equal(t, config.OrchestrationServer, ors.Type)
	assert.Equal(t, config.ServerInfo{Host: "quay1", Redundancy: config.WarmStandby, Backup: "ORS_Bikes_B",
		Ports: []config.Port{{ID: "default", Port: 7010}, {ID: "http", Port: 7011, Protocol: "http", Secure: true}}}, ors.Server)
	assert.Equal(t, config.StartInfo{WorkingDirectory: "/opt/ors", CommandLine: "./ors.sh", Arguments: "-app ORS_Bikes", StartupTimeout: 90, ShutdownTimeout: 60, AutoRestart: true}, ors.Start)
	assert.Equal(t, []config.Connection{{Server: "SIP_Harbour", Port: "default", Protocol: "addp", LocalTimeout: 7, RemoteTimeout: 11, Trace: "full"}}, ors.Connections)
	assert.Equal(t, "Bikes", s.DefaultTenant())
	assert.Equal(t, "sipswitch", s.Switch("Harbour").Type)
	assert.Equal(t, "SIP_Harbour", s.Switch("Harbour").TServer)
	assert.Equal(t, "192.0.2.7", s.Host("quay1").IPAddress)
	assert.Equal(t, 4999, s.Host("quay1").LCAPort)

	settings, ok := s.Settings("ORS_Bikes")
	require.True(t, ok)
	assert.True(t, settings.Bool("orchestration", "new-session-on-reroute"))
	assert.EqualValues(t, 1500, settings.Int("persistence", "redis-connect-timeout"), "a number of the export")

	st, err := s.Resolve("5000")
	require.NoError(t, err)
	assert.Equal(t, config.Strategy{URL: "http://apps.example/repair.scxml?from=[ANI]", Script: "Repair", Params: map[string]string{"greeting": "hello", "patience": "40"}}, st)
	app, err := s.Application("Mailbox", &telephony.CallAttributes{ANI: "12"})
	require.NoError(t, err)
	assert.Equal(t, []string{"http://apps.example/repair.scxml?from=12"}, app.URLs, "an interaction queue")
	dn, err := s.DN("Mailbox")
	require.NoError(t, err)
	assert.Equal(t, config.ID{Kind: config.KindDN, Name: "Mailbox@Media_Bikes"}, dn.ID())
	assert.Equal(t, config.InteractionSubmitter, s.Script("Bikes", "Mailbox.Submitter").Type)
	assert.ElementsMatch(t, []string{"5000", "0601", "8100", "9"}, s.Numbers(), "a number keeps its zero; what is disabled is left out")

	mo := s.PersonByUserName("mo")
	require.NotNil(t, mo)
	assert.Equal(t, config.SkillLevels{{Skill: "Brakes", Level: 8}, {Skill: "Tyres", Level: 2}}, mo.Skills)
	assert.Equal(t, []config.Login{{Switch: "Harbour", Code: "71001", WrapupTime: 15}}, mo.Logins)
	assert.Equal(t, "Bench1", mo.Place)
	keys, ok := s.ListItem("Bikes", "Depots", "north")
	require.True(t, ok)
	assert.Equal(t, map[string]string{"city": "Oslo", "seats": "12"}, keys)
	o := s.Objects()
	assert.Equal(t, []string{"0601@Harbour"}, o.Places[0].DNs)
	assert.Equal(t, []string{"1001", "1002"}, o.AgentGroups[0].Agents)
	assert.Equal(t, []string{"8100@Harbour"}, o.AgentGroups[0].DNs)
	assert.Equal(t, []string{"5000@Harbour"}, o.DNGroups[0].DNs)
	assert.Equal(t, []string{"Bench1"}, o.PlaceGroups[0].Places)
	assert.Equal(t, "Media Type", o.Enumerators[0].DisplayName)
	assert.True(t, o.EnumeratorValues[0].Default)
	assert.Equal(t, 5, o.Transactions[1].RecordPeriod)
	assert.Equal(t, config.Statistic, o.Transactions[1].Type)
}

func TestExportTellsWhatItLeavesOut(t *testing.T) {
	var told []string
	for _, w := range exportSite(t).Warnings() {
		told = append(told, w.Error())
	}
	for _, want := range []string{
		"config: site.json: 2 objects of accessGroups have no counterpart here and are left out",
		"config: site.json: 1 objects of folders have no counterpart here and are left out",
		"config: site.json: 1 binary properties have no counterpart here and are left out",
		"config: site.json: 1 lists inside of sections have no counterpart here and are left out",
		"config: site.json: 1 properties outside of sections have no counterpart here and are left out",
		"config: site.json: 1 DNs of types that are not used here, with the number of another DN, have no counterpart here and are left out",
		`config: site.json:63: applications 4: the export has no prototype "gone", which has the type of the application Ticker; it counts as Other: export appPrototypes too`,
	} {
		assert.Contains(t, told, want)
	}
	assert.Contains(t, fmt.Sprint(told), "the script Old has no option url in the section Application")
}

func TestExportHidesPasswords(t *testing.T) {
	s := exportSite(t)
	assert.NotContains(t, fmt.Sprintf("%+v", *s.ApplicationObject("ORS_Bikes")), "gears")
	_, ok := s.Option("Bikes", "", "persistence/password", telephony.StartFromRouter)
	assert.False(t, ok, "scripts do not get it")
	settings, _ := s.Settings("ORS_Bikes")
	assert.Equal(t, "gears", settings.Text("persistence", "password"))
	for _, p := range s.Objects().Persons {
		assert.NotContains(t, fmt.Sprintf("%+v", *p), "never read")
	}
}

func TestBadExports(t *testing.T) {
	const head = `{"__metadata__": {"formatName": "JSON", "formatVersion": "1.0.0"},` + "\n"
	for _, c := range []struct{ text, want string }{
		{`{"__metadata__": {"formatName": "RAW", "formatVersion": "1.0.0"}, "CFGDN": []}`, `export with the format JSON or COMPACT_JSON`},
		{`{"__metadata__": []}`, `a.json:1: __metadata__: the format of the export is ""`},
		{head + `"dns": {}}`, "a.json:2: dns: is a mapping; want a list"},
		{head + `"dns": [1]}`, "a.json:2: dns 1: is a value; want a mapping"},
		{head + `"dns": [{"number": "1", "type": "extension"}]}`, "a.json:2: dns 1: switch is required"},
		{head + `"dns": [{"number": [], "switch": "a", "type": "extension"}]}`, "a.json:2: dns 1, number: is a list; want a value"},
		{head + `"hosts": [{"name": "a", "lcaPort": "x"}]}`, `a.json:2: hosts 1, lcaPort: "x" is not an integer`},
		{head + `"persons": [{"employeeId": "1", "agent": "perhaps"}]}`, `is neither true nor false`},
		{head + `"persons": [{"employeeId": "1", "agentInfo": {"skillLevels": {"a": "b"}}}]}`, `persons 1, agentInfo, skillLevels: a: "b" is not the level of a skill`},
		{head + `"persons": [{"employeeId": "1", "agentInfo": {"agentLogins": [{"agentLogin": {}}]}}]}`, `persons 1, agentInfo, agentLogins 1, agentLogin: switch is required`},
		{head + `"agentGroups": [{"agents": [{}], "group": {"name": "a"}}]}`, `agentGroups 1, agents 1: is a mapping; want a value`},
		{head + `"places": [{"name": "a", "dns": ["1"]}]}`, `places 1, dns 1: is a value; want a mapping`},
		{head + `"dns": [`, "it ends too early"},
	} {
		assert.ErrorContains(t, refused(t, "a.json", c.text), c.want, c.text)
	}
}

func TestExportOfAnotherVersion(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.json", `{"__metadata__": {"formatName": "COMPACT_JSON", "formatVersion": "2.0"}, "new": [{}], "tenants": [{"name": "a", "new": {}}], "dns": null}`)
	o, err := config.NewFiles(filepath.Join(dir, "a.json"), nil).Read(context.Background())
	require.NoError(t, err)
	require.Len(t, o.Warnings, 2)
	assert.ErrorContains(t, o.Warnings[0], `the version of the format is "2.0"`)
	assert.ErrorContains(t, o.Warnings[1], "1 objects of new have no counterpart")
	assert.Len(t, o.Tenants, 1)
}

// An export among files of one's own, which add what it does not have.
func TestExportBesideFiles(t *testing.T) {
	dir := t.TempDir()
	export, err := os.ReadFile("testdata/export/site.json")
	require.NoError(t, err)
	write(t, dir, "export.json", string(export))
	write(t, dir, "days.yaml", "statDays: [{name: Easter, tenant: Bikes, date: 2027-03-28}]\nstatTables: [{name: Closed, tenant: Bikes, statDays: [Easter]}]\n")
	l, err := config.Open(context.Background(), config.NewFiles(dir, nil), &config.LiveOptions{Interval: -1})
	require.NoError(t, err)
	defer l.Close()
	assert.Len(t, l.Site().Objects().StatTables, 1)

	write(t, dir, "export.json", string(bytes.ReplaceAll(export, []byte("script:Repair"), []byte("http://apps.example/new.scxml"))))
	changes, err := l.Reload(context.Background())
	require.NoError(t, err)
	assert.Len(t, changes, 2)
	st, err := l.Site().Resolve("5000")
	require.NoError(t, err)
	assert.Equal(t, "http://apps.example/new.scxml", st.URL)

	write(t, dir, "twice.yaml", "dns: [{number: '0601', switch: Harbour, type: Extension}]\n")
	_, err = l.Reload(context.Background())
	assert.ErrorContains(t, err, "DN 0601@Harbour: is there twice, first at export.json:")
}

func FuzzExport(f *testing.F) {
	export, err := os.ReadFile("testdata/export/site.json")
	if err != nil {
		f.Fatal(err)
	}
	var lists map[string]json.RawMessage
	if err := json.Unmarshal(export, &lists); err != nil {
		f.Fatal(err)
	}
	for key, list := range lists { // small seeds are found out about sooner
		seed := map[string]json.RawMessage{"__metadata__": lists["__metadata__"]}
		var items []json.RawMessage
		if json.Unmarshal(list, &items) == nil {
			seed[key], err = json.Marshal(items[:1])
		}
		b, err2 := json.Marshal(seed)
		if err := errors.Join(err, err2); err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	path := filepath.Join(f.TempDir(), "a.json")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		o, err := config.NewFiles(path, nil).Read(context.Background())
		if err != nil {
			return
		}
		_, _ = config.NewSite(o, nil) // it may be refused
	})
}

// largeExport is an export of 5,000 agents and 20,000 DNs.
func largeExport() []byte {
	var t bytes.Buffer
	t.WriteString("{\n  \"__metadata__\" : {\n    \"formatName\" : \"JSON\",\n    \"formatVersion\" : \"1.0.0\"\n  },\n  \"dns\" : [ ")
	comma := func(i int) {
		if i > 0 {
			t.WriteString(", ")
		}
	}
	for i := range 20_000 {
		comma(i)
		fmt.Fprintf(&t, "{\n    \"name\" : \"%d_Main\",\n    \"number\" : \"%d\",\n    \"registerAll\" : \"true\",\n    \"routeType\" : \"default\",\n    \"state\" : \"enabled\",\n    \"switch\" : \"Main\",\n    \"switchSpecificType\" : 1,\n    \"tenant\" : \"T\",\n    \"trunks\" : 0,\n    \"type\" : \"routingpoint\",\n    \"useOverride\" : true,\n    \"userProperties\" : {\n      \"Orchestration\" : {\n        \"application\" : \"script:Sales\"\n      }\n    },\n    \"folder\" : {\n      \"owner\" : {\n        \"name\" : \"Main\",\n        \"type\" : \"switch\"\n      },\n      \"path\" : [ \"DNs\" ],\n      \"type\" : \"dn\"\n    }\n  }", 10000+i, 10000+i)
	}
	t.WriteString(" ],\n  \"persons\" : [ ")
	for i := range 5_000 {
		comma(i)
		fmt.Fprintf(&t, "{\n    \"agent\" : true,\n    \"agentInfo\" : {\n      \"agentLogins\" : [ {\n        \"agentLogin\" : {\n          \"loginCode\" : \"%d\",\n          \"switch\" : \"Main\"\n        },\n        \"wrapupTime\" : 0\n      } ],\n      \"skillLevels\" : {\n        \"Sales\" : 5,\n        \"German\" : 8\n      }\n    },\n    \"appRanks\" : { },\n    \"emailAddress\" : \"a%d@example.com\",\n    \"employeeId\" : \"a%d\",\n    \"externalAuth\" : false,\n    \"firstName\" : \"A\",\n    \"lastName\" : \"B\",\n    \"state\" : \"enabled\",\n    \"tenant\" : \"T\",\n    \"userName\" : \"agent%d\"\n  }", i, i, i, i)
	}
	t.WriteString(` ], "scripts" : [ {"name": "Sales", "tenant": "T", "type": "enhancedrouting", "userProperties": {"Application": {"url": "https://apps.example/sales.scxml"}}} ],
 "skills" : [ {"name": "Sales", "tenant": "T"}, {"name": "German", "tenant": "T"} ], "switches" : [ {"name": "Main", "tenant": "T"} ], "tenants": [ {"name": "T"} ] }`)
	return t.Bytes()
}
