package scxml

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"

	"github.com/antchfx/xmlquery"

	"github.com/seed-ff723688/ors/datamodel"
)

// preloadURL names the resource that lists the scripts of ParseOptions.Preload, a line each.
const preloadURL = "preload:"

// preload gives the document the scripts of ParseOptions.Preload, or those that came with it.
func (p *parser) preload(n *xmlquery.Node) {
	urls := p.opts.Preload
	if list, ok := p.bundled[preloadURL]; ok {
		urls = strings.Split(string(list), "\n")
	} else if p.bundled != nil {
		urls = nil // it has been parsed without
	}
	if len(urls) == 0 || p.doc.language.Name() == (datamodel.NullLanguage{}).Name() {
		return
	}
	p.resources = append(p.resources, resource{preloadURL, []byte(strings.Join(urls, "\n"))})
	for _, url := range urls {
		a := &scriptAction{pos: p.pos(n)}
		p.fetches = append(p.fetches, fetch{offset: p.at(n), ref: url, scope: p.scope, script: a})
		p.doc.scripts = append(p.doc.scripts, a)
	}
}

// inUTF8 returns a document that is in ParseOptions.Encoding in UTF-8, and any other as it is.
func (p *parser) inUTF8(source []byte) ([]byte, error) {
	if p.opts.Encoding == "" || utf8.Valid(source) || declaredEncoding(source) != "" || slices.Contains([]string{"\xFE\xFF", "\xFF\xFE"}, string(source[:min(len(source), 2)])) {
		return source, nil
	}
	enc, canonical := charset.Lookup(p.opts.Encoding)
	if enc == nil || canonical == "replacement" {
		return nil, fmt.Errorf("scxml: ParseOptions.Encoding: unknown encoding %q", p.opts.Encoding)
	}
	return decode(source, enc, p.opts.Encoding)
}
