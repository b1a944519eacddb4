package config_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
)

var update = flag.Bool("update", false, "write OPTIONS.md and config.schema.json")

// same compares a file of the repository with what the code makes of it.
func same(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(want), 0o644))
	}
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, want, string(got), "%s is not what the code says; go test ./config -update writes it", name)
}

func TestSchemaFile(t *testing.T) { same(t, "config.schema.json", string(config.Schema())) }

func TestOptionsFile(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Options

Made of the catalogue by ` + "`go test ./config -update`" + `. Values are checked when a configuration is read;
` + "`Settings`" + ` gives them, with the default where none is set. The column "honoured" is about the server that package ` + "`config/server`" + ` builds: by
what an option is, or why it has no effect.

Evidence: S, D the vendor's guides; W a draft of one; L real logs; T other public code; K what all products of the vendor
have in common; M memory alone. Values marked * are ours: no document gives them.
`)
	last := ""
	mark := func(text string, ours bool) string {
		if ours && text != "" {
			return text + " *"
		}
		return text
	}
	for _, s := range config.Catalogue() {
		if title := fmt.Sprintf("%s, section `%s`", s.Where, s.Section); title != last {
			last = title
			fmt.Fprintf(&b, "\n## %s\n\n| option | values | default | a change counts | evidence | meaning | honoured |\n| --- | --- | --- | --- | --- | --- | --- |\n", title)
		}
		honoured := s.By
		if s.NoEffect != "" {
			honoured = "**no effect**: " + s.NoEffect
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n", s.Name, mark(s.Range(), s.OurRange && s.Type != config.Text && s.Type != config.Boolean),
			mark(s.Default, s.OurDefault), mark(string(s.Effect), s.OurEffect), s.Evidence, s.Meaning, honoured)
	}
	same(t, "OPTIONS.md", b.String())
}

func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range config.Catalogue() {
		name := fmt.Sprint(s.Where, "/", s.Section, "/", s.Name)
		assert.False(t, seen[name], "%s is there twice", name)
		seen[name] = true
		assert.NotEmpty(t, s.Meaning, name)
		assert.NotEmpty(t, s.Evidence, name)
		assert.NotEmpty(t, s.Effect, name)
		assert.NotEqual(t, s.By == "", s.NoEffect == "", "%s is either honoured or has no effect", name)
		assert.Empty(t, s.Check(s.Default), "the default of %s", name)
		if s.Evidence == "M" {
			assert.True(t, s.OurDefault, "%s is remembered only: its default is ours", name)
		}
	}
}

// server makes a configuration of one server with one option.
func server(section, option, value string) *config.Objects {
	return &config.Objects{Applications: []*config.Application{{
		Name: "ORS_1", Type: config.OrchestrationServer, Options: config.Options{}.Set(section, option, value)}}}
}

func TestCheckedValues(t *testing.T) {
	for _, c := range []struct{ section, option, value, want string }{
		{"orchestration", "call-watching-timeout", "999", `config: Application ORS_1, section orchestration, option call-watching-timeout: "999" is not an integer from 1000 to 300000 (ms)`},
		{"orchestration", "call-watching-timeout", "5s", "is not an integer"},
		{"orchestration", "call-watching-timeout", "300000", ""},
		{"orchestration", "call-watching-timeout", "300001", "is not an integer"},
		{"orchestration", "call-watching-timeout", " ", ""},
		{"orchestration", "functions-by-urs", "maybe", `"maybe" is neither true nor false`},
		{"orchestration", "functions-by-urs", "YES", ""},
		{"orchestration", "external-url", "lb:8080/x y", "is not an absolute URL"},
		{"persistence", "redis-nodes", "a.example:6379; b.example:6379", ""},
		{"persistence", "redis-nodes", "a.example:6379;:1", `":1" is not a host`},
		{"persistence", "redis-nodes", "a.example:70000", "is not a host"},
		{"persistence", "redis-nodes", "a b:1", "is not a host"},
		{"persistence", "cassandra-strategy-class", "SimpelStrategy", "did you mean SimpleStrategy?"},
		{"persistence", "tls-cert", "a.pem", "needs tls-key beside it"},
		{"log", "segment", "10 GB", `"10 GB" is not false, or a size or an age such as 100 KB, 10 MB, 24 hr`},
		{"log", "segment", "24 hr", ""},
		{"log", "segment", "10", ""},
		{"log", "expire", "7 hr", `"7 hr" is not false, a number of files`},
		{"log", "expire", "7 day", ""},
		{"log", "keep-startup-file", "1 hr", "is not true, false, or a size"},
		{"log-filter", "default-filter-type", "hide-first", `"hide-first" is not copy, hide, skip, or hide-first,n`},
		{"log-filter-data", "Pin", "mask", "is not copy, hide, skip"},
		{"log-filter-data", "Pin", "unhide-last, 4", ""},
		{"orchestration", "cookie", "no cookie", "is not name=value"},
		{"orchestration", "cookie", "BALANCER=node1; Path=/; HttpOnly", ""},
		{"scxml", "http-client-side-port-range", "20000-10000", "is not a range of ports such as 10000-20000"},
		{"scxml", "http-proxy", "ftp://user:pass@proxy", `"****@proxy" is not a proxy such as`},
		{"scxml", "https-proxy", "proxy.example:3128", ""},
		{"scxml", "http-ssl-cipher-list", "HIGH:!aNULL", `"HIGH" is no cipher that is known and safe`},
		{"scxml", "http-ssl-cipher-list", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305", ""},
		{"scxml", "http-ssl-version", "TLSv1_0", "is none of TLSv1_2, TLSv1_3"},
		{"scxml", "http-no-cache-urls", "apps.example", "is not comma list of URLs"},
		{"scxml", "js-preload-files", "lib.js", "is not semicolon list of URLs"},
		{"scxml", "default-encoding", "klingon", "is not a name such as UTF-8"},
		{"scxml", "default-encoding", "iso-8859-1", ""},
		{"log", "standard", "stdout,,network", "has an empty output"},
		{"log-filter", "ors-regex-card;hide", `(\d`, "is not a regular expression"},
		{"performance-alarms", "state-time", "5000", ""},
		{"performance-alarms", "state-time", "5 s", `"5 s" is not a number from 0 on`},
	} {
		s, err := config.NewSite(server(c.section, c.option, c.value), nil)
		if c.want != "" {
			assert.ErrorContains(t, err, c.want, c.option)
			assert.Nil(t, s)
			continue
		}
		if assert.NoError(t, err, "%s=%s", c.option, c.value) {
			assert.Empty(t, s.Warnings())
		}
	}
}

func TestDoubtfulOptions(t *testing.T) {
	for _, c := range []struct{ section, option, want string }{
		{"orchestration", "cal-watching-timeout", "has no effect; did you mean call-watching-timeout?"},
		{"performance-alarms", "sate-time", "did you mean state-time?"},
		{"orchestration", "something-else", "config: Application ORS_1, section orchestration, option something-else: is not in the catalogue and has no effect"},
		{"orchestratoin", "cookie", "config: Application ORS_1, section orchestratoin: is not in the catalogue and has no effect; did you mean orchestration?"},
	} {
		s, err := config.NewSite(server(c.section, c.option, "1"), nil)
		require.NoError(t, err)
		if assert.Len(t, s.Warnings(), 1) {
			assert.ErrorContains(t, s.Warnings()[0], c.want)
		}
	}
}

func TestEveryErrorIsTold(t *testing.T) {
	o := &config.Objects{
		Switches: []*config.Switch{{Name: "Main"}, {Name: "Main"}},
		DNs:      []*config.DN{{Number: "1", Switch: "Mian", Type: config.Extension}, {Number: "2", Switch: "Main", Type: "Extention"}, {Switch: "Main"}},
		Applications: []*config.Application{{Name: "A", Type: config.OrchestrationServer, Tenants: []string{"T"},
			Server:      config.ServerInfo{Host: "h", Backup: "A", Ports: []config.Port{{ID: "default", Port: 0}, {ID: "default", Port: 1}}},
			Connections: []config.Connection{{Server: "B"}, {Server: "A", Port: "x", Protocol: "tcp", LocalTimeout: -1, Trace: "loud"}}}},
		Persons:    []*config.Person{{EmployeeID: "1", UserName: "u"}, {EmployeeID: "2", UserName: "u", Skills: config.SkillLevels{{Skill: "x"}}}},
		StatDays:   []*config.StatDay{{Name: "d", Date: "13-40"}, {Name: "e", Date: "12-24", From: "18:00", To: "09:00"}},
		StatTables: []*config.StatTable{{Name: "t", StatDays: []string{"f"}}},
	}
	_, err := config.NewSite(o, &config.SiteOptions{Application: "Z"})
	for _, want := range []string{
		"Switch Main: is there twice", `DN 1@Mian: switch: there is no Switch "Mian"; did you mean Main?`, "did you mean Extension?", "DN @Main: has no number, or no switch",
		`tenants: there is no Tenant "T"`, `host: there is no Host "h"`, "cannot be its own backup", "redundancy: is WarmStandby or HotStandby",
		"port default: 0 is not from 1 to 65535", "port default: is there twice", `there is no Application "B"`, `no port with the id "x"`, "protocol is addp",
		"a time-out is negative", `trace "loud" is none of`, "Person 2: userName: Person 1 has the same", `there is no Skill "x"`,
		`date: "13-40"`, "18:00 is not before 09:00", `there is no StatDay "f"`, `no application object "Z"`,
	} {
		assert.ErrorContains(t, err, want)
	}
	var many config.Errors
	require.ErrorAs(t, err, &many)
	assert.Len(t, many, 22)

	o = &config.Objects{}
	for i := range 150 {
		o.DNs = append(o.DNs, &config.DN{Number: fmt.Sprint(i), Switch: "No", Type: config.Extension})
	}
	_, err = config.NewSite(o, nil)
	assert.ErrorContains(t, err, "and 50 more")
}
