package scxml

import (
	"bytes"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/antchfx/xmlquery"
)

// sourceFile is a part of xmlTree.text and of xmlTree.lines.
type sourceFile struct {
	name        string
	start, end  int // offsets of its text
	first, last int // its lines, the last one excluded
}

// addFile adds the text of a file and returns its offset.
func (t *xmlTree) addFile(name string, text []byte) int {
	f := sourceFile{name: name, first: len(t.lines)}
	if len(t.files) == 0 {
		t.text = slices.Clip(text) // the caller's bytes are not written to
	} else {
		f.start = len(t.text) + 1
		t.text = append(append(t.text, '\n'), text...)
	}
	f.end = len(t.text)
	t.lines = append(t.lines, f.start)
	for i, c := range text {
		if c == '\n' {
			t.lines = append(t.lines, f.start+i+1)
		}
	}
	f.last = len(t.lines)
	t.files = append(t.files, f)
	return f.start
}

// fileAt returns the file of an offset.
func (t *xmlTree) fileAt(offset int) *sourceFile {
	i := sort.Search(len(t.files), func(i int) bool { return t.files[i].start > offset })
	return &t.files[max(i-1, 0)]
}

// fileNamed returns the file of a position; nil when it is not one of the tree.
func (t *xmlTree) fileNamed(name string) *sourceFile {
	for i := range t.files {
		if t.files[i].name == name {
			return &t.files[i]
		}
	}
	return nil
}

// line returns the number of the line of an offset, from 0, over all files.
func (t *xmlTree) line(offset int) int {
	return max(sort.SearchInts(t.lines, offset+1)-1, 0)
}

func (t *xmlTree) position(offset int) Position {
	f, line := t.fileAt(offset), t.line(offset)
	return Position{File: f.name, Line: line - f.first + 1, Column: offset - t.lines[line] + 1}
}

// offset is the inverse of position; -1 when the tree has no such line.
func (t *xmlTree) offset(pos Position) int {
	f := t.fileNamed(pos.File)
	if f == nil || pos.Line < 1 || pos.Line > f.last-f.first {
		return -1
	}
	return t.lines[f.first+pos.Line-1] + pos.Column - 1
}

// diagnosticAt returns a Diagnostic with the place filled in. The place may be in
// a file that is not one of the tree.
func (t *xmlTree) diagnosticAt(pos Position) Diagnostic {
	d := Diagnostic{Pos: pos}
	f := t.fileNamed(pos.File)
	if f == nil || pos.Line < 1 || pos.Line > f.last-f.first {
		return d
	}
	line := f.first + pos.Line - 1
	from, to := t.lines[line], f.end
	if line+1 < f.last {
		to = t.lines[line+1]
	}
	d.Line, d.Caret = excerpt(bytes.TrimRight(t.text[from:to], "\r\n"), pos.Column-1)
	return d
}

// attrStart returns the offset of the value of the i-th attribute of n.
func (t *xmlTree) attrStart(n *xmlquery.Node, i int) int {
	if t.attrNode != n {
		t.attrNode, t.attrStarts = n, scanAttributes(t.text, t.spans[n], t.attrStarts[:0])
	}
	if i < len(t.attrStarts) {
		return t.attrStarts[i]
	}
	return t.spans[n].start
}

// scanAttributes finds the values in a start tag that is known to be well-formed.
func scanAttributes(text []byte, s span, starts []int) []int {
	for i := s.start; i < s.open; i++ {
		quote := text[i]
		if quote != '"' && quote != '\'' {
			continue
		}
		starts = append(starts, i+1)
		n := bytes.IndexByte(text[i+1:s.open], quote)
		if n < 0 {
			return starts
		}
		i += 1 + n
	}
	return starts
}

// inAttribute corrects a position that was counted in the value of an attribute
// beginning at start: a character reference is longer in the source than in the
// value.
func (t *xmlTree) inAttribute(start, pos Position) Position {
	offset := t.offset(start)
	if pos.Line != start.Line || offset < 1 || offset > len(t.text) || t.text[offset-1] != '"' && t.text[offset-1] != '\'' {
		return pos // text of a <script>, or another line
	}
	i := offset
	for n := pos.Column - start.Column; n > 0 && i < len(t.text) && t.text[i] != '\n'; n-- {
		if t.text[i] != '&' {
			i++
			continue
		}
		end := bytes.IndexByte(t.text[i:], ';')
		if end < 0 {
			break
		}
		if ref := string(t.text[i+1 : i+end]); strings.HasPrefix(ref, "#") {
			r, _ := strconv.ParseInt("0"+ref[1:], 0, 32)
			n -= max(utf8.RuneLen(rune(r)), 1) - 1
		}
		i += end + 1
	}
	pos.Column = start.Column + i - offset
	return pos
}
