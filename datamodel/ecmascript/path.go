package ecmascript

import (
	"strconv"
	"strings"
)

// path leads from a variable to a value inside of it.
type path []step

// step is a member, or an element of an array.
type step struct {
	name  string
	index int // -1: a member
}

func member(name string) step { return step{name, -1} }
func item(i int) step         { return step{"", i} }

// String returns the path as a script has it.
func (p path) String() string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.index >= 0:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case i == 0:
			b.WriteString(s.name)
		case isIdentifier(s.name):
			b.WriteString("." + s.name)
		default:
			b.WriteString("[" + strconv.Quote(s.name) + "]")
		}
	}
	return b.String()
}
