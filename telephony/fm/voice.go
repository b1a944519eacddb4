package fm

import (
	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// VoiceNamespace is that of the voice module, which has no elements: the actions on
// calls belong to the interaction module.
const VoiceNamespace = "http://www.genesyslab.com/modules/voice"

func voicePart() servicePart {
	spec := &Spec{
		Name: "voice", Prefix: "voice", Namespace: VoiceNamespace, Root: "_genesys.voice",
		Members: []MemberSpec{{Name: "overwriteType", Note: "UseNone, UseANI, UseDNIS, UseConfig, as in _genesys.queue."}},
	}
	root := viewOf(datamodel.Member{Name: "overwriteType", Value: overwriteTypes})
	return servicePart{
		spec: spec,
		module: serviceModule{spec: spec, state: func(*scxml.ModuleContext) scxml.ModuleState {
			return &constants{"_genesys.voice", root}
		}},
		perform: func(*Services, *session.ModuleCall, *answer) {}, // there are no elements
	}
}
