package config_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

// refused reads one file that makes no sense.
func refused(t *testing.T, name, text string) error {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, name, text)
	o, err := config.NewFiles(dir, nil).Read(context.Background())
	assert.Nil(t, o)
	require.Error(t, err, text)
	return err
}

func TestBadFiles(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a.yaml", "dns:\n  - {number: 1, switch: Main, type: Extension}\n  - {numbr: 1}\n", `a.yaml:3: dns 2: "numbr" is not known; did you mean number?`},
		{"a.yaml", "dns:\n  - {switch: Main, type: Extension}\n", "a.yaml:2: dns 1: number is required"},
		{"a.yaml", "dns:\n  - {number: '', switch: Main, type: Extension}\n", "a.yaml:2: dns 1: number is required"},
		{"a.yaml", "dns:\n  - {number: 1, switch: Main, type: Extention}\n", "did you mean Extension?"},
		{"a.yaml", "dns: {}\n", "a.yaml:1: dns: is a mapping; want a list"},
		{"a.yaml", "dns:\n  - x\n", "a.yaml:2: dns 1: is a value; want a mapping"},
		{"a.yaml", "dns:\n  -\n", "dns: item 1 is empty"},
		{"a.yaml", "dns: [\n", "a.yaml:"},
		{"a.yaml", "tenants:\n  - {name: a, dbid: x}\n", `tenants 1, dbid: "x" is not an integer`},
		{"a.yaml", "tenants:\n  - {name: a, disabled: perhaps}\n", "is neither true nor false"},
		{"a.yaml", "tenants:\n  - {name: a, annex: {s: x}}\n", "section s is a value; want a mapping"},
		{"a.yaml", "tenants:\n  - {name: a, annex: {s: {o: [1]}}}\n", "section s, option o is a list; want a value"},
		{"a.yaml", "tenants:\n  - {name: a, annex: {s: {o: {env: A, file: B}}}}\n", "want {env: NAME} or {file: name}"},
		{"a.yaml", "tenants:\n  - {name: a, annex: {s: {o: {file: none.txt}}}}\n", "the file none.txt cannot be read: no such file"},
		{"a.yaml", "tenants:\n  - name: a\n    name: b\n", `a.yaml:3: "name" is there twice, first in line 2`},
		{"a.yaml", "tenants: []\n---\ntenants: []\n", "a file has one document"},
		{"a.yaml", "x: &x {}\ntenants:\n  - {<<: *x}\n", "no merge"},
		{"a.yaml", "- 1\n", "the file is a list; want a mapping"},
		{"a.yaml", "persons:\n  - {employeeId: 1, skills: {a: -1}}\n", "is not the level of a skill"},
		{"a.yaml", "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + strings.Repeat("b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n", 1) + deep(), "is nested more than"},
		{"a.json", "{\n\"dns\": [\n{\"number\": 1}\n]}", "a.json:3: dns 1: switch is required"},
		{"a.json", "{\n\"dns\": [\n", "a.json:2: is not JSON: it ends too early"},
		{"a.json", "{\n\"dns\": [],\n\"dns\": []}", `a.json:3: "dns" is there twice, first in line 2`},
		{"a.json", "{\n\"dns\" [}", "a.json:2: is not JSON"},
		{"a.json", "{}\n{}", "something behind the end"},
		{"a.json", strings.Repeat(`{"x":`, 50) + "1" + strings.Repeat("}", 50), "is nested more than"},
		{"a.txt", "", "has no file whose name ends in"},
	} {
		assert.ErrorContains(t, refused(t, c.name, c.text), c.want, c.text)
	}
	_, err := config.NewFiles(filepath.Join(t.TempDir(), "none"), nil).Read(context.Background())
	assert.ErrorContains(t, err, "no such file")
}

// deep is a list of lists of lists in which every one has ten times the one before.
func deep() string {
	var b strings.Builder
	b.WriteString("c0: &c0 [x,x,x,x,x,x,x,x,x,x]\n")
	names := "0123456789"
	for i := 1; i < 10; i++ {
		ref := "*c" + names[i-1:i]
		b.WriteString("c" + names[i:i+1] + ": &c" + names[i:i+1] + " [" + strings.TrimSuffix(strings.Repeat(ref+",", 10), ",") + "]\n")
	}
	return b.String()
}

func TestAllErrorsOfAllFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", "dnss: []\n")
	write(t, dir, "sub/b.json", `{"switches": [{}]}`)
	_, err := config.NewFiles(dir, nil).Read(context.Background())
	assert.ErrorContains(t, err, `a.yaml:1: "dnss" is not known; did you mean dns?`)
	assert.ErrorContains(t, err, "sub/b.json:1: switches 1: name is required")
}

func TestErrorsOfObjectsNameTheirFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", "applications:\n  - name: ORS\n    type: OrchestrationServer\n    options:\n      orchestration:\n        cookie: a=b\n        call-watching-timeout: 1\n")
	o, err := config.NewFiles(dir, nil).Read(context.Background())
	require.NoError(t, err)
	_, err = config.NewSite(o, nil)
	assert.ErrorContains(t, err, "config: a.yaml:7: Application ORS, section orchestration, option call-watching-timeout")
}

func TestFilesReadWhatHasChanged(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", "switches: [{name: A}]\n")
	write(t, dir, "b.yaml", "switches: [{name: B, annex: {s: {o: {file: secret.txt}}}}]\n")
	write(t, dir, ".hidden.yaml", "x")
	write(t, dir, ".git/x.yaml", "x")
	write(t, dir, "config.schema.json", "x")
	write(t, dir, "secret.txt", "one\n")
	f := config.NewFiles(dir, nil)
	ctx := context.Background()
	first, err := f.Read(ctx)
	require.NoError(t, err)
	_, err = f.Read(ctx)
	assert.ErrorIs(t, err, config.ErrUnchanged)

	write(t, dir, "a.yaml", "switches: [{name: C}]\n") // as long as before
	second, err := f.Read(ctx)
	require.NoError(t, err)
	assert.Equal(t, "C", second.Switches[0].Name)
	assert.Same(t, first.Switches[1], second.Switches[1], "b.yaml is as it was")

	write(t, dir, "secret.txt", "two\n")
	third, err := f.Read(ctx)
	require.NoError(t, err)
	v, _ := third.Switches[1].Annex.Value("s", "o")
	assert.Equal(t, "two", v)

	require.NoError(t, os.Remove(filepath.Join(dir, "a.yaml")))
	fourth, err := f.Read(ctx)
	require.NoError(t, err)
	assert.Len(t, fourth.Switches, 1)

	write(t, dir, "c.yaml", "dnss: []\n")
	_, err = f.Read(ctx)
	assert.ErrorContains(t, err, "c.yaml:1")
	_, err = f.Read(ctx)
	assert.ErrorIs(t, err, config.ErrUnchanged, "the error has been told")

	// A file whose time of modification is long past is not read again.
	old := time.Now().Add(-time.Hour)
	write(t, dir, "c.yaml", "switches: [{name: D}]\n")
	require.NoError(t, os.Chtimes(filepath.Join(dir, "c.yaml"), old, old))
	_, err = f.Read(ctx)
	require.NoError(t, err)
	_, err = f.Read(ctx)
	assert.ErrorIs(t, err, config.ErrUnchanged)

	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = f.Read(ended)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestLimitsOfFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", "switches: [{name: A}]\n")
	write(t, dir, "b.yaml", "switches: [{name: B}]\n")
	_, err := config.NewFiles(dir, &config.FilesOptions{Bytes: 10}).Read(context.Background())
	assert.ErrorContains(t, err, "more than 10 bytes")
	_, err = config.NewFiles(dir, &config.FilesOptions{Files: 1}).Read(context.Background())
	assert.ErrorContains(t, err, "more than 1 files")
	o, err := config.NewFiles(filepath.Join(dir, "a.yaml"), nil).Read(context.Background())
	require.NoError(t, err)
	assert.Len(t, o.Switches, 1)
}

func FuzzFiles(f *testing.F) {
	f.Add("dns: [{number: 1, switch: Main, type: Extension}]", false)
	f.Add(`{"switches": [{"name": "Main", "annex": {"a": {"b": 1}}}]}`, true)
	f.Add("a: &a [*a]", false)
	f.Add("persons: [{employeeId: 1, skills: {x: [1]}}]", false)
	f.Fuzz(func(t *testing.T, text string, json bool) {
		name := "a.yaml"
		if json {
			name = "a.json"
		}
		dir := t.TempDir()
		write(t, dir, name, text)
		o, err := config.NewFiles(dir, nil).Read(context.Background())
		if err != nil {
			return
		}
		s, err := config.NewSite(o, nil)
		if err != nil {
			return
		}
		for _, dn := range s.Numbers() {
			_, _ = s.Resolve(dn)
		}
	})
}
