// Package lint checks the rules of this repository that no general tool knows.
package lint

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	root     = "../.."
	maxLines = 700
)

// unwanted are texts that do not belong into any file of the repository. They
// are put together here so that this file does not match itself.
var unwanted = []struct {
	what string
	text *regexp.Regexp
	only string // suffix of the files; empty: all
}{
	{"a path of somebody's machine", regexp.MustCompile(`(^|[\s"'=(` + "`" + `])/(wor` + `k|tm` + `p|hom` + `e|roo` + `t|Use` + `rs)/[a-z]`), ""},
	{"unfinished work", regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`), ".go"},
	{"a test that sleeps", regexp.MustCompile(`\btime\.Sle` + `ep\(`), "_test.go"},
	{"a question for CI other than os.Getenv(CI) == \"true\"", regexp.MustCompile(`LookupEnv\("C` + `I"|Getenv\("C` + `I"\)(?: == "true[^"]| == "[^t]| == [^"]| =[^=]| [^=]|[^ ])`), ".go"},
}

// pkg is what is known of a package without its tests.
type pkg struct {
	program, documented bool
	vars                map[string]bool           // names of package variables
	assigned            map[string]token.Position // variables that functions change and do not declare
}

func TestRepository(t *testing.T) {
	packages := map[string]*pkg{} // by folder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		switch {
		case d.IsDir() && (name == ".git" || name == "testdata"):
			return fs.SkipDir
		case d.IsDir(), name == ".git": // a work tree has a file of that name
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(filepath.ToSlash(path), root+"/")
		if !utf8.Valid(text) {
			t.Errorf("%s: binary files belong into a testdata folder", rel)
			return nil
		}
		checkText(t, rel, text)
		if strings.HasSuffix(name, ".go") {
			checkGo(t, rel, text, packages)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder, p := range packages {
		if !p.documented && !p.program {
			t.Errorf("%s: the package has no doc.go", folder)
		}
		for name, at := range p.assigned {
			if p.vars[name] {
				t.Errorf("%s: %s is a variable of the package and is changed here", at, name)
			}
		}
	}
	if len(packages) < 5 {
		t.Fatalf("only %d packages found: the test looks in the wrong place", len(packages))
	}
}

func checkText(t *testing.T, path string, text []byte) {
	for _, u := range unwanted {
		if !strings.HasSuffix(path, u.only) {
			continue
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if u.text.Match(line) {
				t.Errorf("%s:%d: %s: %s", path, i+1, u.what, bytes.TrimSpace(line))
			}
		}
	}
}

func checkGo(t *testing.T, path string, text []byte, packages map[string]*pkg) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	if n := bytes.Count(text, []byte("\n")); n > maxLines {
		t.Errorf("%s has %d lines, more than %d: split it by concept", path, n, maxLines)
	}
	test := strings.HasSuffix(path, "_test.go")
	folder := filepath.ToSlash(filepath.Dir(path))
	at := func(n ast.Node) token.Position { return fset.Position(n.Pos()) }
	if !test {
		p := packages[folder]
		if p == nil {
			p = &pkg{vars: map[string]bool{}, assigned: map[string]token.Position{}}
			packages[folder] = p
		}
		p.program = file.Name.Name == "main"
		p.documented = p.documented || strings.HasSuffix(path, "/doc.go")
		p.variables(file, at)
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				t.Errorf("%s: no init functions: what runs at start is called by name", at(d))
			}
			if !test && d.Doc == nil && exported(d) {
				t.Errorf("%s: %s has no comment", at(d), d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				checkSpec(t, at, d, s, test)
			}
		}
	}
}

// exported reports whether godoc shows a function. Methods that every type may
// have explain themselves.
func exported(d *ast.FuncDecl) bool {
	switch d.Name.Name {
	case "String", "Error", "Unwrap", "Is", "As":
		return false
	}
	if !d.Name.IsExported() || d.Recv == nil {
		return d.Name.IsExported()
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

func checkSpec(t *testing.T, at func(ast.Node) token.Position, d *ast.GenDecl, s ast.Spec, test bool) {
	switch s := s.(type) {
	case *ast.TypeSpec:
		if !test && s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
			t.Errorf("%s: %s has no comment", at(s), s.Name.Name)
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if !test && name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
				t.Errorf("%s: %s has no comment", at(s), name.Name)
			}
			if d.Tok == token.VAR && !test && len(s.Values) == 0 && !embedded(d, s) {
				t.Errorf("%s: %s is a variable of the package: only errors and tables that nobody changes may be", at(s), name.Name)
			}
		}
	}
}

// embedded reports whether a variable is filled by the compiler.
func embedded(d *ast.GenDecl, s *ast.ValueSpec) bool {
	for _, doc := range []*ast.CommentGroup{d.Doc, s.Doc} {
		if doc == nil {
			continue
		}
		for _, c := range doc.List {
			if strings.HasPrefix(c.Text, "//go:embed ") {
				return true
			}
		}
	}
	return false
}

// variables collects the package variables of a file, and what its functions
// assign to that is not theirs.
func (p *pkg) variables(file *ast.File, at func(ast.Node) token.Position) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.GenDecl:
			if d.Tok != token.VAR {
				continue
			}
			for _, s := range d.Specs {
				for _, name := range s.(*ast.ValueSpec).Names {
					p.vars[name.Name] = true
				}
			}
		case *ast.FuncDecl:
			p.assignments(d, at)
		}
	}
}

func (p *pkg) assignments(f *ast.FuncDecl, at func(ast.Node) token.Position) {
	local := map[string]bool{}
	names := func(exprs ...ast.Expr) {
		for _, e := range exprs {
			if id, ok := e.(*ast.Ident); ok {
				local[id.Name] = true
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, id := range n.Names {
				local[id.Name] = true
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				local[id.Name] = true
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				names(n.Lhs...)
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				names(n.Key, n.Value)
			}
		}
		return true
	})
	ast.Inspect(f, func(n ast.Node) bool {
		var targets []ast.Expr
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				targets = n.Lhs
			}
		case *ast.IncDecStmt:
			targets = []ast.Expr{n.X}
		}
		for _, e := range targets {
			if name := base(e); name != "" && name != "_" && !local[name] {
				p.assigned[name] = at(e)
			}
		}
		return true
	})
}

// base is the variable that an assignment to e changes.
func base(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x.Name
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return ""
		}
	}
}
