package server

import (
	"crypto/fips140"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// liveOptions are options that count while the server runs: what parts ask for each session. It is
// safe for concurrent use.
type liveOptions struct {
	limits      atomic.Pointer[session.SessionLimits]
	persist     atomic.Bool // persistence-default
	newSessions atomic.Bool // new-session-on-reroute
}

// set takes the options as they are now.
func (l *liveOptions) set(st *config.Settings) {
	limits := limitsOf(st)
	l.limits.Store(&limits)
	l.persist.Store(st.Bool("scxml", "persistence-default"))
	l.newSessions.Store(st.Bool("orchestration", "new-session-on-reroute"))
}

// reroute is fm.Options.NewSessionOnReroute.
func (l *liveOptions) reroute() bool { return l.newSessions.Load() }

// limitsOf reads the limits of sessions. One that is not set is zero: then that of the engine counts,
// which the default in the catalogue tells, and a document may raise it.
func limitsOf(st *config.Settings) session.SessionLimits {
	var l session.SessionLimits
	number := func(option string) int {
		if _, set := st.Lookup("scxml", option); !set {
			return 0
		}
		return int(st.Int("scxml", option))
	}
	l.Machine.Microsteps = number("max-microstep-count")
	l.Machine.StateEntries = number("max-state-entry-count")
	l.Inbox = number("max-pending-events")
	l.Machine.Time = time.Duration(number("process-event-timeout")) * time.Millisecond
	if _, set := st.Lookup("scxml", "max-session-age"); set {
		if l.MaxAge = st.Duration("scxml", "max-session-age"); l.MaxAge == 0 {
			l.MaxAge = -1 // none
		}
	}
	return l
}

// of are the limits of a session: those that its script has go before.
func (l *liveOptions) of(info session.Info) session.SessionLimits {
	limits := *l.limits.Load()
	own := config.LimitsOf(info.Value)
	if own.MaxAge != 0 {
		limits.MaxAge = own.MaxAge
	}
	if own.Machine.StateEntries != 0 {
		limits.Machine.StateEntries = own.Machine.StateEntries
	}
	return limits
}

// engineOptions fills in the options of the engine. dbid is that of the primary application, 0 if not known.
func engineOptions(st *config.Settings, dbid int, live *liveOptions, o *session.Options) error {
	const section = "scxml"
	live.set(st)
	if st.Bool(section, "fips_enabled") && !fips140.Enabled() {
		return errors.New("server: section scxml, option fips_enabled: the process does not run in FIPS mode; start it with GODEBUG=fips140=on")
	}
	o.Limits = live.of
	media := st.Bool("persistence", "enable-multimedia-persistence")
	o.Persist = func(info session.Info, doc *scxml.Document) bool {
		switch {
		case !media && config.MediaOf(info.Value) != "":
			return false
		case slices.ContainsFunc(doc.Attributes(), func(a scxml.Attr) bool { return a.Space == "" && a.Name == "_persist" }):
			return doc.Persist()
		}
		return doc.Persist() && live.persist.Load()
	}
	o.Parse.Limits.Includes = int(st.Int(section, "max-includes"))
	o.Parse.Encoding = st.Text(section, "default-encoding")
	if list := st.Text(section, "js-preload-files"); list != "" {
		for u := range strings.SplitSeq(list, ";") {
			o.Parse.Preload = append(o.Parse.Preload, strings.TrimSpace(u))
		}
	}
	o.Workers = int(st.Int(section, "session-processing-threads"))
	o.Resident = int(st.Int(section, "persistence-max-active"))
	o.Documents = session.CacheLimits{
		Documents: int(st.Int(section, "max-compiler-cached-docs")),
		Bytes:     st.Int(section, "max-compiler-cache-size") << 20,
		Largest:   st.Int(section, "max-compiler-cached-doc-size") << 10,
		FileTTL:   st.Duration(section, "http-max-age-local-file"),
	}
	if o.Documents.FileTTL == 0 {
		o.Documents.FileTTL = 1 // looked at each time
	}
	system := st.Int(section, "system-id")
	if st.Bool("orchestration", "sessionid-with-nodeid") {
		if o.NodeID = dbid; dbid == 0 && system > 0 {
			o.NodeID = int(min(system, 1<<31-1))
		}
		if o.NodeID == 0 {
			return errors.New("server: section orchestration, option sessionid-with-nodeid: the primary application has no dbid; give it one, or set scxml/system-id")
		}
	}
	return nil
}

// withPlace names the application in an error about its options.
func withPlace(application string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("server: Application %s: %w", application, err)
}
