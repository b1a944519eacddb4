// Command custom-module gives strategies an element and a function of its own:
// <crm:lookup> finds a customer by telephone number, _crm.isVip tells who is
// important. It runs a strategy for three callers under virtual time, and shows what
// is reported when a document uses the module wrongly.
//
//	go run ./examples/custom-module
package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

//go:embed strategy.scxml
var strategies embed.FS

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "custom-module:", err)
		os.Exit(1)
	}
}

func customer(id, name string) *datamodel.Object {
	return datamodel.NewObject(datamodel.Member{Name: "id", Value: id}, datamodel.Member{Name: "name", Value: name})
}

func run(out io.Writer) error {
	ctx := context.Background()
	clock := session.NewVirtualClock(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC))
	module := &crm{
		clock:     clock,
		customers: map[string]*datamodel.Object{"0301": customer("c1", "Ada"), "0302": customer("c2", "Ben")},
		vips:      map[string]bool{"c1": true},
	}
	loader, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{"app": strategies}})
	if err != nil {
		return err
	}
	sessions := 0
	parse := scxml.ParseOptions{
		Languages: []datamodel.Language{goja.New(nil)},
		Modules:   []scxml.Module{module}, // compiles <crm:…>
	}
	engine, err := session.New(&session.Options{
		Parse:   parse,
		Modules: map[string]session.ModuleHandler{crmNamespace: module}, // carries it out
		Loader:  loader,
		Clock:   clock,
		Workers: 1, // with virtual time: the same order in every run
		NewID:   func() string { sessions++; return fmt.Sprintf("session-%d", sessions) },
		Log: func(id string, e scxml.LogEntry) {
			fmt.Fprintf(out, "%s  %s: %s: %s\n", clock.Now().Format("15:04:05.000"), id, e.Label, e.Text)
		},
	})
	if err != nil {
		return err
	}
	defer engine.Shutdown(ctx)

	for _, phone := range []string{"0301", "0302", "0303"} {
		params := datamodel.NewObject(datamodel.Member{Name: "phone", Value: phone})
		if _, err := engine.Start(ctx, session.StartRequest{URL: "app:/strategy.scxml", Params: params}); err != nil {
			return err
		}
		clock.Advance(time.Second)
	}

	text, err := strategies.ReadFile("strategy.scxml")
	if err != nil {
		return err
	}
	wrong := strings.Replace(string(text), `phone="phone"`, `phon="phone"`, 1)
	parse.URL = "app:/strategy.scxml"
	var problems *scxml.ParseError
	if _, err := scxml.Parse(ctx, []byte(wrong), &parse); !errors.As(err, &problems) {
		return fmt.Errorf("want a document with errors, got %v", err)
	}
	_, err = fmt.Fprintf(out, "\nwith phon instead of phone:\n%s\n", problems.Detail())
	return err
}
