package inspect

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// LineError says which line of a file is wrong, or could not be imported.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("inspect: line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// ErrFormat: a file is not what Export writes; the text says where and why.
var ErrFormat = errors.New("not a file of exported sessions, or damaged")

// ErrHeld: another owner holds a bucket that Import or Delete needs.
var ErrHeld = errors.New("bucket held by another owner")

// ImportOptions are the settings of Import. nil is the zero value.
type ImportOptions struct {
	// Owner is the name under which buckets are acquired; default "inspect".
	Owner string

	// SkipExisting leaves sessions alone that the store has already. Otherwise they are an
	// error: persistence.ErrExists.
	SkipExisting bool

	// MaxLine bounds a line, in bytes; default 256 MiB.
	MaxLine int
}

// defaultOwner is the name under which buckets are acquired.
const defaultOwner = "inspect"

// importLease is how long buckets are reserved without hearing of the import.
const importLease = time.Minute

// Import reads a file that Export has written into a store. First all of it is checked: when anything is
// wrong with it, the error is a *LineError that matches ErrFormat or persistence.ErrInvalid, and nothing was written. Then the buckets
// are acquired (ErrHeld when an engine has one) and the sessions created, in order. Nothing that is in the store is ever
// changed: a session that is there already, or a claim that another one holds, ends the import with a
// *LineError that matches persistence.ErrExists or ErrClaimed; what stands above that line has been imported.
// Counts are of what was created; documents that were there already count.
func Import(ctx context.Context, s persistence.Store, r io.ReadSeeker, opts *ImportOptions) (n Counts, err error) {
	var o ImportOptions
	if opts != nil {
		o = *opts
	}
	if o.Owner == "" {
		o.Owner = defaultOwner
	}
	if o.MaxLine <= 0 {
		o.MaxLine = 256 << 20
	}
	start, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return n, fmt.Errorf("inspect: import: %w", err)
	}
	buckets, err := check(s.Buckets(), r, o.MaxLine)
	if err != nil {
		return n, err
	}
	if _, err := r.Seek(start, io.SeekStart); err != nil {
		return n, fmt.Errorf("inspect: import: %w", err)
	}
	h := &holding{s: s, epochs: make(map[int]uint64)}
	if err := h.acquire(ctx, o.Owner, buckets); err != nil {
		return n, errors.Join(fmt.Errorf("inspect: import: %w", err), h.release(ctx))
	}
	defer func() { err = errors.Join(err, h.release(ctx)) }()
	for line, e := range entries(r, o.MaxLine) {
		if e.err != nil {
			return n, e.err // it has changed since it was checked
		}
		created, err := h.put(ctx, &e.entry, o.SkipExisting)
		if err != nil {
			return n, &LineError{line, err}
		}
		switch {
		case created && e.Session != nil:
			n.Sessions++
		case created:
			n.Documents++
		}
	}
	return n, nil
}

// holding are the buckets that an import has.
type holding struct {
	s      persistence.Store
	leases []persistence.Lease
	epochs map[int]uint64
	until  time.Time // when to renew
}

func (h *holding) acquire(ctx context.Context, owner string, buckets []int) error {
	if len(buckets) == 0 {
		return nil
	}
	var err error
	h.leases, err = h.s.Acquire(ctx, owner, importLease, buckets...)
	for _, l := range h.leases {
		h.epochs[l.Bucket] = l.Epoch
	}
	h.until = time.Now().Add(importLease / 3)
	if err != nil {
		return err
	}
	for _, b := range buckets {
		if _, ok := h.epochs[b]; !ok {
			return fmt.Errorf("%w: bucket %d; shut the engines on this store down, or wait until their leases have lapsed", ErrHeld, b)
		}
	}
	return nil
}

// put writes what a line has.
func (h *holding) put(ctx context.Context, e *entry, skip bool) (created bool, err error) {
	switch {
	case e.Document != nil:
		_, err := h.s.PutDocument(ctx, e.Document.Body)
		return err == nil, err
	case e.Session == nil:
		return false, nil
	}
	if time.Now().After(h.until) {
		if _, err := h.s.Renew(ctx, importLease, h.leases...); err != nil {
			return false, err
		}
		h.until = time.Now().Add(importLease / 3)
	}
	p, err := e.Session.session()
	if err != nil {
		return false, err
	}
	err = h.s.Create(ctx, h.epochs[persistence.BucketOf(p.ID, h.s.Buckets())], p)
	if skip && errors.Is(err, persistence.ErrExists) {
		return false, nil
	}
	return err == nil, err
}

func (h *holding) release(ctx context.Context) error {
	if len(h.leases) == 0 {
		return nil
	}
	return h.s.Release(context.WithoutCancel(ctx), h.leases...)
}

// check reads a file through and returns the buckets, of a store with so many, that its sessions
// lie in.
func check(buckets int, r io.Reader, most int) ([]int, error) {
	var n Counts
	var needed []int
	documents, ids := make(map[string]bool), make(map[string]bool)
	last, ended := 0, false
	for line, e := range entries(r, most) {
		last = line
		wrong := func(format string, args ...any) ([]int, error) {
			return nil, &LineError{line, fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)}
		}
		switch {
		case e.err != nil:
			return nil, e.err
		case ended:
			return wrong("something follows the end")
		case (e.Header != nil) != (line == 1):
			return wrong(`the first line, and no other, has to be "ors-sessions"`)
		case e.Header != nil && (e.Header.Version < 1 || e.Header.Version > version):
			return wrong("version %d, this package reads up to %d", e.Header.Version, version)
		case e.Document != nil:
			if d := persistence.DigestOf(e.Document.Body); d != e.Document.Digest {
				return wrong("document %s has a body with the digest %s", e.Document.Digest, d)
			}
			documents[e.Document.Digest.String()] = true
			n.Documents++
		case e.Session != nil:
			p, err := e.Session.session()
			if err == nil {
				err = p.Validate(buckets)
			}
			if err != nil {
				return nil, &LineError{line, err}
			}
			if d := e.Session.Document; d != "" && !documents[d] {
				return wrong("session %q is of document %s, which does not stand above", p.ID, d)
			}
			if ids[p.ID] {
				return wrong("session %q stands above already", p.ID)
			}
			ids[p.ID] = true
			if b := persistence.BucketOf(p.ID, buckets); !slices.Contains(needed, b) {
				needed = append(needed, b)
			}
			n.Sessions++
		case e.End != nil:
			if *e.End != n {
				return wrong("it counts %d documents and %d sessions, there are %d and %d", e.End.Documents, e.End.Sessions, n.Documents, n.Sessions)
			}
			ended = true
		}
	}
	if !ended {
		return nil, &LineError{last + 1, fmt.Errorf(`%w: the line "end" is missing: the file was cut off`, ErrFormat)}
	}
	return needed, nil
}

// parsed is a line that was read, or why it could not be.
type parsed struct {
	entry
	err error
}

// entries iterates over the lines of a file, with their numbers. After an error the loop ends.
func entries(r io.Reader, most int) iter.Seq2[int, parsed] {
	return func(yield func(int, parsed) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(make([]byte, 0, min(64<<10, most)), most)
		number := 0
		for lines.Scan() {
			number++
			var p parsed
			if err := decode(lines.Bytes(), &p.entry); err != nil {
				p.err = &LineError{number, fmt.Errorf("%w: %w", ErrFormat, err)}
			}
			if !yield(number, p) || p.err != nil {
				return
			}
		}
		err := lines.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("%w: it has more than %d bytes, see ImportOptions.MaxLine", ErrFormat, most)
		}
		if err != nil {
			yield(number+1, parsed{err: &LineError{number + 1, err}})
		}
	}
}

func decode(text []byte, e *entry) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(e); err != nil {
		return err
	}
	if d.More() {
		return errors.New("more than one object")
	}
	set := 0
	for _, is := range []bool{e.Header != nil, e.Document != nil, e.Session != nil, e.End != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return errors.New(`want one of "ors-sessions", "document", "session" and "end"`)
	}
	return nil
}
