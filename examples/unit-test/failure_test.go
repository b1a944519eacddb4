package unittest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/scxml/scxmltest"
	"github.com/seed-ff723688/ors/telephony/strategytest"
)

// printer is a testing.TB that keeps what a failing test says.
type printer struct {
	testing.TB
	out strings.Builder
}

func (p *printer) Errorf(format string, args ...any) { fmt.Fprintf(&p.out, format+"\n", args...) }

// TestWhatAFailureSays has a test expect the wrong thing, and compares what it prints
// with testdata/failure.txt.
func TestWhatAFailureSays(t *testing.T) {
	t.Parallel()
	options := line()
	options.Coverage = nil
	p := &printer{TB: t}
	centre := strategytest.New(p, strategy, options)
	call := centre.Call(strategytest.Caller{ANI: "0301234567", Digits: []string{"2"}})
	centre.Advance(10 * time.Second)
	call.ExpectRoutedTo("bob") // who is not ready
	const golden = "testdata/failure.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(p.out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := scxmltest.Difference(string(want), p.out.String()); d != "" {
		t.Errorf("%s has changed:\n%s", golden, d)
	}
}

// TestReplay does again what the trace of TestAbandoned says that test did.
func TestReplay(t *testing.T) {
	t.Parallel()
	if *update {
		const again = "the trace is being rewritten: go test ./examples/unit-test, without -update"
		if os.Getenv("CI") == "true" {
			t.Fatal(again)
		}
		t.Skip(again)
	}
	options := line()
	options.Coverage = nil
	strategytest.Replay(t, strategy, options, "testdata/abandoned.trace")
}
