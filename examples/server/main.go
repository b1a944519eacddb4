// Command server is a whole orchestration server: what it is stands in a configuration, with
// which it also simulates the switch. Calls are made by commands on its standard input.
//
//	go run ./examples/server [-config DIR] [-strategies DIR] [-listen ADDRESS] [-store FILE] [-v]
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/config/server"
	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence/boltstore"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
}

type settings struct {
	config, strategies, application, listen, store string
	verbose                                        bool
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	var o settings
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.config, "config", "examples/server/config", "folder of the configuration")
	flags.StringVar(&o.strategies, "strategies", "examples/server/strategies", "folder of the documents that app: URLs name")
	flags.StringVar(&o.application, "app", "ORS_1", "name of the application object")
	flags.StringVar(&o.listen, "listen", "", "address of the REST API, in place of the application's http port")
	flags.StringVar(&o.store, "store", "", "file that keeps the sessions; default: they live in memory")
	flags.BoolVar(&o.verbose, "v", false, "log what the server does")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return serve(ctx, &o, stdin, stdout, stderr)
}

func serve(ctx context.Context, o *settings, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	level := slog.LevelWarn
	if o.verbose {
		level = slog.LevelInfo
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	if _, err := os.Stat(o.strategies); err != nil {
		return fmt.Errorf("the folder of the documents, which -strategies names: %w", err)
	}
	live, err := config.Open(ctx, config.NewFiles(o.config, nil), &config.LiveOptions{
		Site: config.SiteOptions{Application: o.application}, Interval: 500 * time.Millisecond, Logger: logger,
	})
	if err != nil {
		return err
	}
	defer live.Close()

	secret := os.Getenv("ORS_TOKEN")
	if secret == "" {
		secret = rand.Text()
	}
	tokens, err := rest.NewTokens(rest.Token{Name: "admin", Secret: secret, Roles: rest.Admin})
	if err != nil {
		return err
	}
	centre := newCentre(stdout)
	options := &server.Options{
		Languages:      []datamodel.Language{goja.New(nil)},
		Links:          map[config.ApplicationType]server.LinkOpener{config.TServer: centre.open},
		Authenticators: []rest.Authenticator{tokens},
		Address:        o.listen,
		FS:             map[string]fs.FS{"app": os.DirFS(o.strategies)},
		Logger:         logger,
		Adjust:         server.Adjust{Engine: func(e *session.Options) { e.Log = centre.log }},
	}
	if o.store != "" {
		store, err := boltstore.Open(o.store, nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		options.Store = store
	}

	cancel := live.Subscribe(centre.follow) // before the server does: the switch has a DN when it is registered
	defer cancel()
	srv, err := server.New(ctx, live, options)
	if err != nil {
		return err
	}
	centre.print("%s serves %s", o.application, srv.URL())
	centre.print("token %s", secret)
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	go func() {
		if err := srv.WaitReady(ctx); err != nil {
			centre.print("not ready: %v", err)
			return
		}
		centre.login(live.Site())
		centre.print("ready; type help")
	}()
	go func() {
		for lines := bufio.NewScanner(stdin); lines.Scan(); {
			if !centre.command(lines.Text(), live.Site(), srv) {
				quit()
				return
			}
		}
	}()
	err = srv.Run(ctx)
	centre.print("stopped")
	return err
}
