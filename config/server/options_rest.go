package server

import (
	"strings"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/session/rest"
)

// restOptions fills in the options of the REST API.
func restOptions(st *config.Settings, o *rest.Options) {
	o.Cookie = st.Text("orchestration", "cookie")
	o.ReadParams = st.Bool("orchestration", "parse-start-params")
	o.HoldTime = st.Duration("orchestration", "webfm_event_hold_response_time")
}

// setREST takes the options of the REST API as they are now.
func setREST(st *config.Settings, h *rest.Handler) error {
	var o rest.Options
	restOptions(st, &o)
	h.SetReadParams(o.ReadParams)
	h.SetHoldTime(o.HoldTime)
	return h.SetCookie(o.Cookie)
}

// rulesOf reads the sections log-filter and log-filter-data. secrets are hidden too.
func rulesOf(st *config.Settings, secrets []string) *rest.Rules {
	r := &rest.Rules{Secrets: secrets, Regex: map[string]string{}, Filter: map[string]string{}, FilterData: map[string]string{}}
	const filter, data = "log-filter", "log-filter-data"
	for _, section := range []string{filter, data} {
		for _, o := range st.Section(section) {
			value := strings.TrimSpace(o.Value)
			switch {
			case value == "" || section == filter && o.Name == "default-filter-type":
			case strings.HasPrefix(o.Name, "ors-regex-"):
				r.Regex[o.Name] = value
			case section == data:
				r.FilterData[o.Name] = value
			}
		}
	}
	r.Filter["default-filter-type"] = st.Text(filter, "default-filter-type")
	return r
}

// masking makes what hides data in the log, the answers of the REST API and its event stream; its Set takes
// rulesOf later settings.
func masking(st *config.Settings, secrets []string) (*rest.Masking, error) {
	return rest.NewMasking(rulesOf(st, secrets))
}

// externalURL is where other nodes send requests for sessions of a node; empty: it does not say.
func externalURL(st *config.Settings) string { return st.Text("orchestration", "external-url") }

// takesMedia reports whether the server takes multimedia interactions.
func takesMedia(st *config.Settings) bool { return st.Bool("orchestration", "mcr-pull-by-this-node") }
