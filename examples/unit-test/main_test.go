package unittest

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

var (
	update       = flag.Bool("update", false, "rewrite the golden files")
	coveragePage = flag.String("coverage-page", "", "write the coverage of the strategy as a page for a browser to this file")
)

// TestMain prints what no test has reached.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if err := report(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func report() error {
	if err := coverage.WriteText(os.Stdout); err != nil || *coveragePage == "" {
		return err
	}
	f, err := os.Create(*coveragePage)
	if err != nil {
		return err
	}
	if err := coverage.WriteHTML(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
