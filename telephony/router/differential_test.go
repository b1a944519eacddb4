package router_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/router"
)

// twin is a router and the plain one beside it.
type twin struct {
	*floor
	plain plain
	rnd   *rand.Rand
	turns int64
	want  []string
	ids   map[int]router.ID    // by the number of the plain request
	holds map[int]*plainAgent  // whom a request has
	ready map[*plainAgent]bool // who said so, reserved or not
	next  int
}

func (w *twin) now() int64 { return w.clock.Now().UnixNano() }

// offer gives an agent to whom he belongs.
func (w *twin) offer(a *plainAgent) {
	if !a.ready {
		return
	}
	if q := w.plain.first(a, w.now()); q != nil {
		w.take(q, a)
	}
}

func (w *twin) take(q *plainRequest, a *plainAgent) {
	w.plain.waiting = slices.DeleteFunc(w.plain.waiting, func(x *plainRequest) bool { return x == q })
	a.ready = false
	w.holds[q.id] = a
	w.want = append(w.want, fmt.Sprintf("%d: %s", q.id, a.id))
}

func (w *twin) becomes(a *plainAgent, ready bool) {
	if w.ready[a] == ready {
		return
	}
	w.ready[a] = ready
	kept := false
	for _, x := range w.holds {
		kept = kept || x == a
	}
	a.ready = ready && !kept
	if ready {
		w.turns++
		a.turn = w.turns
	}
	w.offer(a)
}

func (w *twin) submitOne(t *testing.T) {
	q := &plainRequest{id: w.next, priority: w.rnd.IntN(3), since: w.now(), objective: 20e9}
	w.next++
	req := router.Request{Priority: q.priority}
	text := ""
	if w.rnd.IntN(4) == 0 {
		for _, i := range w.rnd.Perm(len(w.plain.agents))[:1+w.rnd.IntN(3)] {
			q.agents = append(q.agents, w.plain.agents[i].id)
			text += "," + w.plain.agents[i].id + "@.A"
		}
		text = text[1:]
	} else {
		text = "?:" + randomExpression(w.rnd) + "@Stat.GA"
	}
	if w.rnd.IntN(3) == 0 {
		req.Tuning.ServiceObjective = time.Duration(10+10*w.rnd.IntN(3)) * time.Second
		q.objective = float64(req.Tuning.ServiceObjective)
	}
	for w.rnd.IntN(4) == 0 {
		q.exclude = append(q.exclude, w.plain.agents[w.rnd.IntN(len(w.plain.agents))].id)
	}
	req.Exclude = q.exclude
	list, err := router.ParseTargets(text)
	require.NoError(t, err)
	req.Targets, q.skill = list, list[0].Skill
	number := q.id
	w.ids[number], err = w.Submit(req, func(s router.Selection, err error) {
		require.NoError(t, err)
		w.log = append(w.log, fmt.Sprintf("%d: %s", number, s.Agent))
	})
	require.NoError(t, err)
	if a := w.plain.find(q); a != nil {
		w.take(q, a)
	} else {
		w.plain.waiting = append(w.plain.waiting, q)
	}
}

func randomExpression(rnd *rand.Rand) string {
	s, n := func() string { return fmt.Sprint("S", rnd.IntN(6)) }, func() int { return rnd.IntN(6) }
	op := []string{"=", "!=", "<", "<=", ">", ">="}[rnd.IntN(6)]
	switch rnd.IntN(6) {
	case 0:
		return fmt.Sprintf("%s %s %d", s(), op, n())
	case 1:
		return fmt.Sprintf("%s > %d & %s %s %d", s(), n(), s(), op, n())
	case 2:
		return fmt.Sprintf("%s > %d | %s < %d & %s", s(), n(), s(), n(), s())
	case 3:
		return fmt.Sprintf("%s + %s %s %d", s(), s(), op, n())
	case 4:
		return fmt.Sprintf("%s %s %s", s(), op, s())
	}
	return fmt.Sprintf("%d / %s > 1 | (%s = 3)", n(), s(), s())
}

func randomSkills(rnd *rand.Rand) map[string]int {
	skills := map[string]int{}
	for i := range 6 {
		if rnd.IntN(2) == 0 {
			skills[fmt.Sprint("S", i)] = rnd.IntN(6)
		}
	}
	return skills
}

// The router decides as a plain scan does.
func TestDecisionsAreThoseOfThePlainScan(t *testing.T) {
	for range 20 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { compareWithPlain(t, seed) })
	}
}

func compareWithPlain(t *testing.T, seed uint64) {
	w := &twin{floor: newFloor(t, router.Options{Reservation: 1000 * time.Hour}), rnd: rand.New(rand.NewPCG(seed, 1)),
		ids: map[int]router.ID{}, holds: map[int]*plainAgent{}, ready: map[*plainAgent]bool{}}
	for i := range 12 {
		a := &plainAgent{id: fmt.Sprint("a", i), skills: map[string]int{"S0": 1, "S1": 1, "S2": 1, "S3": 1, "S4": 1, "S5": 1}}
		require.NoError(t, w.SetAgent(router.Agent{ID: a.id, DN: fmt.Sprint(i), Skills: a.skills}))
		w.plain.agents = append(w.plain.agents, a)
	}
	for step := range 1500 {
		a := w.plain.agents[w.rnd.IntN(len(w.plain.agents))]
		switch w.rnd.IntN(9) {
		case 0, 1, 2:
			w.submitOne(t)
		case 3:
			require.NoError(t, w.SetAgentState(a.id, router.Ready))
			w.becomes(a, true)
		case 4:
			require.NoError(t, w.SetAgentState(a.id, router.NotReady))
			w.becomes(a, false)
		case 5: // the oldest request that has somebody gives him back, or the call comes
			number := w.oldestHeld()
			if number < 0 {
				continue
			}
			a := w.holds[number]
			delete(w.holds, number)
			if w.rnd.IntN(2) == 0 {
				require.True(t, w.Cancel(w.ids[number]))
				a.ready = w.ready[a]
			} else {
				w.rings(a.id[1:], telephony.ConnID(step+1))
				w.clock.Advance(time.Second)
				w.released(a.id[1:], telephony.ConnID(step+1))
				if a.ready = w.ready[a]; a.ready {
					w.turns++
					a.turn = w.turns
				}
			}
			w.offer(a)
		case 6:
			if n := len(w.plain.waiting); n > 0 {
				q := w.plain.waiting[w.rnd.IntN(n)]
				if w.rnd.IntN(2) == 0 {
					require.True(t, w.Cancel(w.ids[q.id]))
					w.plain.waiting = slices.DeleteFunc(w.plain.waiting, func(x *plainRequest) bool { return x == q })
				} else {
					q.priority = w.rnd.IntN(4)
					require.NoError(t, w.Update(w.ids[q.id], q.priority))
				}
			}
		case 7:
			a.skills = randomSkills(w.rnd)
			for i := range 6 { // every skill exists, so that a name is always one
				if _, ok := a.skills[fmt.Sprint("S", i)]; !ok {
					a.skills[fmt.Sprint("S", i)] = 0
				}
			}
			require.NoError(t, w.SetAgent(router.Agent{ID: a.id, DN: a.id[1:], Skills: a.skills}))
			w.offer(a)
		case 8:
			w.clock.Advance(time.Duration(w.rnd.IntN(5000)) * time.Millisecond)
		}
		w.clock.Advance(0)
		require.Equal(t, w.want, w.log, "step %d", step)
		if step%100 == 0 {
			require.NoError(t, w.Audit())
		}
	}
	require.NotEmpty(t, w.want)
}

func (w *twin) oldestHeld() int {
	oldest := -1
	for number := range w.holds {
		if oldest < 0 || number < oldest {
			oldest = number
		}
	}
	return oldest
}
