//go:build unix

package config_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/telephony"
)

// large writes a site of 5,000 agents and 20,000 DNs, in files of 100 objects.
func large(b *testing.B) (dir string, change func(i int)) {
	b.Helper()
	dir = b.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	// Files that have just been written are read again at each look.
	defer func() {
		old := time.Now().Add(-time.Hour)
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		for _, name := range names {
			err = errors.Join(err, os.Chtimes(name, old, old))
		}
		if err != nil {
			b.Fatal(err)
		}
	}()
	put("site.yaml", "switches: [{name: Main}]\nskills: [{name: Sales}, {name: German}]\n"+
		"scripts: [{name: Sales, annex: {Application: {url: 'https://apps.example/sales.scxml?ani=[ANI]'}, ApplicationParms: {skill: Sales}}}]\n")
	dns := func(file, change int) string {
		var t bytes.Buffer
		t.WriteString("dns:\n")
		for i := file * 100; i < (file+1)*100; i++ {
			fmt.Fprintf(&t, "  - number: %d\n    switch: Main\n    type: RoutingPoint\n    annex:\n      Orchestration:\n        application: script:Sales\n", 10000+i)
			if i == file*100 {
				fmt.Fprintf(&t, "      note:\n        change: %d\n", change)
			}
		}
		return t.String()
	}
	for file := range 200 {
		put(fmt.Sprintf("dns%03d.yaml", file), dns(file, 0))
	}
	for file := range 50 {
		var t bytes.Buffer
		t.WriteString("persons:\n")
		for i := file * 100; i < (file+1)*100; i++ {
			fmt.Fprintf(&t, "  - employeeId: a%d\n    userName: agent%d\n    agent: true\n    skills: {Sales: 5, German: 8}\n    logins:\n      - {switch: Main, loginCode: %d}\n", i, i, i)
		}
		put(fmt.Sprintf("persons%03d.yaml", file), t.String())
	}
	return dir, func(i int) { put("dns007.yaml", dns(7, i)) }
}

func BenchmarkLoad(b *testing.B) {
	dir, _ := large(b)
	b.ReportAllocs()
	used := cpu(b)
	for b.Loop() {
		l, err := config.Open(context.Background(), config.NewFiles(dir, nil), &config.LiveOptions{Interval: -1})
		if err != nil {
			b.Fatal(err)
		}
		if n := len(l.Site().Numbers()); n != 20_000 {
			b.Fatal(n)
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpu(b)-used).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// cpu is the processor time that the test has used: what a run takes on a machine with
// nothing else to do.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkChange applies a change of one DN in a file of 100.
func BenchmarkChange(b *testing.B) {
	dir, change := large(b)
	l, err := config.Open(context.Background(), config.NewFiles(dir, nil), &config.LiveOptions{Interval: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	b.ReportAllocs()
	i, used := 0, cpu(b)
	for b.Loop() {
		i++
		change(i)
		changes, err := l.Reload(context.Background())
		if err != nil || len(changes) != 1 || changes[0].New != strconv.Itoa(i) {
			b.Fatal(changes, err)
		}
	}
	b.ReportMetric(float64((cpu(b)-used).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// BenchmarkUnchanged is one look at files that have not changed.
func BenchmarkUnchanged(b *testing.B) {
	dir, _ := large(b)
	l, err := config.Open(context.Background(), config.NewFiles(dir, nil), &config.LiveOptions{Interval: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for b.Loop() {
		if _, err := l.Reload(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApplication(b *testing.B) {
	dir, _ := large(b)
	l, err := config.Open(context.Background(), config.NewFiles(dir, nil), &config.LiveOptions{Interval: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	call := &telephony.CallAttributes{ANI: "+49 30 1"}
	b.ReportAllocs()
	for b.Loop() {
		if app, err := l.Application("29999", call); err != nil || len(app.URLs) != 1 {
			b.Fatal(app, err)
		}
	}
}

// BenchmarkExport loads an export of 5,000 agents and 20,000 DNs.
func BenchmarkExport(b *testing.B) {
	path := filepath.Join(b.TempDir(), "export.json")
	if err := os.WriteFile(path, largeExport(), 0o644); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	used := cpu(b)
	for b.Loop() {
		l, err := config.Open(context.Background(), config.NewFiles(path, nil), &config.LiveOptions{Interval: -1})
		if err != nil {
			b.Fatal(err)
		}
		if o := l.Site().Objects(); len(o.DNs) != 20_000 || len(o.Persons) != 5_000 {
			b.Fatal(len(o.DNs), len(o.Persons))
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpu(b)-used).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}
