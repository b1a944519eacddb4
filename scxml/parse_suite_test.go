package scxml

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
)

// anyLanguage accepts every expression but those in refuse.
type anyLanguage struct {
	datamodel.NullLanguage
	name   string
	refuse string
}

func (l anyLanguage) Name() string { return l.name }

func (l anyLanguage) check(sources ...datamodel.Source) (datamodel.Program, error) {
	for _, src := range sources {
		if l.refuse != "" && strings.Contains(src.Text, l.refuse) {
			at := strings.Index(src.Text, l.refuse)
			return nil, &datamodel.CompileError{Source: src, Message: "unexpected " + l.refuse, Line: src.Line, Column: src.Column + at}
		}
	}
	return sources[0].Text, nil
}

func (l anyLanguage) Compile(src datamodel.Source) (datamodel.Program, error) { return l.check(src) }

func (l anyLanguage) CompileAssign(location, expr datamodel.Source) (datamodel.Program, error) {
	return l.check(location, expr)
}

func (l anyLanguage) CompileForeach(array, item, index datamodel.Source) (datamodel.Program, error) {
	return l.check(array, item, index)
}

func fakeECMAScript() *ParseOptions {
	return &ParseOptions{Languages: []datamodel.Language{anyLanguage{name: "ecmascript", refuse: "???"}}}
}

// fetchFile reads file: URLs.
func fetchFile(_ context.Context, ref string, _ int64) ([]byte, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "file" {
		return nil, errors.New("unknown scheme")
	}
	return os.ReadFile(u.Path)
}

func irpDir(t *testing.T) string {
	dir := os.Getenv("SCXML_IRP_DIR")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "w3c-irp")
	}
	dir, err := filepath.Abs(dir)
	require.NoError(t, err)
	if _, err := os.Stat(dir); err != nil {
		message := "the W3C test suite is not here: set SCXML_IRP_DIR to a folder with the documents converted to ECMAScript in ecma/ (https://www.w3.org/Voice/2013/scxml-irp/): SCXML_IRP_DIR=FOLDER go test ./scxml"
		if os.Getenv("CI") == "true" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	return dir
}

func TestParseW3CSuite(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(irpDir(t), "ecma", "*.scxml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		opts := fakeECMAScript()
		opts.URL = "file://" + filepath.ToSlash(file)
		opts.Fetch = fetchFile
		doc, err := Parse(context.Background(), source, opts)
		var problems *ParseError
		if filepath.Base(file) == "test301.scxml" {
			require.ErrorAs(t, err, &problems, "the script cannot be fetched")
			continue
		}
		if errors.As(err, &problems) {
			t.Errorf("%s\n%s", file, problems.Detail())
			continue
		}
		require.NoError(t, err, file)
		requireConsistent(t, doc)
		if testing.Verbose() {
			for _, w := range doc.Warnings() {
				t.Log(w)
			}
		}
	}
}

func TestParseAppendixD(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "appendixd", "cases.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		var c struct{ ID, SCXML string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		n++
		opts := fakeECMAScript()
		opts.URL = c.ID
		doc, err := Parse(context.Background(), []byte(c.SCXML), opts)
		var problems *ParseError
		if errors.As(err, &problems) {
			t.Error(problems.Detail())
			continue
		}
		require.NoError(t, err)
		requireConsistent(t, doc)
	}
	require.NoError(t, lines.Err())
	require.Equal(t, 200, n)
}

// requireConsistent checks what the interpreter relies on.
func requireConsistent(t testing.TB, d *Document) {
	t.Helper()
	require.NotEmpty(t, d.states)
	require.Equal(t, rootState, d.states[0].kind)
	require.Len(t, d.byID, len(d.states))
	for i, s := range d.states {
		require.EqualValues(t, i, s.index)
		require.NotEmpty(t, s.id)
		require.EqualValues(t, i, d.byID[s.id])
		require.GreaterOrEqual(t, s.last, s.index)
		require.Less(t, int(s.last), len(d.states))
		for _, c := range s.children {
			require.Equal(t, s.index, d.states[c].parent)
			require.True(t, d.isDescendant(c, s.index))
		}
		switch s.kind {
		case rootState, compoundState, shallowHistory, deepHistory:
			require.NotNil(t, s.initial)
			require.NotEmpty(t, s.initial.targets)
			require.EqualValues(t, -1, s.initial.index)
			inside := s.index
			if s.isHistory() {
				inside = s.parent
			}
			for _, target := range s.initial.targets {
				require.True(t, d.isDescendant(target, inside))
			}
		default:
			require.Nil(t, s.initial)
		}
		if s.kind == atomicState || s.kind == finalState {
			for _, c := range s.children {
				require.True(t, d.states[c].isHistory())
			}
		}
		for _, tr := range s.transitions {
			require.Equal(t, s.index, tr.source)
			require.Same(t, tr, d.transitions[tr.index])
		}
		for _, v := range s.invokes {
			require.Same(t, v, d.invokes[v.index])
		}
	}
	for i, tr := range d.transitions {
		require.EqualValues(t, i, tr.index)
	}
}
