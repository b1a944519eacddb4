package gws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// defaultWatch are the types of objects of whose changes is told.
var defaultWatch = []string{"CfgPerson", "CfgDN", "CfgSkill", "CfgAgentGroup", "CfgDNGroup"}

const (
	pollTime     = 2 * time.Minute // for a long poll, which servers answer after half a minute by default
	maxReconnect = time.Minute
)

// comet is a CometD session.
type comet struct {
	client string // empty: none
	failed int    // attempts since the last one that went well
}

// message is a message of the Bayeux protocol.
type message struct {
	Channel        string   `json:"channel"`
	Version        string   `json:"version,omitempty"`
	Client         string   `json:"clientId,omitempty"`
	Types          []string `json:"supportedConnectionTypes,omitempty"`
	ConnectionType string   `json:"connectionType,omitempty"`
	Subscription   string   `json:"subscription,omitempty"`
	Successful     bool     `json:"successful,omitempty"`
	Error          string   `json:"error,omitempty"`
	Advice         *struct {
		Reconnect string `json:"reconnect"`
		Interval  int64  `json:"interval"` // ms
	} `json:"advice,omitempty"`
}

// Wait implements config.Notifier: it returns when the API tells of a change, and after Expire. When there are no
// notifications, or when they fail, only Options.Refresh lets Read ask again; a connection that failed is tried again,
// after pauses of up to a minute.
func (s *Source) Wait(ctx context.Context) error {
	for {
		told := make(chan error, 1)
		listening, cancel := context.WithCancel(ctx)
		if s.opts.Notifications != "-" {
			go func() { told <- s.listen(listening) }()
		}
		var err error
		select {
		case <-s.wake:
			cancel()
			if s.opts.Notifications != "-" {
				<-told
			}
			return nil
		case <-ctx.Done():
			cancel()
			if s.opts.Notifications != "-" {
				<-told
			}
			return ctx.Err()
		case err = <-told:
			cancel()
		}
		if err == nil {
			s.mu.Lock()
			s.expired = true
			s.mu.Unlock()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.comet.failed++; s.comet.failed == 1 {
			s.opts.Logger.Warn("notifications of changes have failed; they are read at the next refresh", "error", err.Error(), "refresh", s.opts.Refresh)
		}
		if err := s.pause(ctx, min(s.opts.Backoff<<min(s.comet.failed, 16), maxReconnect)); err != nil {
			return err
		}
	}
}

// listen returns nil when the API has told of a change, and when it may have missed one because it
// has begun to listen just now.
func (s *Source) listen(ctx context.Context) error {
	if s.comet.client == "" {
		return s.handshake(ctx)
	}
	for {
		begin := time.Now()
		replies, err := s.exchange(ctx, message{Channel: "/meta/connect", Client: s.comet.client, ConnectionType: "long-polling"}, pollTime)
		if err != nil {
			s.comet.client = ""
			return err
		}
		changed, interval := false, time.Duration(0)
		for _, m := range replies {
			switch {
			case !strings.HasPrefix(m.Channel, "/meta/"):
				changed = true
			case m.Channel != "/meta/connect":
			case !m.Successful:
				s.comet.client = ""
				return fmt.Errorf("gws: %s: the connection is refused: %s", s.base.Path+s.opts.Notifications, printable(m.Error))
			case m.Advice != nil:
				interval = time.Duration(min(max(m.Advice.Interval, 0), maxReconnect.Milliseconds())) * time.Millisecond
			}
		}
		s.comet.failed = 0
		if changed {
			return nil
		}
		// A server that does not hold the request is not asked all the time.
		if err := s.pause(ctx, max(interval, s.opts.Backoff-time.Since(begin))); err != nil {
			return err
		}
	}
}

// handshake begins a CometD session and subscribes.
func (s *Source) handshake(ctx context.Context) error {
	replies, err := s.exchange(ctx, message{Channel: "/meta/handshake", Version: "1.0", Types: []string{"long-polling"}}, s.opts.Timeout)
	if err != nil {
		return err
	}
	client := ""
	for _, m := range replies {
		if m.Channel == "/meta/handshake" && m.Successful {
			client = m.Client
		}
	}
	if client == "" {
		return fmt.Errorf("gws: %s: the handshake is refused", s.base.Path+s.opts.Notifications)
	}
	replies, err = s.exchange(ctx, message{Channel: "/meta/subscribe", Client: client, Subscription: "/*"}, s.opts.Timeout)
	if err != nil {
		return err
	}
	for _, m := range replies {
		if m.Channel == "/meta/subscribe" && !m.Successful {
			return fmt.Errorf("gws: %s: the subscription is refused: %s", s.base.Path+s.opts.Notifications, printable(m.Error))
		}
	}
	const watch = "/operations/watch-objects"
	body, err := s.once(ctx, http.MethodPost, watch, nil, map[string]any{"types": s.opts.Watch}, s.opts.Timeout)
	if err == nil {
		_, err = s.open(watch, body)
	}
	if err != nil {
		return s.lost(err)
	}
	s.comet.client = client
	return nil
}

// exchange sends one message of the Bayeux protocol and reads the answer.
func (s *Source) exchange(ctx context.Context, m message, limit time.Duration) ([]message, error) {
	path := s.opts.Notifications
	body, err := s.once(ctx, http.MethodPost, path, nil, []message{m}, limit)
	if err != nil {
		return nil, s.lost(err)
	}
	var replies []message
	if err := json.Unmarshal(body, &replies); err != nil {
		return nil, &Error{Path: s.base.Path + path, Status: http.StatusOK, Reason: "the answer is not a list of messages of CometD: " + err.Error(), err: err}
	}
	return replies, nil
}

// lost notes that the session has ended, if that is what an error says.
func (s *Source) lost(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusUnauthorized {
		s.forget()
	}
	return err
}
