package fm

import (
	"context"
	"slices"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/session"
)

// ClassificationNamespace is that of <classification:…>. Documents may leave
// "http://" out.
const ClassificationNamespace = "http://www.genesyslab.com/modules/classification"

// codeInvalid is the documented code of a refused request.
const codeInvalid = "Request Invalid"

// Classifier reads messages. Its methods may wait until ctx ends and are called
// concurrently. A *Failure chooses the code of the error event.
type Classifier interface {
	// Classify sorts a message into categories.
	Classify(ctx context.Context, r ClassifyRequest) ([]Category, error)
	// Screen applies screening rules to a message, and may classify it too.
	Screen(ctx context.Context, r ClassifyRequest) ([]ScreeningRule, []Category, error)
}

// ClassifyRequest says what to classify or screen.
type ClassifyRequest struct {
	Session       string
	Server        string // empty: the first that is there
	InteractionID string // "0": the first of the session
	Root          string // the top category, or the group of rules
	Text          string // instead of the text of the interaction; may be empty
}

// Category is one into which a message falls.
type Category struct {
	Name, ID  string
	Relevancy int // 1 to 100
}

// ScreeningRule is a rule and what it found.
type ScreeningRule struct {
	Name, ID string
	Match    bool
	Value    string
}

func classificationPart() servicePart {
	spec := classificationSpec()
	return servicePart{spec: spec, module: serviceModule{spec: spec}, perform: (*Services).classification}
}

func classificationSpec() *Spec {
	attributes := func(root string, required bool) []AttributeSpec {
		return []AttributeSpec{requestID(), {Name: "server", Default: "the first available"}, {Name: "interactionid", Default: "'0'"},
			{Name: root, Required: required}, {Name: "text", Note: "is read instead of the interaction"}}
	}
	codes := []string{codeInvalid, codeTimeout, codeRemote, codeCancelled, codeUnknown}
	return &Spec{
		Name: "classification", Prefix: "classification", Namespace: ClassificationNamespace,
		Needs: "ServicesOptions.Classifier; without it the actions fail with the code unknown.",
		Elements: []ElementSpec{
			{Name: "classify", Event: "classification.classify", Attributes: attributes("root", true), Data: []string{"categories"}, Errors: codes,
				Note: "categories is an array of name, id and relevancy, the highest first."},
			{Name: "screen", Event: "classification.screen", Attributes: attributes("root", false),
				Data: []string{"rules", "screenrule", "categories"}, Errors: codes,
				Note: "rules is an array of name, id, match and value; screenrule is another name of it."},
		},
	}
}

func (s *Services) classification(call *session.ModuleCall, a *answer) {
	c := s.opts.Classifier
	if c == nil {
		a.fail(notConnected("classification server"))
		return
	}
	r := ClassifyRequest{Session: a.session, Server: text(call.Args, "server"), InteractionID: text(call.Args, "interactionid"),
		Root: text(call.Args, "root"), Text: text(call.Args, "text")}
	if r.InteractionID == "" {
		r.InteractionID = "0"
	}
	if call.Name == "classify" && r.Root == "" {
		a.fail(failure(codeInvalid, "attribute root names no category"))
		return
	}
	s.later(a, func(ctx context.Context) (*datamodel.Object, error) {
		data := datamodel.NewObject()
		var categories []Category
		var err error
		if call.Name == "screen" {
			var rules []ScreeningRule
			if rules, categories, err = c.Screen(ctx, r); err == nil {
				list := rulesValue(rules)
				data.Set("rules", list)
				data.Set("screenrule", list)
			}
		} else {
			categories, err = c.Classify(ctx, r)
		}
		data.Set("categories", categoriesValue(categories))
		return data, err
	})
}

func categoriesValue(categories []Category) []datamodel.Value {
	sorted := slices.Clone(categories)
	slices.SortStableFunc(sorted, func(a, b Category) int { return b.Relevancy - a.Relevancy })
	list := make([]datamodel.Value, len(sorted))
	for i, c := range sorted {
		list[i] = datamodel.NewObject(datamodel.Member{Name: "name", Value: c.Name}, datamodel.Member{Name: "id", Value: c.ID},
			datamodel.Member{Name: "relevancy", Value: float64(c.Relevancy)})
	}
	return list
}

func rulesValue(rules []ScreeningRule) []datamodel.Value {
	list := make([]datamodel.Value, len(rules))
	for i, r := range rules {
		list[i] = datamodel.NewObject(datamodel.Member{Name: "name", Value: r.Name}, datamodel.Member{Name: "id", Value: r.ID},
			datamodel.Member{Name: "match", Value: r.Match}, datamodel.Member{Name: "value", Value: r.Value})
	}
	return list
}
