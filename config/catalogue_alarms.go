package config

import (
	"math"
	"strconv"
)

// alarmSection has thresholds of the counters of self-monitoring.
const alarmSection = "performance-alarms"

// alarmCounter is a counter that can have a threshold.
type alarmCounter struct {
	name, what string
	traced     bool // it is counted only where a threshold is set when the server starts
}

var alarmCounters = []alarmCounter{
	{"active-sessions", "sessions that are alive", false},
	{"pending-sessions", "starts of sessions that are under way", false},
	{"create-session-time", "average time (ms) to create a session", false},
	{"document-processing-time", "average time (ms) to load and compile a document", false},
	{"scxml-event-queuing-time", "average time (ms) that an event waits for its session", false},
	{"http-fetch-time", "average time (ms) of a fetch by HTTP", false},
	{"esp-fetch-time", "average time (ms) of a fetch by ESP", false},
	{"urs-fetch-time", "average time (ms) of a fetch from the router", false},
	{"urs-request-time", "average time (ms) from a request to the router to its first answer", false},
	{"openstat-time", "average time (ms) to open a statistic", false},
	{"cassandra-latency", "average time (ms) of an operation of the store", false},
	{"func-execution-time", "average time (ms) of a function of a module", true},
	{"state-time", "average time (ms) in a state", true},
	{"redirect-time", "average time (ms) from the request to route an interaction to its outcome", false},
	{"creation-session-rate", "sessions that begin, per second", false},
	{"state-rate", "states that are left, per second", true},
	{"func-execution-rate", "calls of functions of modules, per second", true},
	{"fetch-rate", "fetches, per second", true},
}

const alarmForm = "a number from 0 on"

// alarmSpecs describes the options of the section.
func alarmSpecs() []Spec {
	var list []Spec
	for _, c := range alarmCounters {
		s := Spec{Where: InApplication, Section: alarmSection, Name: c.name, Type: Text, Effect: AtOnce, Evidence: "D", OurRange: true, OurEffect: true,
			Meaning: "threshold of a performance alarm: " + c.what, By: "monitor: log, metrics and event stream"}
		switch {
		case c.name == "esp-fetch-time":
			s.By, s.NoEffect = "", "nothing fetches by ESP"
		case c.traced:
			s.Effect = AtStart
		}
		list = append(list, s)
	}
	return list
}

// checkAlarm checks a threshold.
func checkAlarm(text string) string {
	return matching(alarmForm, func(s string) bool {
		n, err := strconv.ParseFloat(s, 64)
		return err == nil && n >= 0 && !math.IsInf(n, 0)
	})(text)
}
