package router

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of an expression.
const (
	maxExpressionText  = 16_384 // bytes
	maxExpressionDepth = 100
)

// SyntaxError reports a target string or an expression that cannot be read.
type SyntaxError struct {
	Text    string // all of what was to be read
	Column  int    // of the fault, in characters from 1
	Problem string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("router: %s at character %d of %.200q", e.Problem, e.Column, e.Text)
}

// Expression is a skill expression or the condition of a threshold, in the
// syntax of Universal Routing Server:
//
//	English >= 5 & (Loan > 1 | Mortgage > 1)
//
// Operators are & and |, of equal rank and applied from left to right; the
// comparisons =, !=, <, <=, > and >=; + and -; * and /, whose result is cut to an
// integer. Numbers are not negative integers; a - before an operand negates it. Names consist of letters, digits, _
// and single dots, or stand in quotes, ' or ", with any characters but the quote.
// An Expression is immutable and safe for concurrent use.
type Expression struct {
	text string
	root *node
}

// node is an operand or an operation.
type node struct {
	op   string  // "number", "name", "call", or the operator
	num  float64 // of a number
	name string  // of a name, or of a called function
	args []*node // of an operator or call
}

// The operands.
const (
	opNumber = "number"
	opName   = "name"
	opCall   = "call"
)

// ParseExpression reads a skill expression. The error is a *SyntaxError.
func ParseExpression(text string) (*Expression, error) { return parseExpression(text, false) }

func parseExpression(text string, calls bool) (*Expression, error) {
	p := &parser{text: text, calls: calls}
	if len(text) > maxExpressionText {
		return nil, p.fault(maxExpressionText, fmt.Sprintf("expression of more than %d bytes", maxExpressionText))
	}
	p.next()
	root, err := p.logical()
	if err == nil && p.token != "" {
		err = p.fault(p.start, fmt.Sprintf("%q where an operator was expected", p.token))
	}
	if err != nil {
		return nil, err
	}
	return &Expression{text: text, root: root}, nil
}

// String returns the expression as it was written.
func (e *Expression) String() string { return e.text }

// Match evaluates the expression for somebody whose skills are given. A name
// that is no key there is a literal text. It counts as 0 beside a number, so
// that a skill that nobody has is one that everybody has at level 0.
// A division by zero makes the whole expression false.
func (e *Expression) Match(skills map[string]int) bool {
	return e.match(&scope{lookup: func(name string) (float64, bool) {
		n, ok := skills[name]
		return float64(n), ok
	}})
}

func (e *Expression) match(s *scope) bool {
	v := s.eval(e.root)
	return !s.failed && v.truth()
}

// scope is what an expression is evaluated with.
type scope struct {
	lookup func(name string) (float64, bool)
	call   func(name string, args []string) (float64, bool)
	failed bool
}

// operand is a number, or a text.
type operand struct {
	num    float64
	text   string
	isText bool
}

func (o operand) truth() bool { return !o.isText && o.num != 0 }

func number(b bool) operand {
	if b {
		return operand{num: 1}
	}
	return operand{}
}

func (s *scope) eval(n *node) operand {
	switch n.op {
	case opNumber:
		return operand{num: n.num}
	case opName:
		if v, ok := s.lookup(n.name); ok {
			return operand{num: v}
		}
		return operand{text: n.name, isText: true}
	case opCall:
		args := make([]string, len(n.args))
		for i, a := range n.args {
			args[i] = a.name
		}
		v, ok := s.call(n.name, args)
		if !ok {
			s.failed = true
		}
		return operand{num: v}
	case "&":
		return number(s.eval(n.args[0]).truth() && s.eval(n.args[1]).truth())
	case "|":
		return number(s.eval(n.args[0]).truth() || s.eval(n.args[1]).truth())
	}
	x, y := s.eval(n.args[0]), s.eval(n.args[1])
	if x.isText && y.isText {
		c := strings.Compare(x.text, y.text)
		switch n.op {
		case "=", "!=", "<", "<=", ">", ">=":
			return number(compare(n.op, float64(c), 0))
		}
	}
	switch n.op {
	case "+":
		return operand{num: x.num + y.num}
	case "-":
		return operand{num: x.num - y.num}
	case "*":
		return operand{num: x.num * y.num}
	case "/":
		if y.num == 0 {
			s.failed = true
			return operand{}
		}
		return operand{num: math.Trunc(x.num / y.num)}
	}
	return number(compare(n.op, x.num, y.num))
}

func compare(op string, x, y float64) bool {
	switch op {
	case "=":
		return x == y
	case "!=":
		return x != y
	case "<":
		return x < y
	case "<=":
		return x <= y
	case ">":
		return x > y
	}
	return x >= y
}

// parser reads an expression by recursive descent.
type parser struct {
	text  string
	calls bool // functions are allowed

	pos, start int    // after and of the token
	token      string // empty at the end
	kind       rune   // '0' number, 'a' name, '"' quoted name, 'o' operator, '!' something else
	depth      int
}

func (p *parser) fault(at int, problem string) *SyntaxError {
	return &SyntaxError{Text: p.text, Column: utf8.RuneCountInString(p.text[:min(at, len(p.text))]) + 1, Problem: problem}
}

// next reads a token.
func (p *parser) next() {
	rest := strings.TrimLeftFunc(p.text[p.pos:], unicode.IsSpace)
	p.start = len(p.text) - len(rest)
	p.token, p.kind = "", 0
	if rest == "" {
		p.pos = p.start
		return
	}
	n := 1
	first, size := utf8.DecodeRuneInString(rest)
	switch {
	case first >= '0' && first <= '9':
		p.kind, n = '0', span(rest, isDigit)
		if m := span(rest, isName); m > n { // a name that begins with a digit
			p.kind, n = 'a', m
		}
	case isName(first) && first != '.':
		p.kind, n = 'a', span(rest, isName)
	case first == '\'' || first == '"':
		p.kind = '"'
		end := strings.IndexRune(rest[1:], first)
		if end < 0 {
			p.kind, n = '!', len(rest)
			break
		}
		n = end + 2
	case strings.ContainsRune("&|=<>!+-*/(),", first):
		p.kind = 'o'
		if len(rest) > 1 && rest[1] == '=' && strings.ContainsRune("<>!", first) {
			n = 2
		}
		if rest[:n] == "!" {
			p.kind = '!'
		}
	default:
		p.kind, n = '!', size
	}
	p.token, p.pos = rest[:n], p.start+n
}

func span(s string, in func(rune) bool) int {
	if i := strings.IndexFunc(s, func(r rune) bool { return !in(r) }); i >= 0 {
		return i
	}
	return len(s)
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isName(r rune) bool {
	return r == '_' || r == '.' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// left reads operations of one rank, which group to the left.
func (p *parser) left(operators string, operand func() (*node, error)) (*node, error) {
	n, err := operand()
	for err == nil && p.kind == 'o' && strings.Contains(operators, " "+p.token+" ") {
		op := p.token
		p.next()
		var right *node
		right, err = operand()
		n = &node{op: op, args: []*node{n, right}}
	}
	return n, err
}

func (p *parser) logical() (*node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxExpressionDepth {
		return nil, p.fault(p.start, fmt.Sprintf("more than %d parentheses inside of one another", maxExpressionDepth))
	}
	return p.left(" & | ", p.comparison)
}

func (p *parser) comparison() (*node, error) { return p.left(" = != < <= > >= ", p.sum) }
func (p *parser) sum() (*node, error)        { return p.left(" + - ", p.product) }
func (p *parser) product() (*node, error)    { return p.left(" * / ", p.operand) }

func (p *parser) operand() (*node, error) {
	at, token, kind := p.start, p.token, p.kind
	switch {
	case token == "":
		return nil, p.fault(at, "the end where a name or a number was expected")
	case kind == '0':
		n, err := strconv.ParseInt(token, 10, 32)
		if err != nil {
			return nil, p.fault(at, fmt.Sprintf("number %.20s is too large", token))
		}
		p.next()
		return &node{op: opNumber, num: float64(n)}, nil
	case kind == 'a' || kind == '"':
		p.next()
		if kind == '"' {
			token = token[1 : len(token)-1]
		}
		if p.token == "(" {
			return p.function(at, token)
		}
		return &node{op: opName, name: token}, nil
	case token == "-":
		p.next()
		if p.token == "-" {
			return nil, p.fault(p.start, "two signs in a row")
		}
		n, err := p.operand()
		return &node{op: "-", args: []*node{{op: opNumber}, n}}, err
	case token == "(":
		p.next()
		n, err := p.logical()
		if err != nil {
			return nil, err
		}
		if p.token != ")" {
			return nil, p.fault(p.start, fmt.Sprintf("a ) is missing for the ( at character %d", p.fault(at, "").Column))
		}
		p.next()
		return n, nil
	case kind == '!' && (token[0] == '"' || token[0] == '\''):
		return nil, p.fault(at, "a quote that is not closed")
	}
	return nil, p.fault(at, fmt.Sprintf("%q where a name or a number was expected", token))
}

// function reads the arguments of a call, which are names.
func (p *parser) function(at int, name string) (*node, error) {
	if !p.calls || !strings.EqualFold(name, "sdata") {
		return nil, p.fault(at, fmt.Sprintf("function %s is not known here", name))
	}
	open := p.start
	end := strings.IndexByte(p.text[open:], ')')
	if end < 0 {
		return nil, p.fault(open, "a ) is missing")
	}
	given := strings.Split(p.text[open+1:open+end], ",")
	if len(given) != 2 {
		return nil, p.fault(open, fmt.Sprintf("%s takes a target and a statistic", name))
	}
	call := &node{op: opCall, name: "sdata"}
	for _, g := range given {
		call.args = append(call.args, &node{op: opName, name: strings.Trim(strings.TrimSpace(g), `"'`)})
	}
	p.pos = open + end + 1
	p.next()
	return call, nil
}
