package rest

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
)

// jsonDepth is how deep JSON in a body may be nested, and jsonValues how many values it
// may have for each byte of Options.Params.
const (
	jsonDepth  = 64
	jsonValues = 100
)

var errParams = errors.New("more parameters than Options.Params")

const formType = "application/x-www-form-urlencoded"

// input reads the parameters of a request: those of the query and, in place of them, those
// of the body, which is a form where it does not say what it is. data is the body where that
// is JSON and no object; else it is params.
func (h *Handler) input(w *answer, r *http.Request) (params *datamodel.Object, data datamodel.Value, p *problem) {
	params = datamodel.NewObject()
	n := 0
	if err := addForm(params, r.URL.RawQuery, utf8Text, &n, h.opts.Params); err != nil {
		return nil, nil, problemQuery.because(err)
	}
	if r.Method != http.MethodPost || r.ContentLength == 0 {
		return params, params, nil
	}
	mediaType, charset, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return nil, nil, problemMediaType.because(err)
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return nil, nil, problemMediaType.because(fmt.Errorf("content encoding %q", enc))
	}
	text := utf8Text
	switch c := strings.ToLower(charset["charset"]); {
	case c == "", c == "utf-8", c == "us-ascii":
	case c == "iso-8859-1" && mediaType == formType:
		text = latin1Text // what forms of Java clients come in
	default:
		return nil, nil, problemMediaType.because(fmt.Errorf("charset %q", c))
	}
	body, p := h.body(w, r)
	if p != nil || len(body) == 0 {
		return params, params, p
	}
	switch mediaType {
	case "application/json":
		v, err := datamodel.DecodeJSON(body, &datamodel.JSONLimits{Bytes: len(body), Depth: jsonDepth, Values: jsonValues * h.opts.Params})
		if err != nil {
			return nil, nil, problemBody.because(err)
		}
		o, ok := v.(*datamodel.Object)
		if !ok {
			return params, v, nil
		}
		if o.Len() > h.opts.Params {
			return nil, nil, problemBody.because(errParams)
		}
		for _, m := range o.Members() {
			params.Set(m.Name, m.Value)
		}
	case formType, "":
		form := datamodel.NewObject()
		if err := addForm(form, string(body), text, &n, h.opts.Params); err != nil {
			return nil, nil, problemBody.because(err)
		}
		for _, m := range form.Members() {
			params.Set(m.Name, m.Value)
		}
	default:
		return nil, nil, problemMediaType.because(fmt.Errorf("media type %q", mediaType))
	}
	return params, params, nil
}

// body reads the body of a request within its size, and the time that ServeHTTP has set.
func (h *Handler) body(w *answer, r *http.Request) ([]byte, *problem) {
	if r.ContentLength > h.opts.Body {
		closeAfter(w, r)
		return nil, problemTooLarge.because(fmt.Errorf("%d bytes", r.ContentLength))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.opts.Body))
	if err != nil {
		var size *http.MaxBytesError
		if errors.As(err, &size) {
			return nil, problemTooLarge.because(err)
		}
		return nil, problemBody.because(err)
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // ServeHTTP has set one
	return body, nil
}

// utf8Text and latin1Text make text of the bytes of a form.
func utf8Text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func latin1Text(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// addForm adds name=value pairs in order; a name that is repeated has an array.
func addForm(o *datamodel.Object, text string, decode func(string) string, n *int, limit int) error {
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		if pair == "" {
			continue
		}
		if *n++; *n > limit {
			return errParams
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return err
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return err
		}
		name, value = decode(name), decode(value)
		switch old, found := o.Get(name); old := old.(type) {
		case []datamodel.Value:
			o.Set(name, append(old, value))
		default:
			if found {
				o.Set(name, []datamodel.Value{old, value})
			} else {
				o.Set(name, value)
			}
		}
	}
	return nil
}
