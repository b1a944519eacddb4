package session_test

import (
	"context"
	"fmt"
	"io/fs"
	"log"
	"testing/fstest"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

const order = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">
	<datamodel><data id="total" expr="0"/></datamodel>
	<state id="open">
		<transition event="add"><assign location="total" expr="total + _event.data.price"/></transition>
		<transition event="pay" target="paid"/>
	</state>
	<final id="paid"><donedata><param name="total" expr="total"/></donedata></final>
</scxml>`

func Example() {
	ctx := context.Background()
	loader, err := session.NewLoader(&session.LoaderOptions{
		FS: map[string]fs.FS{"charts": fstest.MapFS{"order.scxml": {Data: []byte(order)}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	engine, err := session.New(&session.Options{
		Parse:  scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}},
		Loader: loader,
	})
	if err != nil {
		log.Fatal(err)
	}
	id, err := engine.Start(ctx, session.StartRequest{URL: "charts:///order.scxml"})
	if err != nil {
		log.Fatal(err)
	}
	for _, price := range []int{12, 30} {
		if err := engine.Send(ctx, id, &scxml.Event{Name: "add", Data: map[string]any{"price": price}}); err != nil {
			log.Fatal(err)
		}
	}
	if err := engine.Send(ctx, id, &scxml.Event{Name: "pay"}); err != nil {
		log.Fatal(err)
	}
	result, err := engine.Wait(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Reason, result.Configuration, string(datamodel.EncodeJSON(result.Data)))
	if err := engine.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: finished [paid] {"total":42}
}

// A chart that waits for days is run in no time.
func ExampleVirtualClock() {
	ctx := context.Background()
	clock := session.NewVirtualClock(time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC))
	engine, err := session.New(&session.Options{
		Clock: clock,
		Log:   func(_ string, e scxml.LogEntry) { fmt.Println(clock.Now().Format(time.RFC3339), e.Label) },
	})
	if err != nil {
		log.Fatal(err)
	}
	doc, err := scxml.Parse(ctx, []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null">
		<state id="waiting">
			<onentry><send event="remind" delay="259200s"/></onentry>
			<transition event="remind" target="end"><log label="three days have passed"/></transition>
		</state>
		<final id="end"/></scxml>`), nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := engine.Start(ctx, session.StartRequest{Document: doc}); err != nil {
		log.Fatal(err)
	}
	clock.Advance(7 * 24 * time.Hour)
	if err := engine.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: 2026-01-04T09:00:00Z three days have passed
}

// With a store, another engine goes on where the first one stopped.
func ExampleEngine_Recover() {
	ctx := context.Background()
	store, err := memstore.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	options := &session.Options{
		Parse: scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}},
		Store: store,
	}
	doc, err := scxml.Parse(ctx, []byte(order), &options.Parse)
	if err != nil {
		log.Fatal(err)
	}
	boot := func() *session.Engine {
		engine, err := session.New(options)
		if err != nil {
			log.Fatal(err)
		}
		n, err := engine.Recover(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(n, "sessions in the store")
		return engine
	}
	send := func(engine *session.Engine, id, event string, data any) {
		if err := engine.Send(ctx, id, &scxml.Event{Name: event, Data: data}); err != nil {
			log.Fatal(err)
		}
	}

	first := boot()
	id, err := first.Start(ctx, session.StartRequest{Document: doc})
	if err != nil {
		log.Fatal(err)
	}
	send(first, id, "add", map[string]any{"price": 42})
	if err := first.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}

	second := boot()
	send(second, id, "pay", nil)
	result, err := second.Wait(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(datamodel.EncodeJSON(result.Data)))
	if err := second.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 0 sessions in the store
	// 1 sessions in the store
	// {"total":42}
}
