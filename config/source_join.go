package config

import (
	"context"
	"errors"
)

// Notifier is a Source that learns of changes. Live asks it to wait, beside looking at it in
// each LiveOptions.Interval, and looks as soon as it returns.
type Notifier interface {
	Source

	// Wait returns nil as soon as Read has something new, or may have; and the error of
	// ctx when that ends before. It is called again when the source has been read, and it may be
	// called while Read is.
	Wait(ctx context.Context) error
}

// Join makes one Source of several: files for applications and scripts, an interface for persons
// and DNs. The objects of all of them together make the configuration, in the order of
// the sources; one that two of them have is an error, as if it stood in two files.
//
// Errors of one source are those of all. But one that has been read before and cannot be read any more, such as a server that is
// down, does not keep the changes of the others back: what it gave last counts, and a warning says so.
//
// It is a Notifier, that of those sources that are one.
func Join(sources ...Source) Notifier {
	j := &joined{parts: make([]joinedPart, len(sources))}
	for i, s := range sources {
		j.parts[i].source = s
		if n, ok := s.(Notifier); ok {
			j.notifiers = append(j.notifiers, n)
		}
	}
	return j
}

type joined struct {
	parts     []joinedPart
	notifiers []Notifier
	done      bool
}

// joinedPart is a source, what it gave last, and why it gives nothing now.
type joinedPart struct {
	source  Source
	objects *Objects
	err     error
}

// Read implements Source.
func (j *joined) Read(ctx context.Context) (*Objects, error) {
	changed := !j.done
	j.done = false // until there is an answer
	for i := range j.parts {
		p := &j.parts[i]
		switch objects, err := p.source.Read(ctx); {
		case errors.Is(err, ErrUnchanged):
		case err != nil:
			p.err, changed = err, true
		default:
			p.objects, p.err, changed = objects, nil, true
		}
	}
	all := &Objects{}
	var wrong Errors
	var failed []error
	for i := range j.parts {
		p := &j.parts[i]
		var e Errors
		switch {
		case errors.As(p.err, &e):
			wrong = append(wrong, e...)
		case p.err != nil && (p.objects == nil || ctx.Err() != nil):
			failed = append(failed, p.err)
		case p.objects != nil:
			all.add(p.objects)
			if p.err != nil {
				all.Warnings = append(all.Warnings, &Error{Problem: "a source cannot be read, and what it gave last counts: " + p.err.Error()})
			}
		}
	}
	if len(failed) > 0 {
		return nil, errors.Join(append(failed, wrong.asError())...)
	}
	j.done = true
	if !changed {
		return nil, ErrUnchanged
	}
	if err := wrong.asError(); err != nil {
		return nil, err
	}
	return all, nil
}

// Wait implements Notifier.
func (j *joined) Wait(ctx context.Context) error {
	if len(j.notifiers) == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error)
	for _, n := range j.notifiers {
		go func() { results <- n.Wait(ctx) }()
	}
	// The first that has something ends the wait of the others.
	var err error
	notified := false
	for range j.notifiers {
		if e := <-results; e == nil {
			notified = true
			cancel()
		} else {
			err = e
		}
	}
	if notified {
		return nil
	}
	return err
}
