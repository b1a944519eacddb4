package rest

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// drainStep is how often Drain looks whether sessions are left.
const drainStep = 100 * time.Millisecond

// Suspend refuses new sessions from now on, and lets the readiness method say so. Those
// that are alive go on.
func (h *Handler) Suspend() { h.suspended.Store(true) }

// Drain suspends, and waits until no session of the engine is alive. When ctx ends before
// that, the error says how many are left.
func (h *Handler) Drain(ctx context.Context) error {
	h.Suspend()
	for h.engine.Len() > 0 {
		next := make(chan struct{})
		stop := h.opts.Clock.AfterFunc(drainStep, func() { close(next) })
		select {
		case <-next:
		case <-ctx.Done():
			stop()
			return fmt.Errorf("rest: %d sessions are left: %w", h.engine.Len(), ctx.Err())
		}
	}
	return nil
}

// Shutdown suspends, refuses every request from now on, ends event streams and held
// requests (with 503), and waits for the requests that are at work. It does not touch the engine,
// which the host shuts down after it. When ctx ends before that, the error says how many requests
// are left. It may be called more than once.
func (h *Handler) Shutdown(ctx context.Context) error {
	h.Suspend()
	h.end()
	h.mu.Lock()
	h.closed = true
	if h.active == 0 {
		h.mu.Unlock()
		return nil
	}
	if h.idle == nil {
		h.idle = make(chan struct{})
	}
	idle := h.idle
	h.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		h.mu.Lock()
		defer h.mu.Unlock()
		return fmt.Errorf("rest: %d requests are left: %w", h.active, ctx.Err())
	}
}

func (h *Handler) health(w *answer, _ *http.Request) *problem {
	return writeJSON(w, http.StatusOK, struct {
		Status string `json:"status"`
	}{"up"})
}

func (h *Handler) ready(w *answer, _ *http.Request) *problem {
	if h.suspended.Load() {
		return problemSuspended.because(nil)
	}
	if h.opts.Ready != nil {
		if err := h.opts.Ready(); err != nil {
			return problemNotReady.because(err)
		}
	}
	return writeJSON(w, http.StatusOK, struct {
		Status string `json:"status"`
	}{"ready"})
}
