package config

import (
	"slices"
	"strings"
)

func (e *export) origin(r record) origin { return origin{e.file, r.line} }

// typeOf notes the type of what other objects refer to.
func (e *export) typeOf(list string, r record) {
	if e.types[list] == nil {
		e.types[list] = map[string]string{}
	}
	e.types[list][e.need(r, "name")] = e.kind(r, "type")
}

func (e *export) tenant(r record) {
	e.out.Tenants = append(e.out.Tenants, &Tenant{origin: e.origin(r), Name: e.need(r, "name"),
		Disabled: e.disabled(r), Annex: e.annex(r, "userProperties")})
}

func (e *export) host(r record) {
	e.out.Hosts = append(e.out.Hosts, &Host{origin: e.origin(r), Name: e.need(r, "name"), IPAddress: e.text(r, "ipAddress"),
		LCAPort: e.number(r, "lcaPort"), OS: e.text(e.part(r, "osInfo"), "type"), Disabled: e.disabled(r), Annex: e.annex(r, "userProperties")})
}

// The names of types in an export are those of the Platform SDK without their prefix, in
// lower case.
var (
	applicationTypes = map[string]ApplicationType{
		"orchestrationserver": OrchestrationServer, "tserver": TServer, "interactionserver": InteractionServer,
		"routerserver": UniversalRouting, "statserver": StatServer,
	}
	redundancies = map[string]Redundancy{"htwarmstanby": WarmStandby, "hthotstanby": HotStandby}
	traceModes   = map[string]string{"tmnone": "off", "tmlocal": "local", "tmremote": "remote", "tmboth": "full"}
	dnTypes      = map[string]DNType{
		"extension": Extension, "acdposition": ACDPosition, "acdqueue": ACDQueue, "routingpoint": RoutingPoint,
		"extroutingpoint": ExternalRouting, "routingqueue": RoutingQueue, "virtacdqueue": VirtualQueue,
		"virtroutingpoint": VirtualRoutingPoint, "eaport": VoiceTreatmentPort, "trunk": Trunk, "trunkgroup": TrunkGroup,
	}
	scriptTypes = map[string]ScriptType{"enhancedrouting": EnhancedRouting, "interactionsubmitter": InteractionSubmitter}
)

func (e *export) application(r record) {
	server := e.part(r, "serverInfo")
	a := &Application{origin: e.origin(r), Name: e.need(r, "name"), Type: OtherApplication, Tenants: e.names(r, "tenants"),
		Server: ServerInfo{Host: e.text(server, "host"), Backup: e.text(server, "backupServer"), Redundancy: redundancies[e.kind(r, "redundancyType")]},
		Start: StartInfo{WorkingDirectory: e.text(r, "workDirectory"), CommandLine: e.text(r, "commandLine"), Arguments: e.text(r, "commandLineArguments"),
			StartupTimeout: e.number(r, "startupTimeout"), ShutdownTimeout: e.number(r, "shutdownTimeout"), AutoRestart: e.flag(r, "autoRestart")},
		Disabled: e.disabled(r), Options: e.annex(r, "options"), Annex: e.annex(r, "userProperties")}
	prototype := e.text(r, "appPrototype")
	kind, known := e.types["appPrototypes"][prototype]
	if t, ok := applicationTypes[kind]; ok {
		a.Type = t
	}
	if !known {
		e.doubt(r.line, r.path, "the export has no prototype %q, which has the type of the application %s; it counts as %s: export appPrototypes too", prototype, a.Name, OtherApplication)
	}
	for _, p := range e.parts(r, "portInfos") {
		if port := e.number(p, "port"); port != 0 {
			a.Server.Ports = append(a.Server.Ports, Port{ID: e.text(p, "id"), Port: port, Protocol: e.text(p, "connProtocol"),
				Secure: slices.Contains(strings.FieldsFunc(e.text(p, "transportParams"), func(c rune) bool { return c == ';' || c == ' ' }), "tls=1")})
		}
	}
	for _, p := range e.parts(r, "appServers") {
		c := Connection{Server: e.need(p, "appServer"), Port: e.text(p, "id")}
		if strings.EqualFold(e.text(p, "connProtocol"), "addp") {
			c.Protocol, c.Trace = "addp", traceModes[e.kind(p, "mode")]
			c.LocalTimeout, c.RemoteTimeout = e.number(p, "timeoutLocal"), e.number(p, "timeoutRemote")
		}
		a.Connections = append(a.Connections, c)
	}
	e.out.Applications = append(e.out.Applications, a)
}

func (e *export) switchObject(r record) {
	sw := &Switch{origin: e.origin(r), Name: e.need(r, "name"), Tenant: e.text(r, "tenant"), TServer: e.text(r, "tServer"),
		Type: e.types["physicalSwitches"][e.text(r, "physicalSwitch")], Disabled: e.disabled(r), Annex: e.annex(r, "userProperties")}
	if sw.Type == "multimediaswitch" {
		e.multimedia[sw.Tenant] = append(e.multimedia[sw.Tenant], sw.Name)
	}
	e.out.Switches = append(e.out.Switches, sw)
}

func (e *export) dn(r record) {
	d := &DN{origin: e.origin(r), Number: e.need(r, "number"), Switch: e.need(r, "switch"), Alias: e.text(r, "name"), Tenant: e.text(r, "tenant"),
		Type: OtherDN, Disabled: e.disabled(r), Annex: e.annex(r, "userProperties")}
	if t, ok := dnTypes[strings.ToLower(e.need(r, "type"))]; ok {
		d.Type = t
	}
	e.out.DNs = append(e.out.DNs, d)
}

// script reads a script. Interaction queues are scripts in the configuration layer, and DNs
// of the multimedia switch here.
func (e *export) script(r record) {
	sc := &Script{origin: e.origin(r), Name: e.need(r, "name"), Tenant: e.text(r, "tenant"), Type: OtherScript,
		Disabled: e.disabled(r), Annex: e.annex(r, "userProperties")}
	kind := e.kind(r, "type")
	if t, ok := scriptTypes[kind]; ok {
		sc.Type = t
	}
	if _, ok := sc.Annex.Value(sectionApplication, optionURL); sc.Type == EnhancedRouting && !ok {
		e.doubt(r.line, r.path, "the script %s has no option url in the section %s and cannot run; it counts as %s", sc.Name, sectionApplication, OtherScript)
		sc.Type = OtherScript
	}
	if kind == "interactionqueue" {
		if on := e.multimedia[sc.Tenant]; len(on) == 1 {
			e.out.DNs = append(e.out.DNs, &DN{origin: sc.origin, Number: sc.Name, Switch: on[0], Tenant: sc.Tenant, Type: InteractionQueue, Disabled: sc.Disabled, Annex: sc.Annex})
			return
		}
		e.doubt(r.line, r.path, "the tenant %q has %d switches of the type multimediaswitch, so the one of the interaction queue %s is not known; list it among dns with the type %s",
			sc.Tenant, len(e.multimedia[sc.Tenant]), sc.Name, InteractionQueue)
	}
	e.out.Scripts = append(e.out.Scripts, sc)
}

func (e *export) transaction(r record) {
	t := &Transaction{origin: e.origin(r), Name: e.need(r, "name"), Alias: e.text(r, "alias"), Tenant: e.text(r, "tenant"), Type: OtherTransaction,
		RecordPeriod: e.number(r, "recordPeriod"), Disabled: e.disabled(r), Annex: e.annex(r, "userProperties")}
	switch strings.ToLower(e.need(r, "type")) {
	case "list":
		t.Type = List
	case "statistic":
		t.Type = Statistic
	}
	e.out.Transactions = append(e.out.Transactions, t)
}

func (e *export) person(r record) {
	agent := e.part(r, "agentInfo")
	p := &Person{origin: e.origin(r), EmployeeID: e.need(r, "employeeId"), UserName: e.text(r, "userName"), FirstName: e.text(r, "firstName"),
		LastName: e.text(r, "lastName"), Email: e.text(r, "emailAddress"), Tenant: e.text(r, "tenant"), Agent: e.flag(r, "agent"),
		Place: e.text(agent, "place"), Disabled: e.disabled(r), Annex: e.annex(r, "userProperties")}
	if n := e.get(agent, "skillLevels", mapping); n != nil {
		p.Skills = e.skills(n, join(agent.path, "skillLevels"))
	}
	for _, l := range e.parts(agent, "agentLogins") {
		login := e.part(l, "agentLogin")
		p.Logins = append(p.Logins, Login{Switch: e.need(login, "switch"), Code: e.need(login, "loginCode"), WrapupTime: e.number(l, "wrapupTime")})
	}
	e.out.Persons = append(e.out.Persons, p)
}

func (e *export) place(r record) {
	e.out.Places = append(e.out.Places, &Place{origin: e.origin(r), Name: e.need(r, "name"), Tenant: e.text(r, "tenant"),
		DNs: e.numbers(r, "dns"), Disabled: e.disabled(r), Annex: e.annex(r, "userProperties")})
}

func (e *export) agentGroup(r record) {
	g := e.part(r, "group")
	e.out.AgentGroups = append(e.out.AgentGroups, &AgentGroup{origin: e.origin(r), Name: e.need(g, "name"), Tenant: e.text(g, "tenant"),
		Agents: e.names(r, "agents"), DNs: e.numbers(g, "routeDNs"), Disabled: e.disabled(g), Annex: e.annex(g, "userProperties")})
}

func (e *export) placeGroup(r record) {
	g := e.part(r, "group")
	e.out.PlaceGroups = append(e.out.PlaceGroups, &PlaceGroup{origin: e.origin(r), Name: e.need(g, "name"), Tenant: e.text(g, "tenant"),
		Places: e.names(r, "places"), Disabled: e.disabled(g), Annex: e.annex(g, "userProperties")})
}

func (e *export) dnGroup(r record) {
	g := e.part(r, "group")
	group := &DNGroup{origin: e.origin(r), Name: e.need(g, "name"), Tenant: e.text(g, "tenant"), Type: e.text(r, "type"),
		Disabled: e.disabled(g), Annex: e.annex(g, "userProperties")}
	for _, info := range e.parts(r, "dns") {
		group.DNs = append(group.DNs, e.dnName(e.part(info, "dn")))
	}
	e.out.DNGroups = append(e.out.DNGroups, group)
}

func (e *export) skill(r record) {
	e.out.Skills = append(e.out.Skills, &Skill{origin: e.origin(r), Name: e.need(r, "name"), Tenant: e.text(r, "tenant"),
		Disabled: e.disabled(r), Annex: e.annex(r, "userProperties")})
}

func (e *export) enumerator(r record) {
	e.out.Enumerators = append(e.out.Enumerators, &Enumerator{origin: e.origin(r), Name: e.need(r, "name"), DisplayName: e.text(r, "displayName"),
		Tenant: e.text(r, "tenant"), Disabled: e.disabled(r), Annex: e.annex(r, "userProperties")})
}

func (e *export) enumeratorValue(r record) {
	e.out.EnumeratorValues = append(e.out.EnumeratorValues, &EnumeratorValue{origin: e.origin(r), Name: e.need(r, "name"), Enumerator: e.need(r, "enumerator"),
		DisplayName: e.text(r, "displayName"), Tenant: e.text(r, "tenant"), Default: e.flag(r, "isDefault"), Disabled: e.disabled(r), Annex: e.annex(r, "userProperties")})
}
