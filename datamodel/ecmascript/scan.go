package ecmascript

import (
	"fmt"
	"strings"
)

// Limits of source text. Parsers of ECMAScript are recursive, and a Go program
// does not survive the overflow of a stack, so that text is checked before a
// parser sees it.
const (
	maxNesting = 500       // brackets within brackets
	maxChain   = 10_000    // operators one after the other, over all open brackets
	maxBlurred = 128 << 10 // bytes of text that cannot be told apart without a parser
)

// CheckSource judges the text of a program before a parser sees it: its length,
// the nesting of its brackets and the length of its chains of operators. Engines
// use it for text that scripts hand to eval and the function constructors. The
// error is a *SyntaxError.
func CheckSource(text string, maxBytes int) error {
	if maxBytes > 0 && len(text) > maxBytes {
		return &SyntaxError{Message: fmt.Sprintf("source text of %d bytes exceeds the limit of %d", len(text), maxBytes)}
	}
	if len(text) < maxNesting {
		return nil
	}
	s := scanner{text: text, levels: []level{{}}}
	return s.scan()
}

// scanner is a tokenizer that only knows how to tell code from strings,
// comments, templates and regular expressions.
type scanner struct {
	text    string
	pos     int
	levels  []level // open brackets; the first one is the program
	chain   int     // sum of levels[].chain
	prev    token
	newline bool // between prev and the next token
	blurred int  // position of a slash of unknown meaning, + 1
}

type level struct {
	open    byte // '(', '[', '{', '`' for ${
	control bool // the parenthesis of if, while, for, with
	chain   int  // operators since the last ; or ,
}

type token uint8

const (
	start    token = iota
	operator       // a regular expression may follow
	operand        // a division may follow
	prefix         // a word such as return or typeof, after which an operand comes
	control        // if, while, for, with
	dot
	brace   // }
	incDec  // ++ or -- after an operand
	unclear // ++ or -- elsewhere
)

func (s *scanner) fail(at int, format string, args ...any) error {
	line := 1 + strings.Count(s.text[:at], "\n")
	col := at - strings.LastIndexByte(s.text[:at], '\n')
	return &SyntaxError{Message: fmt.Sprintf(format, args...), Line: line, Column: col}
}

func (s *scanner) scan() error {
	for s.pos < len(s.text) {
		if err := s.token(); err != nil {
			return err
		}
		if len(s.levels) > maxNesting {
			return s.fail(s.pos-1, "brackets are nested deeper than %d", maxNesting)
		}
		if s.chain > maxChain {
			return s.fail(s.pos-1, "more than %d operators in one expression", maxChain)
		}
	}
	if s.blurred > 0 && len(s.text) > maxBlurred {
		return s.fail(s.blurred-1, "in a text of this length, a regular expression after '}' must be put in parentheses")
	}
	return nil
}

func (s *scanner) token() error {
	c := s.text[s.pos]
	switch {
	case c == '\n' || c == '\r':
		s.newline = true
		s.pos++
		return nil
	case c == ' ' || c == '\t':
		s.pos++
		return nil
	case c == '/' && s.peek(1) == '/':
		s.line()
		return nil
	case c == '/' && s.peek(1) == '*':
		n := strings.Index(s.text[s.pos+2:], "*/")
		if n < 0 {
			s.pos = len(s.text) // the parser reports it
			return nil
		}
		s.newline = s.newline || strings.Contains(s.text[s.pos:s.pos+n+2], "\n")
		s.pos += n + 4
		return nil
	case strings.HasPrefix(s.text[s.pos:], "<!--") || strings.HasPrefix(s.text[s.pos:], "-->"):
		s.blurred = s.pos + 1 // a comment for some engines
	}
	word := isWord(c)
	if s.newline {
		// A line that begins with an operand after one that ended with an operand
		// begins a statement.
		if (word || c == '\'' || c == '"' || c == '{' || c == '}') && (s.prev == operand || s.prev == brace || s.prev == incDec) &&
			!strings.HasPrefix(s.text[s.pos:], "else") {
			s.reset()
		}
		s.newline = false
	}
	switch {
	case word:
		s.word()
	case c == '\'' || c == '"':
		s.str(c)
	case c == '`':
		s.pos++
		s.template()
	case c == '/' && s.regexpFollows():
		s.regexp()
	default:
		s.punctuator(c)
	}
	return nil
}

func (s *scanner) peek(n int) byte {
	if s.pos+n < len(s.text) {
		return s.text[s.pos+n]
	}
	return 0
}

func (s *scanner) line() {
	if n := strings.IndexAny(s.text[s.pos:], "\n\r"); n >= 0 {
		s.pos += n
	} else {
		s.pos = len(s.text)
	}
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '$' || c == '\\' || c >= 0x80
}

func (s *scanner) word() {
	from := s.pos
	for s.pos < len(s.text) && isWord(s.text[s.pos]) {
		s.pos++
	}
	if s.prev == dot {
		s.prev = operand
		return
	}
	switch s.text[from:s.pos] {
	case "if", "while", "for", "with":
		s.prev = control
		s.count()
	case "return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do", "instanceof", "await", "yield", "extends":
		s.prev = prefix
		s.count()
	default:
		s.prev = operand
	}
}

func (s *scanner) str(quote byte) {
	s.pos++
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		s.pos++
		switch c {
		case '\\':
			s.pos++
		case quote, '\n':
			s.prev = operand
			return
		}
	}
	s.prev = operand
}

// template goes on after a backquote or after the } of a substitution.
func (s *scanner) template() {
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		s.pos++
		switch {
		case c == '\\':
			s.pos++
		case c == '`':
			s.prev = operand
			return
		case c == '$' && s.peek(0) == '{':
			s.pos++
			s.open('`')
			return
		}
	}
}

func (s *scanner) regexpFollows() bool {
	switch s.prev {
	case operand, incDec, dot:
		return false
	case brace, unclear:
		s.blurred = s.pos + 1
		return false
	}
	return true
}

func (s *scanner) regexp() {
	class := false
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch s.text[s.pos] {
		case '\\':
			s.pos++
		case '[':
			class = true
		case ']':
			class = false
		case '/':
			if !class {
				s.pos++
				s.prev = operand // the flags are a word that follows
				return
			}
		case '\n', '\r':
			s.prev = operand
			return
		}
	}
}

func (s *scanner) top() *level { return &s.levels[len(s.levels)-1] }

func (s *scanner) count() {
	s.top().chain++
	s.chain++
}

func (s *scanner) reset() {
	s.chain -= s.top().chain
	s.top().chain = 0
}

func (s *scanner) open(c byte) {
	s.count()
	s.levels = append(s.levels, level{open: c, control: c == '(' && s.prev == control})
	s.prev = operator
}

func (s *scanner) punctuator(c byte) {
	at := s.pos
	s.pos++
	switch c {
	case '(', '[', '{':
		s.open(c)
	case ')', ']', '}':
		if len(s.levels) == 1 {
			s.prev = brace // not balanced; the parser reports it
			return
		}
		closed := *s.top()
		s.reset()
		s.levels = s.levels[:len(s.levels)-1]
		switch {
		case closed.open == '`' && c == '}':
			s.template()
		case c == '}':
			s.prev = brace
		case closed.control:
			s.prev = operator
		default:
			s.prev = operand
		}
	case ';':
		s.reset()
		s.prev = operator
	case ',':
		s.reset()
		s.prev = operator
	case '.':
		s.count()
		s.prev = dot
		if s.peek(0) == '.' {
			s.prev = operator // spread
		}
	case '+', '-':
		s.count()
		if s.peek(0) == c && at+1 == s.pos {
			s.pos++
			if s.prev == operand {
				s.prev = incDec
			} else {
				s.prev = unclear
			}
			return
		}
		s.prev = operator
	default:
		s.count()
		s.prev = operator
	}
}
