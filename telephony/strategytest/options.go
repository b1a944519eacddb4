package strategytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml/scxmltest"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// DefaultDN is the routing point where the strategy runs unless Options say otherwise.
const DefaultDN = "5000"

// Options describe the contact centre around a strategy. All fields may be zero: a
// strategy on the routing point DefaultDN, nobody to answer, no web.
type Options struct {
	// DN is the routing point where calls start the strategy; default DefaultDN.
	DN string

	// RoutePoint is its behaviour: time-outs, default routing.
	RoutePoint sim.RoutePoint

	// Params are the ApplicationParms: they override <data> of the same name, and may have
	// elements such as [ANI] (config.Strategy.Expand).
	Params map[string]string

	// Agents are who takes calls.
	Agents []Agent

	// Groups are agent groups: ids of agents by the name of the group.
	Groups map[string][]string

	// DNs are further extensions, by number: a voicemail, another site.
	DNs map[string]sim.Extension

	// Queue is an interaction queue whose interactions start the strategy too (Centre.Submit);
	// empty: none. Queues are others, where interactions are placed and stay.
	Queue  string
	Queues []string

	// Web answers <session:fetch> and <ws:…> in memory, by URL prefix: "http://crm.example/".
	// What no prefix matches is refused, as an address that is not allowed.
	Web map[string]http.Handler

	// Answers script the outcome of actions, by name, such as "dialog:play" or
	// "queue:submit", in place of the simulated contact centre. A function that returns nil leaves
	// the action to it. Answer and Answers make such functions.
	Answers map[string]func(Action) *Reply

	// Treat changes what becomes of a treatment: its duration, the digits, a refusal.
	// def is what would be done otherwise. It must be quick.
	Treat func(r *telephony.RequestApplyTreatment, def sim.Treatment) sim.Treatment

	// Configuration is what functions of _genesys.session look up: an *fm.ConfigurationTable, or a
	// *config.Site of the files of the configuration (config.NewFiles, Files.Read, config.NewSite); nil: nothing.
	Configuration fm.Configuration

	// Tenant is the tenant of the session; Location its time zone, default UTC.
	Tenant   string
	Location *time.Location

	// Languages are the data models; default ECMAScript on goja.
	Languages []datamodel.Language

	// Time is when virtual time begins; default scxmltest.Epoch.
	Time time.Time

	// MaxTimers is how many timers one Advance may fire; default
	// scxmltest.DefaultMaxTimers.
	MaxTimers int

	// Coverage collects what was entered and taken; nil: nobody does.
	Coverage *scxmltest.Coverage

	// Services and Engine may change the options of the services and of the engine before
	// these are made, for what has no field of its own: a classifier, a module, limits.
	Services func(*fm.ServicesOptions)
	Engine   func(*session.Options)
}

// Agent is somebody who takes calls at an extension.
type Agent struct {
	ID     string         // as in target strings; mandatory
	DN     string         // default 7001, 7002 and so on, by position
	Place  string         // default "Place_" and the DN
	Skills map[string]int // level by name

	// The agent logs in at the switch when the test begins, and is ready. NotReady keeps him from
	// being selected, until Centre.SetAgentState or until ReadyAfter of virtual time.
	NotReady   bool
	ReadyAfter time.Duration

	// AnswerAfter is how long it rings; negative: the agent does not answer. TalkTime is
	// the time until the agent hangs up; 0: never. Both count for multimedia interactions too.
	AnswerAfter time.Duration
	TalkTime    time.Duration

	// AfterCallWork is how long the agent is not ready after a call; 0: no time.
	AfterCallWork time.Duration

	// Unplugged takes the extension off the switch: it refuses to route there.
	Unplugged bool
}

// Caller is somebody who calls.
type Caller struct {
	To       string         // DN that is dialled; default Options.DN
	ANI      string         // number of the caller
	DNIS     string         // number that was dialled outside; default To
	UserData map[string]any // attached before the call arrives: text, integers, and such maps
	Patience time.Duration  // after which the caller hangs up unless an agent has answered; 0: never

	// Digits are keyed at treatments that collect digits, one entry each, in turn; "" keys
	// nothing. DigitsAt are those for treatments whose first prompt has this id; they
	// take precedence.
	Digits   []string
	DigitsAt map[int][]string
}

// callerJSON is a Caller in a golden trace.
type callerJSON struct {
	To       string           `json:"to,omitempty"`
	ANI      string           `json:"ani,omitempty"`
	DNIS     string           `json:"dnis,omitempty"`
	UserData map[string]any   `json:"userdata,omitempty"`
	Patience string           `json:"patience,omitempty"`
	Digits   []string         `json:"digits,omitempty"`
	DigitsAt map[int][]string `json:"digitsat,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (c Caller) MarshalJSON() ([]byte, error) {
	j := callerJSON{To: c.To, ANI: c.ANI, DNIS: c.DNIS, UserData: c.UserData, Digits: c.Digits, DigitsAt: c.DigitsAt}
	if c.Patience > 0 {
		j.Patience = c.Patience.String()
	}
	return json.Marshal(j)
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Caller) UnmarshalJSON(b []byte) error {
	var j callerJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*c = Caller{To: j.To, ANI: j.ANI, DNIS: j.DNIS, UserData: j.UserData, Digits: j.Digits, DigitsAt: j.DigitsAt}
	if j.Patience == "" {
		return nil
	}
	var err error
	c.Patience, err = time.ParseDuration(j.Patience)
	return err
}

// list makes user data of a map, in the order of the keys.
func list(data map[string]any) (telephony.KVList, error) {
	var l telephony.KVList
	for _, key := range slices.Sorted(maps.Keys(data)) {
		switch v := data[key].(type) {
		case string:
			l.Add(key, telephony.String(v))
		case int:
			l.Add(key, telephony.Number(float64(v)))
		case float64:
			l.Add(key, telephony.Number(v))
		case map[string]any:
			inner, err := list(v)
			if err != nil {
				return nil, err
			}
			l.Add(key, telephony.List(inner))
		default:
			return nil, fmt.Errorf("user data %q: a Go %T; want text, an integer or a map[string]any", key, v)
		}
	}
	return l, nil
}
