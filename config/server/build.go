package server

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/router"
)

// build makes all parts, in the order in which they need each other. What it has made when
// it fails, close ends.
func (s *Server) build(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	site := s.live.Site()
	if err := s.identify(site); err != nil {
		return err
	}
	settings, ok := s.live.Settings(s.app.Name)
	if !ok {
		return fmt.Errorf("server: Application %s has no settings", s.app.Name)
	}
	if err := s.readOptions(settings); err != nil {
		return err
	}
	if err := s.listen(site); err != nil {
		return err
	}
	if err := s.openStore(ctx, settings); err != nil {
		return err
	}
	s.sources = &sources{s: s}
	if err := s.sources.update(site); err != nil {
		return err
	}
	if err := s.openLinks(ctx, site); err != nil {
		return err
	}
	for _, l := range s.links {
		s.log.traceLink(l.app.Name, l)
	}
	s.makeRouter(site)
	responder := rest.NewResponder()
	if err := s.makeConnector(site, settings, responder); err != nil {
		return err
	}
	if err := s.makeEngine(settings); err != nil {
		return err
	}
	if err := s.makeHandler(settings, responder); err != nil {
		return err
	}
	return s.connect(ctx)
}

// identify finds out which server this is.
func (s *Server) identify(site *config.Site) error {
	s.app = site.OwnApplication()
	switch {
	case s.app == nil:
		return errors.New("server: the configuration does not say which server this is: set config.SiteOptions.Application to the name of its application object")
	case s.app.Type != config.OrchestrationServer:
		return fmt.Errorf("server: Application %s has the type %s; want %s", s.app.Name, s.app.Type, config.OrchestrationServer)
	case s.app.Disabled:
		return fmt.Errorf("server: Application %s is disabled", s.app.Name)
	}
	s.node = primary(site, s.app).DBID
	return nil
}

// primary is the application whose backup app is, or app itself.
func primary(site *config.Site, app *config.Application) *config.Application {
	all := site.Objects().Applications
	if i := slices.IndexFunc(all, func(a *config.Application) bool { return a.Server.Backup == app.Name }); i >= 0 {
		return all[i]
	}
	return app
}

// switches are those of the links: of calls and of multimedia interactions.
func (s *Server) switches(site *config.Site) (calls, media []string) {
	if l := s.linkOf(config.TServer); l != nil {
		calls = switchesOf(site, l.app)
	}
	if l := s.linkOf(config.InteractionServer); l != nil {
		media = switchesOf(site, l.app)
	}
	return calls, media
}

func (s *Server) makeRouter(site *config.Site) {
	s.router = s.opts.Router
	if s.router == nil {
		o := &router.Options{Clock: s.opts.Clock, Logger: s.log.component(logRouter), Property: s.property}
		if adjust := s.opts.Adjust.Router; adjust != nil {
			adjust(o)
		}
		s.router = router.New(o)
	}
	s.people = newPeople(s.router, s.app, s.log.component(logConfiguration))
	calls, _ := s.switches(site)
	s.people.update(site, calls, true)
}

// property is acfgdata of thresholds: an option of an application.
func (s *Server) property(application, section, option string) (value string, ok bool) {
	app := s.live.Site().ApplicationObject(application)
	if app == nil {
		return "", false
	}
	found, ok := app.Options.Find(section, option)
	return found.Value, ok && !found.Secret
}

func (s *Server) makeConnector(site *config.Site, settings *config.Settings, responder *rest.Responder) error {
	calls, media := s.switches(site)
	s.apps = &applications{live: s.live}
	s.apps.setSwitches(calls, media)
	so := &fm.ServicesOptions{
		Server:        fm.Server{Name: s.app.Name, Cluster: primary(site, s.app).Name, URL: s.url()},
		Tenant:        s.app.DefaultTenant(),
		Configuration: configuration{s.live, s}, Responder: responder, Statistics: fm.RouterStatistics{Router: s.router},
		Clock: s.opts.Clock, Logger: s.log.component(logModules), Measure: s.measure,
	}
	if err := fetchOptions(settings, &so.Fetch); err != nil {
		return withPlace(s.app.Name, err)
	}
	if adjust := s.opts.Adjust.Services; adjust != nil {
		adjust(so)
	}
	services, err := fm.NewServices(so)
	if err != nil {
		return err
	}
	o := &fm.Options{DNs: s.numbers(site), Clock: s.opts.Clock, Services: services, Targets: s.router, NewSessionOnReroute: s.options.reroute, Logger: s.log.component(logModules)}
	if len(calls) == 1 {
		o.Targets = s.router.AtSwitch(calls[0])
	}
	if id, ok := site.Tenant(s.app.DefaultTenant()); ok {
		o.TenantID = id
	}
	if l := s.linkOf(config.InteractionServer); l != nil {
		o.Interactions = telephony.Interactions(l)
		// What agents say of other media than calls.
		l.Subscribe(s.router.AtSwitch(l.app.Name).Receive)
	} else if l := s.linkOf(config.TServer); l != nil && l.Capabilities().Has(telephony.CanInteract) {
		o.Interactions = telephony.Interactions(l)
	}
	if !takesMedia(settings) {
		o.Interactions = nil
	}
	if adjust := s.opts.Adjust.Connector; adjust != nil {
		adjust(o)
	}
	s.connector = fm.NewConnector(s.apps, o)
	return nil
}

// numbers are those that the link to the T-Server registers.
func (s *Server) numbers(site *config.Site) []string {
	if l := s.linkOf(config.TServer); l != nil {
		return numbersOf(dnsOf(site, l.app))
	}
	return nil
}

func (s *Server) makeEngine(settings *config.Settings) error {
	o := &session.Options{
		Parse:  scxml.ParseOptions{Languages: s.opts.Languages},
		Loader: s.sources, Store: s.store, Clock: s.opts.Clock,
		Owner: s.app.Name,
	}
	s.log.withLog(o)
	if err := engineOptions(settings, s.node, &s.options, o); err != nil {
		return withPlace(s.app.Name, err)
	}
	if adjust := s.opts.Adjust.Engine; adjust != nil {
		adjust(o)
	}
	told := o.Observer.Store
	o.Observer.Store = func(err error) {
		s.storeLost.Store(err != nil)
		if told != nil {
			told(err)
		}
	}
	s.connector.Install(o)
	mo := &rest.MonitorOptions{Clock: s.opts.Clock}
	s.log.monitorOptions(settings, mo)
	if adjust := s.opts.Adjust.Monitor; adjust != nil {
		adjust(mo)
	}
	s.monitor = rest.NewMonitor(mo)
	s.monitor.Install(o)
	if err := s.monitor.SetAlarms(alarmThresholds(settings)); err != nil {
		return withPlace(s.app.Name, err)
	}
	var err error
	s.engine, err = session.New(o)
	return err
}

func (s *Server) makeHandler(settings *config.Settings, responder *rest.Responder) error {
	if s.listener == nil && len(s.opts.Authenticators) == 0 && !s.opts.Loopback {
		s.logger.Info("no REST API: the application has no port with the protocol http")
		return nil
	}
	s.owners = &owners{node: s.node, owner: session.NodeOf}
	s.owners.update(s.live.Site())
	o := &rest.Options{
		Authenticators: s.opts.Authenticators, Loopback: s.opts.Loopback, Sources: s.sources.allowed(),
		Owners: s.owners, Node: s.node, Responder: responder, Monitor: s.monitor, Ready: s.Ready,
		Masking: s.masking, Audit: s.audit(), Logger: s.log.component(logWeb), Clock: s.opts.Clock,
	}
	restOptions(settings, o)
	if adjust := s.opts.Adjust.REST; adjust != nil {
		adjust(o)
	}
	handler, err := rest.NewHandler(s.engine, o)
	if err != nil {
		return fmt.Errorf("server: the REST API of Application %s: %w", s.app.Name, err)
	}
	s.handler = handler
	return s.makeHTTP()
}

// connect joins links and engine, and takes over the sessions of the store.
func (s *Server) connect(ctx context.Context) error {
	var calls telephony.Link = noCalls{s.opts.Clock}
	if l := s.linkOf(config.TServer); l != nil {
		calls = l
	}
	if err := s.connector.Open(s.engine, calls); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	if s.store == nil {
		return nil
	}
	n, err := s.engine.Recover(ctx)
	if err != nil {
		return fmt.Errorf("server: taking over the sessions of the store: %w", err)
	}
	s.logger.Info("sessions of the store", "sessions", n)
	return nil
}

// start lets the server follow the configuration and serve HTTP.
func (s *Server) start() {
	s.unsubscribe = s.live.Subscribe(s.follow)
	s.update(parts{people: true, seats: true, sources: true}) // what has changed meanwhile
	if s.store != nil {
		s.pruner = newPruner(s.store, s.opts.Clock, s.logger)
	}
	if s.http != nil && s.listener != nil {
		s.running = true
		go s.serve()
	}
	s.logger.Info("server is started", "application", s.app.Name, "node", s.node, "url", s.url())
}

// follow takes an update of the configuration.
func (s *Server) follow(u config.Update) {
	if u.Err == nil {
		s.update(partsOf(u.Changes))
	}
	s.logChanges(u)
}

// update brings the parts that changes concern to the present configuration.
func (s *Server) update(concerned parts) {
	s.updating.Lock()
	defer s.updating.Unlock()
	if s.closed {
		return
	}
	site := s.live.Site()
	s.setOptions()
	calls, media := s.switches(site)
	if concerned.seats {
		s.apps.setSwitches(calls, media)
	}
	if concerned.people {
		s.people.update(site, calls, concerned.seats)
	}
	if concerned.seats {
		s.connector.SetDNs(s.numbers(site))
	}
	if !concerned.sources {
		return
	}
	if s.owners != nil {
		s.owners.update(site)
	}
	if err := s.sources.update(site); err != nil {
		s.logger.Error("documents are loaded from where they were before", "error", err)
	}
}
