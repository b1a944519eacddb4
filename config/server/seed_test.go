package server_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/config/server"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// A node of the seed site: a T-Server with ADDP, an Interaction Server, a store, a cluster
// over three data centres.
func TestSeedSite(t *testing.T) {
	w := newWorld(t)
	files, err := filepath.Abs("../testdata/seed")
	require.NoError(t, err)
	t.Chdir(t.TempDir()) // where its log goes
	w.live, err = config.Open(t.Context(), config.NewFiles(files, nil), &config.LiveOptions{
		Site: config.SiteOptions{Application: "ORS_1"}, Interval: -1, Clock: w.clock,
	})
	require.NoError(t, err)
	defer w.live.Close()
	w.sw = sim.New(&sim.Options{Clock: w.clock, Name: "Main"})
	for _, dn := range []string{"5000", "5001", "5002"} {
		require.NoError(t, w.sw.AddRoutePoint(dn, sim.RoutePoint{}))
	}
	require.NoError(t, w.sw.AddACDPosition("7001"))
	require.NoError(t, w.sw.AddACDPosition("7002"))
	require.NoError(t, w.sw.AddVirtualQueue("8000"))
	mail := sim.NewInteractionServer(&sim.InteractionServerOptions{Clock: w.clock})
	mail.AddQueue("inbox", sim.InteractionQueue{Strategy: true})

	asked := map[config.ApplicationType]*server.LinkRequest{}
	var settings *config.Settings
	w.opts.Links = map[config.ApplicationType]server.LinkOpener{
		config.TServer: func(ctx context.Context, r *server.LinkRequest) (telephony.Link, error) {
			asked[config.TServer] = r
			return w.simulated(ctx, r)
		},
		config.InteractionServer: func(ctx context.Context, r *server.LinkRequest) (telephony.Link, error) {
			asked[config.InteractionServer] = r
			return server.Dial(mail)(ctx, r)
		},
	}
	w.opts.Stores = map[string]server.StoreOpener{"cassandra": func(_ context.Context, st *config.Settings) (persistence.Store, error) {
		settings = st
		return memstore.New(nil)
	}}
	// The documents, wherever they are.
	w.opts.Adjust.Engine = func(o *session.Options) {
		o.Loader = documents{}
	}
	started := map[string]bool{}
	w.opts.Adjust.Services = func(o *fm.ServicesOptions) {
		assert.Equal(t, "Environment", o.Tenant)
		assert.Equal(t, fm.Server{Name: "ORS_1", Cluster: "ORS_1", URL: o.Server.URL}, o.Server)
	}
	var ro rest.Options
	w.opts.Adjust.REST = func(o *rest.Options) { ro = *o }
	srv := w.start()
	require.NoError(t, srv.WaitReady(t.Context()))

	// What the openers were asked for.
	assert.Equal(t, "cass1;cass2;cass3", settings.Text("persistence", "cassandra-nodes"))
	r := asked[config.TServer]
	assert.Equal(t, []telephony.Endpoint{{Name: "TServer_Main", Address: "192.0.2.11:7002",
		ADDP: telephony.ADDP{Timeout: 10 * time.Second, RemoteTimeout: 12 * time.Second, Trace: telephony.ADDPTraceFull}}}, r.Endpoints)
	assert.Len(t, r.DNs, 6)
	assert.Equal(t, telephony.StandbyWarm, r.Options.Standby)
	assert.Equal(t, "inbox", asked[config.InteractionServer].DNs[0].Number)
	assert.Equal(t, "192.0.2.11:7005", asked[config.InteractionServer].Endpoints[0].Address)
	assert.NotNil(t, srv.Link("TServer_Main"))
	assert.Nil(t, srv.Link("URS_1"))

	// Calls and mails get what the configuration says; 5002 has an application of the cluster.
	for dn, url := range map[string]string{"5000": "http://apps.example/inbound.scxml?dnis=5000", "5001": "https://apps.example/sales.scxml?ani=0301234567",
		"5002": "http://apps.example/new.scxml"} {
		w.call(dn)
		started[url] = true
	}
	_, err = mail.Submit(telephony.Interaction{MediaType: "email", Queue: "inbox"})
	require.NoError(t, err)
	w.clock.Advance(time.Second)
	started["https://apps.example/mail.scxml"] = true
	for _, info := range srv.Engine().Sessions() {
		assert.Contains(t, started, info.URL)
		delete(started, info.URL)
	}
	assert.Empty(t, started, "documents that have not been run")

	// Anna is an agent, in a group and at a place.
	status, err := srv.Router().AgentStatus("a1001")
	require.NoError(t, err)
	assert.Equal(t, []string{"Place_7001", "7001", "Main"}, []string{status.Place, status.DN, status.Switch})

	// The other nodes.
	assert.Equal(t, 201, ro.Node)
	url, ok := ro.Owners.Owner(t.Context(), "~203~029I4G7KGCET96MLCCSH5B5AES01M138")
	assert.True(t, ok)
	assert.Equal(t, "http://lb3.example:8080/", url)
	for _, id := range []string{"~201~029I4G7KGCET96MLCCSH5B5AES01M138", "~303~029I4G7KGCET96MLCCSH5B5AES01M138", "029I4G7KGCET96MLCCSH5B5AES01M138"} {
		_, ok := ro.Owners.Owner(t.Context(), id)
		assert.False(t, ok, id)
	}
	assert.Contains(t, ro.Sources, "https://apps.example/")
	assert.Contains(t, ro.Sources, "file:///opt/apps/")
}

// documents is a loader that has the same document everywhere.
type documents struct{}

func (documents) Fetch(context.Context, string, int64) ([]byte, error) {
	return []byte(strategy("any")), nil
}
