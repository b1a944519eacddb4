package fm

import (
	"context"
	"errors"
	"path"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/session"
)

// ElasticNamespace is that of <elasticconnector:…>. Documents may leave "http://"
// out.
const ElasticNamespace = "http://www.genesyslab.com/modules/elasticconnector"

// Index takes documents for search and reporting. Its methods may wait until ctx
// ends and are called concurrently. A *Failure chooses the code of the error event.
type Index interface {
	CreateTemplate(ctx context.Context, t IndexTemplate) error
	// Create stores a document and returns its id, which is made up when d has none.
	Create(ctx context.Context, d IndexDocument) (id string, err error)
	// Update merges the members of a document into the one that is stored.
	Update(ctx context.Context, d IndexDocument) error
	Delete(ctx context.Context, d IndexDocument) error
}

// IndexTemplate says how new indexes are made.
type IndexTemplate struct {
	Name     string
	Index    string // pattern of the names of the indexes
	Order    int    // of several templates that match, the higher one counts
	Type     string
	Settings *datamodel.Object // nil without
	Mappings *datamodel.Object // nil without
}

// IndexDocument is a document and its place.
type IndexDocument struct {
	Index, Type, ID string
	Document        *datamodel.Object
}

// The indexes that the server itself writes, and how many templates are
// remembered.
const (
	sessionIndex     = "session-2000.01.01"
	performanceIndex = "performance-2000.01.01"
	maxTemplates     = 1000
)

func elasticPart() servicePart {
	spec := elasticSpec()
	return servicePart{spec: spec, module: serviceModule{spec: spec, wrap: withContent}, perform: (*Services).elastic}
}

func elasticSpec() *Spec {
	codes := []string{codeAttribute, codeTimeout, codeRemote, codeCancelled, codeUnknown}
	document := func(name, note string, more ...AttributeSpec) ElementSpec {
		return ElementSpec{Name: name, Event: "elasticconnector." + name, Data: []string{"index", "id"}, Errors: codes, Note: note,
			Attributes: append([]AttributeSpec{requestID(), {Name: "index", Required: true}, {Name: "type"}}, more...), Children: paramChildren()}
	}
	doc := AttributeSpec{Name: "doc", Note: "an object; or its members as <param>, or <content>"}
	return &Spec{
		Name: "elasticconnector", Prefix: "elasticconnector", Namespace: ElasticNamespace,
		Needs: "ServicesOptions.Index; without it the actions fail with the code unknown.",
		Elements: []ElementSpec{
			{Name: "createindextemplate", Event: "elasticconnector.createindextemplate", Data: []string{"name", "skipped"}, Errors: codes,
				Attributes: []AttributeSpec{requestID(), {Name: "name", Required: true}, {Name: "index", Required: true},
					{Name: "order", Default: "0"}, {Name: "type"}, {Name: "settings"}, {Name: "mappings"}},
				Note: "Skipped when this process has sent the name with the same or a higher order; refused for the indexes of the server itself."},
			document("createdoc", "Stores a document.", AttributeSpec{Name: "id", Default: "made up"}, doc),
			document("updatedoc", "Merges members into a document.", AttributeSpec{Name: "id", Required: true}, doc),
			document("deletedoc", "Deletes a document.", AttributeSpec{Name: "id", Required: true}),
		},
	}
}

func (s *Services) elastic(call *session.ModuleCall, a *answer) {
	index := s.opts.Index
	if index == nil {
		a.fail(notConnected("index"))
		return
	}
	if call.Name == "createindextemplate" {
		s.createTemplate(call, a, index)
		return
	}
	d := IndexDocument{Index: text(call.Args, "index"), Type: text(call.Args, "type"), ID: text(call.Args, "id")}
	var err error
	switch {
	case d.Index == "":
		err = errors.New("attribute index has no value")
	case d.ID == "" && call.Name != "createdoc":
		err = errors.New("attribute id has no value")
	case call.Name != "deletedoc":
		d.Document, err = documentOf(call.Args)
	}
	if err != nil {
		a.fail(failure(codeAttribute, "%w", err))
		return
	}
	s.later(a, func(ctx context.Context) (*datamodel.Object, error) {
		id, err := d.ID, error(nil)
		switch call.Name {
		case "createdoc":
			id, err = index.Create(ctx, d)
		case "updatedoc":
			err = index.Update(ctx, d)
		default:
			err = index.Delete(ctx, d)
		}
		return datamodel.NewObject(datamodel.Member{Name: "index", Value: d.Index}, datamodel.Member{Name: "id", Value: id}), err
	})
}

// documentOf finds the document of an action.
func documentOf(args *datamodel.Object) (*datamodel.Object, error) {
	given, _ := args.Get("doc")
	if given == nil {
		given, _ = contentOf(args)
	}
	switch v := given.(type) {
	case *datamodel.Object:
		return v, nil
	case string:
		decoded, err := datamodel.DecodeJSON([]byte(v), nil)
		if o, ok := decoded.(*datamodel.Object); err == nil && ok {
			return o, nil
		}
		return nil, errors.New("the document is text that is no JSON object")
	case nil:
		if params := paramsOf(args); len(params) > 0 {
			return datamodel.NewObject(params...), nil
		}
	}
	return nil, errors.New("there is no document: want an object in attribute doc, <param> or <content>")
}

func (s *Services) createTemplate(call *session.ModuleCall, a *answer, index Index) {
	t := IndexTemplate{Name: text(call.Args, "name"), Index: text(call.Args, "index"), Type: text(call.Args, "type")}
	for name, to := range map[string]**datamodel.Object{"settings": &t.Settings, "mappings": &t.Mappings} {
		v, _ := call.Args.Get(name)
		*to, _ = v.(*datamodel.Object)
	}
	order, _, err := number(call.Args, "order")
	switch {
	case err != nil:
	case t.Name == "" || t.Index == "":
		err = errors.New("attributes name and index need a value")
	case matchesIndex(t.Index, performanceIndex):
		err = errors.New("the pattern covers the performance index, which is the server's own")
	case order <= 0 && matchesIndex(t.Index, sessionIndex):
		err = errors.New("the pattern covers the session index; its order must be above 0")
	}
	if err != nil {
		a.fail(failure(codeAttribute, "%w", err))
		return
	}
	t.Order = int(min(max(order, 0), 1<<30))
	done := func(skipped bool) *datamodel.Object {
		return datamodel.NewObject(datamodel.Member{Name: "name", Value: t.Name}, datamodel.Member{Name: "skipped", Value: skipped})
	}
	s.mu.Lock()
	sent, known := s.templates[t.Name]
	s.mu.Unlock()
	if known && sent >= t.Order {
		a.done(done(true))
		return
	}
	s.later(a, func(ctx context.Context) (*datamodel.Object, error) {
		if err := index.CreateTemplate(ctx, t); err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.templates) < maxTemplates {
			s.templates[t.Name] = t.Order
		}
		return done(false), nil
	})
}

// matchesIndex reports whether one of the patterns, separated by commas, covers
// an index.
func matchesIndex(patterns, index string) bool {
	for p := range strings.SplitSeq(patterns, ",") {
		// A pattern that path.Match does not understand covers nothing here.
		if ok, err := path.Match(strings.TrimSpace(p), index); err == nil && ok {
			return true
		}
	}
	return false
}
