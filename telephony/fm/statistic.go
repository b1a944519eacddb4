package fm

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// StatisticNamespace is that of <statistic:…>. Documents may leave "http://" out.
const StatisticNamespace = "http://www.genesyslab.com/modules/statistic"

// Statistics gives the values of statistics. Its methods are called inside of a
// macrostep: they answer from memory, at once, and may be called concurrently.
// *StatisticTable is one.
type Statistics interface {
	// Value returns the present value of a statistic for an object: a target such as
	// "Sales@StatServer.GA", a virtual queue, "R" or "RP". The error says that there is
	// no such object or statistic, or that it is not known yet.
	Value(object string, statistic Statistic) (float64, error)

	// Subscribe is told that a session wants to follow a statistic, Unsubscribe that
	// it has lost interest. They come in pairs; an error refuses the subscription.
	Subscribe(object string, statistic Statistic) error
	Unsubscribe(object string, statistic Statistic)
}

// Statistic is a statistic by name, or by a definition of the document's own.
type Statistic struct {
	Name       string
	Definition *datamodel.Object // with the members Params and Extensions; nil: by name
}

// String returns the name, or the definition as JSON.
func (s Statistic) String() string {
	if s.Definition != nil {
		return string(datamodel.EncodeJSON(s.Definition))
	}
	return s.Name
}

// StatisticTable is Statistics in memory: what Set has set. Its zero value is
// ready for use, and it is safe for concurrent use.
type StatisticTable struct {
	mu     sync.RWMutex
	values map[[2]string]float64
}

// Set sets the value of a statistic, named as Statistic.String has it.
func (t *StatisticTable) Set(object, statistic string, value float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.values == nil {
		t.values = map[[2]string]float64{}
	}
	t.values[[2]string{object, statistic}] = value
}

// Value implements Statistics.
func (t *StatisticTable) Value(object string, statistic Statistic) (float64, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v, ok := t.values[[2]string{object, statistic.String()}]
	if !ok {
		return 0, fmt.Errorf("no statistic %.100q of %.100q", statistic, object)
	}
	return v, nil
}

// Subscribe implements Statistics: it accepts what has a value.
func (t *StatisticTable) Subscribe(object string, statistic Statistic) error {
	_, err := t.Value(object, statistic)
	return err
}

// Unsubscribe implements Statistics.
func (*StatisticTable) Unsubscribe(string, Statistic) {}

const (
	defaultStatisticInterval = 30.0 // seconds
	minStatisticInterval     = 5.0
	maxStatisticObjects      = 1000 // in one call of getAvgData and its like
)

func statisticPart(s *Services) servicePart {
	spec := statisticSpec()
	root := statisticRoot(s)
	return servicePart{
		spec: spec,
		module: serviceModule{spec: spec, state: func(*scxml.ModuleContext) scxml.ModuleState {
			return &constants{"_genesys.statistic", root}
		}},
		perform: (*Services).statistic,
	}
}

func statisticSpec() *Spec {
	return &Spec{
		Name: "statistic", Prefix: "statistic", Namespace: StatisticNamespace, Root: "_genesys.statistic",
		Needs: "ServicesOptions.Statistics, RouterStatistics for example; without it the actions fail with the code unknown and the functions throw.",
		Elements: []ElementSpec{
			{Name: "subscribe", Event: "statistic.subscribe", Data: []string{"object", "statistic"},
				Errors: []string{codeAttribute, codeRemote, codeUnknown},
				Attributes: []AttributeSpec{requestID(), {Name: "object", Required: true, Note: "an expression: a target"},
					{Name: "statistic", Required: true, Note: "an expression: a name, or an object with Params and Extensions"},
					{Name: "interval", Default: "30", Note: "seconds, above 5"}},
				Note: "statistic.update comes at once, and then when the value has changed within an interval."},
			{Name: "unsubscribe", Event: "statistic.unsubscribe", Data: []string{"object", "statistic"},
				Errors:     []string{codeAttribute, codeUnknown},
				Attributes: []AttributeSpec{requestID(), {Name: "object", Required: true}, {Name: "statistic", Required: true}},
				Note:       "Ends the subscription of this object and statistic."},
		},
		Members: []MemberSpec{
			{Name: "sData(object, statistic)", Note: "The present value; an exception when it is not known."},
			{Name: "getAvgData(objects, statistic)", Note: "The mean over a list of targets; those without a value are left out."},
			{Name: "getMinData(objects, statistic)", Note: "The least value over a list of targets."},
			{Name: "getMaxData(objects, statistic)", Note: "The greatest value over a list of targets."},
		},
		Events: []EventSpec{{Name: "statistic.update", Data: []string{"requestid", "object", "statistic", "value"}, Note: "the value of a subscribed statistic; requestid is that of the subscription"}},
	}
}

// statisticRoot is _genesys.statistic; it is the same for all sessions.
func statisticRoot(s *Services) *view {
	source := func(name string) (Statistics, error) {
		switch {
		case s == nil:
			return nil, fmt.Errorf("%s: %w", name, errNoServices)
		case s.opts.Statistics == nil:
			return nil, fmt.Errorf("%s: no source of statistics is connected", name)
		}
		return s.opts.Statistics, nil
	}
	members := []datamodel.Member{{Name: "sData", Value: datamodel.Func(func(args []datamodel.Value) (datamodel.Value, error) {
		from, err := source("sData")
		if err != nil {
			return nil, err
		}
		v, err := from.Value(asText(arguments(args).at(0)), statisticOf(arguments(args).at(1)))
		if err != nil {
			return nil, fmt.Errorf("sData: %w", err)
		}
		return v, nil
	})}}
	for _, f := range []struct {
		name string
		fold func(values []float64) float64
	}{{"getAvgData", mean}, {"getMinData", minimum}, {"getMaxData", maximum}} {
		members = append(members, datamodel.Member{Name: f.name, Value: datamodel.Func(func(args []datamodel.Value) (datamodel.Value, error) {
			from, err := source(f.name)
			if err != nil {
				return nil, err
			}
			values, err := valuesOf(from, arguments(args).at(0), statisticOf(arguments(args).at(1)))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.name, err)
			}
			return f.fold(values), nil
		})})
	}
	return viewOf(members...)
}

// statisticOf reads a statistic: a name or a definition.
func statisticOf(v datamodel.Value) Statistic {
	if o, ok := v.(*datamodel.Object); ok {
		return Statistic{Definition: o}
	}
	return Statistic{Name: asText(v)}
}

// valuesOf returns the values of several objects: an array, or text with commas
// between. It is an error when none has one.
func valuesOf(from Statistics, objects datamodel.Value, statistic Statistic) ([]float64, error) {
	var names []string
	if list, ok := objects.([]datamodel.Value); ok {
		for _, v := range list {
			names = append(names, asText(v))
		}
	} else {
		names = strings.Split(asText(objects), ",")
	}
	if len(names) > maxStatisticObjects {
		return nil, fmt.Errorf("more than %d objects", maxStatisticObjects)
	}
	var values []float64
	var last error
	for _, name := range names {
		v, err := from.Value(strings.TrimSpace(name), statistic)
		if err != nil {
			last = err
			continue
		}
		values = append(values, v)
	}
	if len(values) == 0 {
		return nil, last
	}
	return values, nil
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func minimum(values []float64) float64 {
	m := math.Inf(1)
	for _, v := range values {
		m = math.Min(m, v)
	}
	return m
}

func maximum(values []float64) float64 {
	m := math.Inf(-1)
	for _, v := range values {
		m = math.Max(m, v)
	}
	return m
}

// subscription is a statistic that a session follows.
type subscription struct {
	object    string
	statistic Statistic
	interval  time.Duration
	update    *answer // whose requestid the updates carry
	value     float64
	known     bool        // value has been reported
	over      bool        // guarded by Services.mu
	stop      func() bool // of the timer; likewise
}

func (s *Services) statistic(call *session.ModuleCall, a *answer) {
	object := text(call.Args, "object")
	given, _ := call.Args.Get("statistic")
	statistic := statisticOf(given)
	interval, ok, err := number(call.Args, "interval")
	switch {
	case err != nil:
	case object == "":
		err = errors.New("attribute object names no target")
	case statistic.String() == "":
		err = errors.New("attribute statistic names no statistic")
	case ok && interval <= minStatisticInterval:
		err = fmt.Errorf("attribute interval: want more than %v seconds", minStatisticInterval)
	case !ok:
		interval = defaultStatisticInterval
	}
	switch {
	case err != nil:
		a.fail(failure(codeAttribute, "%w", err))
	case s.opts.Statistics == nil:
		a.fail(notConnected("source of statistics"))
	case call.Name == "unsubscribe":
		s.unsubscribe(a, object, statistic)
	default:
		s.subscribe(a, &subscription{object: object, statistic: statistic, interval: duration(interval), update: a})
	}
}

// about are the members of events that say which statistic is meant.
func (u *subscription) about() []datamodel.Member {
	var statistic datamodel.Value = u.statistic.Name
	if u.statistic.Definition != nil {
		statistic = u.statistic.Definition
	}
	return []datamodel.Member{{Name: "object", Value: u.object}, {Name: "statistic", Value: statistic}}
}

// subscribe begins a subscription, or replaces that of the same pair.
func (s *Services) subscribe(a *answer, u *subscription) {
	opened := s.stopwatch("openstat-time")
	_, err := s.contained(a.stem, func() (*datamodel.Object, error) {
		return nil, s.opts.Statistics.Subscribe(u.object, u.statistic)
	})
	opened()
	if err != nil {
		a.fail(err)
		return
	}
	s.mu.Lock()
	old := s.dropWatch(a.session, u)
	refused := s.closed || len(s.watched[a.session]) >= s.opts.Subscriptions
	if !refused {
		s.watched[a.session] = append(s.watched[a.session], u)
	}
	s.mu.Unlock()
	s.lose(old)
	if refused {
		s.lose(u)
		a.fail(failure(codeUnknown, "the session has %d subscriptions already", s.opts.Subscriptions))
		return
	}
	a.done(datamodel.NewObject(u.about()...))
	s.report(u)
}

func (s *Services) unsubscribe(a *answer, object string, statistic Statistic) {
	wanted := &subscription{object: object, statistic: statistic}
	s.mu.Lock()
	u := s.dropWatch(a.session, wanted)
	s.mu.Unlock()
	if u == nil {
		a.fail(failure(codeUnknown, "the session has not subscribed the statistic %.100q of %.100q", statistic, object))
		return
	}
	s.lose(u)
	a.done(datamodel.NewObject(u.about()...))
}

// report sends the value if it has changed, and comes back after the interval.
func (s *Services) report(u *subscription) {
	var v float64
	_, err := s.contained("statistic.update", func() (_ *datamodel.Object, err error) {
		v, err = s.opts.Statistics.Value(u.object, u.statistic)
		return nil, err
	})
	defer s.mail.give(u.update.session) // when s.mu is free
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.over {
		return
	}
	if err == nil && (!u.known || v != u.value) {
		u.value, u.known = v, true
		u.update.hold("statistic.update", append([]datamodel.Member{{Name: "requestid", Value: u.update.requestID}},
			append(u.about(), datamodel.Member{Name: "value", Value: v})...)...)
	}
	u.stop = s.clock.AfterFunc(u.interval, func() { s.report(u) })
}

// dropWatch takes the subscription of a pair off the list of a session; nil when
// there is none. s.mu is held.
func (s *Services) dropWatch(id string, pair *subscription) *subscription {
	for i, u := range s.watched[id] {
		if u.object != pair.object || u.statistic.String() != pair.statistic.String() {
			continue
		}
		s.endWatch(u)
		rest := append(s.watched[id][:i:i], s.watched[id][i+1:]...)
		if s.watched[id] = rest; len(rest) == 0 {
			delete(s.watched, id)
		}
		return u
	}
	return nil
}

// endWatch stops a subscription. s.mu is held.
func (s *Services) endWatch(u *subscription) {
	u.over = true
	if u.stop != nil {
		u.stop()
	}
}

// unwatch ends the subscriptions of a session and returns them, for lose. s.mu is
// held.
func (s *Services) unwatch(id string) []*subscription {
	list := s.watched[id]
	for _, u := range list {
		s.endWatch(u)
	}
	delete(s.watched, id)
	return list
}

// lose tells the source that subscriptions are over.
func (s *Services) lose(list ...*subscription) {
	for _, u := range list {
		if u == nil {
			continue
		}
		// A panic is logged; nobody waits for the outcome.
		_, _ = s.contained("statistic.unsubscribe", func() (*datamodel.Object, error) {
			s.opts.Statistics.Unsubscribe(u.object, u.statistic)
			return nil, nil
		})
	}
}
