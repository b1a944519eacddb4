package scxml

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/seed-ff723688/ors/datamodel"
)

// value reads an attribute that is an expression in the ORS dialect, under one
// of its names. An expression that is nothing but a string in quotes becomes
// literal, so that no session has to evaluate it.
func (p *parser) value(n *xmlquery.Node, names ...string) (t text, name string) {
	p.exclusive(n, names...)
	for _, name := range names {
		v, ok := p.attr(n, name)
		if !ok {
			continue
		}
		if s, ok := unquote(v); ok {
			return text{literal: s, given: true}, name
		}
		return text{expr: p.attrExpression(n, name, datamodel.ValueExpression), given: true}, name
	}
	return text{}, names[0]
}

// word is value for an attribute with fixed words, which may be written without
// quotes.
func (p *parser) word(n *xmlquery.Node, fixed func(string) bool, names ...string) (t text, name string) {
	for _, name := range names {
		if v, ok := p.attr(n, name); ok && fixed(trimSpace(v)) {
			p.exclusive(n, names...)
			return text{literal: trimSpace(v), given: true}, name
		}
	}
	return p.value(n, names...)
}

// unquote returns the value of a string literal without escapes.
func unquote(expr string) (string, bool) {
	s := trimSpace(expr)
	if len(s) < 2 || s[0] != '\'' && s[0] != '"' || s[len(s)-1] != s[0] {
		return "", false
	}
	inner := s[1 : len(s)-1]
	if strings.ContainsAny(inner, "\\\n\r\u2028\u2029"+s[:1]) {
		return "", false
	}
	return inner, true
}

// eventProcessor tells the types of <send> and <invoke> from expressions.
func eventProcessor(s string) bool {
	switch s {
	case "scxml", "basichttp", "fm":
		return true
	}
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}

// orsSend reads <send>: its attributes are expressions.
func (p *parser) orsSend(n *xmlquery.Node) action {
	p.forbiddenInFinalize(n)
	a := &sendAction{pos: p.pos(n)}
	var eventAttr, delayAttr string
	a.event, eventAttr = p.value(n, "event", "eventexpr")
	a.target, _ = p.value(n, "target", "targetexpr")
	a.typ, _ = p.word(n, eventProcessor, "type", "targettype", "typeexpr")
	a.delay, delayAttr = p.value(n, "delay", "delayexpr")
	p.orsSendID(n, a)
	for _, name := range []string{"hints", "timeout"} {
		p.attrExpression(n, name, datamodel.ValueExpression) // for its problems; no processor asks for it
	}
	p.children(n, func(c *xmlquery.Node) { p.payloadChild(c, &a.payload) })
	p.namelist(n, &a.payload)
	p.contentOrParams(n, &a.payload)

	switch {
	case !a.event.given:
		p.report(Error, p.at(n), "6.2", fmt.Sprintf("<%s> has no event", qname(n)), `add event="'name'"`)
	case a.event.expr == nil:
		p.checkEventName(n, eventAttr, a.event.literal)
	}
	if a.delay.given && a.delay.expr == nil {
		d, err := ParseDelay(a.delay.literal)
		if err != nil {
			p.report(Warning, p.atAttr(n, delayAttr), "6.2", fmt.Sprintf("%q is no delay", a.delay.literal), `it raises error.send.failed; write a number and a unit, such as "'1.5s'" or "'200ms'"`)
			a.delay.expr = p.attrExpression(n, delayAttr, datamodel.ValueExpression)
		}
		a.literalDelay = d
	}
	return a
}

// orsSendID reads what names a <send>: id and sendid may be the name itself, in
// quotes or not; otherwise sendid, as idlocation, is a place for a made-up name.
func (p *parser) orsSendID(n *xmlquery.Node, a *sendAction) {
	p.exclusive(n, "id", "sendid", "idlocation")
	if id, ok := p.attr(n, "id"); ok {
		a.id = trimSpace(id)
		if s, quoted := unquote(id); quoted {
			a.id = s
		}
	}
	if id, ok := p.attr(n, "sendid"); ok {
		if s, quoted := unquote(id); quoted {
			a.id = s
		} else {
			a.idlocation = p.attrExpression(n, "sendid", datamodel.LocationExpression)
		}
	}
	if e := p.attrExpression(n, "idlocation", datamodel.LocationExpression); e != nil {
		a.idlocation = e
	}
}

// orsSendTarget turns a target into one of SCXML 1.0: sessions are named by
// their id alone.
func orsSendTarget(typ, target string) string {
	switch {
	case !isSCXMLProcessor(typ), target == "", target[0] == '#':
		return target
	case target == "_internal", target == "_parent":
		return "#" + target
	}
	return "#_scxml_" + target
}

// orsCancel reads <cancel>, which is answered by an event.
func (p *parser) orsCancel(n *xmlquery.Node) action {
	p.empty(n)
	a := &cancelAction{pos: p.pos(n), answer: true}
	a.sendID, _ = p.value(n, "sendid", "id", "sendidexpr")
	if !a.sendID.given {
		p.report(Error, p.at(n), "6.3", fmt.Sprintf("<%s> has neither sendid nor id", qname(n)), `add sendid="…": an expression for the id of the <send> to cancel`)
	}
	return a
}

// orsRaise reads <raise>, which may carry data, and the older <event>.
func (p *parser) orsRaise(n *xmlquery.Node) action {
	p.forbiddenInFinalize(n)
	a := &raiseAction{pos: p.pos(n)}
	attr := "event"
	if n.Data == "event" {
		attr = "name"
	}
	if v, ok := p.attr(n, attr); ok {
		p.checkEventName(n, attr, v)
		a.event = trimSpace(v)
	}
	p.children(n, func(c *xmlquery.Node) { p.payloadChild(c, &a.payload) })
	p.contentOrParams(n, &a.payload)
	return a
}

// Levels of <log> in the ORS dialect.
const (
	firstLevel = 1 // a record for reports; the default
	lastLevel  = 4 // debug
)

// orsLog reads <log> with its level.
func (p *parser) orsLog(n *xmlquery.Node) action {
	a := p.log(n)
	a.level = firstLevel
	if v, ok := p.attr(n, "level"); ok {
		level := trimSpace(v)
		if s, quoted := unquote(level); quoted {
			level = s
		}
		l, err := strconv.Atoi(level)
		if err != nil || l < firstLevel || l > lastLevel {
			p.report(Warning, p.atAttr(n, "level"), "4.7", fmt.Sprintf("level=%q of <%s> is taken as 1", v, qname(n)), "the levels are 1 (record), 2 (error), 3 (warning) and 4 (debug)")
		} else {
			a.level = l
		}
	}
	return a
}

// documentReference tells the src of <invoke> from an expression.
func documentReference(s string) bool {
	if s == "" || strings.ContainsAny(s, `'"()+`) {
		return false
	}
	lower := strings.ToLower(s)
	return strings.Contains(s, "/") || strings.HasPrefix(lower, "file:") || strings.HasSuffix(lower, ".scxml") || strings.HasSuffix(lower, ".xml")
}

// orsInvoke reads type, src and id of <invoke>. Documents write them as
// expressions and as they are; what is in quotes or cannot be a reference is an
// expression.
func (p *parser) orsInvoke(n *xmlquery.Node, v *invoke) {
	v.typ, _ = p.word(n, eventProcessor, "type", "targettype", "typeexpr")
	v.src, _ = p.word(n, documentReference, "src", "srcexpr")
	p.exclusive(n, "id", "invokeid", "idlocation")
	for _, name := range []string{"id", "invokeid"} {
		if id, ok := p.attr(n, name); ok {
			v.id = trimSpace(id)
			if s, quoted := unquote(id); quoted {
				v.id = s
			}
		}
	}
	v.idlocation = p.attrExpression(n, "idlocation", datamodel.LocationExpression)
}
