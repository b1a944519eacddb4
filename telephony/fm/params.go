package fm

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// scxmlNamespace is that of <param> and <content>, which documents write without
// a prefix.
const scxmlNamespace = "http://www.w3.org/2005/07/scxml"

// argContent is the member of arguments that holds the text of <content>.
const argContent = "contenttext"

// paramChildren are <param> and <content> inside an action, in the namespace of
// SCXML or of the module.
func paramChildren() []ElementSpec {
	var list []ElementSpec
	for _, namespace := range []string{scxmlNamespace, ""} {
		list = append(list,
			ElementSpec{Name: "param", Namespace: namespace, Attributes: append(values("expr", "location"),
				AttributeSpec{Name: "name", Kind: TokenKind, Required: true, Note: "it names the parameter"})},
			ElementSpec{Name: "content", Namespace: namespace, Max: 1, Attributes: values("_expr", "expr"),
				Note: "Without _expr the text inside is the content."})
	}
	return list
}

// contentAction is an action that may have a <content> with text.
type contentAction struct {
	*node
	text string
}

func withContent(n *node, e *scxml.Element) scxml.Action {
	for _, child := range e.Children {
		if child.Name == "content" && child.Text != "" {
			return &contentAction{n, child.Text}
		}
	}
	return n
}

// Execute implements scxml.Action.
func (a *contentAction) Execute(x *scxml.Exec) error {
	args, id, err := a.evaluate(x)
	if err != nil {
		return err
	}
	args.Set(argContent, a.text)
	x.Call(id, args)
	return nil
}

// paramsOf returns the parameters in order; names may repeat.
func paramsOf(args *datamodel.Object) []datamodel.Member {
	var params []datamodel.Member
	for _, p := range childrenOf(args, "param") {
		v, ok := p.Get("expr")
		if !ok {
			v, _ = p.Get("location")
		}
		params = append(params, datamodel.Member{Name: text(p, "name"), Value: v})
	}
	return params
}

// contentOf returns what <content> holds.
func contentOf(args *datamodel.Object) (v datamodel.Value, ok bool) {
	for _, c := range childrenOf(args, "content") {
		for _, attribute := range []string{"_expr", "expr"} {
			if v, ok := c.Get(attribute); ok {
				return v, true
			}
		}
	}
	return args.Get(argContent)
}

// number reads an attribute that holds a number; ok is false when it is missing
// or undefined.
func number(args *datamodel.Object, name string) (n float64, ok bool, err error) {
	v, _ := args.Get(name)
	switch v := v.(type) {
	case nil, datamodel.Null:
		return 0, false, nil
	case float64:
		n = v
	case string:
		if strings.TrimSpace(v) == "" {
			return 0, false, nil
		}
		if n, err = strconv.ParseFloat(strings.TrimSpace(v), 64); err != nil {
			return 0, false, fmt.Errorf("attribute %s: %q is no number", name, v)
		}
	default:
		return 0, false, fmt.Errorf("attribute %s is no number", name)
	}
	if math.IsNaN(n) {
		return 0, false, fmt.Errorf("attribute %s is no number", name)
	}
	return n, true, nil
}

// duration turns seconds into a duration, without overflow.
func duration(seconds float64) time.Duration {
	return time.Duration(min(max(seconds, 0), 1e9) * float64(time.Second))
}

// moment reads an attribute that holds a time: a Date, ISO 8601 text, or a number
// of milliseconds since 1970; below 1e11 it is one of seconds.
func moment(args *datamodel.Object, name string) (t time.Time, ok bool, err error) {
	v, _ := args.Get(name)
	switch v := v.(type) {
	case time.Time:
		return v, true, nil
	case string:
		if t, err := time.Parse(time.RFC3339, strings.TrimSpace(v)); err == nil {
			return t, true, nil
		}
	}
	n, ok, err := number(args, name)
	switch {
	case err != nil:
		return t, false, fmt.Errorf("attribute %s: want a Date, a time such as 2026-01-31T08:00:00Z, or milliseconds since 1970", name)
	case !ok:
		return t, false, nil
	case math.Abs(n) < 1e11:
		n *= 1000
	}
	return time.UnixMilli(int64(min(max(n, -1e15), 1e15))), true, nil
}
