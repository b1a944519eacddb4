package scxml

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// A document that refers to other files is kept together with them, so that a
// session goes on with the very text it began with (Document.Source). The form
// is the document, each file behind a line that tells its length and URL, and the
// length of the document at the end.
const (
	partMark = "\n<?ors-part "
	lastMark = "\n<?ors-parts "
	endMark  = "?>"
)

// resource is a file that a document refers to.
type resource struct {
	url  string
	body []byte
}

// bundle puts a document and its resources together. Without resources it is
// the document as it is.
func bundle(document []byte, resources []resource) string {
	if len(resources) == 0 {
		return string(document)
	}
	var b strings.Builder
	b.Write(document)
	for _, r := range resources {
		fmt.Fprintf(&b, "%s%d %q%s\n", partMark, len(r.body), r.url, endMark)
		b.Write(r.body)
	}
	fmt.Fprintf(&b, "%s%d%s", lastMark, len(document), endMark)
	return b.String()
}

// unbundle is the inverse of bundle. Whatever is no bundle is a document.
func unbundle(source []byte) (document []byte, resources map[string][]byte) {
	i := bytes.LastIndex(source, []byte(lastMark))
	rest, ok := bytes.CutSuffix(source[max(i, 0):], []byte(endMark))
	if i < 0 || !ok {
		return source, nil
	}
	n, err := strconv.Atoi(string(rest[len(lastMark):]))
	if err != nil || n < 0 || n > i {
		return source, nil
	}
	resources = map[string][]byte{}
	for parts := source[n:i]; len(parts) > 0; {
		head, body, ok := bytes.Cut(parts, []byte(endMark+"\n"))
		head, marked := bytes.CutPrefix(head, []byte(partMark))
		length, url, _ := strings.Cut(string(head), " ")
		size, err := strconv.Atoi(length)
		name, err2 := strconv.Unquote(url)
		if !ok || !marked || err != nil || err2 != nil || size < 0 || size > len(body) {
			return source, nil
		}
		resources[name] = body[:size]
		parts = body[size:]
	}
	return source[:n], resources
}
