package goja

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"
	"github.com/dop251/goja/token"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// What a function gives to eval directly is compiled by the engine's own eval,
// which takes text alone. So the calls of points.go are put into the text. Their
// function has a name there that text can have, but that nobody can guess: a
// constant of the global scope, which no script can list. Functions of the text
// show what the author wrote.

// maxAuthored is the number of texts with functions that a session gets calls in.
const maxAuthored = 256

// pointed returns a text for eval with calls in it; the text itself when it needs
// none or when they do not fit in.
func (r *realm) pointed(text string) (string, error) {
	if strings.ContainsRune(text, utf8.RuneError) {
		return text, nil // perhaps with lone surrogates
	}
	tree, err := parser.ParseFile(nil, "", text, 0, parser.WithDisableSourceMaps)
	if err != nil {
		return text, nil
	}
	w := pointWriter{text: text}
	w.walk(reflect.ValueOf(tree.Body))
	if len(w.adds) > 1 || w.loops {
		w.operands()
	}
	if len(w.inserts) == 0 {
		return text, nil
	}
	if r.pauseName == "" {
		name := "_$" + strconv.FormatUint(rand.Uint64(), 16) + strconv.FormatUint(rand.Uint64(), 16)
		if err := r.constants(map[string]goja.Value{name: r.vm.ToValue(r.point)}); err != nil {
			return "", err
		}
		r.pauseName = name
	}
	out := w.write(r.pauseName)
	now, err := parser.ParseFile(nil, "", out, 0, parser.WithDisableSourceMaps)
	if err != nil {
		return text, nil
	}
	f := analyze(now, ecmascript.Unit{Written: w.written})
	if len(f.authors) > 0 {
		if r.authored++; r.authored > maxAuthored {
			return text, nil
		}
		r.ran = append(r.ran, &code{facts: facts{authors: f.authors}})
	}
	return out, r.prepare(&f)
}

// pointWriter finds the places for calls in a text.
type pointWriter struct {
	text    string
	inserts []insert
	adds    []ast.Expression // right operands of what may double a string
	loops   bool

	marks [][2]int // where inserts begin in the new text, and how long they are
}

// insert is a piece of text that comes before an offset; %s is the name.
type insert struct {
	at   int
	text string
}

func (w *pointWriter) insert(at int, text string) { w.inserts = append(w.inserts, insert{at, text}) }

func (w *pointWriter) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			w.walk(v.Elem())
		}
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		w.walk(v.Elem())
		if v.CanInterface() {
			w.node(v.Interface())
		}
	case reflect.Slice:
		for i := range v.Len() {
			w.walk(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "DeclarationList" && f.Name != "File" {
				w.walk(v.Field(i))
			}
		}
	}
}

func (w *pointWriter) node(n any) {
	var p pointer
	sum := func(left, right ast.Expression) {
		if !p.small(left) && !p.small(right) {
			w.adds = append(w.adds, right)
		}
	}
	switch n := n.(type) {
	case *ast.ForStatement:
		w.loop(n.Body)
	case *ast.WhileStatement:
		w.loop(n.Body)
	case *ast.DoWhileStatement:
		w.loop(n.Body)
	case *ast.ForInStatement:
		w.loop(n.Body)
	case *ast.ForOfStatement:
		w.loop(n.Body)
	case *ast.FunctionLiteral:
		w.loops = true // it may call itself
	case *ast.TemplateLiteral:
		if len(n.Expressions) > 1 {
			w.adds = append(w.adds, n.Expressions[0])
		}
	case *ast.AssignExpression:
		if n.Operator == token.PLUS {
			sum(n.Left, n.Right)
		}
	case *ast.BinaryExpression:
		if n.Operator == token.PLUS {
			sum(n.Left, n.Right)
		}
	}
}

func (w *pointWriter) loop(body ast.Statement) {
	w.loops = true
	switch b := body.(type) {
	case *ast.BlockStatement:
		w.insert(int(b.LeftBrace), "%s();")
	case *ast.ExpressionStatement:
		w.insert(int(b.Expression.Idx0())-1, "%s(),")
	}
}

// operands puts the operands of additions into calls. Text that is no expression by
// itself stays as it is.
func (w *pointWriter) operands() {
	for _, e := range w.adds {
		from, to := int(e.Idx0())-1, int(e.Idx1())-1
		if from < 0 || to <= from || to > len(w.text) {
			continue
		}
		piece, err := parser.ParseFile(nil, "", "(\n"+w.text[from:to]+"\n)", 0, parser.WithDisableSourceMaps)
		if err != nil || len(piece.Body) != 1 {
			continue
		}
		w.insert(from, "%s((")
		w.insert(to, "))")
	}
}

// write returns the text with calls. Of several at one place those that end come
// before those that begin.
func (w *pointWriter) write(name string) string {
	slices.SortStableFunc(w.inserts, func(a, b insert) int {
		if a.at != b.at {
			return a.at - b.at
		}
		return strings.Compare(order(a.text), order(b.text))
	})
	var out strings.Builder
	at := 0
	for _, i := range w.inserts {
		out.WriteString(w.text[at:i.at])
		piece := strings.ReplaceAll(i.text, "%s", name)
		w.marks = append(w.marks, [2]int{out.Len(), len(piece)})
		out.WriteString(piece)
		at = i.at
	}
	out.WriteString(w.text[at:])
	return out.String()
}

// order is that of inserts at one place: ends of operands, calls that stand alone,
// beginnings of operands.
func order(text string) string {
	switch text {
	case "))":
		return "0"
	case "%s((":
		return "2"
	}
	return "1"
}

// written returns what a piece of the new text was before.
func (w *pointWriter) written(start, end int) string {
	back := func(at int) int {
		shift := 0
		for _, m := range w.marks {
			if m[0] >= at {
				break
			}
			shift += min(m[1], at-m[0])
		}
		return at - shift
	}
	if start, end = back(start), back(end); start < 0 || end < start || end > len(w.text) {
		return ""
	}
	return w.text[start:end]
}
