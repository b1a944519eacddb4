package rest

import (
	"fmt"
	"net/http"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
)

// This file has what may be changed while requests are served.

// writeTime is how long an answer may take to be written.
const writeTime = 10 * time.Second

// SetCookie changes Options.Cookie, for the next answer. On an error it stays as it is.
func (h *Handler) SetCookie(cookie string) error {
	if cookie != "" {
		if c, err := http.ParseSetCookie(cookie); err != nil {
			return fmt.Errorf("rest: cookie: %w", err)
		} else if err := c.Valid(); err != nil {
			return fmt.Errorf("rest: cookie: %w", err)
		}
	}
	h.cookieText.Store(&cookie)
	return nil
}

// SetHoldTime changes Options.HoldTime, for the next request; zero and less is the default.
func (h *Handler) SetHoldTime(d time.Duration) {
	positive(&d, defaultHoldTime)
	h.holdTime.Store(int64(d))
}

// SetReadParams changes Options.ReadParams, for the next start.
func (h *Handler) SetReadParams(read bool) { h.readParams.Store(read) }

// readParams takes texts for the JSON that they are. A text that would read differently when it
// is written again, such as 1e3 or a number with too many digits, stays one.
func readParams(params *datamodel.Object) {
	for _, m := range params.Members() {
		text, ok := m.Value.(string)
		if !ok {
			continue
		}
		v, err := datamodel.DecodeJSON([]byte(text), &datamodel.JSONLimits{Bytes: len(text), Depth: jsonDepth, Values: jsonValues})
		if err == nil && (string(datamodel.EncodeJSON(v)) == text || !isNumber(v)) {
			params.Set(m.Name, v)
		}
	}
}

func isNumber(v datamodel.Value) bool {
	_, ok := v.(float64)
	return ok
}
