package main

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// TestStrategy is a recipe: it uses nothing else of this directory but the
// strategy. Copy it, and change the configuration, the call and what is expected.
func TestStrategy(t *testing.T) {
	clock := session.NewVirtualClock(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC))
	sw := sim.New(&sim.Options{Clock: clock})
	require.NoError(t, sw.AddRoutePoint("5000", sim.RoutePoint{}))
	require.NoError(t, sw.AddExtension("7001", sim.Extension{AnswerAfter: time.Second}))
	link := sw.Connect()
	defer link.Close()
	var did []string // what the strategy had the switch do
	link.Subscribe(func(e telephony.Event) {
		switch e := e.(type) {
		case *telephony.EventTreatmentApplied:
			did = append(did, "treatment "+e.TreatmentType.String())
		case *telephony.EventRouteUsed:
			did = append(did, "route to "+e.ThirdPartyDN)
		}
	})

	site := &config.Site{
		Switches: []config.Switch{{DNs: []config.DN{{Number: "7001"}, {Number: "5000",
			Annex: config.Annex{"Orchestration": {"application": "script:Test"}}}}}},
		Scripts: []config.Script{{Name: "Test", Annex: config.Annex{
			"Application": {"url": "app:/strategy.scxml"}, "ApplicationParms": {"agent": "7001"}}}},
	}
	logger := slog.New(slog.NewTextHandler(t.Output(), nil)) // what is wrong with the strategy
	connector := fm.NewConnector(site, &fm.Options{DNs: site.Numbers(), Clock: clock, Logger: logger})
	defer connector.Close()
	loader, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{"app": os.DirFS(".")}})
	require.NoError(t, err)
	var final []string
	opts := &session.Options{
		Parse: scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}, Loader: loader, Clock: clock, Workers: 1, Logger: logger,
		Observer: session.Observer{SessionEnded: func(_ session.Info, r session.Result) { final = r.Configuration }},
	}
	connector.Install(opts)
	engine, err := session.New(opts)
	require.NoError(t, err)
	defer engine.Shutdown(context.Background())
	require.NoError(t, connector.Open(engine, link))
	clock.Advance(0) // the registrations are answered
	require.NoError(t, connector.Ready(t.Context()))

	_, err = sw.Call("5000", sim.Caller{ANI: "030 1234567"})
	require.NoError(t, err)
	clock.Advance(time.Minute)
	require.Equal(t, []string{"treatment PlayAnnouncement", "route to 7001"}, did)
	require.Equal(t, []string{"answered"}, final)
}
