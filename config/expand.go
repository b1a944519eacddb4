package config

import (
	"net/url"
	"strings"

	"github.com/seed-ff723688/ors/telephony"
)

// Expand fills the elements in square brackets from an interaction: values are
// percent-encoded in URLs and put as they are into parameters. What the
// interaction does not have is empty; other text in brackets stays.
//
//	[DNIS] [ANI] [DN] [CED]   the number dialled, the caller's, ThisDN, the collected digits
//	[EMAILFROM] [EMAILTO] [EMAILSUBJECT]   the user data FromAddress, To and Subject of an e-mail
//	[UDATA]                   all user data: name1=value1&name2=value2
//	[UDATA.*]                 all user data: name1:value1,name2:value2
//	[UDATA.<key>]             the value of one key
func (st Strategy) Expand(call *telephony.CallAttributes) Strategy {
	st.URL = expand(st.URL, call, escape)
	st.AlternateURL = expand(st.AlternateURL, call, escape)
	if len(st.Params) > 0 {
		params := make(map[string]string, len(st.Params))
		for name, value := range st.Params {
			params[name] = expand(value, call, func(s string) string { return s })
		}
		st.Params = params
	}
	return st
}

func expand(s string, call *telephony.CallAttributes, encode func(string) string) string {
	if !strings.Contains(s, "[") {
		return s
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "[")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, "]")
		value, known := element(name, call, encode)
		if !closed || !known {
			b.WriteByte('[')
			s = rest
			continue
		}
		b.WriteString(value)
		s = after
	}
}

func element(name string, call *telephony.CallAttributes, encode func(string) string) (value string, known bool) {
	switch name {
	case "DNIS":
		return encode(call.DNIS), true
	case "ANI":
		return encode(call.ANI), true
	case "DN":
		return encode(call.ThisDN), true
	case "CED":
		return encode(call.CollectedDigits), true
	case "UDATA":
		return userData(call.UserData, "=", "&", encode), true
	case "UDATA.*":
		return userData(call.UserData, ":", ",", encode), true
	case "EMAILFROM":
		return encode(call.UserData.Text("FromAddress")), true
	case "EMAILTO":
		return encode(call.UserData.Text("To")), true
	case "EMAILSUBJECT":
		return encode(call.UserData.Text("Subject")), true
	}
	if key, ok := strings.CutPrefix(name, "UDATA."); ok {
		return encode(call.UserData.Text(key)), true
	}
	return "", false
}

func userData(l telephony.KVList, is, and string, encode func(string) string) string {
	var b strings.Builder
	for i, p := range l {
		if i > 0 {
			b.WriteString(and)
		}
		b.WriteString(encode(p.Key))
		b.WriteString(is)
		b.WriteString(encode(p.Value.Text()))
	}
	return b.String()
}

// escape makes a value of an interaction harmless anywhere behind the scheme of
// a URL: nothing in it can end a path segment or a query value, or climb up.
func escape(s string) string {
	e := strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	if strings.Trim(e, ".") == "" {
		e = strings.ReplaceAll(e, ".", "%2E")
	}
	return e
}
