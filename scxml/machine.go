package scxml

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
)

// Machine is one running instance of a Document: configuration, data, history
// and internal queue. It is a pure function: it does no I/O, starts no
// goroutine and reads no clock; what the outside has to do comes back as
// effects. The names of its methods inside follow appendix D of the standard.
//
// A Machine is used by one goroutine at a time. Many machines may share a
// Document.
type Machine struct {
	doc   *Document
	opts  *MachineOptions
	model datamodel.Model

	configuration bitset
	small         [1]uint64 // room for the configuration of a small document
	history       map[int32][]int32
	entered       bitset // states that have been entered, for late binding; nil otherwise
	invoking      bitset // statesToInvoke; nil for a document without <invoke>
	invocations   []invocation
	internal      []*Event // internalQueue
	event         *Event   // the value of _event; nil before the first
	nextID        uint64   // for made-up ids
	lastInvoke    uint64   // serial of the last invocation
	started       bool
	done          bool // exitInterpreter has run
	running       bool // false once a top-level final state is entered
	final         bitset
	doneData      datamodel.Value
	err           error // the session cannot go on
	modules       []ModuleState
	held          bool // by a module, as the last snapshot has it
	followed      bool // by a module, in the world outside; likewise

	// Of the macrostep at hand.
	*scratch
	effects    []Effect
	microsteps int
}

// invocation is an <invoke> whose service has been asked for and not ended.
type invocation struct {
	id     string
	serial uint64
	invoke *invoke
}

// scratch is memory that a macrostep needs and an idle machine does not.
type scratch struct {
	enabled  []enabledTransition
	filtered []enabledTransition
	tested   bitset  // transitions whose guard has been evaluated in this selection
	exit     bitset  // statesToExit
	entries  []int32 // entries of each state in this macrostep
	counted  bool    // entries holds something
	set      entrySet
	targets  []int32
	left     []*state // states whose variables are to be destroyed
}

// enabledTransition is a selected transition with its domain.
type enabledTransition struct {
	*transition
	domain int32
}

func (d *Document) newScratch() *scratch {
	n := len(d.states)
	return &scratch{
		tested: newBitset(len(d.transitions)),
		exit:   newBitset(n),
		set:    entrySet{d: d, states: newBitset(n), deflt: newBitset(n)},
	}
}

// Errors of a Machine.
var (
	// ErrDone: the machine has reached a top-level final state or was stopped.
	ErrDone = errors.New("scxml: the machine is done")

	// ErrNotStarted: Handle or Stop before Start.
	ErrNotStarted = errors.New("scxml: the machine has not been started")

	// ErrStarted: Start was called twice.
	ErrStarted = errors.New("scxml: the machine has been started already")

	// ErrSendType is matched by what MachineOptions.CheckSend returns for a type
	// that is not supported; it raises error.execution (section 6.2.4).
	ErrSendType = errors.New("scxml: event processor type not supported")

	// ErrSendTarget is matched by what MachineOptions.CheckSend returns for a
	// target that is not valid for its type; it raises error.execution
	// (section 6.2.4). A valid target that cannot be reached is any other error
	// and raises error.communication.
	ErrSendTarget = errors.New("scxml: send target not valid")

	// ErrNoSession is matched by what MachineOptions.CheckSend returns for a session
	// that does not exist. It raises error.communication, which the ORS dialect calls
	// error.send.nosuchsession.
	ErrNoSession = errors.New("scxml: no such session")

	// ErrUnsupported is matched by the Failure of an element that nobody carries out.
	ErrUnsupported = errors.New("scxml: element not supported")

	// ErrLimit is matched by every *LimitError.
	ErrLimit = errors.New("scxml: limit exceeded")
)

// LimitError ends a session that went beyond one of its Limits.
type LimitError struct {
	Limit string // "microsteps", "state entries", "internal queue", "effects", "evaluation"
	Max   int64  // 0 where the evaluation's own error tells
	State string // a state that was involved; may be empty
	Err   error  // the evaluation's error, or nil
}

func (e *LimitError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("scxml: session ended: %s limit: %v", e.Limit, e.Err)
	}
	at := ""
	if e.State != "" {
		at = fmt.Sprintf(" at state %q", e.State)
	}
	return fmt.Sprintf("scxml: session ended: more than %d %s in one macrostep%s", e.Max, e.Limit, at)
}

// Is reports whether target is ErrLimit.
func (e *LimitError) Is(target error) bool { return target == ErrLimit }

// Unwrap returns the evaluation's error.
func (e *LimitError) Unwrap() error { return e.Err }

// NewMachine makes a machine that has not been started. opts may be nil; it is
// kept and must not be changed afterwards.
func NewMachine(doc *Document, opts *MachineOptions) (*Machine, error) {
	if opts == nil {
		opts = &MachineOptions{}
	}
	m := &Machine{doc: doc, opts: opts}
	if n := len(doc.states); n <= 64 {
		m.configuration = m.small[:1]
	} else {
		m.configuration = newBitset(n)
	}
	if doc.late {
		m.entered = newBitset(len(doc.states))
	}
	if len(doc.invokes) > 0 {
		m.invoking = newBitset(len(doc.states))
	}
	var globals map[string]datamodel.Value
	for _, module := range doc.modules {
		state := module.NewState(&ModuleContext{m: m, namespace: module.Namespaces()[0]})
		m.modules = append(m.modules, state)
		if state == nil {
			continue
		}
		for name, v := range state.Globals() {
			if globals == nil {
				globals = map[string]datamodel.Value{}
			}
			globals[name] = v
		}
	}
	if doc.rules.globals != nil {
		if globals == nil {
			globals = map[string]datamodel.Value{}
		}
		maps.Copy(globals, doc.rules.globals(m))
	}
	var called, returned func(string)
	if t := opts.Trace; t != nil {
		called, returned = ofModules(t.Function), ofModules(t.FunctionDone)
	}
	model, err := doc.language.New(datamodel.Host{
		SessionID:    opts.sessionID(),
		Name:         doc.name,
		In:           m.In,
		Now:          opts.Now,
		Random:       opts.Random,
		IOProcessors: opts.IOProcessors,
		X:            opts.X,
		Globals:      globals,
		Called:       called,
		Returned:     returned,
		Legacy:       doc.legacy,
		Limits:       doc.evaluationLimits(opts.Limits.Limits),
	})
	if err != nil {
		return nil, fmt.Errorf("scxml: making the data model of %s: %w", doc.url, err)
	}
	m.model = model
	return m, nil
}

// ofModules leaves out the functions of the dialect, which are no module's.
func ofModules(tell func(function string)) func(string) {
	if tell == nil {
		return nil
	}
	return func(function string) {
		if !strings.HasPrefix(function, "__") {
			tell(function)
		}
	}
}

// Document returns the machine's document.
func (m *Machine) Document() *Document { return m.doc }

// In reports whether a state is active. It is the In() predicate.
func (m *Machine) In(id string) bool {
	i, ok := m.doc.byID[id]
	return ok && m.configuration.has(i)
}

// Done reports whether the machine has ended, by a top-level final state or by Stop.
func (m *Machine) Done() bool { return m.done }

// Err returns the error that ended the machine, or nil.
func (m *Machine) Err() error { return m.err }

// DoneData returns the data of the top-level final state that was reached; nil
// without one.
func (m *Machine) DoneData() datamodel.Value { return m.doneData }

// Active returns the ids of the active atomic states in document order. After
// the end it tells the last configuration, final states included.
func (m *Machine) Active() []string {
	var ids []string
	c := m.lastConfiguration()
	for i := c.next(0); i >= 0; i = c.next(i + 1) {
		if m.doc.atomic.has(i) {
			ids = append(ids, m.doc.states[i].id)
		}
	}
	return ids
}

// Configuration returns the ids of all active states in document order. After
// the end it tells the last configuration, final states included.
func (m *Machine) Configuration() []string {
	var ids []string
	c := m.lastConfiguration()
	for i := c.next(0); i >= 0; i = c.next(i + 1) {
		ids = append(ids, m.doc.states[i].id)
	}
	return ids
}

func (m *Machine) lastConfiguration() bitset {
	if m.final != nil {
		return m.final
	}
	return m.configuration
}

// Get copies the variable id out of the data model.
func (m *Machine) Get(id string) (datamodel.Value, error) { return m.model.Get(id) }

// Start initializes the data, enters the initial states and runs to the end of
// the first macrostep. The effects are valid until the next call. An error
// means that the session cannot go on; effects emitted before it still count.
func (m *Machine) Start() ([]Effect, error) {
	if m.started {
		return nil, ErrStarted
	}
	m.started, m.running = true, true
	m.begin()
	defer m.end()
	if t := m.opts.Trace; t != nil && t.Started != nil {
		t.Started(m.doc)
	}
	m.initializeDataModel()
	for _, s := range m.doc.scripts {
		m.executeBlock(block{s})
	}
	if m.err == nil {
		m.enterInitial()
	}
	m.macrostep()
	return m.effects, m.err
}

// Handle processes one external event: one macrostep. The event must not be
// changed any more. Whoever keeps the external queue sees to it that nothing is
// put there from an invocation after its CancelInvoke (section 6.4.3), and gives
// the events of an invocation its ID and Serial. The last one is of type platform:
// done.invoke.ID, or an error event when there is no service or it broke down.
//
// The effects are valid until the next call. An error means that the session
// cannot go on: a *LimitError, or ErrDone and ErrNotStarted for a call at the
// wrong time.
func (m *Machine) Handle(ev *Event) ([]Effect, error) {
	if err := m.ready(); err != nil {
		return nil, err
	}
	return m.process(ev, ev.InvokeID)
}

// HandleForwarded is Handle for an event that the invoking session passed on
// (autoforward, section 6.4.1). Its InvokeID is a name in that session and means
// nothing in this one.
func (m *Machine) HandleForwarded(ev *Event) ([]Effect, error) {
	if err := m.ready(); err != nil {
		return nil, err
	}
	return m.process(ev, "")
}

// ready returns why no event can be handled, or nil.
func (m *Machine) ready() error {
	switch {
	case m.err != nil:
		return m.err
	case m.done:
		return ErrDone
	case !m.started:
		return ErrNotStarted
	}
	return nil
}

// process runs the macrostep of an external event, which comes from the
// invocation invokeID if that is not empty.
func (m *Machine) process(ev *Event, invokeID string) ([]Effect, error) {
	m.begin()
	defer m.end()
	for _, s := range m.modules {
		if s != nil {
			s.Deliver(ev)
		}
	}
	m.take(ev)
	if len(m.invocations) > 0 {
		m.finalizeAndForward(ev, invokeID)
	}
	m.selectTransitions(m.doc.matchFor(ev.Name))
	matched := len(m.enabled) > 0
	if matched {
		m.microstep(ev)
	}
	m.eventDone(ev, matched)
	m.macrostep()
	return m.effects, m.err
}

// Stop ends the session from outside: it runs the onexit handlers of all active
// states and cancels what they invoked (exitInterpreter). Stopping a machine
// that is done does nothing.
func (m *Machine) Stop() ([]Effect, error) {
	if m.done || m.err != nil {
		return nil, m.err
	}
	if !m.started {
		m.done = true
		return nil, nil
	}
	m.begin()
	defer m.end()
	m.running = false
	m.exitInterpreter()
	return m.effects, m.err
}

// Close releases the data model. The machine must not be used afterwards.
func (m *Machine) Close() error { return m.model.Close() }

func (m *Machine) begin() {
	m.scratch = m.doc.scratch.Get().(*scratch)
	m.effects = m.effects[:0]
	m.microsteps = 0
	m.model.BeginStep()
}

func (m *Machine) end() {
	m.model.EndStep()
	s := m.scratch
	m.scratch = nil
	if s.counted {
		clear(s.entries)
		s.counted = false
	}
	s.left = s.left[:0]
	m.doc.scratch.Put(s)
}

// fail ends the session with an error that the document cannot handle.
func (m *Machine) fail(err error) {
	if m.err == nil {
		m.err = err
	}
	m.running = false
}

// macrostep is mainEventLoop up to the point where it waits for an external
// event.
func (m *Machine) macrostep() {
	for m.running {
		m.selectTransitions(&m.doc.eventless)
		if len(m.enabled) > 0 {
			m.microstep(nil)
			continue
		}
		if len(m.internal) > 0 {
			ev := m.internal[0]
			m.internal[0] = nil
			if m.internal = m.internal[1:]; len(m.internal) == 0 {
				m.internal = nil
			}
			m.take(ev)
			m.selectTransitions(m.doc.matchFor(ev.Name))
			matched := len(m.enabled) > 0
			if matched {
				m.microstep(ev)
			}
			m.eventDone(ev, matched)
			continue
		}
		if m.invoking == nil || m.invoking.empty() {
			return
		}
		m.startInvokes()
		if len(m.internal) == 0 {
			return
		}
	}
	m.exitInterpreter()
}

// eventDone tells what became of an event.
func (m *Machine) eventDone(ev *Event, matched bool) {
	if t := m.opts.Trace; t != nil && t.EventDone != nil {
		t.EventDone(ev, matched)
	}
	if !matched && m.opts.Unhandled != nil && strings.HasPrefix(ev.Name, "error.") {
		m.opts.Unhandled(ev)
	}
}

// take makes an event the current one.
func (m *Machine) take(ev *Event) {
	m.event = ev
	m.model.SetEvent(ev)
	if t := m.opts.Trace; t != nil && t.EventTaken != nil {
		t.EventTaken(ev)
	}
}

// selectTransitions fills m.enabled with the optimal transition set
// (selectTransitions, selectEventlessTransitions, removeConflictingTransitions).
func (m *Machine) selectTransitions(match *match) {
	m.enabled = m.enabled[:0]
	if !m.configuration.intersects(match.states) {
		return
	}
	d := m.doc
	tested := false
	for a := m.configuration.next(0); a >= 0 && m.running; a = m.configuration.next(a + 1) {
		if !d.atomic.has(a) || d.draft && m.preempted(a) {
			continue
		}
	walk:
		for i := a; i > 0; i = d.states[i].parent {
			if !match.states.has(i) {
				continue
			}
			for _, t := range d.states[i].transitions {
				if !match.transitions.has(t.index) {
					continue
				}
				if i != a || t.cond != nil {
					// A transition of a common ancestor is looked at once.
					if m.tested.has(t.index) {
						if m.isEnabled(t) {
							break walk
						}
						continue
					}
					m.tested.add(t.index)
					tested = true
				}
				if t.cond != nil && !m.condition(t.cond, "transition") {
					continue
				}
				m.enabled = append(m.enabled, enabledTransition{t, t.domain})
				break walk
			}
		}
	}
	if tested {
		m.tested.clear()
	}
	if len(m.enabled) > 0 {
		m.resolveDomains()
	}
	if len(m.enabled) > 1 {
		m.removeConflictingTransitions()
	}
}

// preempted reports, by the rule of the draft of 2009, whether a transition that
// has been selected leaves what the atomic state a is in.
func (m *Machine) preempted(a int32) bool {
	m.resolveDomains()
	for i := range m.enabled {
		if domain := m.enabled[i].domain; domain >= 0 && m.doc.isDescendant(a, domain) {
			return true
		}
	}
	return false
}

func (m *Machine) isEnabled(t *transition) bool {
	for i := range m.enabled {
		if m.enabled[i].transition == t {
			return true
		}
	}
	return false
}

// resolveDomains finds the domains that depend on history.
func (m *Machine) resolveDomains() {
	for i := range m.enabled {
		if t := &m.enabled[i]; t.domain == dynamicDomain {
			m.targets = m.effectiveTargets(t.targets, m.targets[:0])
			t.domain = m.doc.transitionDomain(t.transition, m.targets)
		}
	}
}

// effectiveTargets is getEffectiveTargetStates.
func (m *Machine) effectiveTargets(targets, dst []int32) []int32 {
	for _, i := range targets {
		s := m.doc.states[i]
		switch {
		case !s.isHistory():
			dst = append(dst, i)
		case m.history[i] != nil:
			dst = append(dst, m.history[i]...)
		default:
			dst = m.effectiveTargets(s.initial.targets, dst)
		}
	}
	return dst
}

// removeConflictingTransitions keeps, of transitions whose exit sets
// intersect, the one of the descendant, else the one selected first. The exit
// set of a transition is what is active below its domain, and is never empty, so
// two of them intersect exactly when one domain contains the other.
func (m *Machine) removeConflictingTransitions() {
	d := m.doc
	m.filtered = m.filtered[:0]
	for _, t1 := range m.enabled {
		preempted, removed := false, 0
		for i := range m.filtered {
			t2 := &m.filtered[i]
			if !d.conflict(t1.domain, t2.domain) {
				continue
			}
			if d.isDescendant(t1.source, t2.source) && !d.draft {
				removed++
				continue
			}
			preempted = true
			break
		}
		if preempted {
			continue
		}
		if removed > 0 {
			kept := m.filtered[:0]
			for _, t2 := range m.filtered {
				if !d.conflict(t1.domain, t2.domain) {
					kept = append(kept, t2)
				}
			}
			m.filtered = kept
		}
		m.filtered = append(m.filtered, t1)
	}
	m.enabled, m.filtered = m.filtered, m.enabled
}

func (d *Document) conflict(a, b int32) bool {
	if a < 0 || b < 0 {
		return false
	}
	return a == b || d.isDescendant(a, b) || d.isDescendant(b, a)
}
