package main

import (
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/router"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// project holds the documents and the libraries, as they would lie on a web
// server.
//
//go:embed project
var project embed.FS

// The frames that calls and e-mails start with, and the routing of calls in W3C
// SCXML.
const (
	frameURL = "app:///project/src-gen/IPD_Contact_Main.scxml"
	mailURL  = "app:///project/src-gen/IPD_Contact_Mail.scxml"
	w3cURL   = "app:///project/w3c/Main.scxml"
)

// agents of the contact centre. Dan's phone has been unplugged: the router does
// not know, and the switch refuses to route to it.
var agents = []router.Agent{
	{ID: "ann", DN: "7001", Skills: map[string]int{"Sales": 8, "English": 9}},
	{ID: "bob", DN: "7002", Skills: map[string]int{"Service": 6, "English": 5}},
	{ID: "cyd", DN: "7003", Skills: map[string]int{"English": 2}},
	{ID: "dan", DN: "7004", Skills: map[string]int{"Service": 7, "English": 4}},
}

// centre is a contact centre under virtual time: a simulated switch, a router with
// agents, a customer database behind HTTP, and an engine that runs the strategies.
type centre struct {
	clock     *session.VirtualClock
	start     time.Time
	sw        *sim.Switch
	router    *router.Router
	link      *telephony.Client
	mail      *sim.InteractionServer
	crm       *crm
	connector *fm.Connector
	engine    *session.Engine

	play   *play
	prompt int         // of the treatment that was asked for last; 0: none
	spoken map[int]int // how often the caller has been asked at a prompt
	out    io.Writer
	result session.Result
}

// settings say which strategy runs and who listens.
type settings struct {
	url   string // of the document
	trace func(sessionID string, doc *scxml.Document) *scxml.Trace
	log   func(sessionID string, e scxml.LogEntry)
	out   io.Writer // events of the switch; nil: none

	language datamodel.Language // nil: ECMAScript on goja
}

// newCentre opens a contact centre for a play.
func newCentre(p *play, s settings) (c *centre, err error) {
	c = &centre{play: p, start: p.at, spoken: map[int]int{}, out: s.out}
	c.clock = session.NewVirtualClock(c.start)
	c.crm = newCRM(p.failing)
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	c.sw = sim.New(&sim.Options{Clock: c.clock, Name: "Main", Treat: c.treat, Trace: c.event})
	if err := c.sw.AddRoutePoint("5000", sim.RoutePoint{}); err != nil {
		return c, err
	}
	c.router = router.New(&router.Options{Clock: c.clock})
	if err := c.hire(); err != nil {
		return c, err
	}
	c.link = c.sw.Connect()

	c.mail = sim.NewInteractionServer(&sim.InteractionServerOptions{Clock: c.clock})
	c.mail.AddQueue("inbox", sim.InteractionQueue{Strategy: true})
	c.mail.AddQueue("Later", sim.InteractionQueue{})
	for _, a := range agents {
		c.mail.AddAgent(a.ID, sim.InteractionAgent{AcceptAfter: 2 * time.Second, HandleTime: time.Minute})
	}

	site, err := c.site(s.url)
	if err != nil {
		return c, err
	}
	services, err := fm.NewServices(&fm.ServicesOptions{
		Clock: c.clock, Tenant: "Environment", Location: time.UTC,
		Statistics: fm.RouterStatistics{Router: c.router},
		Configuration: &fm.ConfigurationTable{
			Tenants: map[string]int{"Environment": 1},
			Lists:   map[string]map[string]map[string]string{"OPM_Contact": {"Main": {"maxMenuTries": "2", "surveyShare": "10"}}},
			SpecialDays: map[string][]fm.SpecialDay{
				"Holidays": {{Name: "New Year", Month: time.January, Day: 1}, {Name: "Labour Day", Month: time.May, Day: 1}},
			},
		},
		Fetch: fm.FetchOptions{Allow: []string{c.crm.url() + "/"}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		return c, err
	}
	c.connector = fm.NewConnector(site, &fm.Options{DNs: []string{"5000", "7001", "7002", "7003", "7900"}, Clock: c.clock, Targets: c.router, Services: services, Interactions: c.mail})
	loader, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{"app": project}})
	if err != nil {
		return c, err
	}
	calls := 0
	if s.language == nil {
		s.language = goja.New(nil)
	}
	opts := &session.Options{
		Parse:   scxml.ParseOptions{Languages: []datamodel.Language{s.language}},
		Loader:  loader,
		Clock:   c.clock,
		Workers: 1, // with virtual time: the same order in every run
		NewID: func() string {
			calls++
			return fmt.Sprintf("SESSION%d", calls)
		},
		Trace:    s.trace,
		Log:      s.log,
		Observer: session.Observer{SessionEnded: func(_ session.Info, r session.Result) { c.result = r }},
	}
	c.connector.Install(opts)
	if c.engine, err = session.New(opts); err != nil {
		return c, err
	}
	if err := c.connector.Open(c.engine, c.link); err != nil {
		return c, err
	}
	c.clock.Advance(0) // the DNs are registered
	return c, c.connector.Ready(context.Background())
}

// hire puts the agents into the router and their phones on the switch.
func (c *centre) hire() error {
	for _, a := range agents {
		a.Switch, a.Place = "Main", "Place_"+a.DN
		if err := c.router.SetAgent(a); err != nil {
			return err
		}
		if a.ID != "dan" {
			phone := sim.Extension{AgentID: a.ID, AnswerAfter: 3 * time.Second, TalkTime: 30 * time.Second}
			if err := c.sw.AddExtension(a.DN, phone); err != nil {
				return err
			}
		}
	}
	for name, members := range map[string][]string{
		"Agents_Sales": {"ann"}, "Agents_Service": {"bob", "dan"}, "Agents_Overflow": {"cyd"},
	} {
		if err := c.router.SetGroup(router.Group{Name: name, Members: members}); err != nil {
			return err
		}
	}
	for _, id := range c.play.ready {
		if err := c.router.SetAgentState(id, router.Ready); err != nil {
			return err
		}
	}
	for id, after := range c.play.later {
		c.clock.AfterFunc(after, func() { _ = c.router.SetAgentState(id, router.Ready) }) // a name in the play
	}
	return c.sw.AddExtension("7900", sim.Extension{AnswerAfter: time.Second, TalkTime: 20 * time.Second}) // voicemail
}

// site is the configuration: the application of the routing point, and its
// parameters, which override <data> of the frame.
func (c *centre) site(url string) (*config.Site, error) {
	params := map[string]string{
		"cs_services_url": c.crm.url(),
		"OPM_Transaction": "OPM_Contact",
		"holiday_table":   "Holidays",
		"voicemail_dn":    "7900",
	}
	for name, value := range c.play.params {
		params[name] = value
	}
	application := func(script string) config.Options {
		return config.Options{}.Set("Orchestration", "application", "script:"+script)
	}
	return config.NewSite(&config.Objects{
		Switches: []*config.Switch{{Name: "Main"}},
		DNs: []*config.DN{
			{Number: "5000", Switch: "Main", Type: config.RoutingPoint, Annex: application("Contact")},
			{Number: "inbox", Switch: "Main", Type: config.RoutingPoint, Annex: application("Mail")},
		},
		Scripts: []*config.Script{
			{Name: "Contact", Annex: config.Options{}.Set("Application", "url", url).SetAll("ApplicationParms", params)},
			{Name: "Mail", Annex: config.Options{}.Set("Application", "url", mailURL)},
		},
	}, nil)
}

// run lets the call of the play happen, and a while after it.
func (c *centre) run() error {
	if _, err := c.sw.Call("5000", sim.Caller{ANI: c.play.caller, DNIS: "0800 5000", Patience: c.play.patience}); err != nil {
		return err
	}
	c.clock.Advance(5 * time.Minute)
	return nil
}

func (c *centre) close() {
	if c.connector != nil {
		_ = c.connector.Close() // nothing is left to lose
	}
	if c.engine != nil {
		_ = c.engine.Shutdown(context.Background())
	}
	if c.link != nil {
		_ = c.link.Close()
	}
	c.crm.close()
}

// treat decides what becomes of a treatment: two seconds for an announcement,
// and the digits of the play at prompts that ask.
func (c *centre) treat(r *telephony.RequestApplyTreatment) sim.Treatment {
	t := sim.Announce(r)
	c.prompt = prompt(r.Parameters)
	switch r.TreatmentType {
	case telephony.TreatmentPlayAnnouncementAndDigits:
		entries := c.play.digits[c.prompt]
		if n := c.spoken[c.prompt]; n < len(entries) {
			t.Digits = entries[n]
		}
		c.spoken[c.prompt]++
	case telephony.TreatmentPlayApplication:
		t.Duration = 20 * time.Second
	}
	return t
}

// prompt is the number of the first announcement of a treatment, 0 without one.
func prompt(parameters telephony.KVList) int {
	prompts, _ := parameters.Get("PROMPT")
	first, _ := prompts.List().Get("1")
	id, _ := first.List().Get("ID")
	n, _ := id.Int()
	return int(n)
}

// event prints an event of the switch, and plays the part of the voice platform.
func (c *centre) event(e telephony.Event) {
	k, ok := telephony.CallOf(e)
	if !ok {
		return // about the link, not about a call
	}
	text := e.Name() + " at " + k.ThisDN
	switch e := e.(type) {
	case *telephony.EventTreatmentApplied:
		text += ", " + e.TreatmentType.String()
		if c.prompt != 0 {
			text += fmt.Sprintf(" %d", c.prompt)
		}
		if e.TreatmentType == telephony.TreatmentPlayApplication && c.play.solved {
			c.clock.AfterFunc(15*time.Second, func() {
				c.link.Send(&telephony.RequestUpdateUserData{ThisDN: k.ThisDN, ConnID: k.ConnID,
					UserData: telephony.KVList{{Key: "SelfService_Solved", Value: telephony.String("1")}}}, func(telephony.Event, error) {})
			})
		}
	case *telephony.EventTreatmentEnd:
		if e.CollectedDigits != "" {
			text += ", digits " + e.CollectedDigits
		}
	case *telephony.EventAttachedDataChanged:
		text += ", " + k.UserData.String()
	case *telephony.EventRouteUsed:
		text += " to " + k.ThirdPartyDN
	}
	c.print("switch", text)
}

// print writes a line with the time since the start.
func (c *centre) print(who, text string) {
	if c.out != nil {
		text = strings.ReplaceAll(text, c.crm.url(), "http://crm.example") // its port is another one in every run
		fmt.Fprintf(c.out, "%8.3fs  %-6s  %s\n", c.clock.Now().Sub(c.start).Seconds(), who, text)
	}
}
