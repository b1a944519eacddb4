package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Limits of one file, beside its size: nothing that somebody writes comes near them.
const (
	maxDepth = 32
	maxNodes = 2_000_000
)

type nodeKind uint8

const (
	scalar nodeKind = iota
	nothing
	mapping
	sequence
)

func (k nodeKind) String() string {
	return [...]string{"a value", "nothing", "a mapping", "a list"}[k]
}

// node is a value of a file, be it YAML or JSON. Scalars are kept as they are written: 0800
// is a number to dial.
type node struct {
	kind  nodeKind
	line  int
	text  string // of a scalar
	pairs []pair // of a mapping, in the order of the file
	items []*node
}

type pair struct {
	key   string
	line  int
	value *node
}

func (n *node) get(key string) *node {
	for i := range n.pairs {
		if n.pairs[i].key == key {
			return n.pairs[i].value
		}
	}
	return nil
}

// repeated refuses a key that is there twice.
func (n *node) repeated(seen map[string]int, key string, line int) *Error {
	if first, ok := seen[key]; ok {
		return &Error{Line: line, Problem: fmt.Sprintf("%q is there twice, first in line %d", key, first)}
	}
	seen[key] = line
	return nil
}

// parseYAML reads a file of YAML. The node is nil for an empty one.
func parseYAML(data []byte) (*node, *Error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, yamlError(err)
	}
	if err := d.Decode(&second); err == nil {
		return nil, &Error{Line: second.Line, Problem: "a file has one document; write this one into a file of its own"}
	} else if !errors.Is(err, io.EOF) {
		return nil, yamlError(err)
	}
	left := maxNodes
	return fromYAML(&doc, 0, &left)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func yamlError(err error) *Error {
	text := err.Error()
	e := &Error{Problem: "is not YAML: " + yamlLine.ReplaceAllString(text, "")}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		e.Line, _ = strconv.Atoi(m[1]) // no line: 0
	}
	return e
}

func fromYAML(y *yaml.Node, depth int, left *int) (*node, *Error) {
	if *left--; *left < 0 || depth > maxDepth {
		return nil, &Error{Line: y.Line, Problem: fmt.Sprintf("is nested more than %d deep, or has more than %d values", maxDepth, maxNodes)}
	}
	n := &node{line: y.Line}
	switch y.Kind {
	case yaml.DocumentNode:
		return fromYAML(y.Content[0], depth, left)
	case yaml.AliasNode:
		return fromYAML(y.Alias, depth+1, left)
	case yaml.ScalarNode:
		if n.text = y.Value; y.ShortTag() == "!!null" {
			n.kind, n.text = nothing, ""
		}
	case yaml.SequenceNode:
		n.kind = sequence
		for _, c := range y.Content {
			item, err := fromYAML(c, depth+1, left)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
	case yaml.MappingNode:
		n.kind = mapping
		seen := make(map[string]int, len(y.Content)/2)
		for i := 0; i+1 < len(y.Content); i += 2 {
			k := y.Content[i]
			if k.Kind != yaml.ScalarNode || k.ShortTag() == "!!merge" {
				return nil, &Error{Line: k.Line, Problem: "a name is plain text here: neither a list nor a mapping, and no merge (<<)"}
			}
			if err := n.repeated(seen, k.Value, k.Line); err != nil {
				return nil, err
			}
			v, err := fromYAML(y.Content[i+1], depth+1, left)
			if err != nil {
				return nil, err
			}
			n.pairs = append(n.pairs, pair{k.Value, k.Line, v})
		}
	}
	return n, nil
}

// parseJSON reads a file of JSON.
func parseJSON(data []byte) (*node, *Error) {
	p := &jsonParser{data: data, d: json.NewDecoder(bytes.NewReader(data)), line: 1, left: maxNodes}
	p.d.UseNumber()
	n, err := p.value(0)
	if err != nil {
		return nil, p.fail(err)
	}
	if _, err := p.d.Token(); !errors.Is(err, io.EOF) {
		return nil, p.fail(errors.New("there is something behind the end of the object"))
	}
	return n, nil
}

type jsonParser struct {
	data   []byte
	d      *json.Decoder
	line   int
	offset int64 // up to which the lines have been counted
	left   int
}

// at is the line in which the last token ends.
func (p *jsonParser) at() int {
	to := min(p.d.InputOffset(), int64(len(p.data)))
	p.line += bytes.Count(p.data[p.offset:to], []byte{'\n'})
	p.offset = to
	return p.line
}

func (p *jsonParser) fail(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	line := p.at()
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset >= p.offset && syntax.Offset <= int64(len(p.data)) {
		line += bytes.Count(p.data[p.offset:syntax.Offset], []byte{'\n'})
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends too early")
	}
	return &Error{Line: line, Problem: "is not JSON: " + err.Error()}
}

func (p *jsonParser) value(depth int) (*node, error) {
	t, err := p.d.Token()
	if err != nil {
		return nil, err
	}
	n := &node{line: p.at()}
	if p.left--; p.left < 0 || depth > maxDepth {
		return nil, &Error{Line: n.line, Problem: fmt.Sprintf("is nested more than %d deep, or has more than %d values", maxDepth, maxNodes)}
	}
	switch t := t.(type) {
	case nil:
		n.kind = nothing
	case string:
		n.text = t
	case bool:
		n.text = strconv.FormatBool(t)
	case json.Number:
		n.text = t.String()
	case json.Delim:
		if t == '[' {
			n.kind = sequence
			for p.d.More() {
				item, err := p.value(depth + 1)
				if err != nil {
					return nil, err
				}
				n.items = append(n.items, item)
			}
		} else {
			n.kind = mapping
			seen := map[string]int{}
			for p.d.More() {
				k, err := p.d.Token()
				if err != nil {
					return nil, err
				}
				key, line := k.(string), p.at() // the decoder lets nothing else through
				if err := n.repeated(seen, key, line); err != nil {
					return nil, err
				}
				v, err := p.value(depth + 1)
				if err != nil {
					return nil, err
				}
				n.pairs = append(n.pairs, pair{key, line, v})
			}
		}
		if _, err := p.d.Token(); err != nil { // the closing one
			return nil, err
		}
	}
	return n, nil
}
