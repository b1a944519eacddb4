package fm

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/telephony"
)

// asText turns a scalar into text as it goes into a message: nothing for
// undefined and null.
func asText(v datamodel.Value) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return telephony.Number(v).Text()
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case datamodel.XML:
		return v.Text
	}
	return ""
}

// truth reads a boolean attribute: true, "true", a number other than 0.
func truth(v datamodel.Value) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return v == "true" || v == "1"
	case float64:
		return v != 0
	}
	return false
}

// toList turns an object of a script into a list of a message. Nested objects
// and arrays become nested lists, the items of an array under the keys 0, 1, ….
func toList(o *datamodel.Object) telephony.KVList {
	var l telephony.KVList
	for _, m := range o.Members() {
		l.Add(m.Name, toValue(m.Value))
	}
	return l
}

func toValue(v datamodel.Value) telephony.Value {
	switch v := v.(type) {
	case float64:
		return telephony.Number(v)
	case *datamodel.Object:
		return telephony.List(toList(v))
	case []datamodel.Value:
		var l telephony.KVList
		for i, item := range v {
			l.Add(strconv.Itoa(i), toValue(item))
		}
		return telephony.List(l)
	}
	return telephony.String(asText(v))
}

// fromList turns a list of a message into an object of a script: integers
// become numbers, bytes hexadecimal text, lists objects. Of several values with one key
// the first counts.
func fromList(l telephony.KVList) *datamodel.Object {
	o := datamodel.NewObject()
	for _, p := range l {
		if _, ok := o.Get(p.Key); ok {
			continue
		}
		switch p.Value.Kind() {
		case telephony.KindInt:
			n, _ := p.Value.Int()
			o.Set(p.Key, float64(n))
		case telephony.KindBinary:
			o.Set(p.Key, hex.EncodeToString(p.Value.Bytes()))
		case telephony.KindList:
			o.Set(p.Key, fromList(p.Value.List()))
		default:
			o.Set(p.Key, p.Value.Text())
		}
	}
	return o
}
