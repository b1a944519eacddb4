// Command inspect looks into the file in which an engine keeps its sessions (boltstore), while no engine has it
// open, moves sessions to another file, and removes documents that no session needs any more.
//
//	go run ./examples/inspect list FILE
//	go run ./examples/inspect show [-mask NAME,NAME] FILE SESSION
//	go run ./examples/inspect export FILE [SESSION…] > sessions.jsonl
//	go run ./examples/inspect import [-skip] FILE < sessions.jsonl
//	go run ./examples/inspect prune [-age 24h] FILE
//	go run ./examples/inspect delete FILE SESSION
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/boltstore"
	"github.com/seed-ff723688/ors/persistence/inspect"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony/fm"
)

const usage = `usage: inspect list FILE
       inspect show [-mask NAME,NAME] FILE SESSION
       inspect export FILE [SESSION…] > sessions.jsonl
       inspect import [-skip] FILE < sessions.jsonl
       inspect prune [-age 24h] FILE
       inspect delete FILE SESSION`

// errUsage: the command line is wrong.
var errUsage = errors.New(usage)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) (err error) {
	if len(args) == 0 {
		return errUsage
	}
	flags := flag.NewFlagSet("inspect", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	mask := flags.String("mask", "", "names whose values are not shown, with commas between them")
	skip := flags.Bool("skip", false, "leave sessions alone that are there already")
	age := flags.Duration("age", 24*time.Hour, "for how long nobody has put a document that is removed")
	if err := flags.Parse(args[1:]); err != nil || flags.NArg() == 0 {
		return errUsage
	}
	path, ids := flags.Arg(0), flags.Args()[1:]
	if args[0] != "import" { // which makes the file
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	store, err := boltstore.Open(path, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	switch {
	case args[0] == "list" && len(ids) == 0:
		return list(ctx, out, store)
	case args[0] == "show" && len(ids) == 1:
		return show(ctx, out, store, ids[0], strings.Split(*mask, ","))
	case args[0] == "export":
		return export(ctx, out, store, ids)
	case args[0] == "import" && len(ids) == 0:
		return load(ctx, out, store, in, *skip)
	case args[0] == "prune" && len(ids) == 0:
		return prune(ctx, out, store, *age)
	case args[0] == "delete" && len(ids) == 1:
		return inspect.Delete(ctx, store, ids[0])
	}
	return errUsage
}

// list prints a line for each session.
func list(ctx context.Context, out io.Writer, store persistence.Store) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SESSION\tREV\tWAITING\tTIMERS\tEFFECTS\tDOCUMENT")
	for info, err := range inspect.Sessions(ctx, store) {
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%.8s\n", info.ID, info.Rev, info.Tail-info.Acked, info.Timers, info.Effects, info.Document)
	}
	return w.Flush()
}

// show prints what a session is and has.
func show(ctx context.Context, out io.Writer, store persistence.Store, id string, masked []string) error {
	stored, err := store.Load(ctx, id)
	if err != nil {
		return err
	}
	d, err := session.Describe(ctx, stored, &session.DescribeOptions{
		Parse:  scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}, Modules: fm.Modules()},
		Source: store.Document,
		Mask:   func(name string) bool { return slices.Contains(masked, name) },
	})
	if err != nil {
		return err
	}
	text := json.NewEncoder(out)
	text.SetEscapeHTML(false)
	text.SetIndent("", "  ")
	return text.Encode(d)
}

// export prints sessions in the form that import reads: those named, or all.
func export(ctx context.Context, out io.Writer, store persistence.Store, ids []string) error {
	for _, id := range ids {
		if _, err := store.Load(ctx, id); err != nil {
			return err
		}
	}
	_, err := inspect.Export(ctx, out, store, session.StoredDocuments, func(info persistence.Info) bool {
		return len(ids) == 0 || slices.Contains(ids, info.ID)
	})
	return err
}

// load reads what export has printed. A file is checked as a whole before anything is written, so it is read twice.
func load(ctx context.Context, out io.Writer, store persistence.Store, in io.Reader, skip bool) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	n, err := inspect.Import(ctx, store, bytes.NewReader(text), &inspect.ImportOptions{SkipExisting: skip})
	fmt.Fprintf(out, "%d sessions and %d documents imported\n", n.Sessions, n.Documents)
	return err
}

// prune removes the documents that no session names and that are old enough, and prints them.
func prune(ctx context.Context, out io.Writer, store persistence.Store, age time.Duration) error {
	done, err := inspect.Prune(ctx, store, session.StoredDocuments, &inspect.PruneOptions{Age: age})
	for _, d := range done.Dropped {
		fmt.Fprintf(out, "removed %s, %d bytes, last put %s\n", d.Digest, d.Size, d.Put.Format(time.DateTime))
	}
	if err == nil {
		fmt.Fprintf(out, "%d documents removed; %d of the same age stay, as sessions need them\n", len(done.Dropped), done.Kept)
	}
	return err
}
