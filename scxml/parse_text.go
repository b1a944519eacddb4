package scxml

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"unicode"
)

// word is one item of a list in an attribute, and its offset in the value.
type word struct {
	text   string
	offset int
}

// words splits at XML white space.
func words(s string) []word {
	var out []word
	start := -1
	for i := 0; i <= len(s); i++ {
		space := i == len(s) || s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r'
		switch {
		case space && start >= 0:
			out = append(out, word{s[start:i], start})
			start = -1
		case !space && start < 0:
			start = i
		}
	}
	return out
}

// trimSpace removes XML white space at both ends.
func trimSpace(s string) string { return strings.Trim(s, " \t\r\n") }

// normalizeSpace trims and replaces every run of white space by one space
// (appendix B.2: "space-normalized string").
func normalizeSpace(s string) string {
	w := words(s)
	if len(w) == 1 {
		return w[0].text
	}
	var b strings.Builder
	b.Grow(len(s))
	for i, x := range w {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(x.text)
	}
	return b.String()
}

// legalID reports whether s is an NCName, as ids have to be (section 3.14).
func legalID(s string) bool {
	for i, r := range s {
		switch {
		case r == '_' || unicode.IsLetter(r):
		case i > 0 && (r == '-' || r == '.' || r == '·' || unicode.IsDigit(r) || unicode.Is(unicode.M, r)):
		default:
			return false
		}
	}
	return s != ""
}

// identifier reports whether s has the form of the name of a variable in
// ECMAScript, without escapes.
func identifier(s string) bool {
	for i, r := range s {
		switch {
		case r == '_' || r == '$' || unicode.IsLetter(r):
		case i > 0 && (unicode.IsDigit(r) || unicode.In(r, unicode.Mn, unicode.Mc, unicode.Pc)):
		default:
			return false
		}
	}
	return s != ""
}

// eventDescriptor returns the descriptor without trailing ".*" or "." (section
// 3.12.1). problem is empty when the descriptor is legal.
func eventDescriptor(s string) (descriptor, problem string) {
	if s == "*" {
		return s, ""
	}
	d := strings.TrimSuffix(s, ".*")
	d = strings.TrimRight(d, ".")
	switch {
	case d == "":
		return "*", fmt.Sprintf("the event descriptor %q has no name; it is taken as %q", s, "*")
	case strings.Contains(d, "*"):
		return d, fmt.Sprintf("the event descriptor %q has a * that is not at its end; it will hardly ever match", s)
	case strings.HasPrefix(d, ".") || strings.Contains(d, ".."):
		return d, fmt.Sprintf("the event descriptor %q has an empty part; it will hardly ever match", s)
	}
	return d, ""
}

// legalEventName reports whether s can be the name of an event: words joined by
// single points.
func legalEventName(s string) bool {
	return !strings.Contains(s, "*") && !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") && !strings.Contains(s, "..")
}

// ResolveURL resolves a reference against the URL of the document in which it
// stands. An absolute reference is returned as it is, with one exception: a
// "file:" reference without a slash after the colon, as in "file:sub.scxml",
// is relative to the document, whatever the scheme of the document. When base
// has no scheme it is taken for a path with slashes, and so is the result of a
// relative reference. The error says that ref, or base, is no URL.
func ResolveURL(base, ref string) (string, error) {
	ref = trimSpace(ref)
	if rest, ok := strings.CutPrefix(ref, "file:"); ok && !strings.HasPrefix(rest, "/") {
		ref = rest
		if first, _, _ := strings.Cut(ref, "/"); strings.Contains(first, ":") {
			ref = "./" + ref // or the part before the colon would be a scheme
		}
	}
	r, err := url.Parse(ref)
	if err != nil {
		return "", fmt.Errorf("scxml: illegal reference %q: %w", ref, unwrapURL(err))
	}
	if r.Scheme != "" {
		return ref, nil
	}
	b, err := url.Parse(base)
	if err != nil || len(b.Scheme) <= 1 { // a path; "C:" is no scheme
		if strings.HasPrefix(ref, "/") {
			return ref, nil
		}
		dir := path.Dir(strings.ReplaceAll(base, `\`, "/"))
		return path.Join(dir, ref), nil
	}
	if b.Opaque != "" {
		if rest, ok := strings.CutPrefix(base, "file:"); ok {
			resolved, err := ResolveURL(rest, ref)
			if err != nil || strings.HasPrefix(resolved, "/") {
				return "file://" + resolved, err
			}
			return "file:" + resolved, nil
		}
		return "", fmt.Errorf("scxml: %q has no path that %q could be relative to", base, ref)
	}
	return b.ResolveReference(r).String(), nil
}

// unwrapURL drops the operation and the URL that *url.Error repeats.
func unwrapURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
