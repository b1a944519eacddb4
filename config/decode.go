package config

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// field is a field of an object in a file.
type field struct {
	name     string
	index    int
	required bool
}

// shapes has the fields of all structures that may stand in a file.
var shapes = func() map[reflect.Type][]field {
	m := map[reflect.Type][]field{}
	var add func(t reflect.Type)
	add = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || m[t] != nil {
			return
		}
		for i := range t.NumField() {
			f := t.Field(i)
			if name := f.Tag.Get("json"); name != "" {
				m[t] = append(m[t], field{name, i, f.Tag.Get("cfg") == "required"})
				add(f.Type)
			}
		}
	}
	add(reflect.TypeFor[Objects]())
	return m
}()

var (
	optionsType = reflect.TypeFor[Options]()
	skillsType  = reflect.TypeFor[SkillLevels]()
	chooserType = reflect.TypeFor[chooser]()
	originType  = reflect.TypeFor[origin]()
)

// chooser is a text that has to be one of a few.
type chooser interface{ choices() []string }

// schemaKey may stand in a file for the sake of editors.
const schemaKey = "$schema"

// decoder makes objects of a file.
type decoder struct {
	file    string
	secrets *secrets
	errors  Errors
	more    int
}

func (d *decoder) fail(line int, path, format string, args ...any) {
	if len(d.errors) == maxErrors {
		d.more++
		return
	}
	d.errors = append(d.errors, &Error{File: d.file, Line: line, Object: path, Problem: fmt.Sprintf(format, args...)})
}

// objects reads a whole file.
func (d *decoder) objects(root *node) *Objects {
	o := &Objects{}
	if root == nil || root.kind == nothing {
		return o
	}
	if root.kind != mapping {
		d.fail(root.line, "", "the file is %s; want a mapping such as dns: […]", root.kind)
		return o
	}
	d.structure(reflect.ValueOf(o).Elem(), root, "", schemaKey)
	if d.more > 0 {
		d.errors = append(d.errors, &Error{File: d.file, Problem: fmt.Sprintf("and %d more", d.more)})
	}
	return o
}

// structure fills a struct.
func (d *decoder) structure(v reflect.Value, n *node, path, ignored string) {
	fields := shapes[v.Type()]
	if v.NumField() > 0 && v.Type().Field(0).Type == originType {
		v.Addr().Interface().(interface{ setOrigin(origin) }).setOrigin(origin{d.file, n.line})
	}
	for i := range n.pairs {
		p := &n.pairs[i]
		if p.key == ignored {
			continue
		}
		at := slices.IndexFunc(fields, func(f field) bool { return f.name == p.key })
		if at < 0 {
			known := make([]string, len(fields))
			for i, f := range fields {
				known[i] = f.name
			}
			hint := didYouMean(p.key, known)
			if hint == "" {
				hint = "; known here: " + strings.Join(known, ", ")
			}
			d.fail(p.line, path, "%q is not known%s", p.key, hint)
			continue
		}
		d.value(v.Field(fields[at].index), p.value, join(path, p.key))
	}
	for _, f := range fields {
		if f.required && v.Field(f.index).IsZero() {
			if given := n.get(f.name); given == nil || given.kind == nothing || given.kind == scalar && given.text == "" {
				d.fail(n.line, path, "%s is required", f.name)
			}
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + ", " + name
}

func (d *decoder) value(v reflect.Value, n *node, path string) {
	if n.kind == nothing {
		return
	}
	want := scalar
	switch t := v.Type(); {
	case t == optionsType, t == skillsType, t.Kind() == reflect.Struct, t.Kind() == reflect.Pointer:
		want = mapping
	case t.Kind() == reflect.Slice:
		want = sequence
	}
	if n.kind != want {
		d.fail(n.line, path, "is %s; want %s", n.kind, want)
		return
	}
	switch t := v.Type(); {
	case t == optionsType:
		v.Set(reflect.ValueOf(d.options(n, path)))
	case t == skillsType:
		v.Set(reflect.ValueOf(d.skills(n, path)))
	case t.Kind() == reflect.Pointer:
		o := reflect.New(t.Elem())
		d.structure(o.Elem(), n, path, "")
		v.Set(o)
	case t.Kind() == reflect.Struct:
		d.structure(v, n, path, "")
	case t.Kind() == reflect.Slice:
		l := reflect.MakeSlice(t, len(n.items), len(n.items))
		for i, item := range n.items {
			if item.kind == nothing {
				d.fail(item.line, path, "item %d is empty", i+1)
				continue
			}
			d.value(l.Index(i), item, path+" "+strconv.Itoa(i+1))
		}
		v.Set(l)
	default:
		d.scalar(v, n, path)
	}
}

func (d *decoder) scalar(v reflect.Value, n *node, path string) {
	switch v.Kind() {
	case reflect.String:
		text := n.text
		if v.Type().Implements(chooserType) {
			choices := v.Interface().(chooser).choices()
			i := slices.IndexFunc(choices, func(c string) bool { return strings.EqualFold(c, text) })
			if i < 0 && text != "" {
				d.fail(n.line, path, "%q is none of %s%s", text, strings.Join(choices, ", "), didYouMean(text, choices))
				return
			}
			if i >= 0 {
				text = choices[i]
			}
		}
		v.SetString(text)
	case reflect.Int:
		i, err := strconv.Atoi(n.text)
		if err != nil {
			d.fail(n.line, path, "%q is not an integer", n.text)
			return
		}
		v.SetInt(int64(i))
	case reflect.Bool:
		b, ok := readBool(n.text)
		if !ok {
			d.fail(n.line, path, "%q is neither true nor false", n.text)
			return
		}
		v.SetBool(b)
	}
}

// options reads a two-level list.
func (d *decoder) options(n *node, path string) Options {
	l := make(Options, 0, len(n.pairs))
	for _, p := range n.pairs {
		section := Section{Name: p.key}
		if p.value.kind != mapping && p.value.kind != nothing {
			d.fail(p.line, path, "section %s is %s; want a mapping of options to values", p.key, p.value.kind)
			continue
		}
		section.Options = make([]Option, 0, len(p.value.pairs))
		for _, q := range p.value.pairs {
			o := Option{Name: q.key, line: q.line}
			switch q.value.kind {
			case scalar, nothing:
				o.Value = q.value.text
			case mapping:
				secret, problem := d.secrets.read(q.value)
				if problem != "" {
					d.fail(q.line, path, "section %s, option %s: %s", p.key, q.key, problem)
				}
				o.Value, o.Secret = secret, true
			default:
				d.fail(q.line, path, "section %s, option %s is a list; want a value", p.key, q.key)
			}
			section.Options = append(section.Options, o)
		}
		l = append(l, section)
	}
	return l
}

func (d *decoder) skills(n *node, path string) SkillLevels {
	l := make(SkillLevels, 0, len(n.pairs))
	for _, p := range n.pairs {
		level, err := strconv.Atoi(p.value.text)
		if err != nil || level < 0 {
			d.fail(p.line, path, "%s: %q is not the level of a skill: an integer from 0", p.key, p.value.text)
			continue
		}
		l = append(l, SkillLevel{p.key, level})
	}
	return l
}

// secrets reads values that stand outside of the configuration: {env: NAME} and {file: name}.
type secrets struct {
	env  func(string) (string, bool)
	file func(name string) ([]byte, error)

	used map[string][]byte // files that have been read; nil for those that could not be
}

func (s *secrets) read(n *node) (value, problem string) {
	const want = "want {env: NAME} or {file: name}"
	if len(n.pairs) != 1 || n.pairs[0].value.kind != scalar || n.pairs[0].value.text == "" {
		return "", want
	}
	switch name := n.pairs[0].value.text; n.pairs[0].key {
	case "env":
		v, ok := s.env(name)
		if !ok {
			return "", fmt.Sprintf("the environment has no variable %s", name)
		}
		return v, ""
	case "file":
		b, err := s.file(name)
		if s.used == nil {
			s.used = map[string][]byte{}
		}
		s.used[name] = b
		if err != nil {
			s.used[name] = nil
			return "", fmt.Sprintf("the file %s cannot be read: %v", name, withoutPath(err))
		}
		return strings.TrimRight(string(b), "\r\n"), ""
	}
	return "", want
}

// changed reports whether one of the files that have been read has another content now.
func (s *secrets) changed() bool {
	for name, before := range s.used {
		b, err := s.file(name)
		if (err == nil) != (before != nil) || err == nil && !bytes.Equal(b, before) {
			return true
		}
	}
	return false
}
