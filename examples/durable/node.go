package main

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence/boltstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

//go:embed order.scxml
var orderChart []byte

// node is the process that is killed: an engine on a store. It takes a command a line:
//
//	start SESSION
//	send SESSION KEY EVENT DATA
//	sent EFFECT                  a mail has left; do not repeat it
//	end
//
// and prints "ready N", "accepted KEY", "mail EFFECT NAME TEXT" and "ended".
func node(path string, in io.Reader, out io.Writer) (err error) {
	store, err := boltstore.Open(path, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	ctx := context.Background()
	parse := scxml.ParseOptions{URL: "order.scxml", Languages: []datamodel.Language{goja.New(nil)}}
	doc, err := scxml.Parse(ctx, orderChart, &parse)
	if err != nil {
		return err
	}
	mail := &mailer{out: out, waiting: make(map[string]chan struct{})}
	engine, err := session.New(&session.Options{
		Store:      store,
		Parse:      parse,
		Processors: []session.IOProcessor{mail},
		Logger:     slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	sessions, err := engine.Recover(ctx) // from now on sessions go on where they were
	if err != nil {
		return err
	}
	mail.print("ready %d", sessions)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		words := strings.SplitN(lines.Text(), " ", 5)
		switch {
		case words[0] == "start" && len(words) == 2:
			_, err = engine.Start(ctx, session.StartRequest{SessionID: words[1], Document: doc})
		case words[0] == "send" && len(words) == 5:
			if err = engine.SendOnce(ctx, words[1], words[2], &scxml.Event{Name: words[3], Data: words[4]}); err == nil {
				mail.print("accepted %s", words[2])
			}
		case words[0] == "sent" && len(words) == 2:
			mail.sent(words[1])
		case words[0] == "end":
			if err := engine.Shutdown(ctx); err != nil {
				return err
			}
			mail.print("ended")
			return nil
		}
		if errors.Is(err, session.ErrNotFound) {
			err = nil // it has ended: an earlier try of this event was accepted
			mail.print("accepted %s", words[2])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mailer is an event I/O processor: <send type="mail"> has whoever reads the node's output send a mail. A mail is
// repeated after a crash, with the same effect id, until the node is told that it has left.
type mailer struct {
	mu      sync.Mutex
	out     io.Writer
	waiting map[string]chan struct{}
}

func (m *mailer) Types() []string             { return []string{"mail"} }
func (m *mailer) Location(string) string      { return "" }
func (m *mailer) Check(*scxml.Send) error     { return nil }
func (m *mailer) Open(session.Receiver) error { return nil }
func (m *mailer) Close() error                { return nil }

func (m *mailer) Send(ctx context.Context, msg *session.Message) error {
	id := msg.Effect.String()
	left := make(chan struct{})
	m.mu.Lock()
	m.waiting[id] = left
	m.mu.Unlock()
	m.print("mail %s %s %v", id, msg.Event.Name, msg.Event.Data)
	select {
	case <-left:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *mailer) sent(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if left := m.waiting[id]; left != nil {
		close(left)
		delete(m.waiting, id)
	}
}

func (m *mailer) print(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fmt.Fprintf(m.out, format+"\n", args...)
}
