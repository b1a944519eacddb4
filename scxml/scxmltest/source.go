package scxmltest

import (
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing/fstest"

	"github.com/seed-ff723688/ors/session"
)

// Source says where a document comes from, with the libraries and parts that it
// refers to. The functions File, FS, URL and Text make one.
type Source struct {
	address string
	fetcher session.Fetcher
	err     error
}

// scheme is the one of documents in file systems and texts.
const scheme = "test"

// File is a document in a file, relative to the folder of the test. It may refer to
// what lies in its own folder and below, and in the folder of the test and below; FS with
// os.DirFS is for other arrangements.
func File(name string) Source {
	address, err := session.FileURL(name)
	if err != nil {
		return Source{err: err}
	}
	if _, err := os.Stat(name); err != nil {
		return Source{err: fmt.Errorf("%w; names are relative to the folder of the test", err)}
	}
	var allow []string
	for _, dir := range []string{filepath.Dir(name), "."} {
		folder, err := session.FileURL(dir)
		if err != nil {
			return Source{err: err}
		}
		allow = append(allow, folder+"/")
	}
	loader, err := session.NewLoader(&session.LoaderOptions{Allow: allow})
	return Source{address: address, fetcher: loader, err: err}
}

// FS is a document in a file system, such as an embed.FS, an os.DirFS or an
// fstest.MapFS. It may refer to everything in it, by relative references.
func FS(fsys fs.FS, name string) Source {
	loader, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{scheme: fsys}})
	if err == nil && !fs.ValidPath(name) {
		err = fmt.Errorf("%q is no name in a file system: write it with slashes, without a leading one and without any \"..\"", name)
	}
	return Source{address: (&url.URL{Scheme: scheme, Path: "/" + name}).String(), fetcher: loader, err: err}
}

// URL is a document that a Fetcher reads, such as a *session.Loader with an
// allow-list.
func URL(address string, fetcher session.Fetcher) Source {
	s := Source{address: address, fetcher: fetcher}
	if fetcher == nil {
		s.err = fmt.Errorf("%s: no Fetcher to read it with; session.NewLoader makes one", address)
	}
	return s
}

// Text is a document that the test itself holds, under the name chart.scxml. files
// are the libraries and parts that it refers to, by name; nil is fine.
func Text(chart string, files map[string]string) Source {
	m := fstest.MapFS{"chart.scxml": {Data: []byte(chart)}}
	for name, text := range files {
		m[path.Clean(name)] = &fstest.MapFile{Data: []byte(text)}
	}
	return FS(m, "chart.scxml")
}

// Address is the URL of the document.
func (s Source) Address() string { return s.address }

// Check returns what is wrong with the source itself: a file that is not there.
func (s Source) Check() error { return s.err }

// Fetch implements session.Fetcher: it reads the document and what it refers to.
func (s Source) Fetch(ctx context.Context, address string, limit int64) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	return s.fetcher.Fetch(ctx, address, limit)
}

// shorten replaces URLs in a text by what a reader knows the files as: paths
// relative to the folder of the test, names in a file system.
func shorten(text, folder string) string {
	text = strings.ReplaceAll(text, scheme+":///", "")
	if folder != "" {
		text = strings.ReplaceAll(text, folder, "")
	}
	return text
}

// workingFolder is the URL of the folder of the test, with a slash; empty when it
// is not known.
func workingFolder() string {
	folder, err := session.FileURL(".")
	if err != nil {
		return ""
	}
	return folder + "/"
}
