package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// LockedError says that the file is open elsewhere.
type LockedError struct {
	Path   string
	Holder string // who has it open, as far as known: "process 4711 on host desk, since 2026-01-02T15:04:05Z"
}

func (e *LockedError) Error() string {
	holder := e.Holder
	if holder == "" {
		holder = "a process that has left no name"
	}
	return fmt.Sprintf("%s is open elsewhere, by %s: end that process, or use another file", e.Path, holder)
}

// FormatError says that a file cannot be used as a store.
type FormatError struct {
	Path    string
	Problem string
}

func (e *FormatError) Error() string { return fmt.Sprintf("%s %s", e.Path, e.Problem) }

var errDatabaseNotOpen = berrors.ErrDatabaseNotOpen

// filePage is the size of the pages of new files: room for a session of 4 KB with its timers and effects. An old file
// keeps its own.
func filePage() int { return max(8<<10, os.Getpagesize()) }

// openFile opens and locks the file and leaves this process's name beside it.
func openFile(path string, o *Options) (_ *bbolt.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &FormatError{Path: path, Problem: fmt.Sprintf("is damaged (%v): restore it from a copy", p)}
		}
	}()
	length, err := size(path)
	if err != nil {
		return nil, err
	}
	bolt := &bbolt.Options{Timeout: o.LockTimeout, FreelistType: bbolt.FreelistMapType, NoStatistics: true, PageSize: filePage()}
	if length > 0 {
		if err := checkFile(path, length, *bolt); err != nil {
			return nil, err
		}
	}
	if o.MaxSize > 0 {
		bolt.MaxSize = int(max(o.MaxSize, length))
	}
	db, err := bbolt.Open(path, o.Mode, bolt)
	if err != nil {
		return nil, openError(path, err)
	}
	writeHolder(path)
	return db, nil
}

// checkFile refuses a file that bbolt would trip over, before anything of it is read but its
// first pages.
func checkFile(path string, length int64, o bbolt.Options) error {
	o.ReadOnly = true
	db, err := bbolt.Open(path, 0, &o)
	if err != nil {
		return openError(path, err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		if want := tx.Size(); length < want {
			return &FormatError{Path: path, Problem: fmt.Sprintf("is truncated: it has %d bytes of %d: restore it from a copy", length, want)}
		}
		return nil
	})
	return errors.Join(err, db.Close())
}

func openError(path string, err error) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return &LockedError{Path: path, Holder: holder(path)}
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch),
		strings.Contains(err.Error(), "file size too small"):
		return &FormatError{Path: path, Problem: fmt.Sprintf("is not a session store, or damaged (%v)", err)}
	}
	return err
}

// full reports whether err says that there is no room. bbolt hands out some errors of the
// system as text.
func full(err error) bool {
	if errors.Is(err, berrors.ErrMaxSizeReached) {
		return true
	}
	for _, no := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, no) || strings.HasSuffix(err.Error(), no.Error()) {
			return true
		}
	}
	return false
}

// The name of the process that has the file open stands in a file beside it.
func holderPath(path string) string { return path + ".lock" }

// writeHolder leaves the name; where it cannot, LockedError has none.
func writeHolder(path string) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	text := fmt.Sprintf("process %d on host %s, since %s", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
	_ = os.WriteFile(holderPath(path), []byte(text), 0o644)
}

func holder(path string) string {
	text, err := os.ReadFile(holderPath(path))
	if err != nil || len(text) > 1000 {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func removeHolder(path string) { _ = os.Remove(holderPath(path)) }

// Compact rewrites the store at path without its unused pages. Nobody may have it open. It needs
// room for a second file, which takes the place of the first only when it is complete; after
// a crash one of the two stands at path, whole. A ctx that ends stops it and leaves the file as it is.
func Compact(ctx context.Context, path string) error {
	if err := compact(ctx, path); err != nil {
		return fmt.Errorf("boltstore: compact %s: %w", path, err)
	}
	return nil
}

func compact(ctx context.Context, path string) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return err
	}
	// A store, opened and closed: locked by nobody, checked, and without old leases.
	s, err := Open(path, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	temporary := path + ".compact"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	dst, err := bbolt.Open(temporary, info.Mode().Perm(), &bbolt.Options{Timeout: time.Second, NoSync: true, PageSize: filePage()})
	if err != nil {
		return err
	}
	err = errors.Join(copyTrees(ctx, dst, s.db), dst.Sync(), dst.Close())
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return syncDirectory(filepath.Dir(path))
}

// copyTrees copies all trees, some megabytes a transaction.
func copyTrees(ctx context.Context, dst, src *bbolt.DB) error {
	return src.View(func(from *bbolt.Tx) error {
		return from.ForEach(func(name []byte, tree *bbolt.Bucket) error {
			if err := dst.Update(func(to *bbolt.Tx) error { _, err := to.CreateBucket(name); return err }); err != nil {
				return err
			}
			c := tree.Cursor()
			for k, v := c.First(); k != nil; {
				if err := ctx.Err(); err != nil {
					return err
				}
				err := dst.Update(func(to *bbolt.Tx) error {
					b := to.Bucket(name)
					b.FillPercent = 0.9
					for n := 0; k != nil && n < 8<<20; k, v = c.Next() {
						if err := b.Put(k, v); err != nil {
							return err
						}
						n += len(k) + len(v)
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
