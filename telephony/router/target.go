package router

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// TargetType says what kind of object a target is. The values are the letters
// of target strings.
type TargetType string

// The types of targets.
const (
	TypeAgent         TargetType = "A"
	TypePlace         TargetType = "AP"
	TypeAgentGroup    TargetType = "GA" // also for targets by skill
	TypePlaceGroup    TargetType = "GP"
	TypeQueue         TargetType = "Q"
	TypeDN            TargetType = "DN"
	TypeCampaign      TargetType = "C"
	TypeCampaignGroup TargetType = "GC"
	TypeRoutePoint    TargetType = "RP"
	TypeLabel         TargetType = "DL" // a destination label
	TypeQueueGroup    TargetType = "GQ"

	// TypeActivity is a workforce activity. It has no letters: target strings
	// cannot name one.
	TypeActivity TargetType = "activity"
)

// typeNames are the types by the names that strategies use.
var typeNames = map[string]TargetType{
	"agent": TypeAgent, "place": TypePlace, "agentgroup": TypeAgentGroup, "placegroup": TypePlaceGroup,
	"queue": TypeQueue, "dn": TypeDN, "skill": TypeAgentGroup, "campaign": TypeCampaign,
	"campaigngroup": TypeCampaignGroup, "routepoint": TypeRoutePoint, "label": TypeLabel, "queuegroup": TypeQueueGroup,
	"activity": TypeActivity,
}

// ParseTargetType reads the letters of a type or its name: "GA" or
// "agentgroup", in any case.
func ParseTargetType(s string) (TargetType, error) {
	letters := TargetType(strings.ToUpper(s))
	for _, t := range typeNames {
		if t == letters {
			return t, nil
		}
	}
	if t, ok := typeNames[strings.ToLower(s)]; ok {
		return t, nil
	}
	return "", fmt.Errorf("router: %.40q is no type of target: want A, AP, GA, GP, Q, DN, C, GC, RP, DL or GQ", s)
}

// Target is one possible target of a request.
type Target struct {
	Type   TargetType
	Name   string // of the object; for a target by skill the name before the colon, often empty
	Server string // Stat Server, or the switch of a DN, queue, routing point or label; may be empty

	// Skill selects agents by their skills; Type is then TypeAgentGroup.
	Skill *Expression

	// Weight is for OrderPercentage, 0 to 1,000,000; 0 counts as 1.
	Weight int

	// Workbin, when there is one, makes that workbin of the agent, the place or
	// the group the target, whatever they do.
	Workbin string

	// Threshold, when there is one, has to be true for the target to be used. Its
	// names are statistics of the target; sdata(target, statistic) asks for one of another.
	Threshold *Expression

	// Text is the target as it was written; empty: String makes it up.
	Text string
}

// String returns Text, or the target in the form that ParseTargets reads.
func (t *Target) String() string {
	if t.Text != "" {
		return t.Text
	}
	var b strings.Builder
	if t.Threshold != nil {
		fmt.Fprintf(&b, "{%s}", t.Threshold)
	}
	if t.Weight != 0 {
		fmt.Fprintf(&b, "[%d]", t.Weight)
	}
	if t.Skill != nil {
		fmt.Fprintf(&b, "?%s:%s", t.Name, t.Skill)
	} else {
		b.WriteString(t.Name)
	}
	fmt.Fprintf(&b, "@%s.%s", t.Server, t.Type)
	return b.String()
}

// maxTargets bounds a list of targets.
const maxTargets = 1000

const maxWeight = 1_000_000

// check reports what makes a target unusable.
func (t *Target) check() string {
	known := t.Type == TypeActivity
	for _, typ := range typeNames {
		known = known || typ == t.Type
	}
	switch {
	case !known:
		return fmt.Sprintf("there are no targets of type %.40q", string(t.Type))
	case t.Skill != nil && t.Type != TypeAgentGroup:
		return "a target by skill whose type is not GA"
	case t.Skill == nil && t.Name == "":
		return "the name is missing"
	case t.Weight < 0 || t.Weight > maxWeight:
		return fmt.Sprintf("the weight %d is not from 0 to %d", t.Weight, maxWeight)
	case t.Workbin != "" && (t.Skill != nil || !hasAgents(t.Type)):
		return "only agents, places and their groups have workbins"
	}
	return ""
}

// ParseTargets reads a list of targets, separated by commas:
//
//	7001@Switch.DN
//	{StatCallsInQueue<10}[20]Sales@StatServer.GA, ?:(English > 5)@StatServer.GA
//
// Threshold in braces, weight in brackets, the server, and then the @ may be missing. At most 1,000 targets
// are taken. The error is a *SyntaxError.
func ParseTargets(text string) ([]Target, error) {
	fault := func(at int, problem string) error {
		return &SyntaxError{Text: text, Column: utf8.RuneCountInString(text[:at]) + 1, Problem: problem}
	}
	parts, at, problem := splitList(text)
	if problem != "" {
		return nil, fault(at, problem)
	}
	if len(parts) > maxTargets {
		return nil, fault(parts[maxTargets][0], fmt.Sprintf("more than %d targets", maxTargets))
	}
	targets := make([]Target, len(parts))
	for i, part := range parts {
		at, problem := targets[i].parse(text, part[0], part[1])
		if problem != "" {
			return nil, fault(at, problem)
		}
	}
	return targets, nil
}

// splitList finds the commas outside of brackets and quotes. Parts are given by
// where they begin and end.
func splitList(text string) (parts [][2]int, at int, problem string) {
	var open []int
	quote, from := -1, 0
	colon := false // names may hold quotes; what follows a colon may hold names in quotes
	for i := 0; i < len(text); i++ {
		ch := text[i]
		switch {
		case quote >= 0:
			if ch == text[quote] {
				quote = -1
			}
		case (ch == '"' || ch == '\'') && (colon || len(open) > 0):
			quote = i
		case ch == ':':
			colon = true
		case ch == '(' || ch == '{' || ch == '[':
			open = append(open, i)
		case ch == ')' || ch == '}' || ch == ']':
			if len(open) == 0 || !strings.Contains("(){}[]", text[open[len(open)-1]:open[len(open)-1]+1]+string(ch)) {
				return nil, i, fmt.Sprintf("%q without its counterpart", ch)
			}
			open = open[:len(open)-1]
		case ch == ',' && len(open) == 0:
			parts = append(parts, [2]int{from, i})
			from, colon = i+1, false
		}
	}
	switch {
	case quote >= 0:
		return nil, quote, "a quote that is not closed"
	case len(open) > 0:
		return nil, open[len(open)-1], fmt.Sprintf("%q without its counterpart", text[open[len(open)-1]])
	}
	return append(parts, [2]int{from, len(text)}), 0, ""
}

// parse reads one target of a list.
func (t *Target) parse(text string, from, to int) (at int, problem string) {
	for from < to && isBlank(text[from]) {
		from++
	}
	for to > from && isBlank(text[to-1]) {
		to--
	}
	if from == to {
		return from, "an empty target"
	}
	t.Text = text[from:to]
	for from < to && (text[from] == '{' || text[from] == '[') {
		end := from + closing(text[from:to])
		inside := text[from+1 : end]
		if text[from] == '{' {
			threshold, err := ParseThreshold(inside)
			if err != nil {
				return from + 1 + offset(inside, err), problemOf(err)
			}
			t.Threshold = threshold
		} else {
			weight, err := strconv.Atoi(strings.TrimSpace(inside))
			if err != nil || weight < 0 || weight > maxWeight {
				return from + 1, "a weight that is no integer from 0 to 1000000"
			}
			t.Weight = weight
		}
		for from = end + 1; from < to && isBlank(text[from]); from++ {
		}
	}
	// Without a server the @ may be missing too: 8001.Q.
	dot := strings.LastIndexByte(text[from:to], '.') + from
	if dot < from {
		return to, "a target without type; its form is name@server.type"
	}
	end := dot // of the name
	if at := strings.LastIndexByte(text[from:dot], '@'); at >= 0 {
		end = from + at
		t.Server = text[end+1 : dot]
	}
	typ, err := ParseTargetType(text[dot+1 : to])
	if err != nil {
		return dot + 1, fmt.Sprintf("%.40q, which is no type of target,", text[dot+1:to])
	}
	t.Type, t.Name = typ, strings.TrimSpace(text[from:end])
	if strings.HasPrefix(t.Name, "?") {
		return t.parseSkill(text[:end], from)
	}
	if t.Name == "" {
		return from, "a target without a name"
	}
	return 0, ""
}

func (t *Target) parseSkill(text string, from int) (at int, problem string) {
	colon := strings.IndexByte(text[from:], ':')
	switch {
	case colon < 0:
		return from, "a target by skill without a colon; its form is ?name:expression@server.GA"
	case t.Type != TypeAgentGroup:
		return from, "a target by skill whose type is not GA"
	}
	colon += from
	t.Name = strings.TrimSpace(text[from+1 : colon])
	inside := text[colon+1:]
	skill, err := ParseExpression(inside)
	if err != nil {
		return colon + 1 + offset(inside, err), problemOf(err)
	}
	t.Skill = skill
	return 0, ""
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// closing returns where the bracket closes with which text begins. splitList
// has made sure that it does.
func closing(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(text) - 1
}

// offset returns the position in bytes of a syntax error in text.
func offset(text string, err error) int {
	se, ok := err.(*SyntaxError)
	if !ok {
		return 0
	}
	column := 1
	for i := range text {
		if column == se.Column {
			return i
		}
		column++
	}
	return len(text)
}

func problemOf(err error) string {
	if se, ok := err.(*SyntaxError); ok {
		return se.Problem
	}
	return err.Error()
}
