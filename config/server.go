package config

import "slices"

// ApplicationType is the type of an application object.
type ApplicationType string

// The types of applications that an orchestration server has to do with.
const (
	OrchestrationServer ApplicationType = "OrchestrationServer"
	TServer             ApplicationType = "TServer" // SIP Server too
	InteractionServer   ApplicationType = "InteractionServer"
	UniversalRouting    ApplicationType = "UniversalRoutingServer"
	StatServer          ApplicationType = "StatServer"
	OtherApplication    ApplicationType = "Other"
)

func (ApplicationType) choices() []string {
	return []string{string(OrchestrationServer), string(TServer), string(InteractionServer),
		string(UniversalRouting), string(StatServer), string(OtherApplication)}
}

// Redundancy is the redundancy type of an application.
type Redundancy string

// The redundancy types. An orchestration server has NotRedundant or WarmStandby.
const (
	NotRedundant Redundancy = "NotSpecified"
	WarmStandby  Redundancy = "WarmStandby"
	HotStandby   Redundancy = "HotStandby"
)

func (Redundancy) choices() []string {
	return []string{string(NotRedundant), string(WarmStandby), string(HotStandby)}
}

// Application is an application object: a server process of the site. What
// runs for an interaction is a Strategy.
type Application struct {
	origin
	Name        string          `json:"name" cfg:"required"`
	Type        ApplicationType `json:"type" cfg:"required"`
	DBID        int             `json:"dbid"` // of the primary: the node id; 0: not known
	Version     string          `json:"version"`
	Server      ServerInfo      `json:"serverInfo"`
	Start       StartInfo       `json:"startInfo"`
	Tenants     []string        `json:"tenants"` // in order: the first is the default one
	Connections []Connection    `json:"connections"`
	Disabled    bool            `json:"disabled"`
	Options     Options         `json:"options"`
	Annex       Options         `json:"annex"`
}

// ID implements Object.
func (a *Application) ID() ID { return ID{Kind: KindApplication, Name: a.Name} }

func (a *Application) lists() []optionList {
	l := annexOf(a.Annex)
	if len(a.Options) > 0 {
		l = append(l, optionList{"options", a.Options})
	}
	return l
}

// DefaultTenant is the first of the tenants; empty when there is none.
func (a *Application) DefaultTenant() string {
	if len(a.Tenants) == 0 {
		return ""
	}
	return a.Tenants[0]
}

// Port returns the listening port with an id, such as "default" or "http".
func (a *Application) Port(id string) (Port, bool) {
	i := slices.IndexFunc(a.Server.Ports, func(p Port) bool { return p.ID == id })
	if i < 0 {
		return Port{}, false
	}
	return a.Server.Ports[i], true
}

// HTTPPort returns the first listening port with the connection protocol http:
// where the REST interface is reached.
func (a *Application) HTTPPort() (Port, bool) {
	i := slices.IndexFunc(a.Server.Ports, func(p Port) bool { return p.Protocol == "http" })
	if i < 0 {
		return Port{}, false
	}
	return a.Server.Ports[i], true
}

// ServerInfo is the tab Server Info of an application.
type ServerInfo struct {
	Host       string     `json:"host"`
	Ports      []Port     `json:"ports"`
	Redundancy Redundancy `json:"redundancy"` // empty: NotRedundant
	Backup     string     `json:"backup"`     // the backup application; empty: none
}

// Port is a listening port.
type Port struct {
	ID       string `json:"id" cfg:"required"` // unique within the application
	Port     int    `json:"port" cfg:"required"`
	Protocol string `json:"protocol"` // connection protocol: http, or empty
	Secure   bool   `json:"secure"`   // TLS
}

// StartInfo is the tab Start Info of an application.
type StartInfo struct {
	WorkingDirectory string `json:"workingDirectory"`
	CommandLine      string `json:"commandLine"`
	Arguments        string `json:"arguments"`
	StartupTimeout   int    `json:"startupTimeout"`  // seconds; 0: not given
	ShutdownTimeout  int    `json:"shutdownTimeout"` // seconds; 0: not given
	AutoRestart      bool   `json:"autoRestart"`
}

// Connection is a connection of one application to another.
type Connection struct {
	Server        string `json:"server" cfg:"required"` // the application
	Port          string `json:"port"`                  // id of its port; empty: default
	Protocol      string `json:"protocol"`              // addp, or empty
	LocalTimeout  int    `json:"localTimeout"`          // of ADDP, seconds
	RemoteTimeout int    `json:"remoteTimeout"`         // of ADDP, seconds
	Trace         string `json:"trace"`                 // of ADDP: off, local, remote, full; empty: off
}

// Host is a computer.
type Host struct {
	origin
	Name      string  `json:"name" cfg:"required"`
	IPAddress string  `json:"ipAddress"`
	LCAPort   int     `json:"lcaPort"`
	OS        string  `json:"os"` // free text
	Disabled  bool    `json:"disabled"`
	Annex     Options `json:"annex"`
}

// ID implements Object.
func (h *Host) ID() ID              { return ID{Kind: KindHost, Name: h.Name} }
func (h *Host) lists() []optionList { return annexOf(h.Annex) }
