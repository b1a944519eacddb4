// Command sim-server runs a simulated switch in a process of its own: routing engines connect
// to it by the bridge protocol (telephony/bridge/PROTOCOL.md).
//
//	go run ./examples/sim-server [-listen ADDRESS] [-standby ADDRESS] [-site FILE]
//	    (-secret-file FILE [-client NAME] | -anonymous) [-cert FILE -key FILE]
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/bridge"
	"github.com/seed-ff723688/ors/telephony/sim"
)

//go:embed site.json
var defaultSite []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "sim-server:", err)
		}
		os.Exit(1)
	}
}

type settings struct {
	listen, standby, site, client, secretFile, cert, key string
	anonymous, verbose                                   bool
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o settings
	flags := flag.NewFlagSet("sim-server", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:7020", "address to listen on")
	flags.StringVar(&o.standby, "standby", "", "address of a second server, the backup of a hot standby pair")
	flags.StringVar(&o.site, "site", "", "file that describes the site; default: the site.json of this example")
	flags.StringVar(&o.client, "client", "ors", "name of the client application that knows the secret")
	flags.StringVar(&o.secretFile, "secret-file", "", "file that holds the secret, at least 16 bytes")
	flags.BoolVar(&o.anonymous, "anonymous", false, "ask nobody for a secret; on loopback addresses only")
	flags.StringVar(&o.cert, "cert", "", "certificate for TLS, PEM")
	flags.StringVar(&o.key, "key", "", "key of the certificate, PEM")
	flags.BoolVar(&o.verbose, "v", false, "log every message")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return serve(ctx, &o, stdout, stderr)
}

func serve(ctx context.Context, o *settings, stdout, stderr io.Writer) error {
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	secrets, err := o.secrets()
	if err != nil {
		return err
	}
	security, err := o.tls()
	if err != nil {
		return err
	}
	text := defaultSite
	if o.site != "" {
		if text, err = os.ReadFile(o.site); err != nil {
			return err
		}
	}
	var s site
	if err := s.read(text); err != nil {
		return err
	}
	sw := sim.New(&sim.Options{Logger: logger})
	interactions := sim.NewInteractionServer(&sim.InteractionServerOptions{Logger: logger})
	if err := s.build(sw, interactions); err != nil {
		return err
	}
	names, addresses := []string{"sim"}, []string{o.listen}
	if o.standby != "" {
		names, addresses = append(names, "sim-backup"), append(addresses, o.standby)
		if err := sw.AddBackup("sim-backup"); err != nil {
			return err
		}
	}

	// All listeners first: callers dial when clients can connect.
	var listeners []net.Listener
	closeAll := func() {
		for _, ln := range listeners {
			ln.Close()
		}
	}
	for i, address := range addresses {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			closeAll()
			return err
		}
		listeners = append(listeners, ln)
		if o.anonymous && !ln.Addr().(*net.TCPAddr).IP.IsLoopback() {
			closeAll()
			return fmt.Errorf("-anonymous lets in everybody who reaches %s: listen on a loopback address, or use -secret-file", ln.Addr())
		}
		fmt.Fprintf(stdout, "%s listens on %s\n", names[i], ln.Addr())
	}
	arrivals, err := s.callers(sw, rand.New(rand.NewPCG(rand.Uint64(), 0)))
	if err != nil {
		closeAll()
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failures := make([]error, len(listeners))
	var servers sync.WaitGroup
	for i, ln := range listeners {
		server, err := bridge.NewServer(sw, &bridge.ServerOptions{
			Name: names[i], Endpoint: telephony.Endpoint{Address: names[i]}, Interactions: interactions,
			Secrets: secrets, AllowAnonymous: o.anonymous, TLS: security, Logger: logger,
		})
		if err != nil {
			closeAll()
			cancel()
			servers.Wait()
			return err
		}
		servers.Add(1)
		go func() {
			defer servers.Done()
			failures[i] = server.Serve(ctx, ln)
			cancel()
		}()
	}
	servers.Wait()
	if arrivals != nil {
		arrivals.Stop()
		made, lost := arrivals.Count()
		fmt.Fprintf(stdout, "stopped: %d calls, %d could not be made\n", made, lost)
	} else {
		fmt.Fprintln(stdout, "stopped")
	}
	return errors.Join(failures...)
}

// secrets reads the secret of the client.
func (o *settings) secrets() (map[string][]byte, error) {
	switch {
	case o.anonymous && o.secretFile != "":
		return nil, errors.New("-anonymous and -secret-file exclude each other")
	case o.anonymous:
		return nil, nil
	case o.secretFile == "":
		return nil, errors.New("who may connect? Give -secret-file, or -anonymous for tests on this machine")
	}
	secret, err := os.ReadFile(o.secretFile)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{o.client: bytes.TrimSpace(secret)}, nil
}

func (o *settings) tls() (*tls.Config, error) {
	if o.cert == "" && o.key == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
