package fm_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-ff723688/ors/telephony/fm"
)

// modulesDocument writes the tables as a document.
func modulesDocument(specs []*fm.Spec) string {
	var b strings.Builder
	b.WriteString(modulesHead)
	b.WriteString("| module | prefix | objects | actions | work | work in part | fail | functions and properties | work | work in part | throw |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range specs {
		fmt.Fprintf(&b, "| [%s](#%s) | `%s` | %s | %s | %s |\n", s.Name, s.Name, s.Prefix, code(s.Root),
			counts(len(actions(s)), func(i int) fm.Status { return actions(s)[i].Status }),
			counts(len(s.Members), func(i int) fm.Status { return s.Members[i].Status }))
	}
	for _, s := range specs {
		writeModule(&b, s)
	}
	return b.String()
}

const modulesHead = `# Functional modules

<!-- Generated from fm.Specs: go test ./telephony/fm -run TestModules -update. A test fails when tables and code disagree. -->

What strategies find in each module, and how far it is here. How the pieces play together is told by the
[documentation of the package](doc.go); which facts are our own choice by the [rationale](../../RATIONALE.md).

- Namespaces may be written with or without ` + "`http://`" + `.
- *expression*: the value of the attribute is an expression. *location*: the platform writes to it. *text* stands for itself.
- Attributes that a table does not have are reported when a document is loaded, with the nearest one that it has, and ignored; those that begin with an underscore are left alone.
- An error event carries ` + "`requestid`, `error` (one of the codes) and `description` (a text)" + `. An implementation that the host has connected may choose further codes.
- Status: *works*; *works in part*, with what is missing; *fails*: the action is accepted in documents and answered with its error event, the function throws; *not looked at*: the attribute is accepted and changes nothing.

`

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func codes(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		if quoted[i] = s; !strings.Contains(s, "the ") { // not a description
			quoted[i] = code(s)
		}
	}
	return strings.Join(quoted, ", ")
}

// actions are the elements that stand by themselves.
func actions(s *fm.Spec) []fm.ElementSpec {
	return slices.DeleteFunc(slices.Clone(s.Elements), func(e fm.ElementSpec) bool { return e.Event == "" })
}

// counts are the columns of the overview: all, and those of each status.
func counts(n int, status func(int) fm.Status) string {
	by := map[fm.Status]int{}
	for i := range n {
		by[status(i)]++
	}
	cells := []string{fmt.Sprint(n)}
	for _, s := range []fm.Status{fm.Supported, fm.Partial, fm.Unsupported} {
		cells = append(cells, map[bool]string{true: fmt.Sprint(by[s])}[by[s] > 0])
	}
	return strings.Join(cells, " | ")
}

// sentence makes a note one that ends with a full stop.
func sentence(note string) string {
	if note == "" || strings.HasSuffix(note, ".") {
		return note
	}
	return note + "."
}

// cell is a note in a table.
func cell(note string) string {
	note = strings.TrimSuffix(note, ".")
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(note)
}

func writeModule(b *strings.Builder, s *fm.Spec) {
	fmt.Fprintf(b, "\n## %s\n\nNamespace `%s`, usual prefix `%s`.", s.Name, s.Namespace, s.Prefix)
	if s.Needs != "" {
		fmt.Fprintf(b, "\n\nNeeds: %s", strings.ReplaceAll(s.Needs, "<", "&lt;"))
	}
	b.WriteString("\n")
	for i := range s.Elements {
		writeElement(b, s, &s.Elements[i])
	}
	if len(s.Events) > 0 {
		b.WriteString("\n### Other events\n\n| event | `_event.data` | meaning |\n|---|---|---|\n")
		for _, e := range s.Events {
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", e.Name, codes(e.Data), cell(e.Note))
		}
	}
	if len(s.Members) > 0 {
		fmt.Fprintf(b, "\n### Objects: `%s`\n\n| name | status | meaning |\n|---|---|---|\n", s.Root)
		for _, m := range s.Members {
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", m.Name, m.Status, cell(m.Note))
		}
	}
}

func writeElement(b *strings.Builder, s *fm.Spec, e *fm.ElementSpec) {
	fmt.Fprintf(b, "\n### `<%s:%s>`\n\n", s.Prefix, e.Name)
	status := strings.ToUpper(e.Status.String()[:1]) + e.Status.String()[1:] + "."
	if e.Event == "" {
		status = "Works, inside of other elements."
	}
	note := strings.ReplaceAll(sentence(e.Note), "<", "&lt;")
	if note != "" {
		note = " " + strings.ToUpper(note[:1]) + note[1:]
	}
	fmt.Fprintf(b, "*%s*%s\n", status, note)
	if len(e.Attributes) > 0 {
		b.WriteString("\n| attribute | holds | without it | meaning |\n|---|---|---|---|\n")
		for _, a := range e.Attributes {
			without := cell(a.Default)
			if a.Required {
				without = "**required**"
			}
			fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", a.Name, kind(&a), without, meaning(&a))
		}
	}
	if len(e.Children) > 0 {
		b.WriteString("\nInside:\n\n")
		writeChildren(b, s, e, "")
	}
	if e.Event == "" {
		return
	}
	b.WriteString("\n")
	if e.Accepted {
		fmt.Fprintf(b, "- `%s.requestid`: `requestid`", e.Event)
		if e.Numeric {
			b.WriteString(", `interactionid`; ids are numbers")
		}
		b.WriteString("\n")
	}
	if e.Status != fm.Unsupported {
		fmt.Fprintf(b, "- `%s.done`: %s\n", e.Event, codes(append([]string{"requestid"}, e.Data...)))
	}
	fmt.Fprintf(b, "- `error.%s`: %s", e.Event, codes(e.Errors))
	if len(e.Failed) > 0 {
		fmt.Fprintf(b, "; also with %s", codes(e.Failed))
	}
	b.WriteString("\n")
}

func kind(a *fm.AttributeSpec) string {
	return map[fm.Kind]string{fm.ValueKind: "expression", fm.LocationKind: "location", fm.TokenKind: "text"}[a.Kind]
}

func meaning(a *fm.AttributeSpec) string {
	var parts []string
	if a.Status != fm.Supported {
		parts = append(parts, "*"+a.Status.String()+"*")
	}
	if a.Values != nil {
		parts = append(parts, "one of "+codes(a.Values))
	}
	if a.Note != "" {
		parts = append(parts, cell(a.Note))
	}
	return strings.Join(parts, "; ")
}

// writeChildren lists the children of an element. Those that are actions of the
// dialog module are named only.
func writeChildren(b *strings.Builder, s *fm.Spec, e *fm.ElementSpec, indent string) {
	var treatments, told []string
	for i := range e.Children {
		child := &e.Children[i]
		switch {
		case slices.Contains(told, child.Name):
			continue // in another namespace
		case child.Event != "" || child.Name == "pause":
			treatments = append(treatments, "<dialog:"+child.Name+">")
			continue
		case child.Namespace == fm.DialogNamespace:
			fmt.Fprintf(b, "%s- `<dialog:%s>`%s: see [dialog](#dialog)\n", indent, child.Name, howMany(child))
			continue
		}
		told = append(told, child.Name)
		tag := "<" + s.Prefix + ":" + child.Name + ">"
		if child.Namespace != "" {
			tag = "<" + child.Name + ">"
		}
		fmt.Fprintf(b, "%s- `%s`%s", indent, tag, howMany(child))
		if child.Status != fm.Supported {
			fmt.Fprintf(b, ", *%s*", child.Status)
		}
		if child.Note != "" {
			fmt.Fprintf(b, ". %s", strings.TrimSuffix(strings.ReplaceAll(child.Note, "<", "&lt;"), "."))
		}
		b.WriteString("\n")
		for _, a := range child.Attributes {
			fmt.Fprintf(b, "%s  - `%s`: %s", indent, a.Name, kind(&a))
			if a.Required {
				b.WriteString(", **required**")
			}
			if a.Default != "" {
				fmt.Fprintf(b, ", default %s", a.Default)
			}
			if m := meaning(&a); m != "" {
				fmt.Fprintf(b, "; %s", m)
			}
			b.WriteString("\n")
		}
		writeChildren(b, s, child, indent+"  ")
	}
	if len(treatments) > 0 {
		fmt.Fprintf(b, "%s- as above, without events: %s\n", indent, codes(treatments))
	}
}

func howMany(e *fm.ElementSpec) string {
	switch {
	case e.Min == 1 && e.Max == 1:
		return " (one)"
	case e.Max == 1:
		return " (none or one)"
	case e.Max == 0 && e.Min == 0:
		return " (any number)"
	case e.Max == 0:
		return fmt.Sprintf(" (at least %d)", e.Min)
	}
	return fmt.Sprintf(" (%d to %d)", e.Min, e.Max)
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}
