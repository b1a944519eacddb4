package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// exportKey is the member that makes a JSON file an export of mutagen rather than one of ours.
const exportKey = "__metadata__"

// export makes objects of a file that the tool mutagen has written ("mutagen config export", format
// JSON or COMPACT_JSON). Members that it does not know are ignored, and so are passwords. What is left out of the
// objects is counted.
type export struct {
	decoder
	out        *Objects
	types      map[string]map[string]string // of prototypes of applications and of physical switches, by their name
	multimedia map[string][]string          // the multimedia switches of a tenant
	left       []leftOut
}

// leftOut is something that has no counterpart in Objects.
type leftOut struct {
	what  string
	count int
}

// record is one object of an export, or a part of one.
type record struct {
	*node
	path string
}

// exportedList is a list of an export and what reads one of its objects.
type exportedList struct {
	key  string
	read func(*export, record)
}

// exported are the lists of an export, in the order in which they are read.
var exported = []exportedList{
	{"appPrototypes", func(e *export, r record) { e.typeOf("appPrototypes", r) }},
	{"physicalSwitches", func(e *export, r record) { e.typeOf("physicalSwitches", r) }},
	{"tenants", (*export).tenant},
	{"hosts", (*export).host},
	{"applications", (*export).application},
	{"switches", (*export).switchObject},
	{"dns", (*export).dn},
	{"scripts", (*export).script},
	{"transactions", (*export).transaction},
	{"persons", (*export).person},
	{"places", (*export).place},
	{"agentGroups", (*export).agentGroup},
	{"placeGroups", (*export).placeGroup},
	{"dnGroups", (*export).dnGroup},
	{"skills", (*export).skill},
	{"enumerators", (*export).enumerator},
	{"enumeratorValues", (*export).enumeratorValue},
}

// readExport reads a whole export.
func readExport(file string, root *node) (*Objects, Errors) {
	e := &export{decoder: decoder{file: file}, out: &Objects{}, types: map[string]map[string]string{}, multimedia: map[string][]string{}}
	metadata := record{root.get(exportKey), exportKey}
	if format := e.text(metadata, "formatName"); !strings.EqualFold(format, "JSON") && !strings.EqualFold(format, "COMPACT_JSON") {
		e.fail(metadata.line, exportKey, "the format of the export is %q; export with the format JSON or COMPACT_JSON", format)
		return e.out, e.errors
	}
	if version := e.text(metadata, "formatVersion"); !strings.HasPrefix(version, "1.") {
		e.doubt(metadata.line, exportKey, "the version of the format is %q; 1.0.0 is what is known here", version)
	}
	for _, l := range exported {
		items := e.list(record{root, ""}, l.key)
		for i, item := range items {
			r := record{item, l.key + " " + strconv.Itoa(i+1)}
			if item.kind != mapping {
				e.fail(item.line, r.path, "is %s; want %s", item.kind, mapping)
				continue
			}
			l.read(e, r)
		}
	}
	e.dropTwins()
	for i := range root.pairs {
		p := &root.pairs[i]
		known := slices.ContainsFunc(exported, func(l exportedList) bool { return l.key == p.key })
		if !known && p.value.kind == sequence {
			e.leave("objects of "+p.key, len(p.value.items))
		}
	}
	for _, l := range e.left {
		e.doubt(0, "", "%d %s have no counterpart here and are left out", l.count, l.what)
	}
	if e.more > 0 {
		e.errors = append(e.errors, &Error{File: file, Problem: fmt.Sprintf("and %d more", e.more)})
	}
	return e.out, e.errors
}

// doubt adds a warning.
func (e *export) doubt(line int, path, format string, args ...any) {
	if len(e.out.Warnings) < maxErrors {
		e.out.Warnings = append(e.out.Warnings, &Error{File: e.file, Line: line, Object: path, Problem: fmt.Sprintf(format, args...)})
	}
}

// leave counts what is left out.
func (e *export) leave(what string, n int) {
	if n == 0 {
		return
	}
	i := slices.IndexFunc(e.left, func(l leftOut) bool { return l.what == what })
	if i < 0 {
		e.left = append(e.left, leftOut{what, n})
		return
	}
	e.left[i].count += n
}

// dropTwins leaves out DNs of other types whose number another DN of the switch has: the configuration
// layer tells DNs apart by their type too.
func (e *export) dropTwins() {
	type key struct{ number, on string }
	seen := make(map[key]bool, len(e.out.DNs)) // true: there is one that is to stay
	for _, dn := range e.out.DNs {
		k := key{dn.Number, dn.Switch}
		seen[k] = seen[k] || dn.Type != OtherDN
	}
	if len(seen) == len(e.out.DNs) {
		return
	}
	before := len(e.out.DNs)
	e.out.DNs = slices.DeleteFunc(e.out.DNs, func(dn *DN) bool {
		k := key{dn.Number, dn.Switch}
		drop := dn.Type == OtherDN && seen[k]
		seen[k] = true
		return drop
	})
	e.leave("DNs of types that are not used here, with the number of another DN,", before-len(e.out.DNs))
}

// get returns a member, nil for one that is not there or has another shape.
func (e *export) get(r record, key string, want nodeKind) *node {
	n := r.get(key)
	if n == nil || n.kind == nothing {
		return nil
	}
	if n.kind != want {
		e.fail(n.line, join(r.path, key), "is %s; want %s", n.kind, want)
		return nil
	}
	return n
}

func (e *export) text(r record, key string) string {
	if n := e.get(r, key, scalar); n != nil {
		return n.text
	}
	return ""
}

// need is text that has to be there.
func (e *export) need(r record, key string) string {
	s := e.text(r, key)
	if n := r.get(key); s == "" && (n == nil || n.kind == nothing || n.kind == scalar) {
		e.fail(r.line, r.path, "%s is required", key)
	}
	return s
}

func (e *export) number(r record, key string) int {
	s := e.text(r, key)
	if s == "" {
		return 0
	}
	i, err := strconv.Atoi(s)
	if err != nil {
		e.fail(r.get(key).line, join(r.path, key), "%q is not an integer", s)
	}
	return i
}

func (e *export) flag(r record, key string) bool {
	s := e.text(r, key)
	if s == "" {
		return false
	}
	b, ok := readBool(s)
	if !ok {
		e.fail(r.get(key).line, join(r.path, key), "%q is neither true nor false", s)
	}
	return b
}

// kind is the name of a type or a state; its case does not count.
func (e *export) kind(r record, key string) string { return strings.ToLower(e.text(r, key)) }

func (e *export) disabled(r record) bool { return e.kind(r, "state") == "disabled" }

// part returns a member that is a mapping; an empty one when it is not there.
func (e *export) part(r record, key string) record {
	n := e.get(r, key, mapping)
	if n == nil {
		n = &node{kind: mapping, line: r.line}
	}
	return record{n, join(r.path, key)}
}

func (e *export) list(r record, key string) []*node {
	if n := e.get(r, key, sequence); n != nil {
		return n.items
	}
	return nil
}

// parts returns the mappings of a list.
func (e *export) parts(r record, key string) []record {
	var l []record
	for i, n := range e.list(r, key) {
		path := join(r.path, key) + " " + strconv.Itoa(i+1)
		if n.kind != mapping {
			e.fail(n.line, path, "is %s; want %s", n.kind, mapping)
			continue
		}
		l = append(l, record{n, path})
	}
	return l
}

// names returns a list of texts.
func (e *export) names(r record, key string) []string {
	var l []string
	for i, n := range e.list(r, key) {
		if n.kind != scalar {
			e.fail(n.line, join(r.path, key)+" "+strconv.Itoa(i+1), "is %s; want %s", n.kind, scalar)
			continue
		}
		l = append(l, n.text)
	}
	return l
}

// numbers returns a list of references to DNs.
func (e *export) numbers(r record, key string) []string {
	var l []string
	for _, dn := range e.parts(r, key) {
		l = append(l, e.dnName(dn))
	}
	return l
}

func (e *export) dnName(r record) string { return e.need(r, "number") + "@" + e.need(r, "switch") }

// annex reads a list of sections. Deeper ones and binary values are counted.
func (e *export) annex(r record, key string) Options {
	n := e.get(r, key, mapping)
	if n == nil {
		return nil
	}
	l := make(Options, 0, len(n.pairs))
	for i := range n.pairs {
		p := &n.pairs[i]
		if p.value.kind != mapping {
			e.leave("properties outside of sections", 1)
			continue
		}
		section := Section{Name: p.key, Options: make([]Option, 0, len(p.value.pairs))}
		for j := range p.value.pairs {
			switch q := &p.value.pairs[j]; q.value.kind {
			case sequence:
				e.leave("binary properties", 1)
			case mapping:
				e.leave("lists inside of sections", 1)
			default:
				section.Options = append(section.Options, Option{Name: q.key, Value: q.value.text, Secret: isPassword(q.key), line: q.line})
			}
		}
		l = append(l, section)
	}
	return l
}

// isPassword reports whether the value of an option is a secret: an export has it as plain text.
func isPassword(name string) bool { return strings.Contains(strings.ToLower(name), "password") }
