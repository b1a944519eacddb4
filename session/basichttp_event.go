package session

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// formFields is the number of parameters of a form that are looked at; more are
// refused.
const formFields = 10_000

// httpEvent turns a request into an event (appendix C.2.1).
func httpEvent(r *http.Request, body []byte) (*scxml.Event, error) {
	ev := &scxml.Event{
		Name:       "HTTP." + r.Method,
		OriginType: BasicHTTPProcessor,
		Raw:        raw(r, body),
	}
	name := r.Header.Get(eventNameField)
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		mediaType = "" // none, or unreadable: text
	}
	query, err := parseForm(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	params := query
	switch {
	case mediaType == "application/x-www-form-urlencoded" && strings.Contains(string(body), "="):
		form, err := parseForm(string(body))
		if err != nil {
			return nil, err
		}
		params = append(params, form...)
		ev.Data = formData(params, true)
	case mediaType == "application/x-www-form-urlencoded" && len(body) > 0:
		text, err := url.QueryUnescape(string(body))
		if err != nil {
			return nil, fmt.Errorf("session: body: %w", err)
		}
		ev.Data = text
	case len(body) == 0:
		ev.Data = formData(params, false)
	case mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"):
		if ev.Data, err = datamodel.DecodeJSON(body, nil); err != nil {
			return nil, fmt.Errorf("session: body: %w", err)
		}
	case mediaType == "application/xml" || mediaType == "text/xml" || strings.HasSuffix(mediaType, "+xml"):
		if err := checkXML(body); err != nil {
			return nil, fmt.Errorf("session: body: %w", err)
		}
		ev.Data = datamodel.XML{Text: string(body)}
	default:
		ev.Data = strings.ToValidUTF8(string(body), "\uFFFD")
	}
	for _, f := range params {
		if f.Name == eventNameField {
			name = f.Value.(string)
		}
	}
	if name != "" {
		ev.Name = name
	}
	return ev, nil
}

// xmlDepth is how deep XML in a body may be nested.
const xmlDepth = 256

// checkXML accepts a well-formed document with one root element.
func checkXML(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	depth, roots := 0, 0
	for {
		token, err := d.RawToken()
		switch {
		case err == io.EOF && depth == 0 && roots == 1:
			return checkXMLNames(body)
		case err == io.EOF:
			return errors.New("not one XML element")
		case err != nil:
			return err
		}
		switch token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			if depth++; depth > xmlDepth {
				return fmt.Errorf("%w: XML nested deeper than %d", ErrTooLarge, xmlDepth)
			}
		case xml.EndElement:
			depth--
		}
	}
}

// checkXMLNames checks that start and end tags match.
func checkXMLNames(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		if _, err := d.Token(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// parseForm reads name=value pairs in order.
func parseForm(text string) ([]datamodel.Member, error) {
	var fields []datamodel.Member
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		if pair == "" {
			continue
		}
		if len(fields) == formFields {
			return nil, fmt.Errorf("%w: more than %d parameters", ErrTooLarge, formFields)
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, fmt.Errorf("session: parameter: %w", err)
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, fmt.Errorf("session: parameter %q: %w", name, err)
		}
		fields = append(fields, datamodel.Member{Name: name, Value: strings.ToValidUTF8(value, "\uFFFD")})
	}
	return fields, nil
}

// formData is an object of the fields but the event's name; a repeated field is
// an array. Without any field it is nil, or an empty object for a form.
func formData(fields []datamodel.Member, form bool) datamodel.Value {
	o := datamodel.NewObject()
	for _, f := range fields {
		if f.Name == eventNameField {
			continue
		}
		old, ok := o.Get(f.Name)
		switch old := old.(type) {
		case []datamodel.Value:
			o.Set(f.Name, append(old, f.Value))
		default:
			if ok {
				o.Set(f.Name, []datamodel.Value{old, f.Value})
			} else {
				o.Set(f.Name, f.Value)
			}
		}
	}
	if o.Len() == 0 && !form {
		return nil
	}
	return o
}
