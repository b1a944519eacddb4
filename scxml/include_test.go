package scxml

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/antchfx/xmlquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// files answers fetches.
type files map[string]string

func (f files) fetch(_ context.Context, url string, _ int64) ([]byte, error) {
	if body, ok := f[url]; ok {
		return []byte(body), nil
	}
	return nil, errors.New("no such file")
}

// options are those of a fake data model and the files.
func (f files) options() *ParseOptions {
	opts := fakeECMAScript()
	opts.URL = "main.scxml"
	opts.Fetch = f.fetch
	return opts
}

func readFolder(t testing.TB, folder string) files {
	t.Helper()
	f := files{}
	require.NoError(t, fs.WalkDir(os.DirFS(folder), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(filepath.Join(folder, path))
		f[path] = string(body)
		return err
	}))
	return f
}

// printTree renders an expanded tree, one element or text a line, with the place
// that it comes from and the prefix of the inclusion.
func printTree(b *strings.Builder, p *parser, n *xmlquery.Node, indent string) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch {
		case c.Type != xmlquery.ElementNode && trimSpace(c.Data) == "":
		case c.Type != xmlquery.ElementNode:
			fmt.Fprintf(b, "%s%q  %s\n", indent, trimSpace(c.Data), p.tree.position(p.at(c)))
		default:
			fmt.Fprintf(b, "%s<%s", indent, qname(c))
			for _, a := range c.Attr {
				if a.NamespaceURI != xmlnsNS && a.Name.Local != "xmlns" {
					fmt.Fprintf(b, " %s=%q", joinName(a.Name), a.Value)
				}
			}
			fmt.Fprintf(b, ">  %s", p.pos(c))
			if prefix := p.prefixes[c]; prefix != "" {
				fmt.Fprintf(b, "  prefix %s", prefix)
			}
			b.WriteByte('\n')
			printTree(b, p, c, indent+"  ")
		}
	}
}

// TestInclude compares the expanded documents, and all that is said of them,
// with testdata/include/*.golden. Each folder has a main.scxml.
func TestInclude(t *testing.T) {
	folders, err := filepath.Glob("testdata/include/*/main.scxml")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, main := range folders {
		folder := filepath.Dir(main)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			f := readFolder(t, folder)
			p := newParser(f.options())
			require.NoError(t, p.parse(context.Background(), []byte(f["main.scxml"])))
			var b strings.Builder
			printTree(&b, p, p.tree.root.Parent, "")
			b.WriteByte('\n')
			for _, d := range p.found.sorted("main.scxml") {
				b.WriteString(d.String() + "\n")
			}
			golden := folder + ".golden"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err, "go test ./scxml -run TestInclude -update")
			assert.Equal(t, string(want), b.String())
		})
	}
}
