// Command adapter is the engine's side of an adapter: it connects by the bridge protocol,
// registers routing point 5000, and routes the first call that waits there.
//
//	python3 examples/adapter/adapter.py &
//	go run ./examples/adapter
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/bridge"
)

func main() {
	address := flag.String("address", "127.0.0.1:7020", "of the adapter")
	secret := flag.String("secret-file", "", "file with the secret; empty: none is asked for")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Stdout, os.Stderr, *address, *secret); err != nil {
		fmt.Fprintln(os.Stderr, "adapter:", err)
		os.Exit(1)
	}
}

// run routes one call and prints what the switch says; to problems goes what an operator has to
// know.
func run(ctx context.Context, out, problems io.Writer, address, secretFile string) error {
	var opts bridge.DriverOptions
	if secretFile != "" {
		secret, err := os.ReadFile(secretFile)
		if err != nil {
			return err
		}
		opts.Secret = bytes.TrimSpace(secret)
	}
	driver, err := bridge.NewDriver("ors", &opts)
	if err != nil {
		return err
	}
	// A link keeps trying; why it has to is told to its Logger.
	logger := slog.New(slog.NewTextHandler(problems, &slog.HandlerOptions{Level: slog.LevelWarn}))
	link, err := telephony.Open(driver, []telephony.Endpoint{{Address: address}}, &telephony.LinkOptions{Logger: logger})
	if err != nil {
		return err
	}
	defer link.Close()
	over := make(chan error, 1)
	finish := func(err error) {
		select {
		case over <- err:
		default:
		}
	}
	link.Subscribe(func(e telephony.Event) {
		switch e := e.(type) {
		case *telephony.EventLinkConnected:
			fmt.Fprintln(out, "connected, it can", link.Capabilities())
			link.Send(&telephony.RequestRegisterAddress{ThisDN: "5000", AddressType: telephony.AddressTypeRouteDN}, nil)
		case *telephony.EventRouteRequest:
			fmt.Fprintln(out, "call from", e.ANI, "with", e.UserData)
			link.Send(&telephony.RequestRouteCall{ThisDN: e.ThisDN, ConnID: e.ConnID, Destination: "7001"}, func(_ telephony.Event, err error) {
				if err != nil {
					finish(err)
				}
			})
		case *telephony.EventDiverted:
			fmt.Fprintln(out, "routed to", e.ThirdPartyDN)
			finish(nil)
		}
	})
	select {
	case err := <-over:
		return err
	case <-ctx.Done():
		return fmt.Errorf("no call from %s in time; the link is %s", address, link.State())
	}
}
