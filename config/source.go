package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// Source reads the objects of a configuration. *Files is one, and so is gws.Source in the package config/gws; Join makes
// one of several. An implementation need not be safe for concurrent use: Live calls it from one goroutine at a time. One
// that learns of changes is a Notifier too.
type Source interface {
	// Read returns all objects. What has not changed since the last call may be the same
	// pointers; nothing of it is changed afterwards. The error is ErrUnchanged when nothing
	// has changed since the last call, whatever that returned, and Errors when what is
	// there makes no sense.
	Read(ctx context.Context) (*Objects, error)
}

// FilesOptions are the settings of Files. nil and zero fields mean the defaults.
type FilesOptions struct {
	// Env looks up variables for {env: NAME}. Default os.LookupEnv.
	Env func(name string) (string, bool)

	// Bytes is the size of one file; default 64 MiB.
	Bytes int64

	// Files is the number of files in a directory; default 10,000.
	Files int
}

const (
	defaultFileBytes = 64 << 20
	defaultFileCount = 10_000
	maxSecretBytes   = 64 << 10

	// settled is how long a file has not been written to when its time of modification is relied upon:
	// longer than the steps of the clocks of file systems.
	settled = 3 * time.Second
)

// Files is a Source of files: one, or all of a directory and of those below it whose
// names end in .yaml, .yml or .json; not those whose names, or whose directories' names, begin
// with a dot, nor *.schema.json. The objects of all files together make the
// configuration. A file is parsed again only when it has changed. An export of the tool mutagen is such
// a file too: see the package's documentation.
//
// Replace files by renaming, as editors and deployment tools do: a file that is
// half written can be read as it is.
type Files struct {
	path  string
	opts  FilesOptions
	parts map[string]*part // by path
	order []string
	done  bool // the files have been read
}

// part is a file that has been read.
type part struct {
	modified time.Time
	size     int64
	sure     bool // modified and size are enough to see a change
	content  []byte
	objects  *Objects
	errors   Errors
	secrets  *secrets
}

// NewFiles makes a Source of a file or a directory. It reads nothing yet.
func NewFiles(path string, opts *FilesOptions) *Files {
	f := &Files{path: path, parts: map[string]*part{}}
	if opts != nil {
		f.opts = *opts
	}
	if f.opts.Env == nil {
		f.opts.Env = os.LookupEnv
	}
	if f.opts.Bytes <= 0 {
		f.opts.Bytes = defaultFileBytes
	}
	if f.opts.Files <= 0 {
		f.opts.Files = defaultFileCount
	}
	return f
}

// Read implements Source. Errors name files relative to the directory.
func (f *Files) Read(ctx context.Context) (*Objects, error) {
	objects, err := f.read(ctx)
	var wrong Errors
	if err != nil && !errors.Is(err, ErrUnchanged) && !errors.As(err, &wrong) {
		f.done = false // the files could not be read: next time they count as new, even if they are as they were
	}
	return objects, err
}

func (f *Files) read(ctx context.Context) (*Objects, error) {
	names, root, err := f.names()
	if err != nil {
		return nil, err
	}
	changed := !f.done || len(names) != len(f.order)
	parts := make(map[string]*part, len(names))
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("config: reading %s: %w", f.path, err)
		}
		p, same, err := f.part(root, name)
		if err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
		parts[name] = p
		changed = changed || !same || f.order[i] != name
	}
	f.parts, f.order, f.done = parts, names, true
	if !changed {
		return nil, ErrUnchanged
	}
	objects := &Objects{}
	var wrong Errors
	for _, name := range names {
		wrong = append(wrong, parts[name].errors...)
		objects.add(parts[name].objects)
	}
	if err := wrong.asError(); err != nil {
		return nil, err
	}
	return objects, nil
}

// names lists the files, relative to root, in the order of their names.
func (f *Files) names() (names []string, root string, err error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, "", fmt.Errorf("config: %w", err)
	}
	if !info.IsDir() {
		if !isFile(f.path) {
			return nil, "", fmt.Errorf("config: %s: the name of the file has to end in .yaml, .yml or .json", f.path)
		}
		return []string{filepath.Base(f.path)}, filepath.Dir(f.path), nil
	}
	err = filepath.WalkDir(f.path, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != f.path && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || !isFile(path):
			return nil
		case len(names) == f.opts.Files:
			return fmt.Errorf("%s has more than %d files (FilesOptions.Files)", f.path, f.opts.Files)
		}
		rel, err := filepath.Rel(f.path, path)
		names = append(names, rel)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("config: %w", err)
	}
	if len(names) == 0 {
		return nil, "", fmt.Errorf("config: %s has no file whose name ends in .yaml, .yml or .json", f.path)
	}
	sort.Strings(names)
	return names, f.path, nil
}

func isFile(name string) bool {
	switch filepath.Ext(name) {
	case ".yaml", ".yml":
		return true
	case ".json":
		return !strings.HasSuffix(name, ".schema.json")
	}
	return false
}

// part reads a file, unless it is as it was: then same is true.
func (f *Files) part(root, name string) (p *part, same bool, err error) {
	path := filepath.Join(root, name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, false, err
	}
	old := f.parts[name]
	if old != nil && old.secrets.changed() {
		old = nil
	}
	if old != nil && old.sure && info.ModTime().Equal(old.modified) && info.Size() == old.size {
		return old, true, nil
	}
	now := time.Now() // of the file system, whatever clock the server has
	content, err := readLimited(path, f.opts.Bytes)
	if err != nil {
		return nil, false, err
	}
	sure := now.Sub(info.ModTime()) > settled
	if old != nil && bytes.Equal(content, old.content) {
		old.modified, old.size, old.sure = info.ModTime(), info.Size(), sure
		return old, true, nil
	}
	p = &part{modified: info.ModTime(), size: info.Size(), sure: sure, content: content}
	p.secrets = &secrets{env: f.opts.Env, file: func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(root, name)
		}
		return readLimited(name, maxSecretBytes)
	}}
	p.objects, p.errors = parse(filepath.ToSlash(name), content, p.secrets)
	return p, false, nil
}

// parse makes objects of the content of a file.
func parse(name string, content []byte, s *secrets) (*Objects, Errors) {
	read := parseYAML
	if strings.HasSuffix(name, ".json") {
		read = parseJSON
	}
	root, wrong := read(content)
	if wrong != nil {
		wrong.File = name
		return &Objects{}, Errors{wrong}
	}
	if root != nil && root.get(exportKey) != nil {
		return readExport(name, root)
	}
	d := &decoder{file: name, secrets: s}
	o := d.objects(root)
	return o, d.errors
}

// readLimited reads a regular file.
func readLimited(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a named pipe would block
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("more than %d bytes", limit)}
	}
	return b, err
}

func withoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
