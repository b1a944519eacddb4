package server_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/config/server"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// changing is a source whose persons change one after the other.
type changing struct {
	objects config.Objects
	n       int
}

func (c *changing) Read(context.Context) (*config.Objects, error) {
	o := c.objects
	o.Persons = append([]*config.Person(nil), o.Persons...)
	p := *o.Persons[c.n%len(o.Persons)]
	p.Skills = config.SkillLevels{{Skill: "Sales", Level: c.n%9 + 1}}
	o.Persons[c.n%len(o.Persons)] = &p
	c.n++
	c.objects = o
	return &o, nil
}

// BenchmarkChange changes the skill of one of 5,000 agents in a site with 20,000 DNs, until the router
// has it.
func BenchmarkChange(b *testing.B) {
	source := &changing{objects: config.Objects{
		Switches: []*config.Switch{{Name: "Main", TServer: "T"}}, Skills: []*config.Skill{{Name: "Sales"}},
		Applications: []*config.Application{{Name: "T", Type: config.TServer},
			{Name: "ORS", Type: config.OrchestrationServer, Connections: []config.Connection{{Server: "T"}}}},
	}}
	o := &source.objects
	clock := session.NewVirtualClock(session.SystemClock{}.Now())
	sw := sim.New(&sim.Options{Clock: clock, Name: "Main"})
	for i := range 20_000 {
		number := fmt.Sprint(100_000 + i)
		dn := &config.DN{Number: number, Switch: "Main", Type: config.Extension}
		if i >= 15_000 {
			dn.Type = config.RoutingPoint
			dn.Annex = config.Options{}.Set("Orchestration", "application", fmt.Sprintf("http://apps.example/%d/a.scxml", i%100))
			require.NoError(b, sw.AddRoutePoint(number, sim.RoutePoint{}))
		} else {
			require.NoError(b, sw.AddACDPosition(number))
		}
		o.DNs = append(o.DNs, dn)
		if i < 5000 {
			place := fmt.Sprint("P", i)
			o.Places = append(o.Places, &config.Place{Name: place, DNs: []string{number + "@Main"}})
			o.Persons = append(o.Persons, &config.Person{EmployeeID: fmt.Sprint("a", i), Agent: true, Place: place,
				Logins: []config.Login{{Switch: "Main", Code: fmt.Sprint(i)}}})
		}
	}
	live, err := config.Open(b.Context(), source, &config.LiveOptions{Site: config.SiteOptions{Application: "ORS"}, Interval: -1, Clock: clock})
	require.NoError(b, err)
	defer live.Close()
	srv, err := server.New(b.Context(), live, &server.Options{Clock: clock, Links: map[config.ApplicationType]server.LinkOpener{
		config.TServer: func(context.Context, *server.LinkRequest) (telephony.Link, error) { return sw.Connect(), nil },
	}})
	require.NoError(b, err)
	clock.Advance(0)
	require.NoError(b, srv.Ready())
	for b.Loop() {
		_, err := live.Reload(b.Context())
		require.NoError(b, err)
	}
	b.StopTimer()
	require.NoError(b, srv.Shutdown(b.Context()))
}
