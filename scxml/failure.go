package scxml

import "github.com/seed-ff723688/ors/datamodel"

// Failure is an element of a document that has failed, inside its macrostep or
// after it, as a <send> whose message could not be delivered.
type Failure struct {
	Event   string // name of the error event in SCXML 1.0: error.execution or error.communication
	Element string // name of the element; "" when it is not known
	Pos     Position
	SendID  string // of a <send> that the document has named
	Target  string // of a <send>, or the URL that <invoke> wanted; "" for none

	// Err is the cause. In the ORS dialect the event's name depends on it:
	// ErrSendType, ErrNoSession, ErrUnsupported, and a method StatusCode() int for
	// what a server has answered.
	Err error
}

// ErrorEvent makes the error event of a failure, with the name that the dialect of
// the document has for it. Its data has the members description, document, element
// and linenumber, and target where there is one; in those of an unknown element
// only the description.
func (d *Document) ErrorEvent(f *Failure) *Event {
	ev := &Event{Name: f.Event, Type: datamodel.Platform, SendID: f.SendID}
	if d.rules.errorEvent != nil {
		ev.Name = d.rules.errorEvent(f)
	}
	data := make([]datamodel.Member, 1, 5)
	data[0] = datamodel.Member{Name: "description", Value: f.Err.Error()}
	if f.Element != "" {
		data = append(data,
			datamodel.Member{Name: "document", Value: f.Pos.File},
			datamodel.Member{Name: "element", Value: f.Element},
			datamodel.Member{Name: "linenumber", Value: float64(f.Pos.Line)})
	}
	if f.Target != "" {
		data = append(data, datamodel.Member{Name: "target", Value: f.Target})
	}
	ev.Data = datamodel.NewObject(data...)
	return ev
}
