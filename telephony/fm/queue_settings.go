package fm

import (
	"fmt"
	"strconv"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/router"
)

// Settings are read here as they come from a session, or from its snapshot: what
// is not as it should be counts as not set.

// setQueue takes the settings of a session. Requests that wait get the priority
// that is set for their virtual queue.
func (c *Connector) setQueue(id string, settings *datamodel.Object) {
	if settings.Len() == 0 {
		delete(c.settings, id)
	} else {
		c.settings[id] = settings
	}
	for _, s := range c.submissionsOf(id) {
		if n := priorityIn(settings, s.queue, s.given); n != s.priority && !s.selected {
			s.priority = n
			_ = c.targets.Update(s.id, n) // its target has been found meanwhile
		}
	}
}

// priorityIn is the priority of a request that was given one by its element.
func priorityIn(settings *datamodel.Object, queue string, given int) int {
	if n, ok := memberNumber(member(settings, settingPriorities), queue); ok {
		return int(n)
	}
	return given
}

func memberNumber(o *datamodel.Object, name string) (float64, bool) {
	v, _ := o.Get(name)
	n, ok := v.(float64)
	return n, ok
}

// tune applies the settings of its session to a request; usecap is the attribute.
func (c *Connector) tune(s *submission, req *router.Request, usecap datamodel.Value) error {
	settings := c.settings[s.p.session]
	req.Exclude = agentList(text(settings, settingExclude))
	flag := func(name string) bool { v, _ := settings.Get(name); return truth(v) }
	req.IgnoreState = flag(settingAnyState)
	req.Tuning.Age = flag(settingAge)
	req.Tuning.PredictedWait = flag(settingPredicted)
	if flag(settingObjective) {
		req.Tuning.ServiceObjective = c.objective(s.k, settings)
	}
	if seconds, ok := memberNumber(settings, settingReserve); ok {
		req.Reserve = duration(min(seconds, maxReserve))
	}
	if kind, ok := memberNumber(settings, settingDNType); ok {
		req.DNType = int(kind)
	}
	s.reached = text(settings, settingReached)
	if s.k != nil {
		req.Created = s.k.since
		if s.k.media != nil {
			req.Media = s.k.media.MediaType
		}
	}
	if media := text(settings, settingMedia); media != "" {
		req.Media = mediaType(media)
	}
	if usecap == nil {
		usecap, _ = settings.Get(settingCapacity)
	}
	if usecap != nil {
		condition, err := oneOf(usecap, capacityConditions)
		if err != nil {
			return fmt.Errorf("attribute usecap: %w", err)
		}
		only, _ := capacityConditions.Get("Only")
		req.Alone = condition != only
	}
	if ideal := member(settings, settingIdeal); ideal != nil {
		req.Ideal = map[string]int{}
		for _, m := range ideal.Members() {
			if level, ok := m.Value.(float64); ok {
				req.Ideal[m.Name] = int(level)
			}
		}
		if req.Order == router.OrderAny {
			req.Order, req.Statistic = router.OrderMin, "RStatCost"
		}
	}
	s.given = req.Priority
	req.Priority = priorityIn(settings, req.Queue, s.given)
	s.priority = req.Priority
	if thresholds := member(settings, settingThresholds); thresholds != nil {
		for i := range req.Targets {
			t := &req.Targets[i]
			condition := text(thresholds, t.Name)
			if condition == "" && t.Threshold == nil {
				condition = text(thresholds, "")
			}
			if x, err := router.ParseThreshold(condition); condition != "" && err == nil {
				t.Threshold, t.Text = x, ""
			}
		}
	}
	return nil
}

// objectiveKey is the key of user data that holds the service objective of an
// interaction, in seconds. It goes before that of findServiceObjective.
const objectiveKey = "ServiceObjective"

func (c *Connector) objective(k *call, settings *datamodel.Object) time.Duration {
	seconds, _ := memberNumber(settings, settingSeconds)
	if k != nil {
		data := k.attrs.UserData
		if k.media != nil {
			data = k.media.UserData
		}
		if n, err := strconv.ParseFloat(data.Text(objectiveKey), 64); err == nil && n > 0 {
			seconds = n
		}
	}
	return duration(seconds)
}

// overwriteDNIS is the DNIS that a call gets from a route of type
// RouteTypeOverwriteDNIS; empty leaves it to the switch.
func (c *Connector) overwriteDNIS(k *call, session string, t telephony.RouteType) string {
	kind, _ := c.settings[session].Get(settingDNIS)
	is := func(name string) bool { n, _ := overwriteTypes.Get(name); return kind == n }
	switch {
	case t != telephony.RouteTypeOverwriteDNIS:
	case is("UseANI"):
		return k.attrs.ANI
	case is("UseDNIS"):
		return k.attrs.DNIS
	}
	return ""
}
