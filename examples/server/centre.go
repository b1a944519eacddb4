package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/config/server"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/router"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// centre is a simulated switch, Main, with the DNs and the agents of the configuration. It prints
// what happens.
type centre struct {
	sw *sim.Switch

	mu    sync.Mutex
	out   io.Writer
	calls map[telephony.ConnID]int // how they are called here
}

func newCentre(out io.Writer) *centre {
	c := &centre{out: out, calls: map[telephony.ConnID]int{}}
	c.sw = sim.New(&sim.Options{Name: "Main", Trace: c.event})
	return c
}

func (c *centre) print(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, format+"\n", args...)
}

// open is the opener of the link: where a real server dials a T-Server, this one connects to
// the simulated switch.
func (c *centre) open(_ context.Context, r *server.LinkRequest) (telephony.Link, error) {
	for _, dn := range r.DNs {
		if err := c.add(dn); err != nil {
			return nil, err
		}
	}
	return telephony.Open(c.sw, []telephony.Endpoint{{Name: r.Application.Name, ADDP: r.Endpoints[0].ADDP}}, &r.Options)
}

// add gives the switch a DN; one that is there stays as it is.
func (c *centre) add(dn *config.DN) error {
	var err error
	switch dn.Type {
	case config.RoutingPoint:
		err = c.sw.AddRoutePoint(dn.Number, sim.RoutePoint{RingTimeout: 10 * time.Second})
	case config.Extension, config.ACDPosition:
		err = c.sw.AddACDPosition(dn.Number)
	default:
		err = c.sw.AddVirtualQueue(dn.Number)
	}
	if errors.Is(err, sim.ErrExists) {
		return nil
	}
	return err
}

// follow adds what is new in the configuration.
func (c *centre) follow(u config.Update) {
	if u.Err != nil {
		c.print("refused: %v", u.Err)
		return
	}
	for _, dn := range u.Site.Objects().DNs {
		if err := c.add(dn); err != nil {
			c.print("%v", err)
		}
	}
	c.login(u.Site)
	c.print("the configuration has changed")
}

// login has the agents come who are not there yet.
func (c *centre) login(site *config.Site) {
	for _, p := range site.Objects().Persons {
		place := site.Place(p.Tenant, p.Place)
		if !p.Agent || p.Disabled || place == nil || len(place.DNs) == 0 || len(p.Logins) == 0 {
			continue
		}
		id := p.Logins[0].Code
		number, _, _ := strings.Cut(place.DNs[0], "@")
		err := c.sw.AddAgent(sim.Agent{ID: id, Handling: sim.Handling{AnswerAfter: time.Second, TalkTime: 20 * time.Second}})
		if errors.Is(err, sim.ErrExists) {
			continue
		}
		if err == nil {
			err = errors.Join(c.sw.Login(id, number), c.sw.Ready(id))
		}
		if err != nil {
			c.print("%s: %v", p.EmployeeID, err)
		}
	}
}

// event prints what happens to calls.
func (c *centre) event(e telephony.Event) {
	a, ok := telephony.CallOf(e)
	if !ok {
		return
	}
	c.mu.Lock()
	n := c.calls[a.ConnID]
	if n == 0 {
		n = len(c.calls) + 1
		c.calls[a.ConnID] = n
	}
	c.mu.Unlock()
	switch e := e.(type) {
	case *telephony.EventQueued:
		c.print("call %d from %s is at %s", n, a.ANI, a.ThisDN)
	case *telephony.EventTreatmentApplied:
		c.print("call %d hears %s", n, e.TreatmentType)
	case *telephony.EventRouteUsed:
		if a.ThirdPartyDN != "" {
			c.print("call %d goes to %s", n, a.ThirdPartyDN)
		}
	case *telephony.EventEstablished:
		c.print("call %d is answered at %s", n, a.ThisDN)
	case *telephony.EventReleased, *telephony.EventAbandoned:
		c.print("call %d has left %s", n, a.ThisDN)
	}
}

// log prints what strategies log.
func (c *centre) log(_ string, entry scxml.LogEntry) {
	c.print("strategy %s: %s", entry.Label, entry.Text)
}

const help = `call NUMBER [FROM]   a caller dials
calls                where calls are
agents               what agents do
sessions             which sessions live
quit                 no new calls, an end of those that are there, the end`

// command carries a line out; false when it is to be the last one.
func (c *centre) command(line string, site *config.Site, srv *server.Server) bool {
	words := strings.Fields(line)
	if len(words) == 0 {
		return true
	}
	switch words[0] {
	case "call":
		if len(words) < 2 {
			c.print("call whom? Try: call 5000")
			break
		}
		caller := sim.Caller{ANI: "0301234567", DNIS: words[1]}
		if len(words) > 2 {
			caller.ANI = words[2]
		}
		if _, err := c.sw.Call(words[1], caller); err != nil {
			c.print("%v", err)
		}
	case "calls":
		for _, call := range c.sw.List() {
			c.print("call %s: %s", call.ConnID, strings.Join(append(call.DNs, call.Waits), " "))
		}
	case "agents":
		for _, p := range site.Objects().Persons {
			status, err := srv.Router().AgentStatus(p.EmployeeID)
			if err == nil {
				c.print("%s at %s: %s, %d calls", p.EmployeeID, status.DN, status.Media[router.Voice].State, status.Calls)
			}
		}
	case "sessions":
		for _, info := range srv.Engine().Sessions() {
			c.print("%s %s", info.ID, info.Name)
		}
	case "quit":
		return false
	case "help":
		c.print("%s", help)
	default:
		c.print("%q is no command; type help", words[0])
	}
	return true
}
