// Package config has the objects of the configuration layer that an
// orchestration server reads: applications and their options, clusters, switches and DNs,
// scripts, lists, persons, special days. It reads them from files, checks them, follows changes, and
// answers which SCXML document handles an interaction.
//
//	live, err := config.Open(ctx, config.NewFiles("config", nil), &config.LiveOptions{
//		Site: config.SiteOptions{Application: "ORS_1"},
//	})
//	…
//	connector := fm.NewConnector(live, &fm.Options{DNs: live.Site().Numbers()})
//	settings, _ := live.Settings("ORS_1")
//	age := settings.Duration("orchestration", "backup-synch-max-age")
//
// [Live] is a configuration that changes, [Site] one that does not. Both are what
// telephony/fm asks for applications of DNs (fm.Applications) and for the functions of
// _genesys.session (fm.Configuration). Tests make a Site of [Objects] in Go:
//
//	site, err := config.NewSite(&config.Objects{
//		Switches: []*config.Switch{{Name: "Main"}},
//		DNs: []*config.DN{{Number: "5000", Switch: "Main", Type: config.RoutingPoint,
//			Annex: config.Options{}.Set("Orchestration", "application", "script:Sales")}},
//		Scripts: []*config.Script{{Name: "Sales", Annex: config.Options{}.
//			Set("Application", "url", "http://apps.example/sales.scxml?ani=[ANI]").
//			Set("ApplicationParms", "skill", "sales")}},
//	}, nil)
//
// # Files
//
// A [Source] delivers objects. [Files] reads a file or a directory of YAML and
// JSON; all files together are the configuration. config.schema.json describes them for
// editors (a line "# yaml-language-server: $schema=…", or the key "$schema"):
//
//	switches:
//	  - {name: Main}
//	dns:
//	  - number: 5000
//	    switch: Main
//	    type: RoutingPoint
//	    annex:
//	      Orchestration:
//	        application: script:Sales
//	applications:
//	  - name: ORS_1
//	    type: OrchestrationServer
//	    options:
//	      persistence:
//	        type: redis
//	        password: {env: REDIS_PASSWORD}   # or {file: name}
//
// A List object, a section of its annex for each item, and special days, for
// _genesys.session.getListItemValue('Numbers', '5000', 'skill') and isSpecialDay('Holidays', ”, 'Europe/Paris', true),
// where true has the hours count, and false the whole day:
//
//	transactions:
//	  - name: Numbers
//	    type: List
//	    annex:
//	      "5000": {skill: Billing}
//	statDays:
//	  - {name: Christmas, date: 12-25}         # every year; 2026-12-25: in that one
//	  - {name: Eve, date: 12-24, from: "14:00", to: "24:00"}
//	statTables:
//	  - {name: Holidays, statDays: [Christmas, Eve]}
//
// A value {env: NAME} or {file: name} is a secret: it is not written into errors, logs or
// changes, and scripts do not get it. Names of files are relative to the directory.
//
// # Exports of mutagen
//
// A JSON file with the member "__metadata__" is what the tool mutagen (github.com/nuecho/mutagen) exports from a
// Configuration Server, in its format JSON or COMPACT_JSON; RAW is refused. Files reads it as it is, beside
// files of one's own, and follows it like them. It has applications, tenants, hosts, switches, DNs, scripts, transactions,
// persons, places, groups, skills, enumerators and their values. The type of an application is that of its prototype, and an
// interaction queue, a script there, is a DN of the tenant's multimedia switch here. Special days, time zones and DBIDs are not in an export;
// files beside it add the first two.
//
// Members that are not known do no harm. What has no counterpart, such as access groups, binary properties, or
// lists inside of sections, is counted in a warning, and so is an Enhanced Routing script without a url. Passwords
// of persons, tenants and applications are not read; options whose name contains "password" are secrets.
//
// # Other sources
//
// The package config/gws reads persons, DNs, skills and groups over HTTP. [Join] makes one source of several, such
// as files for applications and scripts, and that interface for the rest. A source of one's own implements
// [Source], and [Notifier] when it learns of changes: Live looks at all sources in each LiveOptions.Interval, and at once
// when a Notifier tells it to. [Locate] says in errors where an object comes from.
//
// # Checks
//
// [NewSite] refuses a configuration with everything that is wrong with it, each with file,
// line, object, section and option: names that lead nowhere, and values that the catalogue
// of options ([Catalogue], OPTIONS.md) does not allow; what it honours, and by what, is there, too. What it does not know is a
// warning with the name that was probably meant. A change of a Live configuration that is
// refused leaves it as it is. What it accepts counts as the catalogue says: at
// once, for the next interaction, or when the server starts again; [Live.Settings] keeps the last kind as
// it was. A session that runs keeps its document and its parameters.
//
// # What an application option may be
//
//	file:/apps/a.scxml, http://…, https://…   the document
//	<URL> <URL>                               the second is tried when the first cannot be fetched or compiled
//	script:<name>                             a script object: its url, alternate-url and parameters
//	<scheme>:…                                what the host's loader reads under it
//
// "application@<cluster>" takes the place of "application" for the cluster of
// that name and hides the DN from all others.
//
// URLs and parameters may contain elements that are filled from the interaction
// (see [Strategy.Expand]); in a URL they stand behind the host:
//
//	[DNIS]  [ANI]  [DN]  [CED]  [EMAILFROM]  [EMAILTO]  [EMAILSUBJECT]  [UDATA]  [UDATA.*]  [UDATA.<key>]
//
// # Time zones
//
// Functions such as _genesys.session.timeInZone take a name of the IANA database, Europe/Paris, one of the usual
// abbreviations, CET or PST, or that of a [TimeZone] of the configuration:
//
//	timeZones:
//	  - {name: Headquarters, location: Europe/Paris}
//	  - {name: Plant, offset: "+05:30"}
//
// # Clusters
//
// The transaction List "ORS" has a section for each cluster, with its primary
// applications and their data centres; an empty one is the nameless data centre. In the enhanced
// form a List of any name has a section "cluster" with the same content, and further
// sections with options that all nodes share. A node's own option takes precedence.
package config
