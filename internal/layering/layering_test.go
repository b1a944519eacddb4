// Package layering checks who may import whom.
package layering

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/seed-ff723688/ors"

// rule says what the packages below a folder may import, in code that is not a
// test. The rule with the longest matching folder counts.
type rule struct {
	folder     string   // relative to the module
	own        []string // folders of this module; "*" is all
	thirdParty []string // prefixes of import paths
}

var rules = []rule{
	{"datamodel", nil, nil},
	{"datamodel/ecmascript", []string{"datamodel"}, []string{"github.com/antchfx/xmlquery"}},
	{"datamodel/ecmascript/goja", []string{"datamodel", "datamodel/ecmascript"}, []string{"github.com/dop251/goja", "github.com/dlclark/regexp2"}},
	{"datamodel/ecmascript/otto", []string{"datamodel", "datamodel/ecmascript"}, []string{"github.com/robertkrimen/otto"}},
	{"datamodel/ecmascript/ecmatest", []string{"datamodel", "datamodel/ecmascript"}, nil},
	{"scxml", []string{"datamodel"}, []string{"github.com/antchfx/xmlquery", "github.com/antchfx/xpath", "golang.org/x/net", "golang.org/x/text"}},
	// The kits bring the default engine along, so that a test names none.
	{"scxml/scxmltest", []string{"datamodel", "datamodel/ecmascript/goja", "scxml", "session"}, nil},
	{"persistence", nil, nil},
	{"persistence/memstore", []string{"persistence"}, nil},
	{"persistence/boltstore", []string{"persistence"}, []string{"go.etcd.io/bbolt"}},
	{"persistence/storetest", []string{"persistence"}, nil},
	{"persistence/inspect", []string{"persistence"}, nil},
	{"session", []string{"datamodel", "scxml", "persistence"}, nil},
	{"session/rest", []string{"datamodel", "scxml", "persistence", "session"}, nil},
	{"session/rest/client", []string{"session/rest", "datamodel", "scxml", "persistence", "session"}, nil},
	{"session/cluster", []string{"datamodel", "scxml", "persistence", "session"}, nil},
	{"session/crashtest", []string{"datamodel", "datamodel/ecmascript/goja", "persistence", "scxml", "session"}, nil},
	{"session/basichttp", []string{"datamodel", "scxml", "persistence", "session"}, nil},
	{"telephony", nil, nil},
	{"telephony/fm", []string{"datamodel", "scxml", "session", "telephony", "telephony/router"}, nil},
	{"telephony/router", []string{"telephony"}, nil},
	{"telephony/sim", []string{"telephony"}, nil},
	{"telephony/linktest", []string{"telephony", "telephony/sim"}, nil},
	// Wires the whole contact centre for tests of strategies: no program imports it.
	{"telephony/strategytest", []string{"config", "datamodel", "datamodel/ecmascript/goja", "scxml", "scxml/scxmltest", "session", "telephony", "telephony/fm", "telephony/router", "telephony/sim"}, nil},
	{"config", []string{"datamodel", "scxml", "session", "telephony"}, []string{"go.yaml.in/yaml/v3"}},
	// The host passes stores, drivers and languages in.
	{"config/server", []string{"config", "datamodel", "persistence", "persistence/inspect", "scxml", "session", "session/rest", "telephony", "telephony/fm", "telephony/router"}, nil},
	{"config/gws", []string{"config"}, nil},
	{"internal", nil, nil},
	{"examples", []string{"*"}, nil},
}

// Third parties that tests may import beside those of the rules.
var testOnly = []string{"github.com/stretchr/testify"}

// Third parties that no program that uses this module may end up with.
var neverInPrograms = []string{"github.com/stretchr/testify", "github.com/davecgh/go-spew", "github.com/pmezard/go-difflib"}

type pkg struct {
	ImportPath                         string
	Standard                           bool
	Imports, TestImports, XTestImports []string
	Deps                               []string
}

func TestImports(t *testing.T) {
	packages := list(t)
	standard := map[string]bool{"C": true}
	for _, p := range packages {
		if p.Standard {
			standard[p.ImportPath] = true
		}
	}
	seen := 0
	for _, p := range packages {
		folder, ok := strings.CutPrefix(p.ImportPath, module+"/")
		if !ok {
			continue
		}
		seen++
		r := find(folder)
		if r == nil {
			t.Errorf("%s: no rule says what it may import; add one to rules", folder)
			continue
		}
		for _, i := range p.Imports {
			if own, ok := strings.CutPrefix(i, module+"/"); ok {
				if !slices.Contains(r.own, own) && !slices.Contains(r.own, "*") && own != folder {
					t.Errorf("%s may not import %s; it may import %s", folder, own, strings.Join(r.own, ", "))
				}
			} else if !standard[i] && !matches(i, r.thirdParty) {
				t.Errorf("%s may not import %s", folder, i)
			}
		}
		for _, d := range p.Deps {
			if matches(d, neverInPrograms) {
				t.Errorf("%s depends on %s, which belongs into tests only", folder, d)
			}
		}
		for _, i := range append(p.TestImports, p.XTestImports...) {
			if third := isThirdParty(i); third && !matches(i, r.thirdParty) && !matches(i, testOnly) && !anyRule(i) {
				t.Errorf("tests of %s may not import %s", folder, i)
			}
		}
	}
	if seen < 5 {
		t.Fatalf("only %d packages of the module found: the test looks in the wrong place", seen)
	}
}

// list runs go list over the whole module.
func list(t *testing.T) []pkg {
	t.Helper()
	// The go command caches a test's result by the files that the test looks at;
	// those that go list reads do not count.
	err := filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".go") {
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports,TestImports,XTestImports,Deps", "./...")
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// find returns the rule of a folder: its own, that of a driver folder, or that of the
// nearest folder above for examples and internal.
func find(folder string) *rule {
	for i := range rules {
		if rules[i].folder == folder {
			return &rules[i]
		}
	}
	top, _, _ := strings.Cut(folder, "/")
	switch top {
	case "examples", "internal":
		for i := range rules {
			if rules[i].folder == top {
				return &rules[i]
			}
		}
	case "telephony":
		return &rule{folder: folder, own: []string{"telephony"}} // a driver
	}
	return nil
}

func isThirdParty(path string) bool {
	host, _, _ := strings.Cut(path, "/")
	return strings.Contains(host, ".") && path != module && !strings.HasPrefix(path, module+"/")
}

func anyRule(path string) bool {
	return slices.ContainsFunc(rules, func(r rule) bool { return matches(path, r.thirdParty) })
}

func matches(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") })
}
