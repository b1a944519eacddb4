package server

import (
	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
)

func ecmascript() datamodel.Language { return goja.New(nil) }
