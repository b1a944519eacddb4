package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/router"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// promise is the time in which callers are to be answered, greeting included.
const promise = 30 * time.Second

// visit is one call as the report sees it.
type visit struct {
	arrived  time.Time
	wait     time.Duration // until it was answered or given up
	answered bool
	gaveUp   bool
	returned bool // it has come back to the routing point
	skill    string
	story    []string
}

// report listens to the switch.
type report struct {
	visits  map[telephony.ConnID]*visit
	byID    map[string]*visit // as sessions and the router name calls
	order   []telephony.ConnID
	begin   time.Time
	talking map[string]time.Time // since when, by DN
	talked  time.Duration
	end     time.Time
}

func newReport(begin time.Time) *report {
	return &report{visits: map[telephony.ConnID]*visit{}, byID: map[string]*visit{}, begin: begin, talking: map[string]time.Time{}}
}

// event takes note of an event.
func (r *report) event(e telephony.Event) {
	a, ok := telephony.CallOf(e)
	if !ok {
		return
	}
	now := e.Header().Time
	v := r.visits[a.ConnID]
	if v == nil {
		v = &visit{arrived: now, skill: "none"}
		r.visits[a.ConnID], r.byID[string(a.CallUUID)] = v, v
		r.order = append(r.order, a.ConnID)
	}
	text := e.Name() + " at " + a.ThisDN
	switch e := e.(type) {
	case *telephony.EventQueued:
		v.returned = len(v.story) > 0
		text += " from " + a.ANI + ", " + a.UserData.String()
	case *telephony.EventRouteUsed:
		text += " to " + a.ThirdPartyDN
	case *telephony.EventRinging:
		text += ", " + a.AgentID
	case *telephony.EventEstablished:
		v.answered, v.wait = true, now.Sub(v.arrived)
		r.talking[a.ThisDN] = now
		text += ", " + a.AgentID
	case *telephony.EventAbandoned:
		v.gaveUp, v.wait = true, now.Sub(v.arrived)
	case *telephony.EventReleased:
		if since, ok := r.talking[a.ThisDN]; ok {
			r.talked += now.Sub(since)
			delete(r.talking, a.ThisDN)
		}
		if a.CallState != telephony.CallStateOk {
			text += ", " + a.CallState.String()
		}
	case *telephony.EventTreatmentApplied:
		text += ", " + e.TreatmentType.String()
	case *telephony.EventTreatmentEnd:
		if a.CollectedDigits != "" {
			text += ", digits " + a.CollectedDigits
		}
	case *telephony.EventDiverted, *telephony.EventAttachedDataChanged:
		return // nothing that the other lines do not tell
	}
	v.tell(now, text)
	r.end = now
}

func (v *visit) tell(now time.Time, text string) {
	v.story = append(v.story, fmt.Sprintf("%8.3fs  %s", now.Sub(v.arrived).Seconds(), text))
}

// decided takes note of a decision of the router.
func (r *report) decided(e router.Explanation) {
	if v := r.byID[e.Interaction]; v != nil {
		v.skill = strings.TrimPrefix(e.Queue, "VQ_")
		v.tell(e.Time, "  router, "+e.Queue+": "+e.Brief())
	}
}

// row is a line of the table.
type row struct {
	calls, answered, inTime, gaveUp int
	wait, longest                   time.Duration // of those who were answered
}

func (w *row) add(v *visit) {
	w.calls++
	if v.gaveUp {
		w.gaveUp++
	}
	if v.answered {
		w.answered++
		w.wait += v.wait
		w.longest = max(w.longest, v.wait)
		if v.wait <= promise {
			w.inTime++
		}
	}
}

func (w *row) print(out io.Writer, name string) {
	share := func(n int) float64 { return 100 * float64(n) / float64(max(w.calls, 1)) }
	fmt.Fprintf(out, "%-10s  %5d  %8d  %9d (%4.1f %%)  %11.1f %%  %10.1f s  %10.1f s\n", name, w.calls, w.answered, w.gaveUp,
		share(w.gaveUp), share(w.inTime), (w.wait / time.Duration(max(w.answered, 1))).Seconds(), w.longest.Seconds())
}

// print writes the report.
func (r *report) print(out io.Writer, agents int, arrivals *sim.Arrivals) {
	made, lost := arrivals.Count()
	length := r.end.Sub(r.begin)
	fmt.Fprintf(out, "%d callers, %d more could not get in; %d agents, %s\n\n", made, lost, agents, length.Round(time.Second))
	rows := map[string]*row{"all": {}}
	var longest *visit
	again, returned := 0, 0
	for _, id := range r.order {
		v := r.visits[id]
		rows["all"].add(v)
		if rows[v.skill] == nil {
			rows[v.skill] = &row{}
		}
		rows[v.skill].add(v)
		if v.answered && (longest == nil || v.wait > longest.wait) {
			longest = v
		}
		if v.returned {
			returned++
		}
	}
	again = len(r.order) - made
	fmt.Fprintf(out, "skill       calls  answered          abandoned  service level  average wait  longest wait\n")
	for _, name := range append(append([]string{}, skills...), "none", "all") {
		if rows[name] != nil {
			rows[name].print(out, name)
		}
	}
	fmt.Fprintf(out, "\nService level: answered within %s of the arrival, greeting included. Waits: of those who were answered.\n", promise)
	fmt.Fprintf(out, "%d of the calls are from callers who had given up before; %d came back because the agent did not answer.\n", again, returned)
	fmt.Fprintf(out, "Agents talked %.1f %% of the time.\n", 100*r.talked.Seconds()/(length.Seconds()*float64(agents)))
	if longest != nil {
		fmt.Fprintf(out, "\nThe caller who waited longest and was answered:\n\n%s\n", strings.Join(longest.story, "\n"))
	}
}
