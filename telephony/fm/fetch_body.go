package fm

import (
	"bytes"
	"mime/multipart"
	"net/url"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
)

// multipartType is the enctype with which every parameter becomes a part of the
// body.
const multipartType = "multipart/form-data"

func (r *fetchRequest) setContent(v datamodel.Value, enctype string) {
	switch v := v.(type) {
	case nil: // undefined: an empty body
		if enctype == "" {
			return
		}
	case string:
		r.body = []byte(v)
		if enctype == "" {
			enctype = "text/plain; charset=utf-8"
		}
	case datamodel.XML:
		r.body = []byte(v.Text)
		if enctype == "" {
			enctype = "application/xml"
		}
	case *datamodel.Object:
		if strings.HasPrefix(enctype, "application/x-www-form-urlencoded") {
			r.body = []byte(form(v.Members()))
			break
		}
		r.body, enctype = datamodel.EncodeJSON(v), jsonType(enctype)
	default:
		r.body, enctype = datamodel.EncodeJSON(v), jsonType(enctype)
	}
	r.header.Set("Content-Type", enctype)
}

func jsonType(enctype string) string {
	if strings.Contains(enctype, "json") {
		return enctype
	}
	return "application/json"
}

func (r *fetchRequest) addQuery(params []datamodel.Member) {
	if len(params) == 0 {
		return
	}
	if r.url.RawQuery != "" {
		r.url.RawQuery += "&"
	}
	r.url.RawQuery += form(params)
}

// setParts makes a body of parts; an array gives its name several times.
func (r *fetchRequest) setParts(params []datamodel.Member) error {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range params {
		list, ok := p.Value.([]datamodel.Value)
		if !ok {
			list = []datamodel.Value{p.Value}
		}
		for _, v := range list {
			if err := w.WriteField(p.Name, contentText(v)); err != nil {
				return err
			}
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	r.body = b.Bytes()
	r.header.Set("Content-Type", w.FormDataContentType())
	return nil
}

// form encodes parameters; an array gives its name several times.
func form(params []datamodel.Member) string {
	var b strings.Builder
	field := func(name string, v datamodel.Value) {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(name) + "=" + url.QueryEscape(contentText(v)))
	}
	for _, p := range params {
		if list, ok := p.Value.([]datamodel.Value); ok {
			for _, item := range list {
				field(p.Name, item)
			}
			continue
		}
		field(p.Name, p.Value)
	}
	return b.String()
}

// contentText is a value as text: scalars as they are, structured ones as JSON.
func contentText(v datamodel.Value) string {
	switch v.(type) {
	case *datamodel.Object, []datamodel.Value:
		return string(datamodel.EncodeJSON(v))
	}
	return asText(v)
}
