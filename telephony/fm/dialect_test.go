package fm_test

import (
	"flag"
	"fmt"
	"testing"
)

// All tests run twice: in W3C mode and in the ORS dialect. dialects are how a
// document says which it is in.
var dialects = []struct{ name, attribute string }{
	{"W3C mode", `datamodel="ecmascript"`},
	{"the ORS dialect", `profile="ecmascript"`},
}

// dialect is the one of the present run; TestMain sets it.
var dialect = 0

// opening is the beginning of a document.
func opening() string {
	return `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" ` + dialects[dialect].attribute
}

// later sends an event after a delay. In the ORS dialect the attributes of <send>
// are expressions.
func later(event, delay string) string {
	if dialect == 1 {
		event, delay = "'"+event+"'", "'"+delay+"'"
	}
	return fmt.Sprintf(`<send event="%s" delay="%s"/>`, event, delay)
}

// runDialects runs all tests in each dialect; benchmarks and lists of tests are
// for once.
func runDialects(m *testing.M) (code int) {
	for dialect = range dialects {
		if code = m.Run(); code != 0 {
			fmt.Printf("FAIL: in %s\n", dialects[dialect].name)
			break
		}
		if given("test.bench") || given("test.list") {
			break
		}
	}
	return code
}

// given reports whether a flag of the command has been set.
func given(name string) bool {
	f := flag.Lookup(name)
	return f != nil && f.Value.String() != f.DefValue
}
