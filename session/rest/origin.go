package rest

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
)

// origin refuses what a browser sends for a page of another site. Programs that are no
// browsers send neither header.
func (h *Handler) origin(r *http.Request) *problem {
	text := r.Header.Get("Origin")
	if h.origins[text] {
		return nil
	}
	if text != "" {
		u, err := url.Parse(text)
		if err != nil || !strings.EqualFold(u.Host, r.Host) {
			return problemForbidden.because(errOrigin)
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return nil
	}
	return problemForbidden.because(errOrigin)
}

// preflight answers the question of a browser whether a page may call (CORS). Credentials
// are a header that the page sets itself; cookies are not asked for.
func (h *Handler) preflight(w *answer, r *http.Request) {
	if h.origins[r.Header.Get("Origin")] {
		header := w.Header()
		header.Set("Access-Control-Allow-Methods", "GET, POST")
		header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, Last-Event-ID")
		header.Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
}

func auditLevel(status int) slog.Level {
	if status >= http.StatusBadRequest {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}
