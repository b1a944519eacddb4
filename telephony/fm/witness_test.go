package fm_test

import (
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/telephony/fm"
)

// The tables of the modules are compared with every event that reaches a strategy
// in any test of this package: its name, its data and the code of an error have to
// be listed. When all tests have run, every event that is listed has to have been
// seen, and every code from some action.

// eventRow is what the tables say of an event.
type eventRow struct {
	data  []string
	codes []string // of an error event
}

// statusCode is how the tables write "any HTTP status".
const statusCode = "the status of the response"

var eventTable = sync.OnceValue(func() map[string]eventRow {
	table := map[string]eventRow{}
	for _, spec := range fm.Specs() {
		for _, e := range spec.Elements {
			if e.Event == "" {
				continue
			}
			table[e.Event+".done"] = eventRow{data: append([]string{"requestid"}, e.Data...)}
			table["error."+e.Event] = eventRow{data: append([]string{"requestid", "error", "description"}, e.Failed...), codes: e.Errors}
			if e.Accepted {
				table[e.Event+".requestid"] = eventRow{data: []string{"requestid", "interactionid"}}
			}
		}
		for _, e := range spec.Events {
			table[e.Name] = eventRow{data: e.Data}
		}
	}
	return table
})

// rowOf finds an event in the tables by its name, in which ID stands for any word.
func rowOf(name string) (string, eventRow, bool) {
	if strings.HasPrefix(name, "done.start.") {
		name = "done.start.ID"
	}
	row, ok := eventTable()[name]
	return name, row, ok
}

// seen is what all tests together have seen.
var seen = struct {
	sync.Mutex
	names map[string]bool // events, and errors as "error.x code"
}{names: map[string]bool{}}

// witness compares what reaches the strategies of a test with the tables. It is a
// session.Options.Trace.
func witness(t testing.TB) func(string, *scxml.Document) *scxml.Trace {
	return func(string, *scxml.Document) *scxml.Trace {
		return &scxml.Trace{EventTaken: func(ev *scxml.Event) {
			if strings.HasPrefix(ev.Origin, "fm:") {
				compare(t, ev)
			}
		}}
	}
}

func compare(t testing.TB, ev *scxml.Event) {
	name, row, ok := rowOf(ev.Name)
	if !ok {
		t.Errorf("no table has the event %s", ev.Name)
		return
	}
	marks := []string{name}
	data, _ := ev.Data.(*datamodel.Object)
	for _, m := range data.Members() {
		if !slices.Contains(row.data, m.Name) {
			t.Errorf("the table of %s does not have _event.data.%s", name, m.Name)
		}
		if m.Name == "error" && row.codes != nil {
			code := fmt.Sprint(m.Value)
			if !slices.Contains(row.codes, code) {
				if status, ok := m.Value.(float64); ok && status >= 100 {
					code = statusCode
				}
				assert.Contains(t, row.codes, code, name)
			}
			marks = append(marks, name+" "+code)
		}
	}
	seen.Lock()
	defer seen.Unlock()
	for _, mark := range marks {
		seen.names[mark] = true
	}
}

// unseen are the events of the tables that no test has seen.
func unseen() []string {
	seen.Lock()
	defer seen.Unlock()
	var missing []string
	note := func(mark string) {
		if !seen.names[mark] {
			missing = append(missing, mark)
		}
	}
	for name := range eventTable() {
		if !unsupportedEvent(name) {
			note(name)
		}
	}
	// Actions share what fails, so a code of one stands for that of the others.
	codes := map[string]bool{}
	for name, row := range eventTable() {
		for _, code := range row.codes {
			codes[code] = codes[code] || seen.names[name+" "+code]
		}
	}
	for code, found := range codes {
		if !found {
			missing = append(missing, "the code "+code)
		}
	}
	sort.Strings(missing)
	return missing
}

// unsupportedEvent tells of the success of what is never successful.
func unsupportedEvent(name string) bool {
	for _, spec := range fm.Specs() {
		for _, e := range spec.Elements {
			if e.Status == fm.Unsupported && name == e.Event+".done" {
				return true
			}
		}
	}
	return false
}

func TestMain(m *testing.M) {
	code := runDialects(m)
	if code == 0 {
		code = runPassive(m)
	}
	all := !slices.ContainsFunc([]string{"test.run", "test.skip", "test.list", "test.short"}, given) // no test was left out
	if code == 0 && all {
		if missing := unseen(); len(missing) > 0 {
			fmt.Printf("FAIL: the tables of the modules list what no test has seen:\n  %s\n", strings.Join(missing, "\n  "))
			code = 1
		}
	}
	os.Exit(code)
}
