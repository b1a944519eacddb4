package fm

import (
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// part is a module and who carries out the effects of its elements. Every
// module has a file of its own and an entry in parts.
type part struct {
	spec    *Spec
	module  scxml.Module
	perform func(c *Connector, effect *session.ModuleCall) error
}

// parts returns the modules of a Connector; c is nil for parsing only.
func parts(c *Connector) []part {
	ixn, dialog, queue := interactionSpec(), dialogSpec(), queueSpec()
	return []part{
		{ixn, interactionModule{ixn, c}, (*Connector).interaction},
		{dialog, dialogModule{dialog}, (*Connector).dialog},
		{queue, queueModule{queue, c}, (*Connector).queue},
	}
}

// Modules returns the modules, for scxml.ParseOptions.Modules: enough to parse
// and check documents. Connector.Install registers them with an engine; only then have
// the functions of _genesys.session and _genesys.statistic something to ask.
func Modules() []scxml.Module {
	var modules []scxml.Module
	for _, p := range parts(nil) {
		modules = append(modules, p.module)
	}
	for _, p := range serviceParts(nil) {
		modules = append(modules, p.module)
	}
	return modules
}

// Specs returns the tables of the modules, in the order of Modules.
func Specs() []*Spec {
	var specs []*Spec
	for _, p := range parts(nil) {
		specs = append(specs, p.spec)
	}
	for _, p := range serviceParts(nil) {
		specs = append(specs, p.spec)
	}
	return specs
}
