// Package client is a client of package rest.
//
//	c, err := client.New("https://ors.example:8443", &client.Options{Token: secret})
//	…
//	id, err := c.Start(ctx, "https://strategies.example/live/order.scxml", nil)
//	err = c.Event(ctx, id, "add", map[string]any{"price": 12}, nil)
//	answer, err := c.Request(ctx, id, "total", nil)
//
// A call ends after Options.Timeout at the latest, and is repeated only where that does no
// harm (Options.Retries): an event that must neither be lost nor come twice has a key
// (EventOptions.Key), which goes with every repeat and to the node that has the session.
//
// What the server refuses is an *Error. A session that another node has is asked for
// there (307), if that node is one of Options.Nodes: the token goes nowhere else.
package client
