package scxml

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-ff723688/ors/datamodel"
)

// snapshotVersion is the first byte of a snapshot. Every later version of this
// package reads it. In version 1 the states of modules stand in the order of the
// document's modules; since 2 those that have bytes stand under their module's first namespace, so that
// the modules of a host may become more, or stand in another order.
const snapshotVersion = 2

// Errors of snapshots.
var (
	// ErrSnapshot: the bytes are no snapshot, are damaged, or were written by a
	// newer version.
	ErrSnapshot = errors.New("scxml: snapshot not readable")

	// ErrDocument: the snapshot belongs to another document.
	ErrDocument = errors.New("scxml: snapshot of another document")
)

const (
	flagStarted = 1 << iota
	flagDone
	flagFinal
	flagEvent
	flagEntered
)

// Snapshot appends the state of the machine to dst: configuration, history,
// data, internal queue, invocations, id counter and the state of the modules.
// It is taken between macrosteps. The form is binary, versioned, and the same
// for the same state. Functions of the document's scripts are saved as their places
// in it. Data that cannot be saved is an error that matches
// datamodel.ErrNotSerializable and names its path.
func (m *Machine) Snapshot(dst []byte) ([]byte, error) {
	if m.err != nil {
		return nil, fmt.Errorf("scxml: snapshot of a session that has failed: %w", m.err)
	}
	flags := byte(0)
	set := func(flag byte, on bool) {
		if on {
			flags |= flag
		}
	}
	set(flagStarted, m.started)
	set(flagDone, m.done)
	set(flagFinal, m.final != nil)
	set(flagEvent, m.event != nil)
	set(flagEntered, m.entered != nil)

	dst = append(dst, snapshotVersion)
	dst = append(dst, m.doc.digest[:]...)
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, m.nextID)
	dst = appendSet(dst, m.configuration)
	if m.final != nil {
		dst = appendSet(dst, m.final)
		dst = datamodel.AppendValue(dst, m.doneData)
	}
	if m.entered != nil {
		dst = appendSet(dst, m.entered)
	}
	recorded := 0
	for _, h := range m.doc.histories {
		if len(m.history[h]) > 0 {
			recorded++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(recorded))
	for _, h := range m.doc.histories {
		if v := m.history[h]; len(v) > 0 {
			dst = binary.AppendUvarint(dst, uint64(h))
			dst = appendStates(dst, v)
		}
	}
	dst = binary.AppendUvarint(dst, m.lastInvoke)
	dst = binary.AppendUvarint(dst, uint64(len(m.invocations)))
	for _, v := range m.invocations {
		dst = binary.AppendUvarint(dst, uint64(v.invoke.index))
		dst = binary.AppendUvarint(dst, v.serial)
		dst = appendBytes(dst, []byte(v.id))
	}
	dst = binary.AppendUvarint(dst, uint64(len(m.internal)))
	for _, ev := range m.internal {
		dst = datamodel.AppendEvent(dst, ev)
	}
	if m.event != nil {
		dst = datamodel.AppendEvent(dst, m.event)
	}
	data, err := m.model.Snapshot(nil)
	if err != nil {
		return nil, err
	}
	dst = appendBytes(dst, data)
	return m.snapshotModules(dst)
}

// snapshotModules appends the number of the states of modules that have bytes, and these.
func (m *Machine) snapshotModules(dst []byte) ([]byte, error) {
	m.held, m.followed = false, false
	n, list := 0, []byte(nil)
	for i, s := range m.modules {
		if s == nil {
			continue
		}
		namespace := m.doc.modules[i].Namespaces()[0]
		state, err := s.Snapshot(nil)
		if err != nil {
			return nil, fmt.Errorf("scxml: saving module %s: %w", namespace, err)
		}
		m.attached(s, state)
		if len(state) > 0 {
			n++
			list = appendBytes(appendBytes(list, []byte(namespace)), state)
		}
	}
	return append(binary.AppendUvarint(dst, uint64(n)), list...), nil
}

// RestoreMachine makes a machine from a snapshot of the same document. It goes
// on as if nothing had happened. An error matches ErrSnapshot or ErrDocument; that
// of the data model is in its chain.
func RestoreMachine(doc *Document, snapshot []byte, opts *MachineOptions) (*Machine, error) {
	m, err := NewMachine(doc, opts)
	if err != nil {
		return nil, err
	}
	if err := m.restore(snapshot); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// SnapshotStates reads the active states out of a snapshot of the document, as
// Machine.Configuration and Machine.Active return them, and makes no Machine. The
// errors are those of RestoreMachine.
func SnapshotStates(doc *Document, snapshot []byte) (configuration, active []string, err error) {
	m := &Machine{doc: doc, configuration: newBitset(len(doc.states))}
	r, _, err := m.open(snapshot)
	if err != nil {
		return nil, nil, err
	}
	r.set(m.configuration)
	return m.Configuration(), m.Active(), r.err
}

// open checks the beginning of a snapshot and reads it up to the configuration.
func (m *Machine) open(snapshot []byte) (r reader, flags byte, err error) {
	if len(snapshot) < 34 {
		return r, 0, fmt.Errorf("%w: %d bytes are too short", ErrSnapshot, len(snapshot))
	}
	if snapshot[0] == 0 || snapshot[0] > snapshotVersion {
		return r, 0, fmt.Errorf("%w: version %d, this package reads up to %d", ErrSnapshot, snapshot[0], snapshotVersion)
	}
	if [32]byte(snapshot[1:33]) != m.doc.digest {
		return r, 0, fmt.Errorf("%w: it was taken of one with digest %x, this is %s with digest %x", ErrDocument, snapshot[1:5], m.doc.url, m.doc.digest[:4])
	}
	r = reader{data: snapshot[34:], states: len(m.doc.states)}
	m.nextID = r.uvarint()
	return r, snapshot[33], r.err
}

func (m *Machine) restore(snapshot []byte) error {
	r, flags, err := m.open(snapshot)
	if err != nil {
		return err
	}
	m.started, m.done = flags&flagStarted != 0, flags&flagDone != 0
	m.running = m.started && !m.done
	r.set(m.configuration)
	if flags&flagFinal != 0 {
		m.final = newBitset(len(m.doc.states))
		r.set(m.final)
		m.doneData = r.value()
	}
	if flags&flagEntered != 0 {
		if m.entered == nil {
			return fmt.Errorf("%w: it has the entered states of a late-bound document", ErrSnapshot)
		}
		r.set(m.entered)
	}
	r.histories(m)
	r.invocations(m)
	for n := r.count(); n > 0; n-- {
		if ev := r.event(); ev != nil {
			m.internal = append(m.internal, ev)
		}
	}
	if flags&flagEvent != 0 {
		m.event = r.event()
	}
	data := r.bytes()
	if r.err != nil {
		return r.err
	}
	if err := m.model.Restore(data); err != nil {
		return fmt.Errorf("%w: its data: %w", ErrSnapshot, err)
	}
	if m.event != nil {
		m.model.SetEvent(m.event)
	}
	if snapshot[0] == 1 {
		return m.restoreModulesInOrder(&r)
	}
	return m.restoreModules(&r)
}

// restoreModules reads what snapshotModules has written. A module without a state begins as in a
// new session.
func (m *Machine) restoreModules(r *reader) error {
	states := map[string][]byte{}
	for n := r.count(); n > 0 && r.err == nil; n-- {
		namespace, state := string(r.bytes()), r.bytes()
		if _, twice := states[namespace]; r.err == nil && twice {
			r.fail("the state of module %s twice", namespace)
		}
		states[namespace] = state
	}
	if r.err == nil && len(r.data) != 0 {
		r.fail("%d bytes left over", len(r.data))
	}
	if r.err != nil {
		return r.err
	}
	for i, s := range m.modules {
		namespace := m.doc.modules[i].Namespaces()[0]
		state, ok := states[namespace]
		if s == nil {
			continue // an error below, if there is a state
		}
		if delete(states, namespace); ok {
			if err := s.Restore(state); err != nil {
				return fmt.Errorf("%w: its state of module %s: %w", ErrSnapshot, namespace, err)
			}
		}
		m.attached(s, state)
	}
	for _, namespace := range slices.Sorted(maps.Keys(states)) {
		return fmt.Errorf("%w: it has the state of module %s, which the document was parsed without (ParseOptions.Modules)", ErrSnapshot, namespace)
	}
	return nil
}

// restoreModulesInOrder reads the states of the modules of a snapshot of version 1.
func (m *Machine) restoreModulesInOrder(r *reader) error {
	for i, s := range m.modules {
		state := r.bytes()
		if r.err != nil {
			return r.err
		}
		if s == nil {
			continue
		}
		if err := s.Restore(state); err != nil {
			return fmt.Errorf("%w: its state of module %s: %w", ErrSnapshot, m.doc.modules[i].Namespaces()[0], err)
		}
		m.attached(s, state)
	}
	if len(r.data) != 0 {
		r.fail("%d bytes left over, as when the document was parsed without the modules that it had (ParseOptions.Modules)", len(r.data))
	}
	return r.err
}

// Residence says whether a session that is stored, and has nothing to do, is to stay
// in memory.
type Residence uint8

const (
	MayLeave  Residence = iota // it may be taken out of memory until something happens to it
	MustLeave                  // at once: _deactivate="must" (ORS dialect) of an active state
	MustStay                   // _deactivate="mustnot" of an active state, or a module needs it
)

// Residence returns what the active states and the modules say about the session's
// place. As to the modules it is that of the last Snapshot, or of the one from which
// the Machine was restored. It is called between macrosteps.
func (m *Machine) Residence() Residence {
	if m.held {
		return MustStay
	}
	r := MayLeave
	if !m.doc.placed {
		return r
	}
	for i, s := range m.doc.states {
		if s.residence > r && m.configuration.has(int32(i)) {
			r = s.residence
		}
	}
	return r
}

// Followed reports whether a module follows something for the session in the world outside
// (the interface Followed). Like Residence it speaks of the last snapshot.
func (m *Machine) Followed() bool { return m.followed }

// attached notes what the state of a module says of its session's place.
func (m *Machine) attached(s ModuleState, snapshot []byte) {
	held := len(snapshot) > 0
	if r, ok := s.(Resident); ok {
		held = r.Resident()
	}
	m.held = m.held || held
	if f, ok := s.(Followed); ok {
		m.followed = m.followed || f.Followed()
	}
}

func appendBytes(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

func appendSet(dst []byte, b bitset) []byte {
	n := 0
	for i := b.next(0); i >= 0; i = b.next(i + 1) {
		n++
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	for i := b.next(0); i >= 0; i = b.next(i + 1) {
		dst = binary.AppendUvarint(dst, uint64(i))
	}
	return dst
}

func appendStates(dst []byte, list []int32) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = binary.AppendUvarint(dst, uint64(s))
	}
	return dst
}

// reader takes a snapshot apart. After the first error it yields zero values.
type reader struct {
	data   []byte
	states int
	err    error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{ErrSnapshot}, args...)...)
	}
	r.data = nil
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.fail("it ends early")
		return 0
	}
	r.data = r.data[n:]
	return v
}

// count reads the length of a list, each item of which takes at least a byte.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		r.fail("a list of %d items in %d bytes", n, len(r.data))
		return 0
	}
	return int(n)
}

func (r *reader) bytes() []byte {
	n := r.count()
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) state() int32 {
	v := r.uvarint()
	if v >= uint64(r.states) {
		r.fail("state %d of %d", v, r.states)
		return 0
	}
	return int32(v)
}

func (r *reader) stateList() []int32 {
	list := make([]int32, 0, 4)
	for n := r.count(); n > 0 && r.err == nil; n-- {
		list = append(list, r.state())
	}
	return list
}

func (r *reader) set(b bitset) {
	for n := r.count(); n > 0 && r.err == nil; n-- {
		b.add(r.state())
	}
}

func (r *reader) histories(m *Machine) {
	for n := r.count(); n > 0 && r.err == nil; n-- {
		h := r.state()
		if r.err == nil && !slices.Contains(m.doc.histories, h) {
			r.fail("state %d is no history", h)
		}
		if m.history == nil {
			m.history = map[int32][]int32{}
		}
		m.history[h] = r.stateList()
	}
}

func (r *reader) invocations(m *Machine) {
	m.lastInvoke = r.uvarint()
	for n := r.count(); n > 0 && r.err == nil; n-- {
		index, serial := r.uvarint(), r.uvarint()
		id := string(r.bytes())
		if index >= uint64(len(m.doc.invokes)) {
			r.fail("invoke %d does not exist", index)
			return
		}
		m.invocations = append(m.invocations, invocation{id: id, serial: serial, invoke: m.doc.invokes[index]})
	}
}

func (r *reader) value() datamodel.Value {
	if r.err != nil {
		return nil
	}
	v, rest, err := datamodel.ReadValue(r.data)
	if err != nil {
		r.fail("%v", err)
		return nil
	}
	r.data = rest
	return v
}

func (r *reader) event() *Event {
	if r.err != nil {
		return nil
	}
	ev, rest, err := datamodel.ReadEvent(r.data)
	if err != nil {
		r.fail("%v", err)
		return nil
	}
	r.data = rest
	return ev
}
