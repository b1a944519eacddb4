package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/seed-ff723688/ors/config"
)

// listen opens the listener of the REST API, where there is one.
func (s *Server) listen(site *config.Site) error {
	address, port, secure := s.opts.Address, 0, s.opts.TLS != nil
	if p, ok := s.app.HTTPPort(); ok {
		port, secure = p.Port, p.Secure
		if address == "" {
			address = net.JoinHostPort(hostAddress(site, s.app), strconv.Itoa(port))
		}
	}
	if address == "" {
		return nil
	}
	if secure && (s.opts.TLS == nil || len(s.opts.TLS.Certificates) == 0 && s.opts.TLS.GetCertificate == nil && s.opts.TLS.GetConfigForClient == nil) {
		return fmt.Errorf("server: the http port of Application %s is secure; set server.Options.TLS with a certificate", s.app.Name)
	}
	var err error
	if s.listener, err = s.opts.Listen("tcp", address); err != nil {
		return fmt.Errorf("server: the http port of Application %s: %w", s.app.Name, err)
	}
	if s.listener == nil {
		return errors.New("server: server.Options.Listen has returned no listener and no error")
	}
	s.secure = secure
	if s.opts.Address == "" {
		s.host = publicHost(site, s.app)
	}
	return nil
}

// publicHost is the name by which others reach the host of an application; empty: none is
// known.
func publicHost(site *config.Site, app *config.Application) string {
	if host := site.Host(app.Server.Host); host != nil {
		return host.Name
	}
	return ""
}

// url is the address of the REST API.
func (s *Server) url() string {
	if s.listener == nil {
		return ""
	}
	at := s.listener.Addr().String()
	if _, port, err := net.SplitHostPort(at); err == nil && s.host != "" {
		at = net.JoinHostPort(s.host, port)
	}
	if s.secure {
		return "https://" + at
	}
	return "http://" + at
}

// makeHTTP makes the server of the handler.
func (s *Server) makeHTTP() error {
	if s.listener == nil {
		return nil
	}
	s.http = s.handler.Server()
	if s.secure {
		least := s.http.TLSConfig.MinVersion
		s.http.TLSConfig = s.opts.TLS.Clone()
		s.http.TLSConfig.MinVersion = max(s.http.TLSConfig.MinVersion, least)
	} else {
		s.http.TLSConfig = nil
		if a, ok := s.listener.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
			s.logger.Warn("the http port is not secure: requests from other machines are refused, unless Adjust.REST has said otherwise", "address", s.listener.Addr().String())
		}
	}
	if adjust := s.opts.Adjust.HTTP; adjust != nil {
		adjust(s.http)
	}
	return nil
}

// serve serves HTTP until the server is shut down.
func (s *Server) serve() {
	defer close(s.served)
	var err error
	if s.secure {
		err = s.http.ServeTLS(s.listener, "", "")
	} else {
		err = s.http.Serve(s.listener)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		s.logger.Error("HTTP is not served any more", "error", err)
		s.failed <- fmt.Errorf("server: serving HTTP: %w", err)
	}
}

// endHTTP ends the REST API: requests under way have until ctx ends.
func (s *Server) endHTTP(ctx context.Context) error {
	var errs []error
	if s.handler != nil {
		errs = append(errs, s.handler.Shutdown(ctx))
	}
	if s.http != nil {
		if err := s.http.Shutdown(ctx); err != nil {
			errs = append(errs, err, s.http.Close())
		}
	}
	if s.listener != nil {
		if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
