package router

import (
	"fmt"
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
// Expressions with the same meaning may be written in several ways; those that
// differ in blanks, quotes and parentheses that are not needed count as one.
// An Expression is immutable and safe for concurrent use.
type Expression struct {
	text    string
	key     string // the same for texts that differ in form only
	root    *node
	divides bool // has a division, which may fail
	login   bool // asks who is logged in
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
	opNot    = "~"
)

// ParseExpression reads a skill expression. The error is a *SyntaxError.
func ParseExpression(text string) (*Expression, error) { return parseExpression(text, nil) }

// ParseThreshold reads the condition of a threshold: an expression whose names
// are statistics of the target, with the functions
//
//	sdata(target, statistic)                          a statistic of another target
//	acfgdata(application, section, option, default)   an option; see Options.Property
//	callage()                                         age of the interaction in seconds
//	run[subroutine, argument, …]                      what a subroutine returns; see Options.Subroutine
//
// Beside the statistics of [Router.Statistic] there are PositionInQueue and
// InVQWaitTime, the wait still expected in seconds, of the request. The error is a *SyntaxError, also
// for a name that is no statistic.
func ParseThreshold(text string) (*Expression, error) {
	return parseExpression(text, map[string]int{"sdata": 2, "acfgdata": 4, "callage": 0})
}

// isThreshold reports whether names are statistics.
func (p *parser) isThreshold() bool { return p.functions["sdata"] > 0 }

// ofRequest are the names in thresholds that are about the request.
var ofRequest = map[string]bool{"PositionInQueue": true, "InVQWaitTime": true}

// ParseScript reads the expression of a virtual group, with the functions
//
//	Skill("English")       the level of a skill
//	SkillExists("English") 1 for agents who have the skill
//	LoggedIn("switch")     1 for agents who are logged in there, LoggedIn("queue@switch") in a queue
//
// and ~ before an operand for its contrary. The error is a *SyntaxError.
func ParseScript(text string) (*Expression, error) {
	return parseExpression(text, map[string]int{"skill": 1, "skillexists": 1, "loggedin": 1})
}

func parseExpression(text string, functions map[string]int) (*Expression, error) {
	p := &parser{text: text, functions: functions}
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
	e := &Expression{text: text, root: root}
	var b strings.Builder
	e.write(&b, root)
	e.key = b.String()
	return e, nil
}

// write makes the key.
func (e *Expression) write(b *strings.Builder, n *node) {
	switch n.op {
	case opNumber:
		b.WriteString(strconv.FormatFloat(n.num, 'f', -1, 64))
	case opName:
		b.WriteString(strconv.Quote(n.name))
	default:
		e.divides = e.divides || n.op == "/"
		e.login = e.login || n.op == opCall && n.name == "loggedin"
		b.WriteByte('(')
		b.WriteString(n.op)
		b.WriteString(n.name)
		for _, a := range n.args {
			b.WriteByte(' ')
			e.write(b, a)
		}
		b.WriteByte(')')
	}
}

// String returns the expression as it was written.
func (e *Expression) String() string { return e.text }

// parser reads an expression by recursive descent.
type parser struct {
	text      string
	functions map[string]int // that are known here: how many arguments they take

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
	case strings.ContainsRune("&|=<>!+-*/(),~", first):
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
		if right, err = operand(); err == nil {
			n = &node{op: op, args: []*node{n, right}}
		}
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
		switch {
		case p.token == "(":
			return p.function(at, token)
		case p.token == "[" && p.isThreshold() && strings.EqualFold(token, "run"):
			return p.function(at, token)
		case p.isThreshold() && statistics[token] == 0 && !ofRequest[token]:
			return nil, p.fault(at, fmt.Sprintf("%.40q, which is no statistic of the router,", token))
		}
		return &node{op: opName, name: token}, nil
	case token == "-":
		p.next()
		if p.token == "-" {
			return nil, p.fault(p.start, "two signs in a row")
		}
		n, err := p.operand()
		if err != nil {
			return nil, err
		}
		return &node{op: "-", args: []*node{{op: opNumber}, n}}, nil
	case token == "~" && p.functions["skill"] > 0:
		p.depth++
		defer func() { p.depth-- }()
		if p.depth > maxExpressionDepth {
			return nil, p.fault(at, "too many signs in a row")
		}
		p.next()
		n, err := p.operand()
		if err != nil {
			return nil, err
		}
		return &node{op: opNot, args: []*node{n}}, nil
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
	key := strings.ToLower(name)
	want, known := p.functions[key]
	runs := p.token == "["
	if !known && !runs {
		return nil, p.fault(at, fmt.Sprintf("function %.40s is not known here", name))
	}
	open := p.start
	opening, closing := p.token[0], byte(')')
	if runs {
		closing = ']'
	}
	var given []string
	// Arguments are no expressions: targets such as ?:English>5@Stat.GA stand there.
	depth, quote, from := 0, byte(0), open+1
	end := -1
	for i := open; i < len(p.text) && end < 0; i++ {
		switch ch := p.text[i]; {
		case quote != 0:
			if ch == quote {
				quote = 0
			}
		case ch == '"' || ch == '\'':
			quote = ch
		case ch == opening:
			depth++
		case ch == closing:
			if depth--; depth == 0 {
				end = i
			}
		case ch == ',' && depth == 1:
			given = append(given, p.text[from:i])
			from = i + 1
		}
	}
	if end < 0 {
		return nil, p.fault(open, fmt.Sprintf("a %c is missing", closing))
	}
	if last := p.text[from:end]; len(given) > 0 || strings.TrimSpace(last) != "" {
		given = append(given, last)
	}
	if runs && (len(given) == 0 || strings.TrimSpace(given[0]) == "") {
		return nil, p.fault(open, "run without the name of a subroutine")
	}
	if !runs && len(given) != want {
		return nil, p.fault(open, fmt.Sprintf("%.40s takes %d arguments, not %d", name, want, len(given)))
	}
	call := &node{op: opCall, name: key}
	for _, g := range given {
		call.args = append(call.args, &node{op: opName, name: unquote(strings.TrimSpace(g))})
	}
	if key == "sdata" && statistics[call.args[1].name] == 0 {
		return nil, p.fault(at, fmt.Sprintf("%.40q, which is no statistic of the router,", call.args[1].name))
	}
	p.pos = end + 1
	p.next()
	if key == "skill" {
		return &node{op: opName, name: call.args[0].name}, nil
	}
	return call, nil
}

// unquote takes the quotes off a text that is in quotes as a whole.
func unquote(s string) string {
	if n := len(s); n >= 2 && s[0] == s[n-1] && (s[0] == '"' || s[0] == '\'') && strings.IndexByte(s[1:n-1], s[0]) < 0 {
		return s[1 : n-1]
	}
	return s
}
