// Command run executes an SCXML file and prints what it does, one JSON line a
// step.
//
//	go run ./examples/run [-engine goja|otto] [-script FILE] [-trace] CHART
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/otto"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // the session failed
	exitRefused = 2 // the document has errors, or the command line is wrong
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(stderr)
	engine := flags.String("engine", "goja", "ECMAScript engine: goja or otto")
	script := flags.String("script", "", "file of JSON lines, - for standard input: {\"event\":NAME,\"data\":ANY} or {\"advance\":\"1.5s\"} (virtual time)")
	trace := flags.Bool("trace", false, "print every step of the interpreter on standard error")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: run [-engine goja|otto] [-script FILE] [-trace] CHART")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return exitRefused
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return exitRefused
	}
	r := &runner{stdout: json.NewEncoder(stdout), stderr: stderr}
	r.stdout.SetEscapeHTML(false)
	var language datamodel.Language
	switch *engine {
	case "goja":
		language = goja.New(nil)
	case "otto":
		language = otto.New(nil)
	default:
		fmt.Fprintf(stderr, "run: -engine %q: write goja or otto\n", *engine)
		return exitRefused
	}
	input, err := openInput(*script, stdin)
	if err != nil {
		fmt.Fprintln(stderr, "run:", err)
		return exitRefused
	}
	defer input.Close()
	if *script != "" {
		r.clock = session.NewVirtualClock(time.Unix(0, 0).UTC())
	}
	if err := r.start(flags.Arg(0), language, *trace); err != nil {
		fmt.Fprintln(stderr, describe(err))
		return exitRefused
	}
	defer r.engine.Shutdown(context.Background())
	err = r.step()
	for lines := newLines(input); err == nil && lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if *script == "" {
			if problem := r.typedLine(line); problem != nil {
				fmt.Fprintln(stderr, "run:", problem)
				continue
			}
		} else if err = r.scriptLine([]byte(line)); err != nil {
			break
		}
		err = r.step()
	}
	if err != nil {
		fmt.Fprintln(stderr, "run:", err)
		return exitFailure
	}
	return exitOK
}

// runner drives one session and prints it.
type runner struct {
	engine *session.Engine
	clock  *session.VirtualClock // nil: real time
	id     string
	stdout *json.Encoder
	stderr io.Writer
	steps  int

	mu  sync.Mutex
	log []string // texts of <log> since the last line
}

func (r *runner) start(chart string, language datamodel.Language, trace bool) error {
	path, err := filepath.Abs(chart)
	if err != nil {
		return err
	}
	folder := fileURL(filepath.Dir(path)) + "/"
	loader, err := session.NewLoader(&session.LoaderOptions{Allow: []string{folder}})
	if err != nil {
		return err
	}
	opts := &session.Options{
		Parse:   scxml.ParseOptions{Languages: []datamodel.Language{language}},
		Loader:  loader,
		Workers: 1,
		Log: func(_ string, entry scxml.LogEntry) {
			text := entry.Text
			if text == "" {
				text = entry.Label
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.log = append(r.log, text)
		},
	}
	if r.clock != nil {
		opts.Clock = r.clock
	}
	var children atomic.Int64
	opts.NewID = func() string { return fmt.Sprintf("session.%d", children.Add(1)) }
	opts.Logger = slog.New(slog.NewTextHandler(r.stderr, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	if trace {
		opts.Trace = func(id string, _ *scxml.Document) *scxml.Trace { return printTrace(r.stderr, id) }
	}
	if r.engine, err = session.New(opts); err != nil {
		return err
	}
	ctx := context.Background()
	doc, err := r.engine.Load(ctx, fileURL(path))
	if err != nil {
		return err
	}
	for _, w := range doc.Warnings() {
		fmt.Fprintln(r.stderr, w)
	}
	r.id, err = r.engine.Start(ctx, session.StartRequest{Document: doc, SessionID: "session"})
	return err
}

func fileURL(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

// line is what is printed after each step.
type line struct {
	Step          int      `json:"step"`
	Active        []string `json:"active"`
	Configuration []string `json:"configuration"`
	Log           []string `json:"log"`
	Done          bool     `json:"done"`
}

// step lets the session come to rest and prints it.
func (r *runner) step() error {
	ctx := context.Background()
	if r.clock != nil {
		r.clock.Advance(0)
	}
	if err := r.engine.Settle(ctx); err != nil {
		return err
	}
	status, err := r.engine.Query(ctx, r.id)
	if err != nil {
		return err
	}
	r.mu.Lock()
	l := line{r.steps, status.Active, status.Configuration, append([]string{}, r.log...), status.Ended}
	r.log = nil
	r.mu.Unlock()
	r.steps++
	if l.Active == nil {
		l.Active = []string{}
	}
	if l.Configuration == nil {
		l.Configuration = []string{}
	}
	if err := r.stdout.Encode(l); err != nil {
		return err
	}
	return status.Result.Err
}

// scriptLine does one line of a script file.
func (r *runner) scriptLine(text []byte) error {
	var l struct {
		Event   string          `json:"event"`
		Data    json.RawMessage `json:"data"`
		Advance string          `json:"advance"`
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&l)
	if err == nil && decoder.More() {
		err = errors.New("one object a line")
	}
	if err != nil {
		return fmt.Errorf("script line %d: %s: %w", r.steps, text, err)
	}
	switch {
	case l.Event != "" && l.Advance == "":
		return r.send(l.Event, l.Data)
	case l.Event == "" && l.Advance != "":
		d, err := time.ParseDuration(l.Advance)
		if err != nil || d < 0 {
			return fmt.Errorf("script line %d: advance %q is no duration such as \"1.5s\"", r.steps, l.Advance)
		}
		r.clock.Advance(d)
		return nil
	}
	return fmt.Errorf("script line %d: %s: write either \"event\" or \"advance\"", r.steps, text)
}

// typedLine does one line of standard input: a name and optional JSON data.
func (r *runner) typedLine(text string) error {
	name, data, _ := strings.Cut(text, " ")
	return r.send(name, []byte(strings.TrimSpace(data)))
}

// send sends an event to the session, unless it has ended.
func (r *runner) send(name string, data []byte) error {
	if strings.ContainsAny(name, " \t") {
		return fmt.Errorf("event %q: a name has no white space", name)
	}
	ev := &scxml.Event{Name: name}
	if len(data) > 0 {
		v, err := datamodel.DecodeJSON(data, nil)
		if err != nil {
			return fmt.Errorf("data of event %s: %w", name, err)
		}
		ev.Data = v
	}
	err := r.engine.Send(context.Background(), r.id, ev)
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	return err
}

func openInput(script string, stdin io.Reader) (io.ReadCloser, error) {
	if script == "" || script == "-" {
		return io.NopCloser(stdin), nil
	}
	return os.Open(script)
}

func newLines(r io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	return lines
}

// describe renders the diagnostics of a document in full.
func describe(err error) string {
	var problems *scxml.ParseError
	if errors.As(err, &problems) {
		return problems.Detail()
	}
	return "run: " + err.Error()
}

// withoutTime leaves the time out of a log line, so that runs can be compared.
func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// printTrace prints the steps of one session.
func printTrace(w io.Writer, id string) *scxml.Trace {
	line := func(format string, args ...any) { fmt.Fprintf(w, id+": "+format+"\n", args...) }
	return &scxml.Trace{
		EventQueued: func(ev *scxml.Event) { line("queued %s event %s", ev.Type, ev.Name) },
		EventTaken:  func(ev *scxml.Event) { line("event %s", ev.Name) },
		Transition: func(t scxml.TransitionTrace) {
			line("transition %s -> [%s] (line %d)", t.Source, strings.Join(t.Targets, " "), t.Pos.Line)
		},
		Exit:  func(state string) { line("exit %s", state) },
		Enter: func(state string) { line("enter %s", state) },
		Eval: func(e scxml.EvalTrace) {
			if e.Err != nil {
				line("%s %q: %v", e.Kind, e.Text, e.Err)
				return
			}
			if e.Kind == datamodel.ConditionalExpression {
				line("%s %q: %t", e.Kind, e.Text, e.Result)
				return
			}
			line("%s %q", e.Kind, e.Text)
		},
		Effect: func(e scxml.Effect) { line("effect %s", strings.TrimPrefix(fmt.Sprintf("%T", e), "*scxml.")) },
		Error:  func(ev *scxml.Event, err error) { line("%s: %v", ev.Name, err) },
	}
}
