package linktest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// runner runs one scenario.
type runner struct {
	testing.TB
	s     *scenario
	world World
	vars  map[string]string

	// patience is how long, in real time, something that must come is waited for.
	patience time.Duration

	mu      sync.Mutex
	events  []telephony.Event // not yet looked at, in the order in which they came
	arrived chan struct{}     // closed, and made anew, with each event
}

func (s *scenario) run(t testing.TB, target Target, patience time.Duration) {
	world := target.Open(t, &s.site)
	r := &runner{TB: t, s: s, world: world, patience: patience, vars: map[string]string{}, arrived: make(chan struct{})}
	link := world.Link()
	cancel := link.Subscribe(func(e telephony.Event) {
		switch e.(type) {
		case *telephony.EventInteraction, *telephony.EventAck: // told by World.Interactions, whatever way they come
		case *telephony.EventInvite, *telephony.EventRevoked: // for the programs of agents
		default:
			r.receive(e)
		}
	})
	defer cancel()
	r.connect(link)
	if caps := link.Capabilities(); !caps.Has(s.needs&^telephony.CanInteract) ||
		s.needs.Has(telephony.CanInteract) && world.Interactions() == nil {
		t.Skipf("the scenario needs %s, the driver declares %s: declare and implement the rest to run it", s.needs, caps)
	}
	if i := world.Interactions(); i != nil && s.needs.Has(telephony.CanInteract) {
		stop := i.Subscribe(func(e telephony.InteractionEvent) {
			r.receive(&telephony.EventInteraction{InteractionEvent: e})
		})
		defer stop()
	}
	for _, dn := range s.register {
		r.request(step{request: "RequestRegisterAddress ThisDN=" + dn})
	}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	if err := world.Ready(ctx, s.register); err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.take() // what registration and connecting have brought

	for _, st := range s.steps {
		if st.action != nil {
			r.act(st)
		} else {
			r.request(st)
		}
		r.expect(st)
		if r.Failed() {
			return
		}
	}
}

func (r *runner) receive(e telephony.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	close(r.arrived)
	r.arrived = make(chan struct{})
}

// take returns the events that have come, and forgets them.
func (r *runner) take() []telephony.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.events
	r.events = nil
	return all
}

func (r *runner) fatal(line int, format string, args ...any) {
	r.Helper()
	r.Fatalf("%s:%d: %s", r.s.name, line, fmt.Sprintf(format, args...))
}

// connect waits until the link is up.
func (r *runner) connect(link telephony.Link) {
	deadline := time.After(r.patience)
	for link.State() != telephony.LinkConnected {
		r.mu.Lock()
		arrived := r.arrived
		r.mu.Unlock()
		if link.State() == telephony.LinkConnected {
			return
		}
		select {
		case <-arrived:
		case <-deadline:
			r.Fatalf("the link does not come up: it is %s", link.State())
		}
	}
}

// settle waits until nothing is under way: until a question that was asked now has come back
// through the same connection. A link that is down has nothing under way.
func (r *runner) settle() {
	link := r.world.Link()
	if link.State() != telephony.LinkConnected {
		return
	}
	var ask telephony.Request = &telephony.RequestQueryServer{}
	if !link.Capabilities().Has(telephony.CanQuery) {
		// Nobody has registered it; whether that is refused or confirmed does not matter.
		ask = &telephony.RequestUnregisterAddress{ThisDN: "nobody"}
	}
	done := make(chan struct{})
	link.Send(ask, func(telephony.Event, error) { close(done) })
	r.wait(done)
	if i := r.world.Interactions(); i != nil && r.s.needs.Has(telephony.CanInteract) {
		done := make(chan struct{})
		i.Send(&telephony.RequestPull{InteractionID: "nothing"}, func(telephony.Interaction, error) { close(done) })
		r.wait(done)
	}
}

func (r *runner) wait(done <-chan struct{}) {
	r.Helper()
	select {
	case <-done:
	case <-time.After(r.patience):
		r.Fatalf("%s: a request has no outcome", r.s.name)
	}
}

// act does what a step does at the other end.
func (r *runner) act(st step) {
	w := st.action
	for i := 1; i < len(w); i++ {
		w[i] = r.substitute(w[i])
	}
	verb := strings.Join(w, " ")
	var err error
	switch {
	case w[0] == "call" && len(w) >= 3:
		err = r.call(w)
	case w[0] == "submit" && len(w) >= 2:
		err = r.submit(w)
	case (w[0] == "hang-up" || w[0] == "release") && len(w) == 2:
		var id telephony.ConnID
		if id, err = telephony.ParseConnID(w[1]); err == nil && w[0] == "release" {
			err = r.world.Release(id)
		} else if err == nil {
			err = r.world.HangUp(id)
		}
	case w[0] == "advance" && len(w) == 2:
		var d time.Duration
		if d, err = time.ParseDuration(w[1]); err == nil {
			r.settle() // what was asked for has reached the other end
			err = r.world.Advance(d)
		}
	case w[0] == "agent" && (len(w) == 3 || len(w) == 4):
		var s telephony.AgentState
		if s, err = telephony.ParseAgentState(w[2]); err == nil {
			err = r.world.SetAgent(w[1], s, strings.Join(w[3:], ""))
		}
	case verb == "switch down" || verb == "switch up":
		err = r.world.SetConnected(w[1] == "up")
	case verb == "server stop" || verb == "server start":
		err = r.world.SetServer(w[1] == "start")
	case verb == "switch-over":
		err = r.world.SwitchOver()
	default:
		err = fmt.Errorf("what is %q", verb)
	}
	if errors.Is(err, telephony.ErrUnsupported) {
		r.Skipf("the other end cannot do %q: let its World do it to run the scenario", verb)
	}
	if err != nil {
		r.fatal(st.line, "%v", err)
	}
}

func (r *runner) call(w []string) error {
	a := attributes{values: map[string]string{}}
	for _, word := range w[3:] {
		key, value, _ := strings.Cut(word, "=")
		a.values[key] = value
	}
	c := Caller{ANI: a.take("ANI"), Patience: a.duration("patience"), Keys: a.take("keys")}
	if text := a.take("UserData"); text != "" {
		var err error
		if c.UserData, err = telephony.ParseKVList(text); err != nil {
			return err
		}
	}
	if err := a.finish(); err != nil {
		return err
	}
	id, err := r.world.Call(w[2], c)
	r.vars[w[1]] = id.String()
	return err
}

func (r *runner) submit(w []string) error {
	text := "RequestSubmit"
	for _, word := range w[2:] {
		text += " Interaction." + word
	}
	m, err := telephony.ParseMessage(text)
	if err != nil {
		return err
	}
	r.vars[w[1]], err = r.world.Submit(m.(*telephony.RequestSubmit).Interaction)
	return err
}

// substitute replaces $names that have a value, at the end of a word or as a word.
func (r *runner) substitute(word string) string {
	i := strings.LastIndexByte(word, '$')
	if i < 0 {
		return word
	}
	if v, ok := r.vars[word[i:]]; ok {
		return word[:i] + v
	}
	return word
}

// request sends a request and looks at its outcome.
func (r *runner) request(st step) {
	words, err := split(st.request)
	if err != nil {
		r.fatal(st.line, "%v", err)
	}
	for i := range words {
		words[i] = r.substitute(words[i])
	}
	m, err := telephony.ParseMessage(strings.Join(words, " "))
	if err != nil {
		r.fatal(st.line, "%v", err)
	}
	var event telephony.Event
	done := make(chan struct{})
	switch req := m.(type) {
	case telephony.InteractionRequest:
		r.world.Interactions().Send(req, func(i telephony.Interaction, e error) {
			event, err = &telephony.EventAck{Interaction: i}, e
			close(done)
		})
	case telephony.Request:
		r.world.Link().Send(req, func(e telephony.Event, no error) {
			event, err = e, no
			close(done)
		})
	default:
		r.fatal(st.line, "%s is no request", m.Name())
	}
	if st.outcome == "" && st.line > 0 {
		return // it comes later, or does not matter
	}
	r.wait(done)
	want := strings.TrimSpace(strings.TrimLeft(st.outcome, "=!"))
	switch {
	case st.line == 0:
		if err != nil {
			r.Fatalf("%s: %v", r.s.name, err)
		}
	case st.outcome[0] == '!':
		if kind := errorKind(err); kind != want {
			r.fatal(st.line, "%s: the error is %q (%v), want %q", m.Name(), kind, err, want)
		}
	case err != nil:
		r.fatal(st.line, "%v", err)
	default:
		if why := r.differs(want, event); why != "" {
			r.fatal(st.line, "outcome %s: %s", event, why)
		}
	}
}

// errorKind returns the word for the error of a request.
func errorKind(err error) string {
	var no *telephony.RequestError
	switch {
	case err == nil:
		return "none"
	case errors.As(err, &no):
		return "refused"
	case errors.Is(err, telephony.ErrLinkDown):
		return "link-down"
	case errors.Is(err, telephony.ErrClosed):
		return "closed"
	case errors.Is(err, telephony.ErrUnsupported):
		return "unsupported"
	}
	return err.Error()
}

// expect waits for the events that a step promises, and checks that there are no others.
func (r *runner) expect(st step) {
	deadline := time.After(r.patience)
	left := st.events
	var got []telephony.Event
	log := func() string {
		s := ""
		for _, e := range got {
			s += "\n\t" + e.String()
		}
		return s
	}
	for {
		r.mu.Lock()
		arrived := r.arrived
		r.mu.Unlock()
		for _, e := range r.take() {
			if ofQuestion(e) {
				continue
			}
			got = append(got, e)
			i := r.match(left, e)
			if i < 0 {
				r.fatal(st.line, "event that was not promised, or not now: %s\nthe step brought:%s", e, log())
			}
			if why := r.differs(left[i].text, e); why != "" {
				r.fatal(left[i].line, "%s\n%s: the event was: %s\nthe step brought:%s", why, r.s.name, e, log())
			}
			left = append(append([]expected(nil), left[:i]...), left[i+1:]...)
		}
		if len(left) == 0 {
			break
		}
		select {
		case <-arrived:
		case <-deadline:
			r.fatal(left[0].line, "the event does not come: %s\nthe step brought:%s", left[0].text, log())
		}
	}
	r.settle()
	for _, e := range r.take() {
		if !ofQuestion(e) {
			r.fatal(st.line, "event that was not promised: %s\nbefore:%s", e, log())
		}
	}
}

// ofQuestion reports whether an event is an answer of settle.
func ofQuestion(e telephony.Event) bool {
	switch e := e.(type) {
	case *telephony.EventServerInfo:
		return true
	case *telephony.EventUnregistered:
		return e.ThisDN == "nobody"
	case *telephony.EventError:
		return e.ReferenceID != 0 // those of refused requests are told by the outcome
	}
	return false
}

// match returns the first of the promised events that is about the same DN or interaction;
// -1 when there is none.
func (r *runner) match(left []expected, e telephony.Event) int {
	subject := subjectOf(e)
	for i := range left {
		name, wants := r.wants(left[i].text)
		about := wants["ThisDN"] + wants["Interaction.ID"]
		if about == subject || about == "" && subject == "" && name == e.Name() ||
			strings.HasPrefix(about, "$") && r.vars[about] == "" {
			return i
		}
	}
	return -1
}

// subjectOf returns the DN or the interaction that an event is about; empty for the link.
func subjectOf(e telephony.Event) string {
	v := reflect.ValueOf(e).Elem()
	for _, path := range []string{"ThisDN", "Interaction.ID"} {
		if f, ok := field(v, path); ok {
			return f.String()
		}
	}
	return ""
}

// field returns a field by the name that the text form has for it.
func field(v reflect.Value, path string) (reflect.Value, bool) {
	for name := range strings.SplitSeq(path, ".") {
		if v.Kind() != reflect.Struct {
			return v, false
		}
		if v = v.FieldByName(name); !v.IsValid() {
			return v, false
		}
	}
	return v, true
}

// wants cuts the text of a promised event into its name and attributes, with values for $names.
func (r *runner) wants(text string) (string, map[string]string) {
	words, err := split(text)
	if err != nil {
		r.Fatalf("%s: %q: %v", r.s.name, text, err)
	}
	wants := map[string]string{}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		wants[key] = r.substitute(value)
	}
	return words[0], wants
}

// differs compares an event with what the file says of it, gives values to $names that
// have none, and returns what is wrong.
func (r *runner) differs(text string, e telephony.Event) string {
	name, wants := r.wants(text)
	if name != e.Name() {
		return fmt.Sprintf("want %s, not %s", name, e.Name())
	}
	actual := reflect.ValueOf(e).Elem()
	plain := name
	for key, value := range wants {
		f, ok := field(actual, key)
		switch {
		case !ok:
			return fmt.Sprintf("%s has no attribute %s", name, key)
		case value == "-":
			if !f.IsZero() {
				return fmt.Sprintf("%s is %v, want none", key, f.Interface())
			}
		case !strings.HasPrefix(value, "$"):
			plain += " " + key + "=" + value
		case f.IsZero():
			return key + " is missing"
		default:
			r.vars[value] = fmt.Sprint(f.Interface())
		}
	}
	m, err := telephony.ParseMessage(plain)
	if err != nil {
		return err.Error()
	}
	want := reflect.ValueOf(m).Elem()
	for key, value := range wants {
		if value == "-" || strings.HasPrefix(value, "$") {
			continue
		}
		a, _ := field(actual, key)
		w, _ := field(want, key)
		if got, wanted := fmt.Sprint(a.Interface()), fmt.Sprint(w.Interface()); got != wanted {
			return fmt.Sprintf("%s is %s, want %s", key, got, wanted)
		}
	}
	return ""
}
