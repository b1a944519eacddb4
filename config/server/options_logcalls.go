package server

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"

	"github.com/seed-ff723688/ors/session/rest"
	"github.com/seed-ff723688/ors/telephony"
)

// traceLink writes lines for the events of a link, as x-server-gcti-trace-level says.
func (l *serverLog) traceLink(name string, link telephony.Link) (cancel func()) {
	logger := l.component(logLinks)
	return link.Subscribe(func(e telephony.Event) {
		r := l.rules.Load()
		if r.calls == 0 || !logger.Enabled(context.Background(), slog.LevelInfo) {
			return
		}
		attrs := []any{"link", name}
		add := func(name, value string) {
			if value != "" {
				attrs = append(attrs, name, value)
			}
		}
		a, ok := telephony.CallOf(e)
		if !ok {
			logger.Info(e.Name(), attrs...)
			return
		}
		add("ConnID", a.ConnID.String())
		add("ThisDN", a.ThisDN)
		if r.calls > 1 {
			add("CallUUID", string(a.CallUUID))
			add("OtherDN", a.OtherDN)
			add("ThisQueue", a.ThisQueue)
			add("ANI", a.ANI)
			add("DNIS", a.DNIS)
			add("AgentID", a.AgentID)
			add("Cause", a.Cause)
		}
		if r.attached {
			attrs = append(attrs, slog.Attr{Key: "UserData", Value: slog.GroupValue(userData(maskList(a.UserData, l.opts.masking))...)})
		}
		logger.Info(e.Name(), attrs...)
	})
}

// userData makes attributes of user data.
func userData(l telephony.KVList) []slog.Attr {
	attrs := make([]slog.Attr, 0, len(l))
	for _, p := range l {
		v := slog.StringValue(p.Value.Text())
		if list := p.Value.List(); list != nil {
			v = slog.GroupValue(userData(list)...)
		}
		attrs = append(attrs, slog.Attr{Key: p.Key, Value: v})
	}
	return attrs
}

// message is what the log has of a message of a link: as text, with user data that is masked by its keys, or
// without (attached). It is empty for what is neither a message nor a list of keys and values.
func message(v any, m *rest.Masking, attached bool) string {
	switch v := v.(type) {
	case telephony.KVList:
		return fmt.Sprint(maskList(v, m))
	case telephony.Event, telephony.Request:
	default:
		return ""
	}
	from := reflect.ValueOf(v)
	if from.Kind() != reflect.Pointer || from.IsNil() || from.Elem().Kind() != reflect.Struct {
		return ""
	}
	own := reflect.New(from.Type().Elem())
	own.Elem().Set(from.Elem())
	maskLists(own.Elem(), "", m, attached)
	return fmt.Sprint(own.Interface())
}

var listType = reflect.TypeFor[telephony.KVList]()

// maskLists puts masked lists in the place of those of a message; the regular expressions are for the whole text.
func maskLists(v reflect.Value, name string, m *rest.Masking, attached bool) {
	switch {
	case v.Type() == listType && v.CanSet():
		list, _ := v.Interface().(telephony.KVList)
		if name == "UserData" && !attached {
			list = nil
		}
		v.Set(reflect.ValueOf(maskList(list, m)))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			maskLists(v.Field(i), v.Type().Field(i).Name, m, attached)
		}
	}
}

func maskList(l telephony.KVList, m *rest.Masking) telephony.KVList {
	var masked telephony.KVList
	for _, p := range l {
		before := p.Value.Text()
		text, keep, own := m.Filter(p.Key, before)
		if list := p.Value.List(); list != nil && (!own || keep && text == before) {
			p.Value = telephony.List(maskList(list, m)) // the default counts for what is inside
		} else if !keep {
			continue
		} else if text != before {
			p.Value = telephony.String(text)
		}
		masked = append(masked, p)
	}
	return masked
}
