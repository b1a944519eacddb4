package gws

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/seed-ff723688/ors/config"
)

// dnTypes are the names that the API has for the types of DNs.
var dnTypes = map[config.DNType]string{
	config.Extension: "CFGExtension", config.ACDPosition: "CFGACDPosition", config.ACDQueue: "CFGACDQueue",
	config.RoutingPoint: "CFGRoutingPoint", config.ExternalRouting: "CFGExtRoutingPoint", config.RoutingQueue: "CFGRoutingQueue",
	config.VirtualQueue: "CFGVirtACDQueue", config.VirtualRoutingPoint: "CFGVirtRoutingPoint",
	config.VoiceTreatmentPort: "CFGEAPort", config.TrunkGroup: "CFGTrunkGroup", config.Trunk: "CFGTrunk",
}

var defaultDNTypes = []config.DNType{config.Extension, config.ACDPosition, config.ACDQueue, config.RoutingPoint, config.ExternalRouting,
	config.RoutingQueue, config.VirtualQueue, config.VirtualRoutingPoint, config.VoiceTreatmentPort, config.TrunkGroup, config.Trunk}

// list is one list of the API.
type list struct {
	path   string
	key    string // under which the answer has it
	dnType config.DNType
	items  []json.RawMessage
	seen   map[text]bool // DBIDs
}

// repeats notes the DBIDs of a page and reports whether one of them has been there before.
func (l *list) repeats(page []json.RawMessage) bool {
	if l.seen == nil {
		l.seen = map[text]bool{}
	}
	for _, item := range page {
		var o struct {
			DBID     text `json:"DBID"`
			CfgGroup struct {
				DBID text `json:"DBID"`
			} `json:"CfgGroup"`
		}
		if json.Unmarshal(item, &o) != nil { // told when the objects are made
			continue
		}
		id := o.DBID
		if id == "" {
			id = o.CfgGroup.DBID
		}
		if id != "" && l.seen[id] {
			return true
		}
		l.seen[id] = true
	}
	return false
}

// answers are all that has been read.
type answers []*list

// lists are what is to be read. Groups need those that are in them, and places are told of with users.
func (s *Source) lists() answers {
	want := func(kinds ...config.Kind) bool {
		return slices.ContainsFunc(kinds, func(k config.Kind) bool { return slices.Contains(s.opts.Kinds, k) })
	}
	var a answers
	if want(config.KindPerson, config.KindPlace, config.KindAgentGroup) {
		a = append(a, &list{path: "/users", key: "users"})
	}
	if want(config.KindDN, config.KindDNGroup) {
		for _, t := range s.opts.DNTypes {
			a = append(a, &list{path: "/objects/dns", key: "dns", dnType: t})
		}
	}
	if want(config.KindSkill) {
		a = append(a, &list{path: "/objects/skills", key: "skills"})
	}
	if want(config.KindAgentGroup) {
		a = append(a, &list{path: "/objects/agent-groups", key: "agent-groups"})
	}
	if want(config.KindDNGroup) {
		a = append(a, &list{path: "/objects/dn-groups", key: "dn-groups"})
	}
	return a
}

// fetch reads all lists.
func (s *Source) fetch(ctx context.Context) (answers, error) {
	all := s.lists()
	for _, l := range all {
		if err := s.pages(ctx, l); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// maxRestarts is how often a list is begun anew because it changes while its pages are read.
const maxRestarts = 3

// pages reads a list page by page.
func (s *Source) pages(ctx context.Context, l *list) error {
	query := url.Values{"limit": {strconv.Itoa(s.opts.PageSize)}}
	if l.key == "users" {
		query.Set("sortBy", "userName")
	} else {
		query.Set("sort_key", "DBID")
		query.Set("sort_method", "numeric")
	}
	if l.dnType != "" {
		query.Set("dn_type", dnTypes[l.dnType])
	}
	total, restarts := -1, 0
	for {
		query.Set("offset", strconv.Itoa(len(l.items)))
		body, err := s.call(ctx, http.MethodGet, l.path, query, nil)
		if err != nil {
			return err
		}
		a, err := s.open(l.path, body)
		if err != nil {
			return err
		}
		fail := func(format string, args ...any) error {
			return &Error{Path: s.base.Path + l.path, Status: http.StatusOK, Reason: fmt.Sprintf(format, args...)}
		}
		var items []json.RawMessage
		raw, ok := a.Data[l.key]
		if ok {
			if err := json.Unmarshal(raw, &items); err != nil {
				return fail("data.%s is not a list", l.key)
			}
		}
		var count text
		if err := json.Unmarshal(a.Data["totalCount"], &count); len(a.Data["totalCount"]) > 0 && err != nil {
			return fail("data.totalCount is not a number")
		}
		if !ok && count != "0" {
			return fail("the answer has neither data.%s nor a data.totalCount of 0", l.key)
		}
		now, err := strconv.Atoi(string(count))
		if count != "" && (err != nil || now < 0) {
			return fail("data.totalCount is %q, not a number", printable(string(count)))
		}
		if count == "" {
			now = -1
		}
		if repeated := l.repeats(items); repeated || total >= 0 && now != total {
			// Something has come or gone, and the pages have shifted.
			if restarts++; restarts > maxRestarts {
				return fail("the list has changed during each of %d readings; it is tried again later", restarts)
			}
			l.items, l.seen, total = nil, nil, -1
			continue
		}
		total = now
		l.items = append(l.items, items...)
		switch {
		case len(l.items) > s.opts.Limit || total > s.opts.Limit:
			return fail("there are more than %d objects (Options.Limit)", s.opts.Limit)
		case total >= 0 && len(l.items) >= total, total < 0 && len(items) == 0:
			return nil
		case len(items) == 0:
			return fail("the pages end after %d of %d objects", len(l.items), total)
		}
	}
}

// digest tells whether anything has changed.
func (a answers) digest() [sha256.Size]byte {
	h := sha256.New()
	for _, l := range a {
		_, _ = fmt.Fprintf(h, "%s %s %d\n", l.path, l.dnType, len(l.items)) // a hash takes all
		for _, item := range l.items {
			_, _ = h.Write(item)
			_, _ = h.Write([]byte{'\n'})
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}
