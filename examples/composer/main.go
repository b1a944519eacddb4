// Command composer routes a call with strategies in the shape of those that
// Genesys Composer generates, and prints what ORS would write as its METRIC trace.
//
//	go run ./examples/composer
//	go run ./examples/composer -call abandoned
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/seed-ff723688/ors/scxml"
)

func main() {
	name := flag.String("call", "routed", "which call is made")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "composer [-call name], where name is one of")
		for _, p := range plays() {
			fmt.Fprintf(flag.CommandLine.Output(), "  %-12s %s\n", p.name, p.about)
		}
	}
	flag.Parse()
	if err := run(os.Stdout, *name); err != nil {
		fmt.Fprintln(os.Stderr, "composer:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, name string) error {
	p, ok := find(name)
	if !ok {
		return fmt.Errorf("there is no call %q; -help lists them", name)
	}
	var c *centre
	c, err := newCentre(p, settings{
		url: frameURL,
		out: out,
		trace: func(sessionID string, _ *scxml.Document) *scxml.Trace {
			return scxml.MetricTrace(lines(func(line string) { c.print("ors", line) }), sessionID)
		},
	})
	if err != nil {
		return err
	}
	defer c.close()
	return c.run()
}

// lines is a writer that takes one line at a time.
type lines func(line string)

// Write implements io.Writer.
func (f lines) Write(p []byte) (int, error) {
	f(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}
