// Package client is a client of package rest.
//
//	c, err := client.New("https://ors.example:8443", &client.Options{Token: secret})
//	…
//	id, err := c.Start(ctx, "https://strategies.example/live/order.scxml", nil)
//	err = c.Event(ctx, id, "add", map[string]any{"price": 12}, nil)
//	answer, err := c.Request(ctx, id, "total", nil)
//
// What the server refuses is an *Error. A session that another node has is asked for
// there (307), if that node is one of Options.Nodes: the token goes nowhere else.
package client
