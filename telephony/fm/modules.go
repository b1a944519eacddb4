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

func parts() []part {
	ixn, dialog := interactionSpec(), dialogSpec()
	return []part{
		{ixn, interactionModule{ixn}, (*Connector).interaction},
		{dialog, dialogModule{dialog}, (*Connector).dialog},
	}
}

// Modules returns the modules, for scxml.ParseOptions.Modules: enough to parse
// and check documents. Connector.Install registers them with an engine.
func Modules() []scxml.Module {
	all := parts()
	modules := make([]scxml.Module, len(all))
	for i := range all {
		modules[i] = all[i].module
	}
	return modules
}

// Specs returns the tables of the modules, in the order of Modules.
func Specs() []*Spec {
	all := parts()
	specs := make([]*Spec, len(all))
	for i := range all {
		specs[i] = all[i].spec
	}
	return specs
}
