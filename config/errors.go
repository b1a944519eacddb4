package config

import (
	"errors"
	"fmt"
	"strings"
)

// Errors that callers branch on.
var (
	// ErrNoDN: the configuration has no such DN, or more than one.
	ErrNoDN = errors.New("config: no such DN")

	// ErrNoApplication: no application is attached to the DN, or none for the
	// cluster that asks.
	ErrNoApplication = errors.New("config: no application on the DN")

	// ErrClosed: the Live configuration has been closed.
	ErrClosed = errors.New("config: closed")

	// ErrUnchanged: a Source has nothing new since it was read last.
	ErrUnchanged = errors.New("config: unchanged")
)

// Error is one thing that is wrong with a configuration, or doubtful. What does not
// apply is empty.
type Error struct {
	File    string
	Line    int    // from 1; 0: not known
	Object  string // "DN 5000@Main", "Script Sales"
	Section string
	Option  string
	Problem string // what is wrong and what to do about it
}

func (e *Error) Error() string { return "config: " + e.text() }

func (e *Error) text() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	var place []string
	if e.Object != "" {
		place = append(place, e.Object)
	}
	if e.Section != "" {
		place = append(place, "section "+e.Section)
	}
	if e.Option != "" {
		place = append(place, "option "+e.Option)
	}
	if len(place) > 0 {
		b.WriteString(strings.Join(place, ", "))
		b.WriteString(": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}

// Errors is everything that is wrong with a configuration. errors.As finds the
// first *Error.
type Errors []*Error

func (e Errors) Error() string {
	if len(e) == 1 {
		return e[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "config: %d errors:", len(e))
	for _, one := range e {
		b.WriteString("\n\t")
		b.WriteString(one.text())
	}
	return b.String()
}

// Unwrap returns the errors one by one.
func (e Errors) Unwrap() []error {
	l := make([]error, len(e))
	for i := range e {
		l[i] = e[i]
	}
	return l
}

// asError is nil for no errors.
func (e Errors) asError() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// at makes an error of an object.
func at(o Object, format string, args ...any) *Error {
	w := o.where()
	return &Error{File: w.file, Line: w.line, Object: o.ID().String(), Problem: fmt.Sprintf(format, args...)}
}

// atOption makes an error of an option of an object.
func atOption(o Object, section string, option Option, format string, args ...any) *Error {
	e := at(o, format, args...)
	e.Section, e.Option = section, option.Name
	e.Problem = option.hide(e.Problem)
	if option.line > 0 {
		e.Line = option.line
	}
	return e
}
