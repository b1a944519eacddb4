package otto

import (
	"testing"

	"github.com/seed-ff723688/ors/datamodel/ecmascript/ecmatest"
)

func TestConformance(t *testing.T) { ecmatest.Run(t, Engine()) }

func TestHostile(t *testing.T) { ecmatest.Hostile(t, Engine()) }
