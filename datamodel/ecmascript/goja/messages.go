package goja

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"
	"github.com/dop251/goja/unistring"
)

// Some messages of the engine print what an object is made of in Go, with
// addresses, which differ from run to run. Nobody is shown them: neither who is
// told of an exception that a script did not catch, nor the script that did. For the
// latter every catch clause begins with a call of a function of ours.

// caughtFunction is its name, which no script can write.
const caughtFunction = "[[caught]]"

var (
	printedObject = regexp.MustCompile(`(?s)Could not convert &\{.*\}(?: \(\*goja\.\w+\))? to primitive`)
	printedPanic  = regexp.MustCompile(`%!\w\(PANIC=\w+ method: [^)]*\)`)
)

// plain takes what belongs to Go out of a message.
func plain(message string) string {
	if strings.Contains(message, "&{") {
		message = printedObject.ReplaceAllString(message, "cannot convert the object to a primitive value")
	}
	if strings.Contains(message, "%!") {
		message = strings.ReplaceAll(message, " %!s(MISSING)", "")
		message = printedPanic.ReplaceAllString(message, "the object")
	}
	return message
}

// defineCaught makes the function.
func (r *realm) defineCaught() error {
	f := r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		if o, ok := call.Argument(0).(*goja.Object); ok && o.ClassName() == "Error" {
			r.clean(o)
		}
		return call.Argument(0)
	})
	return r.vm.GlobalObject().DefineDataProperty(caughtFunction, f, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE)
}

// clean makes the message of an error fit for scripts.
func (r *realm) clean(o *goja.Object) {
	if s, ok := o.Get("message").(goja.String); ok {
		text := s.String()
		if p := plain(text); p != text {
			// It is the engine's own error, which nobody can have frozen.
			_ = o.DefineDataProperty("message", r.vm.ToValue(p), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
		}
	}
}

// caught puts the call into a catch clause.
func (p *pointer) caught(c *ast.CatchStatement) {
	if c.Parameter == nil {
		return
	}
	at := c.Body.LeftBrace
	call := p.call(at)
	call.Callee.(*ast.Identifier).Name = caughtFunction
	var first ast.Statement
	if id, ok := c.Parameter.(*ast.Identifier); ok {
		call.ArgumentList = []ast.Expression{&ast.Identifier{Name: id.Name, Idx: at}}
		first = &ast.ExpressionStatement{Expression: call}
	} else {
		exception := &ast.Identifier{Name: unistring.String(caughtFunction + "e"), Idx: at}
		call.ArgumentList = []ast.Expression{exception}
		first = &ast.LexicalDeclaration{Idx: at, Token: token.LET, List: []*ast.Binding{{Target: c.Parameter, Initializer: call}}}
		c.Parameter = exception
	}
	c.Body.List = append([]ast.Statement{first}, c.Body.List...)
}

// failure describes what the engine panicked with.
func failure(x any) string {
	switch x := x.(type) {
	case error:
		return plain(x.Error())
	case string:
		return x
	}
	return fmt.Sprintf("%T", x)
}
