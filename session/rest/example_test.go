package rest_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"testing/fstest"

	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
	"github.com/seed-ff723688/ors/session/rest/client"
)

// A server for this machine alone, and a client of it.
func Example() {
	ctx := context.Background()
	charts := fstest.MapFS{"door.scxml": {Data: []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" name="door">
		<state id="closed"><transition event="open" target="opened"/></state><state id="opened"/></scxml>`)}}
	loader, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{"app": charts}})
	if err != nil {
		fmt.Println(err)
		return
	}
	engine, err := session.New(&session.Options{Loader: loader})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer engine.Shutdown(ctx)
	handler, err := rest.NewHandler(engine, &rest.Options{Loopback: true, Sources: []string{"app:///"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(handler)
	defer server.Close()

	c, err := client.New(server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := c.Start(ctx, "app:///door.scxml", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Event(ctx, id, "open", nil, nil))
	_ = engine.Settle(ctx) // only for the example: the event has been handled
	state, err := c.Session(ctx, id)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(state.Name, state.Active)
	_, err = c.Start(ctx, "file:///etc/passwd", nil)
	fmt.Println(err)
	// Output:
	// <nil>
	// door [opened]
	// client: the server answered 403 Forbidden: The parameter src names no document that may be started.
}
