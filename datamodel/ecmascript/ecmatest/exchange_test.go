package ecmatest_test

import (
	"testing"

	"github.com/seed-ff723688/ors/datamodel/ecmascript/ecmatest"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/otto"
)

func TestExchange(t *testing.T) {
	t.Run("goja to otto", func(t *testing.T) { ecmatest.Exchange(t, goja.Engine(), otto.Engine()) })
	t.Run("otto to goja", func(t *testing.T) { ecmatest.Exchange(t, otto.Engine(), goja.Engine()) })
}
