// Package bridge speaks the bridge protocol, a documented wire form of the messages of
// package telephony, so that a switch can stand behind a connection: the simulated one of
// package sim in a process of its own, or a real one whose vendor's SDK a site owns and
// has written an adapter with. PROTOCOL.md is the specification; it is a protocol of this
// project and has nothing of the bytes of T-Server or Interaction Server.
//
// # The client
//
// A [Driver] is a telephony.Driver; telephony.Open makes a Link of it:
//
//	driver, err := bridge.NewDriver("ors", &bridge.DriverOptions{Secret: secret, TLS: &tls.Config{}})
//	link, err := telephony.Open(driver, []telephony.Endpoint{{Address: "switch.example:7020"}}, nil)
//
// A connection that breaks for a moment is mended without the Link noticing: nothing is
// lost, nothing comes twice (DriverOptions.Resume). When that fails the Link connects anew.
//
// # The server
//
// A [Server] exports any other telephony.Driver: it opens one connection of it for each
// client and carries requests and events over.
//
//	server, err := bridge.NewServer(backend, &bridge.ServerOptions{Secrets: map[string][]byte{"ors": secret}, TLS: config})
//	err = server.Serve(ctx, listener)
//
// A client that sends garbage or too much, that stays silent or does not read, loses its
// connection, with a reason ([CloseError]); other clients do not notice. What the server
// keeps for a client is bounded.
package bridge
