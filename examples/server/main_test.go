package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// process is a server under test.
type process struct {
	*testing.T
	dir        string // of the configuration
	stdin      io.WriteCloser
	lines      chan string
	done       chan error
	url, token string
	stop       func()
	problems   strings.Builder
}

// begin starts a server on a copy of the configuration.
func begin(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{T: t, dir: t.TempDir(), lines: make(chan string, 1000), done: make(chan error, 1)}
	require.NoError(t, os.CopyFS(p.dir, os.DirFS("config")))
	in, stdin := io.Pipe()
	out, stdout := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	p.stdin, p.stop = stdin, stop
	go func() {
		err := run(ctx, append([]string{"-config", p.dir, "-strategies", "strategies", "-listen", "127.0.0.1:0"}, args...), in, stdout, &p.problems)
		stdout.Close()
		p.done <- err
	}()
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.lines <- lines.Text()
		}
		close(p.lines)
	}()
	var ok bool
	p.url, ok = strings.CutPrefix(p.line(), "ORS_1 serves ")
	require.True(t, ok)
	p.token, ok = strings.CutPrefix(p.line(), "token ")
	require.True(t, ok)
	require.Equal(t, "ready; type help", p.line())
	return p
}

// line is the next line of the output.
func (p *process) line() string {
	p.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			p.Fatal("the server has ended: ", <-p.done, p.problems.String())
		}
		return line
	case <-time.After(time.Minute):
		p.Fatal("no line comes")
		return ""
	}
}

func (p *process) types(line string) {
	p.Helper()
	_, err := fmt.Fprintln(p.stdin, line)
	require.NoError(p, err)
}

// replace changes a file in one step: the server must not see the half of it.
func (p *process) replace(file, text string) {
	p.Helper()
	draft := filepath.Join(p.TempDir(), "draft")
	require.NoError(p, os.WriteFile(draft, []byte(text), 0o600))
	require.NoError(p, os.Rename(draft, file))
}

// ends stops the server, and returns what was printed until then.
func (p *process) ends() []string {
	p.Helper()
	p.stop()
	require.NoError(p, <-p.done)
	var rest []string
	for line := range p.lines {
		rest = append(rest, line)
	}
	return rest
}

// readme are the blocks of a README by language, in their order.
func readme(t *testing.T, file string) (blocks [][2]string) {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, m := range regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, [2]string{m[1], strings.TrimSpace(m[2])})
	}
	return blocks
}

// What README.md says of calls is what happens, the change of the configuration included.
func TestCalls(t *testing.T) {
	var said []string // the text blocks
	for _, b := range readme(t, "README.md") {
		if b[0] == "text" {
			said = append(said, b[1])
		}
	}
	require.Len(t, said, 3)
	p := begin(t)
	expect := func(block string) {
		t.Helper()
		for _, want := range strings.Split(block, "\n") {
			require.Equal(t, want, p.line())
		}
	}
	p.types("call 5000")
	expect(said[1])
	file := filepath.Join(p.dir, "routing.yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	changed := strings.Replace(string(text), "url: app:/open.scxml", "url: app:/closed.scxml", 1)
	require.NotEqual(t, string(text), changed)
	p.replace(file, changed)
	change, calls, _ := strings.Cut(said[2], "\n")
	expect(change)
	p.types("call 5000")
	expect(calls)

	// A mistake is told, and changes nothing.
	p.replace(file, strings.Replace(changed, "script:Entry", "script:Entrance", 1))
	require.Regexp(t, `^refused: config: .*routing.yaml:\d+: DN 5000@Main, section Orchestration, option application: there is no script object "Entrance"$`, p.line())
	p.types("agents")
	require.Regexp(t, `^ann at 7001: \w+, \d calls$`, p.line())
	require.Equal(t, "bob at 7002: Ready, 0 calls", p.line())
	p.types("quit")
	for p.line() != "stopped" {
	}
}

// Sessions in a file go on in the next run.
func TestStore(t *testing.T) {
	t.Setenv("ORS_TOKEN", "a-token-of-the-tests-0123")
	file := filepath.Join(t.TempDir(), "sessions.db")
	p := begin(t, "-store", file)
	require.Equal(t, "a-token-of-the-tests-0123", p.token)
	shell := map[string]string{"ORS": p.url, "TOKEN": p.token}
	started := p.curl(`curl -H "Authorization: Bearer $TOKEN" -d src=app:/callback.scxml -d number=77 $ORS/scxml/session/start`, shell)
	shell["ID"] = strings.Split(started, `"`)[3]
	p.types("quit")
	require.Equal(t, "stopped", p.line())
	require.NoError(t, <-p.done)

	p = begin(t, "-store", file)
	shell["ORS"] = p.url
	assert.JSONEq(t, `{"number":"77","agent":""}`, p.curl(`curl -H "Authorization: Bearer $TOKEN" -X POST $ORS/scxml/session/$ID/request/status`, shell))
	p.types("sessions")
	assert.Equal(t, shell["ID"]+" callback", p.line())
	assert.Equal(t, []string{"stopped"}, p.ends())
}

// A call that has gone while the server was away leaves no session behind.
func TestStoreAndTheCallIsGone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sessions.db")
	p := begin(t, "-store", file)
	p.types("call 5000")
	for p.line() != "call 1 hears PlayAnnouncement" {
	}
	p.types("quit")
	for p.line() != "stopped" {
	}
	require.NoError(t, <-p.done)

	p = begin(t, "-store", file)
	shell := map[string]string{"ORS": p.url, "TOKEN": p.token}
	require.Eventually(t, func() bool {
		return strings.Contains(p.curl(`curl -H "Authorization: Bearer $TOKEN" $ORS/ors/v1/sessions`, shell), `"live":0`)
	}, time.Minute, 10*time.Millisecond)
	p.ends()
}

func TestBadCommandLines(t *testing.T) {
	for args, want := range map[string]string{
		"extra":                      `unexpected argument "extra"`,
		"-config nowhere":            "nowhere",
		"-strategies nowhere":        "nowhere",
		"-app ORS_9":                 `there is no application object "ORS_9"`,
		"-listen nonsense":           "nonsense",
		"-store nowhere/sessions.db": "nowhere",
	} {
		all := append([]string{"-config", "config", "-strategies", "strategies", "-listen", "127.0.0.1:0"}, strings.Fields(args)...)
		assert.ErrorContains(t, run(t.Context(), all, strings.NewReader(""), io.Discard, io.Discard), want, args)
	}
}

// variable is an assignment of the shell.
var variable = regexp.MustCompile(`^([A-Z]+)=(\S*)`)

// The curl lines of both READMEs, with real HTTP.
func TestCurl(t *testing.T) {
	for _, file := range []string{"README.md", "../../README.md"} {
		t.Run(file, func(t *testing.T) {
			p := begin(t)
			shell := map[string]string{}
			requests, last := 0, ""
			for _, b := range readme(t, file) {
				switch b[0] {
				case "sh":
					last = ""
					for _, line := range strings.Split(b[1], "\n") {
						if m := variable.FindStringSubmatch(line); m != nil {
							assert.Contains(t, []string{"ORS", "TOKEN", "ID"}, m[1], "its value is that of this run")
						} else if strings.HasPrefix(line, "curl ") {
							require.Empty(t, last, "a block has one curl line")
							shell["ORS"], shell["TOKEN"] = p.url, p.token
							last = p.curl(line, shell)
							requests++
						}
					}
				case "json":
					require.NotEmpty(t, last, "a block of JSON is the answer to a curl line before it")
					var want, got map[string]any
					require.NoError(t, json.Unmarshal([]byte(b[1]), &want))
					require.NoError(t, json.Unmarshal([]byte(last), &got), last)
					if id, ok := got["sessionid"]; ok && want["sessionid"] != nil {
						shell["ID"] = id.(string)
						assert.Len(t, want["sessionid"], len(shell["ID"]), "the README shows an id")
						want["sessionid"] = id
					}
					for name := range got {
						if _, shown := want[name]; !shown && len(want) > 0 {
							delete(got, name) // the README leaves something out
						}
					}
					assert.Equal(t, want, got)
					last = ""
				}
			}
			assert.Equal(t, 5, requests)
			assert.Equal(t, []string{"stopped"}, p.ends())
		})
	}
}

// curl does what a curl line says, and returns the body of the answer.
func (p *process) curl(line string, shell map[string]string) string {
	p.Helper()
	line = regexp.MustCompile(`\$([A-Z]+)`).ReplaceAllStringFunc(line, func(name string) string {
		require.Contains(p, shell, name[1:])
		return shell[name[1:]]
	})
	words := regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(line, -1)
	method, address, header, form := "", "", http.Header{}, []string{}
	for i := 1; i < len(words); i++ {
		switch word := strings.Trim(words[i], `"`); word {
		case "-s":
		case "-X":
			i++
			method = words[i]
		case "-H":
			i++
			name, value, _ := strings.Cut(strings.Trim(words[i], `"`), ": ")
			header.Set(name, value)
		case "-d":
			i++
			form = append(form, words[i])
		default:
			require.True(p, strings.HasPrefix(word, "http"), "%s: the test does not know %s", line, word)
			address = word
		}
	}
	if len(form) > 0 {
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	switch {
	case method != "":
	case len(form) > 0:
		method = http.MethodPost
	default:
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(p.Context(), method, address, strings.NewReader(strings.Join(form, "&")))
	require.NoError(p, err)
	req.Header = header
	r, err := http.DefaultClient.Do(req)
	require.NoError(p, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(p, err)
	require.Equal(p, http.StatusOK, r.StatusCode, "%s: %s", line, body)
	return string(body)
}
