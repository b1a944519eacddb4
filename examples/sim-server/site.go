package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// site is the file of -site. Durations are texts such as "30s"; README.md tells the members.
type site struct {
	RoutingPoints []struct {
		DN      string
		Timeout duration
		Default string
		Ring    duration
	}
	Extensions []struct {
		DN     string
		Agent  string
		Answer duration // negative: nobody answers
		Talk   duration
	}
	Queues []struct {
		Name     string
		Strategy bool
	}
	Agents []struct {
		ID     string
		Accept duration
		Reject bool
	}
	Callers *struct {
		DN       string
		Every    duration
		Patience duration
	}
}

type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	x, err := time.ParseDuration(string(text))
	*d = duration(x)
	return err
}

func (s *site) read(text []byte) error {
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(s); err != nil {
		return fmt.Errorf("the file of the site: %w", err)
	}
	if _, err := in.Token(); err != io.EOF {
		return fmt.Errorf("the file of the site: text after its end, at byte %d", in.InputOffset())
	}
	return nil
}

// build adds what the file describes.
func (s *site) build(sw *sim.Switch, interactions *sim.InteractionServer) error {
	for _, p := range s.RoutingPoints {
		err := sw.AddRoutePoint(p.DN, sim.RoutePoint{Timeout: time.Duration(p.Timeout), Default: p.Default, RingTimeout: time.Duration(p.Ring)})
		if err != nil {
			return err
		}
	}
	for _, e := range s.Extensions {
		err := sw.AddExtension(e.DN, sim.Extension{AgentID: e.Agent, AnswerAfter: time.Duration(e.Answer), TalkTime: time.Duration(e.Talk)})
		if err != nil {
			return err
		}
	}
	for _, q := range s.Queues {
		interactions.AddQueue(q.Name, sim.InteractionQueue{Strategy: q.Strategy})
	}
	for _, a := range s.Agents {
		interactions.AddAgent(a.ID, sim.InteractionAgent{AcceptAfter: time.Duration(a.Accept), Reject: a.Reject})
	}
	return nil
}

// callers lets callers dial in, independently of each other; nil when the file has none.
func (s *site) callers(sw *sim.Switch, r *rand.Rand) (*sim.Arrivals, error) {
	c := s.Callers
	if c == nil {
		return nil, nil
	}
	if c.Every <= 0 {
		return nil, fmt.Errorf("the file of the site: callers.every is %s, want a time between calls", time.Duration(c.Every))
	}
	return sw.Generate(sim.Load{DN: c.DN, Every: sim.Exponential(time.Duration(c.Every)),
		Caller: func(n int, _ *rand.Rand) sim.Caller {
			return sim.Caller{ANI: fmt.Sprintf("030%06d", n+1), Patience: time.Duration(c.Patience),
				UserData: telephony.KVList{{Key: "caller", Value: telephony.Int(int32(n + 1))}}}
		}}, r)
}
