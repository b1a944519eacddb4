package linktest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// scenario is a file that has been read.
type scenario struct {
	name     string
	needs    telephony.Capabilities
	site     Site
	register []string
	steps    []step
}

// step is something that is done, and what comes of it.
type step struct {
	line    int
	action  []string // what is done at the other end: its words; nil for a request
	request string   // text of a request
	outcome string   // "= Event…" or "! error"; empty: not looked at
	events  []expected
}

// expected is an event that a step promises.
type expected struct {
	line int
	text string
}

// parse reads a scenario file.
func parse(name, text string) (*scenario, error) {
	s := &scenario{name: name}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := s.read(n, line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	if len(s.steps) == 0 {
		return nil, fmt.Errorf("%s: there are no steps", name)
	}
	return s, nil
}

func (s *scenario) read(n int, line string) error {
	rest := strings.TrimSpace(line[1:])
	switch line[0] {
	case '*':
		words, err := split(rest)
		s.steps = append(s.steps, step{line: n, action: words})
		return err
	case '>':
		s.steps = append(s.steps, step{line: n, request: rest})
		return nil
	case '=', '!', '<':
		if len(s.steps) == 0 {
			return errors.New("there is no step before it")
		}
		last := &s.steps[len(s.steps)-1]
		switch {
		case line[0] == '<':
			last.events = append(last.events, expected{n, rest})
		case last.request == "" || last.outcome != "":
			return errors.New("one outcome belongs to a request")
		default:
			last.outcome = line
		}
		return nil
	}
	if len(s.steps) > 0 {
		return errors.New("the setting stands before the first step")
	}
	words, err := split(line)
	if err != nil {
		return err
	}
	return s.set(words)
}

// set reads a line of the setting.
func (s *scenario) set(words []string) error {
	switch words[0] {
	case "needs":
		for _, w := range words[1:] {
			c := capability(w)
			if c == 0 {
				return fmt.Errorf("no capability is called %q", w)
			}
			s.needs |= c
		}
		return nil
	case "standby":
		s.site.Standby = true
		return nil
	case "register":
		s.register = append(s.register, words[1:]...)
		return nil
	}
	if len(words) < 2 {
		return fmt.Errorf("what is %q", words[0])
	}
	a := attributes{values: map[string]string{}}
	for _, w := range words[2:] {
		key, value, _ := strings.Cut(w, "=")
		a.values[key] = value
	}
	name := words[1]
	switch words[0] {
	case "routing-point":
		s.site.RoutingPoints = append(s.site.RoutingPoints, RoutingPoint{DN: name, Timeout: a.duration("timeout"), Default: a.take("default"), Ring: a.duration("ring")})
	case "extension":
		s.site.Extensions = append(s.site.Extensions, Extension{DN: name, AgentID: a.take("agent"), Answer: a.duration("answer"), Talk: a.duration("talk")})
	case "queue":
		s.site.Queues = append(s.site.Queues, Queue{Name: name, Strategy: a.flag("strategy")})
	case "agent":
		s.site.Agents = append(s.site.Agents, Agent{ID: name, Answer: a.duration("answer"), Talk: a.duration("talk"), Work: a.duration("work"),
			Accept: a.duration("accept"), Reject: a.flag("reject")})
	default:
		return fmt.Errorf("what is %q", words[0])
	}
	return a.finish()
}

func capability(name string) telephony.Capabilities {
	for i := range 32 {
		if c := telephony.Capabilities(1) << i; c.String() == name && name != "none" {
			return c
		}
	}
	return 0
}

// attributes are the key=value words of a line; each is taken once.
type attributes struct {
	values map[string]string
	err    error
}

func (a *attributes) take(key string) string {
	v := a.values[key]
	delete(a.values, key)
	return v
}

func (a *attributes) flag(key string) bool {
	_, ok := a.values[key]
	delete(a.values, key)
	return ok
}

// duration reads a time; "never" is negative.
func (a *attributes) duration(key string) time.Duration {
	switch v := a.take(key); v {
	case "":
		return 0
	case "never":
		return -1
	default:
		d, err := time.ParseDuration(v)
		a.err = errors.Join(a.err, err)
		return d
	}
}

func (a *attributes) finish() error {
	for key := range a.values {
		a.err = errors.Join(a.err, fmt.Errorf("unknown attribute %q", key))
	}
	return a.err
}

// split cuts a line into words at spaces that are not inside of quotes or brackets.
func split(line string) ([]string, error) {
	var words []string
	depth, quoted, start := 0, false, -1
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ' ' && depth == 0:
			if start >= 0 {
				words = append(words, line[start:i])
			}
			start = -1
			continue
		}
		if start < 0 {
			start = i
		}
	}
	if quoted || depth != 0 {
		return nil, errors.New("a quote or bracket is not closed")
	}
	if start >= 0 {
		words = append(words, line[start:])
	}
	if words == nil {
		return nil, errors.New("the line is empty")
	}
	return words, nil
}
