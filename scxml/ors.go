package scxml

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
)

// rules are what a dialect does differently when a document runs. The zero value
// is SCXML 1.0.
type rules struct {
	// errorEvent names the event for an error of an element, given the name that
	// SCXML 1.0 has for it.
	errorEvent func(f *Failure) string

	// alias is a second name under which transitions find an event; "" for none.
	alias func(name string) string

	// doneData makes the data of a done event from that of <donedata>.
	doneData func(m *Machine, data datamodel.Value) datamodel.Value

	// globals are functions that scripts find.
	globals func(m *Machine) map[string]datamodel.Value

	// legacy says that scripts find _data and toSource.
	legacy bool
}

var orsRules = rules{
	errorEvent: orsErrorEvent,
	alias:      orsAlias,
	doneData:   orsDoneData,
	globals:    orsGlobals,
	legacy:     true,
}

// legacy is what the data model offers beside the standard.
func (p *parser) legacy() *datamodel.Legacy {
	l := &datamodel.Legacy{}
	for _, s := range p.doc.states {
		for _, v := range s.data {
			l.Data = append(l.Data, v.id)
		}
	}
	return l
}

// Names of the error events of the ORS dialect. The type of the exception
// follows those that end in a point.
const (
	orsIllegalCond   = "error.illegalcond."
	orsIllegalLoc    = "error.illegalloc."
	orsIllegalValue  = "error.illegalvalue."
	orsIllegalData   = "error.illegaldata."
	orsScript        = "error.script."
	orsIllegalAssign = "error.illegalassign"
	orsUnsupported   = "error.unsupported.element"
	orsSendType      = "error.send.targettypeinvalid"
	orsSendFailed    = "error.send.failed"
	orsUnavailable   = "error.send.targetunavailable"
	orsNoSession     = "error.send.nosuchsession"
	orsBadFetch      = "error.badfetch."
)

// orsErrorEvent names an error event by the place and the type of the error.
func orsErrorEvent(f *Failure) string {
	name, element, err := f.Event, f.Element, f.Err
	var location *locationError
	switch {
	case name == errorCommunication && element == "send":
		if errors.Is(err, ErrNoSession) {
			return orsNoSession
		}
		return orsUnavailable
	case name == errorCommunication && element == "invoke":
		return orsBadFetch + badFetch(f)
	case name != errorExecution:
		return name
	case errors.Is(err, ErrUnsupported):
		return orsUnsupported
	case errors.Is(err, ErrSendType):
		return orsSendType
	case errors.As(err, &location) && element != "assign":
		return orsIllegalLoc + exceptionType(err)
	}
	switch element {
	case "transition", "if":
		return orsIllegalCond + exceptionType(err)
	case "script":
		return orsScript + exceptionType(err)
	case "data":
		return orsIllegalData + exceptionType(err)
	case "assign":
		return orsIllegalAssign
	}
	switch {
	case isEvaluation(err): // elements of modules too
		return orsIllegalValue + exceptionType(err)
	case element == "send":
		return orsSendFailed
	}
	return name
}

// badFetch is the protocol of a URL and what its server answered: "http.404",
// "file.0".
func badFetch(f *Failure) string {
	protocol := "unknown"
	if u, err := url.Parse(f.Target); err == nil && u.Scheme != "" {
		protocol = u.Scheme
	}
	status := 0
	var answered interface{ StatusCode() int }
	if errors.As(f.Err, &answered) {
		status = answered.StatusCode()
	}
	return protocol + "." + strconv.Itoa(status)
}

func isEvaluation(err error) bool {
	var ee *datamodel.EvalError
	var ce *datamodel.CompileError
	return errors.As(err, &ee) || errors.As(err, &ce)
}

// exceptionType is the type of an exception: "ReferenceError"; "Error" when a
// script has thrown something else.
func exceptionType(err error) string {
	var ce *datamodel.CompileError
	if errors.As(err, &ce) {
		return "SyntaxError"
	}
	var ee *datamodel.EvalError
	if errors.As(err, &ee) {
		name, _, _ := strings.Cut(ee.Message, ":")
		if strings.HasSuffix(name, "Error") && legalEventName(name) && !strings.Contains(name, ".") {
			return name
		}
	}
	return "Error"
}

// orsAlias gives the error events of the ORS dialect the names of SCXML 1.0, so
// that documents may wait for either.
func orsAlias(name string) string {
	switch {
	case !strings.HasPrefix(name, "error."):
		return ""
	case descriptorMatches(orsUnavailable, name), descriptorMatches(orsNoSession, name), descriptorMatches(strings.TrimSuffix(orsBadFetch, "."), name):
		return errorCommunication
	case name == errorCommunication: // it comes from outside
		return orsUnavailable
	}
	for _, own := range []string{orsIllegalCond, orsIllegalLoc, orsIllegalValue, orsIllegalData, orsScript, orsIllegalAssign, orsUnsupported, orsSendType, orsSendFailed} {
		if descriptorMatches(strings.TrimSuffix(own, "."), name) {
			return errorExecution
		}
	}
	return ""
}

// orsDoneData adds sessionid, reason and params to the data of a done event. The
// parameters stay members of the data as well.
func orsDoneData(m *Machine, data datamodel.Value) datamodel.Value {
	params, ok := data.(*datamodel.Object)
	if !ok && data != nil {
		return data
	}
	out := datamodel.NewObject(
		datamodel.Member{Name: "sessionid", Value: m.opts.sessionID()},
		datamodel.Member{Name: "reason", Value: "done"},
		datamodel.Member{Name: "params", Value: datamodel.NewObject(params.Members()...)},
	)
	for _, p := range params.Members() {
		out.Set(p.Name, p.Value)
	}
	return out
}

// orsGlobals are the system functions of the ORS dialect.
func orsGlobals(m *Machine) map[string]datamodel.Value {
	argument := func(args []datamodel.Value, i int) datamodel.Value {
		if i < len(args) {
			return args[i]
		}
		return nil
	}
	return map[string]datamodel.Value{
		"__Log": datamodel.Func(func(args []datamodel.Value) (datamodel.Value, error) {
			entry := LogEntry{Text: plainText(argument(args, 0)), Level: firstLevel}
			if label := argument(args, 1); label != nil {
				entry.Label = plainText(label)
			}
			if level, ok := argument(args, 2).(float64); ok && level >= firstLevel && level <= lastLevel {
				entry.Level = int(level)
			}
			m.log(entry)
			return nil, nil
		}),
		"__Raise": datamodel.Func(func(args []datamodel.Value) (datamodel.Value, error) {
			name, _ := argument(args, 0).(string)
			if name = trimSpace(name); name == "" {
				return nil, errors.New("__Raise: the first argument is the name of an event")
			}
			m.raise(&Event{Name: name, Type: datamodel.Internal, Data: argument(args, 1)})
			return nil, nil
		}),
		"__GetDocumentURL": datamodel.Func(func([]datamodel.Value) (datamodel.Value, error) { return m.doc.url, nil }),
		"__GetDocumentBaseURL": datamodel.Func(func([]datamodel.Value) (datamodel.Value, error) {
			return m.doc.url[:max(strings.LastIndexByte(m.doc.url, '/'), 0)], nil
		}),
		"__GetDocumentType": datamodel.Func(func([]datamodel.Value) (datamodel.Value, error) { return m.doc.settings.Type, nil }),
		"__GetCurrentStates": datamodel.Func(func([]datamodel.Value) (datamodel.Value, error) {
			var active []int32
			for i := m.configuration.next(0); i >= 0; i = m.configuration.next(i + 1) {
				active = append(active, i)
			}
			// The last one is the innermost, although a branch beside it may stand behind it.
			slices.SortStableFunc(active, m.doc.byDepth)
			list := []datamodel.Value{}
			for _, i := range active {
				list = append(list, m.doc.states[i].id)
			}
			return list, nil
		}),
		"__GetQueuedEvents": datamodel.Func(func([]datamodel.Value) (datamodel.Value, error) {
			list := []datamodel.Value{}
			for _, ev := range m.internal {
				list = append(list, ev.Name)
			}
			return list, nil
		}),
	}
}

// byDepth compares states by the number of their ancestors.
func (d *Document) byDepth(a, b int32) int {
	depth := func(s int32) (n int) {
		for s = d.states[s].parent; s >= 0; s = d.states[s].parent {
			n++
		}
		return n
	}
	return cmp.Compare(depth(a), depth(b))
}

// plainText is how a value reads in a log: strings as they are, everything else
// as JSON.
func plainText(v datamodel.Value) string {
	switch v := v.(type) {
	case nil:
		return "undefined"
	case string:
		return v
	case datamodel.XML:
		return v.Text
	}
	return string(datamodel.AppendJSON(nil, v))
}

// mostMicrosteps is what a document may raise the limit to where the host leaves
// it at its default.
const mostMicrosteps = 1_000_000

// microstepLimit is the limit of microsteps: a document may lower that of the
// host, and raise the default.
func (m *Machine) microstepLimit() int {
	return documentLimit(m.doc.settings.MicroStepLimit, m.opts.Limits.Microsteps, DefaultMicrosteps)
}

func (m *Machine) stateEntryLimit() int {
	return documentLimit(m.doc.settings.StateEntryLimit, m.opts.Limits.StateEntries, DefaultStateEntries)
}

func documentLimit(asked, host, deflt int) int {
	most := limit(host, deflt)
	switch {
	case asked <= 0:
		return most
	case host == 0:
		most = mostMicrosteps
	}
	return min(asked, most)
}

// evaluationLimits are the limits of the data model. A document may shorten the
// time (_processEventTimeout).
func (d *Document) evaluationLimits(host datamodel.Limits) datamodel.Limits {
	l := host.WithDefaults()
	if t := d.settings.EventTimeout; t > 0 && (l.Time < 0 || t < l.Time) {
		l.Time = max(t, time.Millisecond)
	}
	return l
}

// Persist reports whether sessions of the document may be saved: false for one
// with _persist="false". Whoever saves sessions has to ask, as package session does.
func (d *Document) Persist() bool { return d.settings.Persist }
