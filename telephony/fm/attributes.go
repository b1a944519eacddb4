package fm

import (
	"fmt"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// Attributes of module actions come in three kinds. A location is written by
// the platform, a value is an expression, a token stands for itself.

// action is what every action has.
type action struct {
	requestID *scxml.Expression // location; nil without
	values    []value
}

// value is an attribute whose value is an expression.
type value struct {
	name string
	expr *scxml.Expression
}

// compile reads the attribute requestid and those listed, which are values.
func compile(e *scxml.Element, c *scxml.Compiler, values ...string) action {
	c.Allowed(e, append([]string{"requestid"}, values...)...)
	var a action
	if at, ok := e.Attr("requestid"); ok {
		a.requestID = c.Location(at)
	}
	a.values = compileValues(e, c, values)
	return a
}

func compileValues(e *scxml.Element, c *scxml.Compiler, names []string) []value {
	var values []value
	for _, name := range names {
		if at, ok := e.Attr(name); ok {
			values = append(values, value{name, c.Expression(at, datamodel.ValueExpression)})
		}
	}
	return values
}

// require reports an attribute that is missing.
func require(e *scxml.Element, c *scxml.Compiler, name, hint string) {
	if _, ok := e.Attr(name); !ok {
		c.Problem(scxml.Error, e.Pos, fmt.Sprintf("<%s> needs the attribute %s", e.Name, name), hint)
	}
}

// noChildren reports child elements: actions do not nest.
func noChildren(e *scxml.Element, c *scxml.Compiler) {
	for _, child := range e.Children {
		c.Problem(scxml.Error, child.Pos, fmt.Sprintf("<%s> may not stand inside <%s>", child.Name, e.Name),
			"put it beside the action")
	}
}

// evaluate returns the values by name.
func evaluate(x *scxml.Exec, values []value) (*datamodel.Object, error) {
	args := datamodel.NewObject()
	for _, v := range values {
		got, err := x.Eval(v.expr)
		if err != nil {
			return nil, err
		}
		args.Set(v.name, got)
	}
	return args, nil
}

// call writes the request id and emits the effect.
func (a *action) call(x *scxml.Exec, args *datamodel.Object) error {
	id := x.NewID()
	if a.requestID != nil {
		if err := x.Assign(a.requestID, id); err != nil {
			return err
		}
	}
	x.Call(id, args)
	return nil
}

// text returns a member as text, empty when it is not there.
func text(o *datamodel.Object, name string) string {
	v, _ := o.Get(name)
	return asText(v)
}
