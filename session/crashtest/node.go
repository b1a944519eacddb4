package crashtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// node is the process that is killed: an engine that does what it is asked to.
type node struct {
	engine *session.Engine
	doc    *scxml.Document
	out    *lines
	ledger *ledgerProcessor
}

// serve runs an engine until it is told to end, or its input ends. It returns the exit code.
func serve(target Target, place string) int {
	n := &node{out: &lines{w: os.Stdout}}
	if err := n.serve(target, place, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "crashtest:", err)
		return 1
	}
	return 0
}

func (n *node) serve(target Target, place string, in io.Reader) (err error) {
	store, err := target.Open(place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if n.doc, err = parseChart(); err != nil {
		return err
	}
	n.ledger = &ledgerProcessor{out: n.out, waiting: make(map[string][]chan struct{})}
	opts := &session.Options{
		Store:           store,
		Owner:           "crashtest",
		Parse:           parseOptions(),
		Processors:      []session.IOProcessor{n.ledger},
		OutgoingTimeout: time.Minute,
		Logger:          slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	if target.Engine != nil {
		target.Engine(opts)
	}
	if n.engine, err = session.New(opts); err != nil {
		return err
	}
	ctx := context.Background()
	if _, err := n.engine.Recover(ctx); err != nil {
		return err
	}
	if err := n.out.write(line{Crashtest: true, Result: resultReady}); err != nil {
		return err
	}
	requests := make(chan request)
	go read(in, requests)
	for r := range requests {
		switch r.Op {
		case opDone:
			n.ledger.done(r.Effect)
		case opQuit:
			go func() { // effects may still be under way
				for r := range requests {
					n.ledger.done(r.Effect)
				}
			}()
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			return n.engine.Shutdown(ctx)
		default:
			go n.answer(ctx, r)
		}
	}
	return errors.New("the test has gone")
}

// read takes requests until the input ends.
func read(in io.Reader, requests chan<- request) {
	defer close(requests)
	for texts := bufio.NewScanner(in); texts.Scan(); {
		var r request
		if json.Unmarshal(texts.Bytes(), &r) == nil {
			requests <- r
		}
	}
}

// answer does what is asked and says what came of it.
func (n *node) answer(ctx context.Context, r request) {
	var err error
	if r.Op == opStart {
		_, err = n.engine.Start(ctx, session.StartRequest{SessionID: r.Session, Document: n.doc})
		if errors.Is(err, session.ErrExists) {
			err = nil // by an earlier try
		}
	} else {
		data := datamodel.NewObject(datamodel.Member{Name: "n", Value: float64(r.N)})
		err = n.engine.SendOnce(ctx, r.Session, r.Key, &scxml.Event{Name: r.Event, Data: data})
	}
	l := line{Crashtest: true, Number: r.Number, Result: resultOK}
	switch {
	case errors.Is(err, session.ErrNotFound), errors.Is(err, persistence.ErrNotFound):
		l.Result = resultMissing
	case err != nil:
		l.Result = resultAgain
	}
	if err != nil {
		l.Error = err.Error()
	}
	_ = n.out.write(l) // whoever does not get it asks again
}

// ledgerProcessor enters what sessions send in the ledger, which another process keeps, and waits until that
// has it.
type ledgerProcessor struct {
	out *lines

	mu      sync.Mutex
	waiting map[string][]chan struct{} // by effect
}

func (p *ledgerProcessor) Types() []string             { return []string{"ledger"} }
func (p *ledgerProcessor) Location(string) string      { return "" }
func (p *ledgerProcessor) Check(*scxml.Send) error     { return nil }
func (p *ledgerProcessor) Open(session.Receiver) error { return nil }
func (p *ledgerProcessor) Close() error                { return nil }

func (p *ledgerProcessor) Send(ctx context.Context, m *session.Message) error {
	id := m.Effect.String()
	done := make(chan struct{})
	p.mu.Lock()
	p.waiting[id] = append(p.waiting[id], done)
	p.mu.Unlock()
	err := p.out.write(line{Crashtest: true, Effect: id, Session: m.Effect.Session, Event: m.Event.Name, Data: datamodel.EncodeJSON(m.Event.Data)})
	if err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// done tells those who wait that an effect is in the ledger.
func (p *ledgerProcessor) done(effect string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.waiting[effect] {
		close(c)
	}
	delete(p.waiting, effect)
}
