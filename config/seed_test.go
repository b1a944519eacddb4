package config_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
)

// load reads a configuration of testdata.
func load(t *testing.T, dir string, files *config.FilesOptions, opts *config.SiteOptions) *config.Site {
	t.Helper()
	o, err := config.NewFiles("testdata/"+dir, files).Read(context.Background())
	require.NoError(t, err)
	s, err := config.NewSite(o, opts)
	require.NoError(t, err)
	return s
}

// The site that the reference describes: six nodes in three data centres.
func TestSeedSite(t *testing.T) {
	s := load(t, "seed", nil, &config.SiteOptions{Application: "ORS_1"})
	assert.Empty(t, s.Warnings())
	assert.Equal(t, "Cluster1", s.Cluster())
	assert.Equal(t, "Environment", s.DefaultTenant())
	tenants := s.Tenants()
	require.Len(t, tenants, 2)
	assert.Equal(t, []string{"Environment", "Resources"}, []string{tenants[0].Name, tenants[1].Name})

	cl := s.ClusterOf("ORS_3_B")
	require.NotNil(t, cl)
	assert.Equal(t, "Cluster1", cl.Name)
	assert.Nil(t, cl.Shared)
	require.Len(t, cl.Nodes, 6)
	for i, n := range cl.Nodes {
		name := fmt.Sprint("ORS_", i+1)
		assert.Equal(t, config.Node{ID: 201 + i, Application: name, Backup: name + "_B", DataCentre: []string{"London", "Paris", ""}[i/2]}, n)
	}
	assert.Equal(t, []string{"London", "Paris", ""}, cl.DataCentres())
	assert.Len(t, cl.NodesIn(""), 2)
	list := cl.Transaction
	assert.Equal(t, []any{"ORS", "ORS", config.List, 0, "Environment", false}, []any{list.Name, list.Alias, list.Type, list.RecordPeriod, list.Tenant, list.Disabled})

	app := s.ApplicationObject("ORS_1")
	require.NotNil(t, app)
	assert.Equal(t, 201, app.DBID)
	assert.Equal(t, config.ServerInfo{Host: "lon1", Redundancy: config.WarmStandby, Backup: "ORS_1_B",
		Ports: []config.Port{{ID: "default", Port: 7100}, {ID: "http", Port: 8080, Protocol: "http"}}}, app.Server)
	assert.Equal(t, config.StartInfo{WorkingDirectory: "/opt/ors", CommandLine: "./orchestration", Arguments: "-host lon1 -port 2020 -app ORS_1",
		StartupTimeout: 90, ShutdownTimeout: 90, AutoRestart: true}, app.Start)
	assert.Equal(t, []config.Connection{
		{Server: "TServer_Main", Port: "default", Protocol: "addp", LocalTimeout: 10, RemoteTimeout: 12, Trace: "full"},
		{Server: "IxnServer"}, {Server: "URS_1"}, {Server: "StatServer_1"}}, app.Connections)
	port, ok := app.HTTPPort()
	assert.True(t, ok)
	assert.Equal(t, 8080, port.Port)
	port, _ = app.Port("default")
	assert.Equal(t, 7100, port.Port)
	host := s.Host("lon1")
	require.NotNil(t, host)
	assert.Equal(t, "192.0.2.11 4999", fmt.Sprint(host.IPAddress, " ", host.LCAPort))

	st, ok := s.Settings("ORS_1")
	require.True(t, ok)
	for name, want := range map[[2]string]string{
		{"orchestration", "mcr-pull-by-this-node"}:    "true",
		{"orchestration", "external-url"}:             "http://lb1.example:8080/",
		{"orchestration", "def-statserver-name"}:      "StatServer_1",
		{"orchestration", "backup-synch-max-age"}:     "600",
		{"persistence", "type"}:                       "cassandra",
		{"persistence", "cassandra-listenport"}:       "9160",
		{"persistence", "cassandra-nodes"}:            "cass1;cass2;cass3",
		{"persistence", "cassandra-keyspace-name"}:    "Orchestration",
		{"persistence", "cassandra-schema-version"}:   "ORS8130000",
		{"persistence", "cassandra-strategy-class"}:   "NetworkTopologyStrategy",
		{"persistence", "cassandra-strategy-options"}: "DC1:2;DC2:3",
		{"log", "standard"}:                           "stdout, network, ors.log",
		{"log-filter", "ors-regex-card;hide"}:         `\d{16}`,
		{"log-filter-data", "CardNumber"}:             "hide-first,12",
		{"performance-alarms", "state-time"}:          "5000",
		{"nowhere", "nothing"}:                        "",
	} {
		assert.Equal(t, want, st.Text(name[0], name[1]), name)
	}
	assert.Equal(t, 4*time.Second, st.Duration("orchestration", "call-watching-timeout"))
	assert.Equal(t, int64(9160), st.Int("persistence", "cassandra-listenport"))
	assert.True(t, st.Bool("orchestration", "switch-multi-links-enabled"))
	_, set := st.Lookup("orchestration", "backup-synch-max-age")
	assert.False(t, set, "it is the default")
	assert.Equal(t, "mcr-pull-by-this-node", st.Section("orchestration")[0].Name, "the order is kept")
	_, ok = s.Settings("URS_1")
	assert.False(t, ok)

	for dn, want := range map[string]config.Strategy{
		"5000": {URL: "http://apps.example/inbound.scxml?dnis=[DNIS]", AlternateURL: "file:///opt/apps/inbound.scxml"},
		"5001": {URL: "https://apps.example/sales.scxml?ani=[ANI]", AlternateURL: "file:///opt/apps/sales.scxml", Script: "Sales", Params: map[string]string{"skill": "sales", "segment": "[UDATA.Segment]"},
			Fetch: session.FetchPolicy{Timeout: 5 * time.Second}},
		"5002":  {URL: "http://apps.example/new.scxml"},
		"inbox": {URL: "https://apps.example/mail.scxml", Script: "Mail"},
	} {
		got, err := s.Resolve(dn)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	runs, err := s.Application("5001", &telephony.CallAttributes{ANI: "+49 1", UserData: telephony.KVList{{Key: "Segment", Value: telephony.String("gold")}}})
	require.NoError(t, err)
	assert.Equal(t, []string{"https://apps.example/sales.scxml?ani=%2B49%201", "file:///opt/apps/sales.scxml"}, runs.URLs)
	assert.Equal(t, map[string]string{"skill": "sales", "segment": "gold"}, runs.Params)

	anna := s.PersonByUserName("anna")
	require.NotNil(t, anna)
	assert.Same(t, anna, s.Person("Resources", "a1001"), "the default tenant's are found for all")
	assert.Equal(t, config.SkillLevels{{Skill: "Sales", Level: 8}, {Skill: "German", Level: 10}}, anna.Skills)
	assert.Equal(t, []config.Login{{Switch: "Main", Code: "1001", WrapupTime: 30, DefaultPlace: "Place_7001"}}, anna.Logins)
	o := s.Objects()
	assert.Equal(t, []string{"7001@Main"}, o.Places[0].DNs)
	assert.Equal(t, []string{"a1001"}, o.AgentGroups[0].Agents)
	assert.Equal(t, []string{"Place_7001"}, o.PlaceGroups[0].Places)
	assert.Equal(t, []string{"5000@Main", "5001@Main"}, o.DNGroups[0].DNs)
	assert.True(t, o.EnumeratorValues[0].Default)
	v, _ := s.Transaction("", "CallsWaiting").Annex.Value("orchestration", "statserver-source")
	assert.Equal(t, "true", v)
	dn, err := s.DN("8000")
	require.NoError(t, err)
	assert.Equal(t, "8000_Main", dn.Alias)
	assert.Equal(t, config.VirtualQueue, dn.Type)
}

func TestFunctions(t *testing.T) {
	s := load(t, "seed", nil, &config.SiteOptions{Application: "ORS_1", Interaction: func(id string) (string, bool) { return id, id != "nowhere" }})
	id, ok := s.Tenant("Resources")
	assert.True(t, ok)
	assert.Equal(t, 101, id)
	_, ok = s.Tenant("Nobody")
	assert.False(t, ok)

	keys, ok := s.ListItem("Environment", "Hours", "Monday")
	assert.True(t, ok)
	assert.Equal(t, map[string]string{"open": "09:00", "close": "18:00"}, keys)
	keys, ok = s.ListItem("Resources", "Hours", "Saturday")
	assert.True(t, ok)
	assert.Empty(t, keys)
	for _, item := range [][2]string{{"Hours", "Sunday"}, {"None", "Monday"}, {"CallsWaiting", "orchestration"}} {
		_, ok = s.ListItem("Environment", item[0], item[1])
		assert.False(t, ok, item)
	}

	for _, c := range []struct {
		interaction, key string
		from             telephony.LookupSequence
		want             string
		ok               bool
	}{
		{"5001@Main", "language", telephony.StartFromStrategy, "en", true},
		{"5001@Main", "settings/language", telephony.StartFromStrategy, "en", true},
		{"5001@Main", "language", telephony.StartFromCDN, "de", true},
		{"5001@Main", "language", telephony.StartFromRouter, "fr", true},
		{"5001@Main", "def-statserver-name", telephony.StartFromStrategy, "StatServer_1", true},
		{"5001@Main", "def-statserver-name", telephony.StartFromTenant, "", false},
		{"nowhere", "language", telephony.StartFromStrategy, "", false},
		{"", "orchestration/def-statserver-name", telephony.StartFromRouter, "StatServer_1", true},
	} {
		got, ok := s.Option("Environment", c.interaction, c.key, c.from)
		assert.Equal(t, c.ok, ok, c)
		assert.Equal(t, c.want, got, c)
	}

	at := func(s string) time.Time {
		v, err := time.Parse("2006-01-02 15:04", s)
		require.NoError(t, err)
		return v
	}
	for _, c := range []struct {
		day, at string
		useTime bool
		want    bool
	}{
		{"", "2031-12-25 12:00", true, true},
		{"", "2031-12-24 12:00", false, false},
		{"Christmas", "2026-12-25 00:00", false, true},
		{"Inventory", "2026-12-25 00:00", false, false},
		{"Inventory", "2026-12-30 10:00", false, true},
		{"Inventory", "2026-12-30 13:59", true, false},
		{"Inventory", "2026-12-30 14:00", true, true},
		{"Inventory", "2026-12-30 23:59", true, true},
		{"Inventory", "2027-12-30 15:00", true, false},
	} {
		got, err := s.SpecialDay("Environment", "Holidays", c.day, at(c.at), c.useTime)
		require.NoError(t, err)
		assert.Equal(t, c.want, got, c)
	}
	_, err := s.SpecialDay("Environment", "Holidays", "Easter", at("2026-01-01 00:00"), false)
	assert.ErrorContains(t, err, `no special day "Easter"`)
	_, err = s.SpecialDay("Environment", "None", "", at("2026-01-01 00:00"), false)
	assert.ErrorContains(t, err, `no statistical table "None"`)
	assert.Nil(t, s.Zone("CET"))
}

// The enhanced form of a cluster: its options are those of all nodes.
func TestEnhancedCluster(t *testing.T) {
	env := func(name string) (string, bool) { return "s3cret", name == "REDIS_PASSWORD" }
	s := load(t, "enhanced", &config.FilesOptions{Env: env}, &config.SiteOptions{Application: "ORS_1"})
	assert.Empty(t, s.Warnings())
	require.Len(t, s.Clusters(), 1)
	cl := s.Clusters()[0]
	assert.Equal(t, "ORS_Cluster_1", cl.Name)
	assert.Equal(t, []config.Node{{ID: 201, Application: "ORS_1"}}, cl.Nodes)
	assert.Equal(t, []string{""}, cl.DataCentres())
	st, _ := s.Settings("ORS_1")
	assert.Equal(t, 3*time.Second, st.Duration("orchestration", "call-watching-timeout"), "a node's own option comes first")
	assert.True(t, st.Bool("orchestration", "sessionid-with-nodeid"))
	assert.Equal(t, "redis", st.Text("persistence", "type"))
	assert.Equal(t, "redis1.example:6379;redis2.example:6379;[2001:db8::1]:6379", st.Text("persistence", "redis-nodes"))
	assert.Equal(t, "s3cret", st.Text("persistence", "password"))
	assert.Equal(t, "from a file", st.Text("scxml", "password"))
	for _, o := range st.Section("persistence") {
		if o.Name == "password" {
			assert.Equal(t, "password=****", o.String())
		}
	}
	_, ok := s.Option("", "", "persistence/password", telephony.StartFromRouter)
	assert.False(t, ok, "secrets are not for scripts")

	_, err := config.NewFiles("testdata/enhanced", &config.FilesOptions{Env: func(string) (string, bool) { return "", false }}).Read(context.Background())
	assert.ErrorContains(t, err, "site.yaml:25: transactions 1, annex: section persistence, option password: the environment has no variable REDIS_PASSWORD")
}
