package config

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// This file reads values that have a form of their own. The errors say what would be right; the
// catalogue's check is made of them.

// LogSegment says when a log file is followed by the next: by its size or by its age. The zero value: never.
type LogSegment struct {
	Bytes int64
	Age   time.Duration
}

// LogExpiry says how many files of a log stay, or for how long. The zero value: all.
type LogExpiry struct {
	Files int
	Age   time.Duration
}

var quantity = regexp.MustCompile(`^(\d{1,9})\s*([A-Za-z]*)$`)

// readQuantity reads a positive number with a unit.
func readQuantity(text string) (n int64, unit string, ok bool) {
	m := quantity.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return 0, "", false
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	return n, strings.ToLower(m[2]), err == nil && n > 0
}

// ReadLogSegment reads log/segment: false, or a number with KB (the unit where none is given), MB or hr.
func ReadLogSegment(text string) (LogSegment, error) {
	if b, ok := readBool(text); text == "" || ok && !b && text != "0" {
		return LogSegment{}, nil
	}
	n, unit, ok := readQuantity(text)
	switch unit {
	case "", "kb":
		return checked(LogSegment{Bytes: n << 10}, ok, text, segmentForm)
	case "mb":
		return checked(LogSegment{Bytes: n << 20}, ok, text, segmentForm)
	case "hr":
		return checked(LogSegment{Age: time.Duration(min(n, maxHours)) * time.Hour}, ok, text, segmentForm)
	}
	return checked(LogSegment{}, false, text, segmentForm)
}

// ReadLogExpiry reads log/expire: false, a number of files, or a number with day.
func ReadLogExpiry(text string) (LogExpiry, error) {
	if b, ok := readBool(text); text == "" || ok && !b && text != "0" {
		return LogExpiry{}, nil
	}
	n, unit, ok := readQuantity(text)
	switch unit {
	case "", "file", "files":
		return checked(LogExpiry{Files: int(n)}, ok, text, expireForm)
	case "day", "days":
		return checked(LogExpiry{Age: time.Duration(min(n, maxHours/24)) * 24 * time.Hour}, ok, text, expireForm)
	}
	return checked(LogExpiry{}, false, text, expireForm)
}

// ReadStartupFile reads log/keep-startup-file: whether the first file is kept, and when it is
// followed by the next; the zero LogSegment: as the others.
func ReadStartupFile(text string) (keep bool, segment LogSegment, err error) {
	if b, ok := readBool(text); text == "" || ok {
		return b, LogSegment{}, nil
	}
	if segment, err = ReadLogSegment(text); err == nil && segment.Age != 0 {
		err = fmt.Errorf("%q is not %s", text, startupForm)
	}
	return err == nil, segment, err
}

const (
	maxHours    = 100 * 365 * 24
	segmentForm = "false, or a size or an age such as 100 KB, 10 MB, 24 hr"
	expireForm  = "false, a number of files such as 10, or days such as 7 day"
	startupForm = "true, false, or a size such as 100 KB"
	portsForm   = "a range of ports such as 10000-20000"
	filterForm  = "copy, hide, skip, or hide-first,n, hide-last,n, unhide-first,n, unhide-last,n"
	proxyForm   = "a proxy such as http://proxy.example:3128"
	cipherForm  = "names of ciphers of TLS 1.2, with colons between them"
	urlsForm    = "comma list of URLs such as http://apps.example/live/"
	scriptForm  = "semicolon list of URLs such as file:///apps/lib.js"
	cookieForm  = "name=value and attributes, as in a header Set-Cookie"
	encodeForm  = "a name such as UTF-8, ISO-8859-1, windows-1252"
	headerForm  = "a text without control characters"
)

func checked[T any](v T, ok bool, text, form string) (T, error) {
	if !ok {
		var none T
		return none, fmt.Errorf("%q is not %s", text, form)
	}
	return v, nil
}

// ReadPorts reads scxml/http-client-side-port-range: two ports with a hyphen between them, or one.
func ReadPorts(text string) (session.PortRange, error) {
	if text == "" {
		return session.PortRange{}, nil
	}
	first, last, two := strings.Cut(text, "-")
	if !two {
		last = first
	}
	a, err := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
	b, err2 := strconv.ParseUint(strings.TrimSpace(last), 10, 16)
	p := session.PortRange{First: uint16(a), Last: uint16(b)}
	return checked(p, err == nil && err2 == nil && a > 0 && p.Check() == nil, text, portsForm)
}

// ReadProxy reads scxml/http-proxy and https-proxy; nil for an empty text. http:// may be left out.
func ReadProxy(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	full := text
	if !strings.Contains(text, "://") {
		full = "http://" + text
	}
	u, err := url.Parse(full)
	return checked(u, err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.RawQuery == "" && strings.Trim(u.Path, "/") == "", hideUser(text), proxyForm)
}

// hideUser leaves out the user and the password of a URL.
func hideUser(text string) string {
	if i := strings.LastIndex(text, "@"); i >= 0 {
		return hidden + text[i:]
	}
	return text
}

// ReadCiphers reads scxml/http-ssl-cipher-list: the names that OpenSSL uses, or those of the
// standard, with colons or commas between them. Ciphers of TLS 1.3 are not chosen.
func ReadCiphers(text string) ([]uint16, error) {
	var list []uint16
	for name := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == ':' || c == ',' || c == ' ' }) {
		i := slices.IndexFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool {
			return slices.Contains(s.SupportedVersions, tls.VersionTLS12) && (s.Name == name || openSSLName(s.Name) == name)
		})
		if i < 0 {
			return nil, fmt.Errorf("%q is no cipher that is known and safe: want %s such as ECDHE-RSA-AES128-GCM-SHA256", name, cipherForm)
		}
		list = append(list, tls.CipherSuites()[i].ID)
	}
	return list, nil
}

// openSSLName is what OpenSSL calls a cipher: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 is
// ECDHE-RSA-AES128-GCM-SHA256.
func openSSLName(standard string) string {
	s := strings.TrimPrefix(standard, "TLS_")
	s = strings.NewReplacer("_WITH", "", "AES_", "AES", "CBC_", "").Replace(s)
	s = strings.TrimSuffix(strings.ReplaceAll(s, "_", "-"), "-POLY1305-SHA256")
	if strings.HasSuffix(s, "CHACHA20") {
		s += "-POLY1305"
	}
	return s
}

var filterValue = regexp.MustCompile(`^(copy|hide|skip|(un)?hide-(first|last)\s*,\s*\d{1,6})$`)

// noControls reports whether a text can stand in a header.
func noControls(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// knownEncoding reports whether documents can be read in an encoding.
func knownEncoding(name string) bool {
	var wrong *scxml.ParseError // of a text that is no document
	_, err := scxml.Parse(context.Background(), []byte("\xE9"), &scxml.ParseOptions{Encoding: name})
	return errors.As(err, &wrong)
}

// problem makes a check of a function that reads a value.
func problem[T any](read func(string) (T, error)) func(string) string {
	return func(text string) string {
		if _, err := read(text); err != nil {
			return err.Error()
		}
		return ""
	}
}

// matching makes a check of a condition.
func matching(form string, ok func(string) bool) func(string) string {
	return func(text string) string {
		if !ok(text) {
			return fmt.Sprintf("%q is not %s", text, form)
		}
		return ""
	}
}

// listOfURLs reports whether all parts of a list are absolute URLs of one of the schemes.
func listOfURLs(separator string, schemes ...string) func(string) bool {
	return func(text string) bool {
		for part := range strings.SplitSeq(text, separator) {
			u, err := url.Parse(strings.TrimSpace(part))
			if err != nil || u.Scheme == "" || len(schemes) > 0 && (!slices.Contains(schemes, u.Scheme) || u.Host == "") {
				return false
			}
		}
		return true
	}
}

// valueForm describes a Text with a form of its own.
type valueForm struct {
	words string
	check func(string) string
}

// forms has those of the options whose Type alone does not tell what is right.
var forms = map[string]valueForm{
	"log/segment":           {segmentForm, problem(ReadLogSegment)},
	"log/expire":            {expireForm, problem(ReadLogExpiry)},
	"log/keep-startup-file": {startupForm, problem(func(s string) (bool, error) { b, _, err := ReadStartupFile(s); return b, err })},

	"orchestration/cookie": {cookieForm, matching(cookieForm, func(s string) bool {
		c, err := http.ParseSetCookie(s)
		return err == nil && c.Valid() == nil
	})},
	"scxml/http-client-side-port-range": {portsForm, problem(ReadPorts)},
	"scxml/http-proxy":                  {proxyForm, problem(ReadProxy)},
	"scxml/https-proxy":                 {proxyForm, problem(ReadProxy)},
	"scxml/http-ssl-cipher-list":        {cipherForm, problem(ReadCiphers)},
	"scxml/http-no-cache-urls":          {urlsForm, matching(urlsForm, listOfURLs(",", "http", "https"))},
	"scxml/js-preload-files":            {scriptForm, matching(scriptForm, listOfURLs(";"))},
	"scxml/default-encoding":            {encodeForm, matching(encodeForm, knownEncoding)},
	"log-filter/default-filter-type":    {filterForm, matching(filterForm, filterValue.MatchString)},
	"log-filter-data/*":                 {filterForm, matching(filterForm, filterValue.MatchString)},
	"Application/http-useragent":        {"text", matching(headerForm, noControls)},
}

// form returns the one of an option; false when its Type tells all.
func (s *Spec) form() (valueForm, bool) {
	if s.Section == alarmSection {
		return valueForm{alarmForm, checkAlarm}, true
	}
	form, ok := forms[s.Section+"/"+s.Name]
	return form, ok
}
