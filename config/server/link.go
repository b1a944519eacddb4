package server

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/telephony"
)

// LinkOpener opens the link for a connection. It does not wait until it is connected:
// the link keeps trying. An error is one that trying does not cure.
type LinkOpener func(ctx context.Context, r *LinkRequest) (telephony.Link, error)

// LinkRequest is a connection of the orchestration server, as the configuration has it.
type LinkRequest struct {
	// Application is the server at the other end, Connection what leads to it.
	Application *config.Application
	Connection  config.Connection

	// Endpoints are its address, with the ADDP options of the connection, and that of
	// its backup. Addresses are "host:port", with the IP address of the host where it has one.
	Endpoints []telephony.Endpoint

	// Options have hot or warm standby, as the application says, the clock and the logger.
	Options telephony.LinkOptions

	// DNs are those of the switches that the application serves; of an Interaction Server they
	// are its queues. Not all of those that come later.
	DNs []*config.DN
}

// Dial is the LinkOpener of a driver: it opens a telephony.Client.
func Dial(driver telephony.Driver) LinkOpener {
	return func(_ context.Context, r *LinkRequest) (telephony.Link, error) {
		return telephony.Open(driver, r.Endpoints, &r.Options)
	}
}

// link is an open link and the application it leads to.
type link struct {
	telephony.Link
	app *config.Application
}

// openLinks opens the links of all connections.
func (s *Server) openLinks(ctx context.Context, site *config.Site) error {
	for _, c := range s.app.Connections {
		app := site.ApplicationObject(c.Server)
		switch app.Type { // NewSite has found that it is there
		case config.TServer, config.InteractionServer:
		case config.UniversalRouting, config.StatServer:
			s.logger.Info("connection needs no link: the router is in the process", "application", app.Name, "type", string(app.Type))
			continue
		default:
			s.logger.Info("connection is left alone", "application", app.Name, "type", string(app.Type))
			continue
		}
		if first := s.linkOf(app.Type); first != nil {
			return fmt.Errorf("server: Application %s is connected to %s and to %s, both of the type %s; a server has one such connection: run one server for each",
				s.app.Name, first.app.Name, app.Name, app.Type)
		}
		open := s.opts.Links[app.Type]
		if open == nil {
			return fmt.Errorf("server: Application %s, connection to %s: there is no opener for applications of the type %s; set server.Options.Links[%q], or remove the connection",
				s.app.Name, app.Name, app.Type, app.Type)
		}
		r := &LinkRequest{Application: app, Connection: c, DNs: dnsOf(site, app)}
		var err error
		if r.Endpoints, err = endpoints(site, app, c); err != nil {
			return fmt.Errorf("server: Application %s, connection to %s: %w", s.app.Name, app.Name, err)
		}
		r.Options = telephony.LinkOptions{Clock: s.opts.Clock, Logger: s.log.component(logLinks)}
		if app.Server.Redundancy == config.HotStandby {
			r.Options.Standby = telephony.StandbyHot
		}
		opened, err := open(ctx, r)
		if err != nil {
			return fmt.Errorf("server: opening the link to %s: %w", app.Name, err)
		}
		if opened == nil {
			return fmt.Errorf("server: server.Options.Links[%q] has returned no link and no error", app.Type)
		}
		s.links = append(s.links, &link{opened, app})
	}
	return nil
}

// linkOf returns the link to an application of a type; nil when there is none.
func (s *Server) linkOf(t config.ApplicationType) *link {
	if i := slices.IndexFunc(s.links, func(l *link) bool { return l.app.Type == t }); i >= 0 {
		return s.links[i]
	}
	return nil
}

// endpoints are where an application and its backup are reached.
func endpoints(site *config.Site, app *config.Application, c config.Connection) ([]telephony.Endpoint, error) {
	id := c.Port
	if id == "" {
		id = "default"
	}
	var addp telephony.ADDP
	if c.Protocol != "" {
		addp.Timeout, addp.RemoteTimeout = time.Duration(c.LocalTimeout)*time.Second, time.Duration(c.RemoteTimeout)*time.Second
		var err error
		if addp.Trace, err = telephony.ParseADDPTrace(c.Trace); err != nil {
			return nil, err
		}
	}
	var list []telephony.Endpoint
	for _, a := range []*config.Application{app, site.ApplicationObject(app.Server.Backup)} {
		if a == nil || a.Disabled {
			continue
		}
		e := telephony.Endpoint{Name: a.Name, ADDP: addp}
		if port, ok := a.Port(id); ok {
			e.Address = net.JoinHostPort(hostAddress(site, a), strconv.Itoa(port.Port))
		}
		list = append(list, e)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s is disabled", app.Name)
	}
	return list, nil
}

// hostAddress is where the host of an application is reached.
func hostAddress(site *config.Site, app *config.Application) string {
	host := site.Host(app.Server.Host)
	switch {
	case host == nil:
		return "127.0.0.1"
	case host.IPAddress != "":
		return host.IPAddress
	}
	return host.Name
}

// serves reports whether an application, or the one whose backup it is, serves a switch.
// A switch that names none is served by the T-Server.
func serves(app *config.Application, sw *config.Switch) bool {
	switch sw.TServer {
	case app.Name, app.Server.Backup:
		return sw.TServer != "" || app.Type == config.TServer
	case "":
		return app.Type == config.TServer
	}
	return false
}

// switchesOf are the names of the switches that an application serves.
func switchesOf(site *config.Site, app *config.Application) []string {
	var names []string
	for _, sw := range site.Objects().Switches {
		if !sw.Disabled && serves(app, sw) {
			names = append(names, sw.Name)
		}
	}
	return names
}

// dnsOf are the DNs of these switches.
func dnsOf(site *config.Site, app *config.Application) []*config.DN {
	names := switchesOf(site, app)
	var dns []*config.DN
	for _, dn := range site.Objects().DNs {
		if !dn.Disabled && slices.Contains(names, dn.Switch) && (dn.Type == config.InteractionQueue) == (app.Type == config.InteractionServer) {
			dns = append(dns, dn)
		}
	}
	return dns
}

// numbersOf are the numbers of DNs.
func numbersOf(dns []*config.DN) []string {
	numbers := make([]string, len(dns))
	for i, dn := range dns {
		numbers[i] = dn.Number
	}
	return numbers
}

// noCalls is the link of a server without a switch.
type noCalls struct{ clock telephony.Clock }

// Send implements telephony.Link.
func (l noCalls) Send(req telephony.Request, outcome func(telephony.Event, error)) {
	if outcome != nil {
		err := fmt.Errorf("%w: %s: the server has no connection to a T-Server", telephony.ErrUnsupported, req.Name())
		l.clock.AfterFunc(0, func() { outcome(nil, err) })
	}
}

// Subscribe implements telephony.Link.
func (l noCalls) Subscribe(receive func(telephony.Event)) (cancel func()) {
	stop := l.clock.AfterFunc(0, func() { receive(&telephony.EventLinkConnected{}) })
	return func() { stop() }
}

// State implements telephony.Link.
func (noCalls) State() telephony.LinkState { return telephony.LinkConnected }

// Capabilities implements telephony.Link.
func (noCalls) Capabilities() telephony.Capabilities { return telephony.CanMonitor }

// Close implements telephony.Link.
func (noCalls) Close() error { return nil }
