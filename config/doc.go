// Package config models the objects of the configuration layer that say what
// runs where, and resolves them: which SCXML document handles an interaction on
// a DN, with which parameters.
//
// A [Site] holds switches with their DNs and the script objects. Options sit in
// the annex of an object, as section, option and value:
//
//	site := &config.Site{
//		Switches: []config.Switch{{
//			Name: "Main",
//			DNs: []config.DN{{
//				Number: "5000",
//				Type:   config.RoutingPoint,
//				Annex:  config.Annex{"Orchestration": {"application": "script:Sales"}},
//			}},
//		}},
//		Scripts: []config.Script{{
//			Name: "Sales",
//			Annex: config.Annex{
//				"Application":      {"url": "http://apps.example/sales.scxml?ani=[ANI]"},
//				"ApplicationParms": {"skill": "sales"},
//			},
//		}},
//	}
//	app, err := site.Resolve("5000")
//
// # What an application option may be
//
//	file:/apps/a.scxml, http://…, https://…   the document
//	<URL> <URL>                               the second is tried when the first cannot be used
//	script:<name>                             a script object: its url, alternate-url and parameters
//	<scheme>:…                                what the host's loader reads under it
//
// "application@<cluster>" takes the place of "application" for the cluster of
// that name and hides the DN from all others.
//
// URLs and parameters may contain elements that are filled from the interaction
// (see [Application.Expand]):
//
//	[DNIS]  [ANI]  [DN]  [CED]  [UDATA]  [UDATA.*]  [UDATA.<key>]
//
// A Site is plain data: build it before it is used and do not change it
// afterwards; then it is safe for concurrent use.
package config
