package ecmascript

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
)

// Texts of the ORS dialect may have been written for the ECMAScript of its time,
// JavaScript 1.7 and 1.8. What engines of today do not read is written anew, in
// the same lines; Function.prototype.toString gives what the author wrote.

// valuesName is the function of what for each goes through.
const valuesName = "_$values"

// adapt returns a text as engines read it.
func (l *language) adapt(src datamodel.Source) (*text, error) {
	t := &text{Source: src}
	comments := strings.Contains(src.Text, "<!--") || strings.Contains(src.Text, "-->")
	es2015 := l.engine.Features().ES2015
	var w words
	if src.Statements {
		w = wordsOf(src.Text)
		t.needs = w.needs
	}
	if !w.older && (es2015 || !w.constant) && (!comments || !src.Statements && src.Kind != datamodel.Script) {
		return t, nil
	}
	if err := CheckSource(src.Text, l.maxScript); err != nil {
		return nil, compileError(t, 0, err)
	}
	a := adapter{text: src.Text, es2015: es2015}
	a.read()
	if src.Statements {
		a.rewrite()
	}
	t = t.edited(a.edits)
	if es2015 && a.each > 0 {
		t.needs |= needValues
	}
	return t, nil
}

// lexeme is a piece of text between white space and comments.
type lexeme struct {
	from, to int
	close    int // of an opening bracket: the index of the closing one; 0: there is none
}

type adapter struct {
	text   string
	es2015 bool
	list   []lexeme
	edits  []Edit
	each   int
}

// read takes the text apart, and makes comments of what browsers take for some.
func (a *adapter) read() {
	s := scanner{text: a.text, levels: []level{{}}}
	var open []int
	line := true // nothing but comments so far in this line
	for s.pos < len(a.text) {
		rest := a.text[s.pos:]
		if strings.HasPrefix(rest, "<!--") || line && strings.HasPrefix(rest, "-->") {
			a.edit(s.pos, 2, "//")
			s.line()
			continue
		}
		from := s.pos
		if s.token() != nil || s.pos <= from {
			return // the parser reports it
		}
		switch c := a.text[from]; {
		case c == '\n' || c == '\r':
			line = true
			continue
		case c == ' ' || c == '\t' || c == '/' && from+1 < len(a.text) && (a.text[from+1] == '/' || a.text[from+1] == '*'):
			continue
		case strings.IndexByte("([{", c) >= 0:
			open = append(open, len(a.list))
		case strings.IndexByte(")]}", c) >= 0 && len(open) > 0:
			a.list[open[len(open)-1]].close = len(a.list)
			open = open[:len(open)-1]
		}
		line = false
		a.list = append(a.list, lexeme{from: from, to: min(s.pos, len(a.text))})
	}
}

func (a *adapter) edit(at, length int, now string) {
	a.edits = append(a.edits, Edit{Offset: at, Length: length, Text: now})
}

// is reports whether the lexemes from i on are these.
func (a *adapter) is(i int, words ...string) bool {
	if i < 0 || i+len(words) > len(a.list) {
		return false
	}
	for j, w := range words {
		if l := a.list[i+j]; a.text[l.from:l.to] != w {
			return false
		}
	}
	return true
}

// rewrite looks for what has to be written anew. What is inside of something comes
// first, so that it is closed first.
func (a *adapter) rewrite() {
	for i := len(a.list) - 1; i >= 0; i-- {
		switch {
		case a.is(i-1, "."):
		case a.is(i, "for", "each", "("):
			a.forEach(i)
		case a.is(i, "catch", "(") && a.is(i+3, "if"):
			a.guard(i)
		case a.es2015 && a.is(i, "let", "("):
			if end := a.list[i+1].close; end > 0 && a.is(end+1, "{") && a.list[end+1].close > 0 {
				a.edit(a.list[i].from, len("let"), "{let ")
				a.edit(a.list[i+1].from, 1, "")
				a.edit(a.list[end].from, 1, ";")
				a.edit(a.list[a.list[end+1].close].to, 0, "}")
			}
		case !a.es2015 && a.is(i, "const") && !a.is(i+1, ":"):
			a.edit(a.list[i].from, len("const"), "var")
		}
	}
}

// forEach writes a loop over values.
func (a *adapter) forEach(i int) {
	head := i + 2
	end := a.list[head].close
	in := head + 1
	for in < end && !a.is(in, "in") {
		in = max(in, a.list[in].close) + 1
	}
	if in >= end || in == head+1 {
		return
	}
	a.edit(a.list[i+1].from, len("each"), "")
	a.each++
	if a.es2015 {
		a.edit(a.list[in].from, len("in"), "of "+valuesName+"(")
		a.edit(a.list[end].from, 0, ")")
		return
	}
	first := head + 1
	if a.is(first, "var") {
		first++
	}
	object := "_$each" + strconv.Itoa(a.each)
	name := a.text[a.list[first].from:a.list[in-1].to]
	a.edit(a.list[in].from, len("in"), "in "+object+" = (")
	a.edit(a.list[end].from, 1, ")) if ("+name+" = "+object+"["+name+"], false) var "+object+"; else ")
}

// guard writes catch (e if condition) { … }.
func (a *adapter) guard(i int) {
	end := a.list[i+1].close
	if end == 0 || !a.is(end+1, "{") || a.list[end+1].close == 0 {
		return
	}
	exception := a.text[a.list[i+2].from:a.list[i+2].to]
	a.edit(a.list[i+3].from, len("if"), ") { if (")
	last := a.list[end+1].close
	if !a.is(last+1, "catch", "(") {
		a.edit(a.list[last].to, 0, " else throw "+exception+" }")
		return
	}
	a.edit(a.list[last].to, 0, " else try { throw "+exception+" }")
	// The clause that follows is within the one that is written here.
	for a.is(last+1, "catch", "(") {
		block := a.list[last+2].close + 1
		if block <= last || !a.is(block, "{") || a.list[block].close == 0 {
			return
		}
		last = a.list[block].close
	}
	a.edit(a.list[last].to, 0, "}")
}

// hints tell what to write in place of what nobody reads any more.
var hints = []struct {
	mark *regexp.Regexp
	hint string
}{
	{regexp.MustCompile(`(?:[=(,:?+]|\breturn|^)\s*<[A-Za-z>?!]|\.\.\s*[@*A-Za-z]|\.@|\bdefault\s+xml\b`),
		"E4X, XML as a part of the language, is not supported: keep the XML in a <data> item or a string, and use getElementsByTagName on the document"},
	{regexp.MustCompile(`\[[^\]]*\bfor\s*(?:each\s*)?\(`), "array comprehensions of JavaScript 1.7 are not supported: write a loop, or map and filter"},
	{regexp.MustCompile(`\bfunction\s*\w*\s*\([^)]*\)\s*[^\s{]`), "functions without braces of JavaScript 1.8 are not supported: write function (x) { return … }"},
	{regexp.MustCompile(`\blet\s*\(`), "let expressions of JavaScript 1.7 are not supported: declare the variables before"},
	{regexp.MustCompile(`\byield\b`), "generators of JavaScript 1.7 are not supported: write a loop that fills an array"},
	{regexp.MustCompile(`#\d+[=#]`), "sharp variables are not supported: assign the object to a variable first"},
}

// hint looks at a line for the mark of something that was never standard.
func hint(src *text, line int) string {
	author := src.author()
	lines := strings.Split(author.Text, "\n")
	if !author.Statements || line < 1 || line > len(lines) || len(lines[line-1]) > 2000 {
		return ""
	}
	for _, h := range hints {
		if h.mark.MatchString(lines[line-1]) {
			return "; " + h.hint
		}
	}
	return ""
}

// needs are groups of built-ins that the standard does not have.
type needs uint8

const (
	needSource needs = 1 << iota
	needDates
	needTexts
	needAccessors
	needStatics
	needValues
	needMatches
)

// needNames are the names that tell that a program needs a group.
var needNames = map[string]needs{
	"toSource": needSource, "uneval": needSource, "getYear": needDates, "setYear": needDates, "toGMTString": needDates, "toLocaleFormat": needDates,
	"__defineGetter__": needAccessors, "__defineSetter__": needAccessors, "__lookupGetter__": needAccessors, "__lookupSetter__": needAccessors,
}

// words is what the words of a text tell about it. They may stand in strings.
type words struct {
	needs    needs
	older    bool // it may have syntax that has to be written anew
	constant bool // it may have const
}

// wordsOf looks at the words of a text. This is done with all texts.
func wordsOf(text string) (w words) {
	last, before := "", byte(0) // the word before, and what stands between
	caught := false
	for i := 0; i < len(text); {
		c := text[i]
		if !isWord(c) {
			if c > ' ' {
				if before != 0 {
					last = ""
				}
				before = c
			}
			i++
			continue
		}
		from := i
		for i < len(text) && isWord(text[i]) {
			i++
		}
		word := text[from:i]
		w.needs |= needNames[word]
		switch {
		case before == '.':
			if _, ok := htmlMethods[word]; ok || word == "quote" {
				w.needs |= needTexts
			}
			if last == "RegExp" && slices.Contains(matchNames, word) {
				w.needs |= needMatches
			}
			if (last == "Array" || last == "String") && (slices.Contains(arrayGenerics, word) || slices.Contains(stringGenerics, word)) {
				w.needs |= needStatics
			}
		case word == "each":
			w.older = w.older || last == "for"
		case word == "if":
			w.older = w.older || caught && before == 0 && last != "else" && last != "" // catch (e if …)
		case word == "let":
			w.older = w.older || strings.HasPrefix(strings.TrimLeft(text[i:min(len(text), i+16)], " \t\r\n"), "(")
		case word == "catch":
			caught = true
		case word == "const":
			w.constant = true
		}
		last, before = word, 0
	}
	return w
}

// needsOf is what programs of several texts ask for.
func needsOf(list ...*text) (n needs) {
	for _, t := range list {
		n |= t.needs
	}
	return n
}
