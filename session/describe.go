package session

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
)

// Description is a stored session in a form for people and programs. As JSON, what
// is not there is left out.
type Description struct {
	ID       string `json:"id"`
	Claim    string `json:"claim,omitempty"`
	State    string `json:"state"`              // "scheduled", "not begun", "running" or "ended"
	URL      string `json:"url,omitempty"`      // of the document, or what inline content is relative to
	Document string `json:"document,omitempty"` // digest of the document in the store; empty for inline content
	Inline   bool   `json:"inline,omitempty"`   // the document stands in the record

	Parent   string             `json:"parent,omitempty"` // the session that invoked it
	Root     string             `json:"root,omitempty"`
	InvokeID string             `json:"invokeid,omitempty"`
	Children []DescribedSession `json:"children,omitempty"`

	Scheduled *time.Time `json:"scheduled,omitempty"` // when it is to begin
	Began     *time.Time `json:"began,omitempty"`

	Rev        uint64 `json:"rev"`
	Macrosteps uint64 `json:"macrosteps"`
	Handled    uint64 `json:"handled"` // number of the last entry of the inbox that was handled

	Configuration []string        `json:"configuration,omitempty"` // ids of all active states, in document order
	Active        []string        `json:"active,omitempty"`        // the atomic ones
	Data          json.RawMessage `json:"data,omitempty"`          // an object: the <data> of the document by id
	X             json.RawMessage `json:"x,omitempty"`
	Params        json.RawMessage `json:"params,omitempty"` // only until it has begun
	Value         json.RawMessage `json:"value,omitempty"`  // StartRequest.Value

	Inbox  []DescribedEvent  `json:"inbox,omitempty"`
	Timers []DescribedEffect `json:"timers,omitempty"`
	Outbox []DescribedEffect `json:"outbox,omitempty"`

	Reason string          `json:"reason,omitempty"` // why it ended
	Error  string          `json:"error,omitempty"`  // of a session that failed
	Result json.RawMessage `json:"result,omitempty"` // its done data

	// Problems are parts that could not be read, and why. The rest is there.
	Problems []string `json:"problems,omitempty"`
}

// DescribedSession is an invoked session.
type DescribedSession struct {
	ID       string `json:"id"`
	InvokeID string `json:"invokeid"`
	Over     bool   `json:"over,omitempty"` // it has ended, and its last event waits in the inbox
}

// DescribedEvent is an event that waits in an inbox, or is part of an effect.
type DescribedEvent struct {
	Number uint64          `json:"number,omitempty"` // in the inbox
	Key    string          `json:"key,omitempty"`    // by which repeats are dropped
	From   string          `json:"from,omitempty"`   // the invoked session that sent it
	Stop   string          `json:"stop,omitempty"`   // no event but a request to end; the reason
	Name   string          `json:"name,omitempty"`
	SendID string          `json:"sendid,omitempty"`
	Origin string          `json:"origin,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
}

// DescribedEffect is a delayed send, or an effect that has not been confirmed.
type DescribedEffect struct {
	ID      string          `json:"id"`               // in the session
	Due     *time.Time      `json:"due,omitempty"`    // of a delayed send
	Kind    string          `json:"kind"`             // "send", "invoke", "forward", "module", "tell", "report", "stop"; of timers also "mark": the engine's own
	To      string          `json:"to,omitempty"`     // the session it is about
	Type    string          `json:"type,omitempty"`   // of a send or an invoke
	Target  string          `json:"target,omitempty"` // of a send
	Element string          `json:"element,omitempty"`
	Event   *DescribedEvent `json:"event,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
}

// DescribeOptions say how a session is described. nil is the zero value.
type DescribeOptions struct {
	// Parse is used to compile the session's document, without which its states and data
	// cannot be named. Languages and Modules are those of the engine; URL is set.
	Parse scxml.ParseOptions

	// Source returns a document from the store, by its digest: persistence.Store.Document is
	// one. nil: only sessions of inline content have states and data.
	Source func(context.Context, persistence.Digest) ([]byte, error)

	// Mask reports whether the value of a name is not to be shown: of an item of <data>, of
	// a member of an object at any depth, of a parameter. It is shown as "***". nil masks nothing.
	Mask func(name string) bool
}

// Describe decodes what a store has of a session. Nothing is run and nothing changed.
// A record that cannot be read at all gives ErrRecord; other parts that cannot be read are in
// Problems.
func Describe(ctx context.Context, stored *persistence.Session, opts *DescribeOptions) (*Description, error) {
	if stored == nil {
		return nil, fmt.Errorf("session: describe: %w: no session given", persistence.ErrInvalid)
	}
	var d describer
	if opts != nil {
		d.DescribeOptions = *opts
	}
	rec, err := readRecord(stored.Snapshot)
	if err != nil {
		return nil, fmt.Errorf("session %q: %w", stored.ID, err)
	}
	d.d = &Description{
		ID: stored.ID, Claim: stored.Claim, URL: rec.url, Inline: rec.content != "", Document: rec.digest.String(),
		Rev: stored.Rev, Macrosteps: rec.macrosteps, Handled: stored.Acked,
		X: d.object(rec.x), Params: d.object(rec.params), Value: d.value(rec.value),
	}
	if l := rec.lineage; l != nil {
		d.d.Parent, d.d.Root, d.d.InvokeID = l.parent, l.root, l.invokeID
	}
	for _, c := range rec.children {
		d.d.Children = append(d.d.Children, DescribedSession{ID: c.id, InvokeID: c.invokeID, Over: c.over})
	}
	if rec.born != 0 {
		at := time.Unix(0, rec.born).UTC()
		d.d.Began = &at
	}
	d.phase(ctx, rec)
	d.lists(stored)
	return d.d, nil
}

// StoredDocuments returns the digests of all documents in the store that a stored session names: the one it was
// started on, and the one its record is about, which is another where it was migrated, or invoked by URL. Its
// inbox, timers and outbox name documents by URL, or hold their text. A record that cannot be read gives ErrRecord.
// It is what inspect.Prune asks for.
func StoredDocuments(stored *persistence.Session) ([]persistence.Digest, error) {
	rec, err := readRecord(stored.Snapshot)
	if err != nil {
		return nil, fmt.Errorf("session %q: %w", stored.ID, err)
	}
	var all []persistence.Digest
	for _, d := range []persistence.Digest{stored.Document, rec.digest} {
		if d != (persistence.Digest{}) && !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return all, nil
}

// describer makes a Description.
type describer struct {
	DescribeOptions
	d *Description
}

func (d *describer) problem(where string, err error) {
	d.d.Problems = append(d.d.Problems, fmt.Sprintf("%s: %v", where, err))
}

// phase describes what depends on how far the session has come.
func (d *describer) phase(ctx context.Context, rec *record) {
	switch {
	case rec.ended:
		d.d.State, d.d.Reason = "ended", rec.result.Reason.String()
		d.d.Configuration, d.d.Active = rec.result.Configuration, rec.result.Active
		d.d.Result = d.value(rec.result.Data)
		if rec.result.Err != nil {
			d.d.Error = rec.result.Err.Error()
		}
	case !rec.at.IsZero():
		d.d.State, d.d.Scheduled = "scheduled", &rec.at
	case !rec.begun:
		d.d.State = "not begun"
	default:
		d.d.State = "running"
		if err := d.machine(ctx, rec); err != nil {
			d.problem("states and data", err)
		}
	}
}

// machine describes the snapshot of the Machine.
func (d *describer) machine(ctx context.Context, rec *record) error {
	source := rec.content
	if source == "" {
		if d.Source == nil {
			return errors.New("the document was not given")
		}
		body, err := d.Source(ctx, rec.digest)
		if err != nil {
			return fmt.Errorf("document %v: %w", rec.digest, err)
		}
		source = string(body)
	}
	opts := d.Parse
	opts.URL = rec.url
	doc, err := scxml.Parse(ctx, []byte(source), &opts)
	if err != nil {
		return err
	}
	m, err := scxml.RestoreMachine(doc, rec.machine, &scxml.MachineOptions{SessionID: d.d.ID})
	if err != nil {
		return err
	}
	d.d.Configuration, d.d.Active = m.Configuration(), m.Active()
	data := datamodel.NewObject()
	for _, id := range dataIDs(doc) {
		if v, err := m.Get(id); err != nil {
			d.problem("data "+id, err)
		} else {
			data.Set(id, v)
		}
	}
	d.d.Data = d.object(data)
	return m.Close()
}

// dataIDs returns the ids of the <data> of a document.
func dataIDs(doc *scxml.Document) (ids []string) {
	for _, file := range doc.Files() {
		for r := xml.NewDecoder(strings.NewReader(file.Text)); ; {
			token, err := r.Token()
			if err != nil { // the end, or a script
				break
			}
			start, ok := token.(xml.StartElement)
			if ok && start.Name.Local == "content" {
				err = r.Skip() // a document that is invoked has data of its own
			}
			if !ok || err != nil || start.Name.Local != "data" {
				continue
			}
			for _, a := range start.Attr {
				if a.Name.Local == "id" && a.Name.Space == "" && !slices.Contains(ids, a.Value) {
					ids = append(ids, a.Value)
				}
			}
		}
	}
	return ids
}

// lists describes inbox, timers and outbox.
func (d *describer) lists(stored *persistence.Session) {
	for _, e := range stored.Inbox {
		q, err := readItem(e.Data)
		if err != nil {
			d.problem(fmt.Sprintf("inbox entry %d", e.Number), err)
			continue
		}
		ev := d.event(&q.event)
		ev.Number, ev.Key, ev.From = e.Number, e.Key, q.from()
		if q.stop != 0 {
			ev.Stop = q.stop.String()
		}
		d.d.Inbox = append(d.d.Inbox, *ev)
	}
	for _, t := range stored.Timers {
		x := d.effect("timer", t.ID, t.Data)
		at := t.At.UTC()
		x.Due = &at
		d.d.Timers = append(d.d.Timers, x)
	}
	for _, o := range stored.Outbox {
		d.d.Outbox = append(d.d.Outbox, d.effect("effect", o.ID, o.Data))
	}
}

func (d *describer) event(ev *scxml.Event) *DescribedEvent {
	if ev == nil {
		return nil
	}
	return &DescribedEvent{Name: ev.Name, SendID: ev.SendID, Origin: ev.Origin, Data: d.value(ev.Data)}
}

func (d *describer) effect(what, id string, data []byte) DescribedEffect {
	out := DescribedEffect{ID: id, Kind: "mark"}
	if id == alarmMark || id == residentMark {
		return out
	}
	x, err := readErrand(data)
	if err != nil {
		d.problem(what+" "+id, err)
		return out
	}
	out.To = x.to
	switch v := x.effect.(type) {
	case *scxml.Send:
		out.Kind, out.Type, out.Target, out.Event = "send", v.Type, v.Target, d.event(v.Event)
		if len(v.Params) > 0 {
			out.Params = d.object(datamodel.NewObject(v.Params...))
		}
	case *scxml.Invoke:
		out.Kind, out.Type, out.Target, out.Params = "invoke", v.Type, v.Src, d.object(v.Params)
	case *scxml.Forward:
		out.Kind, out.Event = "forward", d.event(v.Event)
	case *scxml.ModuleCall:
		out.Kind, out.Element, out.Params = "module", v.Namespace+" "+v.Name, d.object(v.Args)
	default:
		switch {
		case x.own != nil:
			out.Kind, out.Event = "report", d.event(x.own)
		case x.last != nil:
			out.Kind, out.Event = "tell", d.event(x.last)
		default:
			out.Kind = "stop"
		}
	}
	return out
}

// value renders a value as JSON, masked; nil for undefined.
func (d *describer) value(v datamodel.Value) json.RawMessage {
	if v == nil {
		return nil
	}
	return datamodel.EncodeJSON(d.masked(v))
}

func (d *describer) object(o *datamodel.Object) json.RawMessage {
	if o == nil {
		return nil
	}
	return d.value(o)
}

// masked returns a copy of v without what is not to be shown.
func (d *describer) masked(v datamodel.Value) datamodel.Value {
	if d.Mask == nil {
		return v
	}
	switch v := v.(type) {
	case []datamodel.Value:
		out := make([]datamodel.Value, len(v))
		for i := range v {
			out[i] = d.masked(v[i])
		}
		return out
	case *datamodel.Object:
		out := datamodel.NewObject()
		for _, m := range v.Members() {
			if d.Mask(m.Name) {
				out.Set(m.Name, "***")
			} else {
				out.Set(m.Name, d.masked(m.Value))
			}
		}
		return out
	}
	return v
}
