// Command durable starts itself as a second process that runs a session on a store, kills that process with
// SIGKILL three times, at the worst moments, and shows that the session goes on each time as if
// nothing had happened.
//
//	go run ./examples/durable
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/seed-ff723688/ors/persistence/boltstore"
	"github.com/seed-ff723688/ors/persistence/inspect"
)

// fileVariable tells a process that it is the node, and where its store is.
const fileVariable = "DURABLE_FILE"

func main() {
	if err := begin(); err != nil {
		fmt.Fprintln(os.Stderr, "durable:", err)
		os.Exit(1)
	}
}

// begin is the node in the second process, and tells the story in the first.
func begin() error {
	if path := os.Getenv(fileVariable); path != "" {
		return node(path, os.Stdin, os.Stdout)
	}
	return run(os.Stdout)
}

// world is everything outside of the node: who sends events, and the mail server.
type world struct {
	out  io.Writer
	path string

	process int
	cmd     *exec.Cmd
	to      io.WriteCloser
	from    *bufio.Scanner

	mails map[string]bool // that have left, by effect id
}

func run(out io.Writer) (err error) {
	folder, err := os.MkdirTemp("", "durable")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	w := &world{out: out, path: filepath.Join(folder, "sessions.db"), mails: make(map[string]bool)}
	defer func() {
		if err != nil && w.cmd != nil {
			_ = w.cmd.Process.Kill()
			_ = w.cmd.Wait()
		}
	}()
	for _, step := range []func() error{w.first, w.second, w.third, w.fourth} {
		if err := w.start(); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	return w.lookIntoStore()
}

// first fills a basket and is killed while a delayed event is pending.
func (w *world) first() error {
	w.tell("start order-1")
	if err := w.send("1", "item", "pen"); err != nil {
		return err
	}
	if err := w.send("2", "item", "ink"); err != nil {
		return err
	}
	if err := w.send("3", "later", ""); err != nil {
		return err
	}
	return w.kill("a reminder is due in half a second")
}

// second is killed when it has handed over a mail, before it learns that it has left.
func (w *world) second() error {
	id, text, err := w.mail()
	if err != nil {
		return err
	}
	w.note("mail    %s: %s", id, text)
	w.mails[id] = true
	return w.kill("the mail has left, and nobody has told the process")
}

// third is killed when it has been sent an event, before it has answered.
func (w *world) third() error {
	for {
		line, err := w.read("mail ")
		if err != nil {
			return err
		}
		id, text, _ := strings.Cut(line, " ")
		w.tell("sent " + id)
		if strings.HasPrefix(text, "reminder") {
			w.note("mail    %s: %s\n           again, with the same id: it is dropped", id, text)
			break
		}
	}
	w.note("event   pay")
	w.tell("send order-1 4 pay -")
	return w.kill("nobody knows whether it has taken the event")
}

// fourth gets that event again, with the same key.
func (w *world) fourth() error {
	if err := w.send("4", "pay", ""); err != nil {
		return err
	}
	w.tell("end")
	if _, err := w.read("ended"); err != nil {
		return err
	}
	w.note("ends")
	return w.cmd.Wait()
}

// send sends an event and waits for the mail that comes of it.
func (w *world) send(key, event, data string) error {
	w.note("event   %s", strings.TrimSpace(event+" "+data))
	w.tell("send order-1 " + key + " " + event + " " + data)
	id, text, err := w.mail()
	if err != nil {
		return err
	}
	w.note("mail    %s: %s", id, text)
	w.mails[id] = true
	w.tell("sent " + id)
	return nil
}

// mail waits for a mail that has not left yet. Those that have are repeats.
func (w *world) mail() (id, text string, err error) {
	for {
		line, err := w.read("mail ")
		if err != nil {
			return "", "", err
		}
		id, text, _ := strings.Cut(line, " ")
		if !w.mails[id] {
			return id, text, nil
		}
		w.tell("sent " + id)
	}
}

// start starts this program once more, as the node.
func (w *world) start() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	w.cmd = exec.Command(program)
	w.cmd.Env = append(os.Environ(), fileVariable+"="+w.path)
	w.cmd.Stderr = os.Stderr
	if w.to, err = w.cmd.StdinPipe(); err != nil {
		return err
	}
	from, err := w.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	w.from = bufio.NewScanner(from)
	if err := w.cmd.Start(); err != nil {
		return err
	}
	w.process++
	sessions, err := w.read("ready ")
	if err != nil {
		return err
	}
	w.note("starts; sessions in its store: %s", sessions)
	return nil
}

// kill ends the node with SIGKILL.
func (w *world) kill(when string) error {
	if err := w.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = w.cmd.Wait() // says that it was killed
	w.note("killed: %s", when)
	return nil
}

// tell sends a command. A node that is dead does not answer, which is noticed there.
func (w *world) tell(command string) { _, _ = io.WriteString(w.to, command+"\n") }

// read waits for a line that begins with the given text, and returns the rest of it.
func (w *world) read(begins string) (string, error) {
	for w.from.Scan() {
		if rest, ok := strings.CutPrefix(w.from.Text(), begins); ok {
			return rest, nil
		}
	}
	return "", fmt.Errorf("process %d ended before it said %q", w.process, begins)
}

func (w *world) note(format string, args ...any) {
	fmt.Fprintf(w.out, "process %d  "+format+"\n", append([]any{w.process}, args...)...)
}

// lookIntoStore counts what is left.
func (w *world) lookIntoStore() error {
	store, err := boltstore.Open(w.path, nil)
	if err != nil {
		return err
	}
	left := 0
	for _, err := range inspect.Sessions(context.Background(), store) {
		if err != nil {
			return err
		}
		left++
	}
	fmt.Fprintf(w.out, "mails that have left: %d; sessions in the store: %d\n", len(w.mails), left)
	return store.Close()
}
