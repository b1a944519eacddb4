package fm

import (
	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// ResourceNamespace is that of the resource module, which has no elements.
const ResourceNamespace = "http://www.genesyslab.com/modules/resource"

// resourceTypes is _genesys.resource.resourceType: the types of DN, numbered as in
// the configuration layer. any is not one of them and stands for each.
var resourceTypes = func() *view {
	names := []string{"CFGNoDN", "CFGExtension", "CFGACDPosition", "CFGACDQueue", "CFGRoutingPoint", "CFGVirtACDQueue",
		"CFGVirtRoutingPoint", "CFGEAPort", "CFGVoiceMail", "CFGCellular", "CFGCP", "CFGFAX", "CFGData", "CFGMusic", "CFGTrunk",
		"CFGTrunkGroup", "CFGTieLine", "CFGTieLineGroup", "CFGMixed", "CFGExtRoutingPoint", "CFGDestinationLabel",
		"CFGServiceNumber", "CFGRoutingQueue", "CFGCommDN", "CFGEmail", "CFGVoIP", "CFGVideo", "CFGChat", "CFGCoBrowse",
		"CFGVoIPService", "CFGWorkflow", "CFGAccessResource"}
	o := datamodel.NewObject(datamodel.Member{Name: "any", Value: float64(-1)})
	for i, name := range names {
		o.Set(name, float64(i))
	}
	return viewOf(o.Members()...)
}()

func resourcePart() servicePart {
	spec := resourceSpec()
	root := viewOf(datamodel.Member{Name: "resourceType", Value: resourceTypes})
	return servicePart{
		spec: spec,
		module: serviceModule{spec: spec, state: func(*scxml.ModuleContext) scxml.ModuleState {
			return &constants{"_genesys.resource", root}
		}},
		perform: func(*Services, *session.ModuleCall, *answer) {}, // there are no elements
	}
}

func resourceSpec() *Spec {
	return &Spec{
		Name: "resource", Prefix: "resource", Namespace: ResourceNamespace, Root: "_genesys.resource",
		Members: []MemberSpec{{Name: "resourceType", Note: "The types of DN by name."}},
	}
}
