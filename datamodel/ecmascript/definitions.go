package ecmascript

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"weak"
)

// Snapshots refer to the functions of a document instead of holding their source:
// by the digest of a program and the place of the function in it. Both are those of
// what the author wrote, so that they do not depend on an engine or on how a text is
// prepared for it.

// digest stands for a program in snapshots.
type digest [8]byte

// definitions are the functions of a program. They are immutable, and the same for
// all programs that are the same.
type definitions struct {
	digest   digest
	code     Code
	needs    needs
	list     []definition // in the order of at
	byText   map[string]int
	declared map[string]int // function statements at the top level, by name
}

// definition is a function of a program.
type definition struct {
	FunctionText
	at    int // its place in what the author wrote
	index int // its number in Engine.Functions
}

// find returns the function at a place.
func (d *definitions) find(at int) *definition {
	i, ok := slices.BinarySearchFunc(d.list, at, func(f definition, at int) int { return cmp.Compare(f.at, at) })
	if !ok {
		return nil
	}
	return &d.list[i]
}

// registry finds the programs that snapshots refer to. Those that nobody uses any
// more are not kept for it.
type registry struct {
	mu   sync.Mutex
	list map[digest]weak.Pointer[definitions]
}

// find returns a program by its digest; nil when there is none.
func (r *registry) find(d digest) *definitions {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list[d].Value()
}

// add returns the program that is there, or adds d.
func (r *registry) add(d *definitions) *definitions {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.list[d.digest].Value(); known != nil {
		return known
	}
	if r.list == nil {
		r.list = map[digest]weak.Pointer[definitions]{}
	}
	r.list[d.digest] = weak.Make(d)
	runtime.AddCleanup(d, r.drop, d.digest)
	return d
}

// drop forgets a program that is gone.
func (r *registry) drop(of digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.list[of].Value() == nil {
		delete(r.list, of)
	}
}

// compiled is a compiled Unit with the functions that its text has.
type compiled struct {
	code    Code
	defines *definitions // nil: none
}

// keep makes c a part of the program.
func (p *program) keep(c compiled) Code {
	if c.defines != nil {
		p.defines = append(p.defines, c.defines)
	}
	return c.code
}

// build compiles a Unit in which texts stand at places.
func (l *language) build(u Unit, places ...place) (compiled, error) {
	code, err := l.engine.Compile(u)
	if err != nil {
		return compiled{}, err
	}
	c := compiled{code: code}
	if functions := l.engine.Functions(code); len(functions) > 0 {
		c.defines = l.programs.add(newDefinitions(u, code, functions, places))
	}
	return c, nil
}

func newDefinitions(u Unit, code Code, functions []FunctionText, places []place) *definitions {
	d := &definitions{code: code, digest: digestOf(u, places), byText: make(map[string]int, len(functions)), declared: map[string]int{}}
	for _, p := range places {
		d.needs |= p.text.needs
	}
	for i, f := range functions {
		if at, ok := authorPlace(places, f); ok {
			d.list = append(d.list, definition{f, at, i})
		}
	}
	slices.SortStableFunc(d.list, func(a, b definition) int { return cmp.Compare(a.at, b.at) })
	// Of what stands at the same place, nobody can tell which one is meant.
	list := make([]definition, 0, len(d.list))
	for i, f := range d.list {
		if (i == 0 || d.list[i-1].at != f.at) && (i == len(d.list)-1 || d.list[i+1].at != f.at) {
			list = append(list, f)
		}
	}
	d.list = list
	for i, f := range d.list {
		if _, ok := d.byText[f.Text]; !ok {
			d.byText[f.Text] = i
		}
		if f.Name != "" {
			d.declared[f.Name] = i
		}
	}
	return d
}

// writtenText is what the author wrote, as far as it counts.
func writtenText(t *text) string { return strings.TrimRight(t.author().Text, " \t\r\n;") }

// authorPlace returns the place of a function in what the author wrote: in all the
// texts of the program, one after the other.
func authorPlace(places []place, f FunctionText) (at int, ok bool) {
	base := 0
	for _, p := range places {
		if f.Start >= p.at && f.End <= p.at+len(p.text.Text) {
			at, t := f.Start-p.at, p.text
			for ; t.from != nil; t = t.from {
				at = t.back(at, false)
			}
			return base + at, at >= 0
		}
		base += len(writtenText(p.text)) + 1
	}
	return 0, false
}

// digestOf is the digest of a program: of what the author wrote, the names that
// variables were given, and what kind of code it is.
func digestOf(u Unit, places []place) (d digest) {
	h := sha256.New()
	add := func(s string) {
		h.Write(binary.AppendUvarint(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	form := "sloppy"
	if u.Strict {
		form = "strict"
	}
	if len(places) != 1 || places[0].at > 0 {
		form += " expression"
	}
	add(form)
	for _, p := range places {
		add(writtenText(p.text))
	}
	for _, name := range slices.Sorted(maps.Keys(u.Names)) {
		add(name)
		add(u.Names[name])
	}
	copy(d[:], h.Sum(nil))
	return d
}

// history is the programs with functions that a session has run.
type history struct {
	declaring []*definitions // those with function statements, in the order in which they ran first
	others    []*definitions // in the order of their digests
}

// note adds programs that are about to run.
func (h *history) note(list []*definitions) {
	for _, d := range list {
		if len(d.declared) > 0 {
			if !slices.Contains(h.declaring, d) {
				h.declaring = append(h.declaring, d)
			}
			continue
		}
		if i, ok := slices.BinarySearchFunc(h.others, d, func(a, b *definitions) int { return slices.Compare(a.digest[:], b.digest[:]) }); !ok {
			h.others = slices.Insert(h.others, i, d)
		}
	}
}

// declaration finds the function statement that a variable has its value from,
// unless something else happened to it. The last one counts.
func (h *history) declaration(name string) defined {
	for i := len(h.declaring) - 1; i >= 0; i-- {
		d := h.declaring[i]
		if k, ok := d.declared[name]; ok {
			return defined{d, &d.list[k]}
		}
	}
	return defined{}
}

// definition finds a function by its text.
func (h *history) definition(text string, strict bool) defined {
	for _, list := range [][]*definitions{h.declaring, h.others} {
		for _, d := range list {
			if k, ok := d.byText[text]; ok && d.list[k].Strict == strict {
				return defined{d, &d.list[k]}
			}
		}
	}
	return defined{}
}

// defined is a function of a program, and the program.
type defined struct {
	in *definitions // nil: none
	f  *definition
}
