package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/router"
)

// Options are what a configuration cannot say. nil and zero fields mean the defaults; a
// configuration that needs one that is missing is refused with its name.
type Options struct {
	// Languages are the data models of documents. Default: the null data model alone.
	Languages []datamodel.Language

	// Stores open the store of sessions, by the value of persistence/type. The server closes
	// what they return.
	Stores map[string]StoreOpener

	// Store is the store, whatever persistence/type says. It stays the host's to close.
	Store persistence.Store

	// Links open links, by the type of the application that a connection leads to:
	// config.TServer, config.InteractionServer. The server closes what they return.
	Links map[config.ApplicationType]LinkOpener

	// Authenticators say who may use the REST API; Loopback opens it for this machine alone.
	// One of them is required where there is a REST API (rest.Options).
	Authenticators []rest.Authenticator
	Loopback       bool

	// TLS has the certificates of a secure port. It is copied; TLS 1.2 is the least.
	TLS *tls.Config

	// Address is where the REST API listens, "host:port", in place of the port and the host
	// of the application.
	Address string

	// Listen opens the listener. Default net.Listen.
	Listen func(network, address string) (net.Listener, error)

	// FS are file systems that documents can be loaded from, by the scheme of URLs
	// (session.LoaderOptions.FS).
	FS map[string]fs.FS

	// Sources are URL prefixes that documents may be loaded from, also by the REST API
	// (session.LoaderOptions.Allow, rest.Options.Sources). Default: the folders of the documents that
	// DNs and scripts of the configuration name, as they change.
	Sources []string

	// PrivateNetworks are networks in which web servers with documents are; all others
	// have to be public ones (rest.NewSourceClient).
	PrivateNetworks []netip.Prefix

	// Drain is how long a shutdown waits for sessions to end; negative: not at all. Default: with a store
	// not at all, as sessions live on there; without one the shutdownTimeout of the application, or 30 s.
	Drain time.Duration

	// Router selects targets; it is filled from the configuration. Default: one that is made here.
	Router *router.Router

	// Adjust changes the settings of the parts.
	Adjust Adjust

	// Clock is the time of all parts. Default session.SystemClock.
	Clock session.Clock

	// Logger gets every line of the log, masked, beside the outputs that the section log names; Audit
	// each request of the REST API, in place of the log. nil: these alone.
	Logger, Audit *slog.Logger
}

// Adjust has functions that are handed the settings of a part as the configuration
// has them, before the part is made, and may change them. nil changes nothing. They are called
// inside of New; Loader is called again when the settings of the loader change.
type Adjust struct {
	Router    func(*router.Options)
	Loader    func(*session.LoaderOptions)
	Services  func(*fm.ServicesOptions)
	Connector func(*fm.Options)
	Monitor   func(*rest.MonitorOptions)
	Engine    func(*session.Options) // the connector and the monitor are installed after it
	REST      func(*rest.Options)
	HTTP      func(*http.Server)
}

const (
	defaultDrain = 30 * time.Second
	closingTime  = 10 * time.Second // what Run allows for the end after draining
	maxReserve   = 5 * time.Second  // of a shutdown's time, for the end after draining
	pollInterval = 50 * time.Millisecond
)

// Server is a whole orchestration server. It is safe for concurrent use. End it with
// Shutdown, or run it with Run.
type Server struct {
	opts   Options
	live   *config.Live
	app    *config.Application
	node   int // DBID of the primary; 0: not known
	logger *slog.Logger

	options liveOptions
	masking *rest.Masking
	log     *serverLog
	told    map[config.NoEffect]bool // those that have been warned of

	store     persistence.Store // nil: none
	ownStore  bool
	pruner    *pruner // nil: no store, or not started yet
	links     []*link
	sources   *sources
	router    *router.Router
	people    *people
	connector *fm.Connector
	monitor   *rest.Monitor
	engine    *session.Engine
	owners    *owners
	handler   *rest.Handler // nil: no REST API
	http      *http.Server
	listener  net.Listener // nil: nothing is served
	secure    bool         // it takes TLS
	host      string       // by which others reach it; empty: as the listener says
	apps      *applications

	unsubscribe func()
	storeLost   atomic.Bool   // the store does not answer
	running     bool          // HTTP is served
	served      chan struct{} // closed when it is not any more
	failed      chan error    // why it is not, before a shutdown
	updating    sync.Mutex    // one change at a time
	closed      bool          // no more changes; under updating
	stopping    atomic.Bool   // Shutdown has been called
	stopped     chan struct{} // closed when Shutdown is done
	stopErr     error
}

// New builds the server that live was opened for (config.SiteOptions.Application) and starts
// it. ctx bounds the opening of the store and of links, and the look at what the store has. live
// stays the host's to close, after Shutdown. On an error nothing is left open: what there is by then is
// ended within 10 s.
func New(ctx context.Context, live *config.Live, opts *Options) (*Server, error) {
	if live == nil {
		return nil, errors.New("server: live is nil; config.Open makes one")
	}
	s := &Server{live: live, failed: make(chan error, 1), served: make(chan struct{}), stopped: make(chan struct{}), unsubscribe: func() {}}
	if opts != nil {
		s.opts = *opts
	}
	if s.opts.Clock == nil {
		s.opts.Clock = session.SystemClock{}
	}
	if s.opts.Listen == nil {
		s.opts.Listen = net.Listen
	}
	s.logger = slog.New(slog.DiscardHandler) // until there is the log
	if err := s.build(ctx); err != nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTime) // it may be what has ended
		err = errors.Join(err, s.close(last))
		cancel()
		if s.log != nil {
			s.log.close()
		}
		return nil, err
	}
	s.start()
	return s, nil
}

// Run waits until ctx ends, or until HTTP cannot be served any more, and shuts the server down
// within Options.Drain and 10 s. The error tells what went wrong; that ctx has ended is none. Of a server that
// is being shut down, or has been, it waits for the end and returns the error of that.
func (s *Server) Run(ctx context.Context) error {
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-s.failed:
	case <-s.stopped:
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.drainTime()+closingTime)
	defer cancel()
	return errors.Join(failed, s.Shutdown(last))
}

// Engine returns the engine.
func (s *Server) Engine() *session.Engine { return s.engine }

// Router returns the router.
func (s *Server) Router() *router.Router { return s.router }

// Monitor returns what counts sessions; rest.Monitor.Measure adds to it.
func (s *Server) Monitor() *rest.Monitor { return s.monitor }

// Handler returns the REST API, for a host that serves it itself; nil when there is none.
func (s *Server) Handler() *rest.Handler { return s.handler }

// Addr returns where the REST API is served; nil when it is not.
func (s *Server) Addr() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// URL returns the REST API's address as sessions see it (_genesys.session.server.url); empty
// when it is not served.
func (s *Server) URL() string { return s.url() }

// Link returns the link to an application of the configuration; nil when there is none.
func (s *Server) Link(application string) telephony.Link {
	for _, l := range s.links {
		if l.app.Name == application {
			return l.Link
		}
	}
	return nil
}
