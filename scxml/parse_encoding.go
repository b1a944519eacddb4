package scxml

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// toUTF8 returns the document in UTF-8 without a byte order mark. The encoding
// is that of the byte order mark or of the XML declaration; UTF-8 without either
// (XML 1.0, section 4.3.3 and appendix F).
func toUTF8(source []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(source, []byte("\xEF\xBB\xBF")):
		source = source[3:]
	case bytes.HasPrefix(source, []byte("\xFE\xFF")), bytes.HasPrefix(source, []byte("\x00<")):
		return decode(source, unicode.UTF16(unicode.BigEndian, unicode.UseBOM), "UTF-16")
	case bytes.HasPrefix(source, []byte("\xFF\xFE")), bytes.HasPrefix(source, []byte("<\x00")):
		return decode(source, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "UTF-16")
	default:
		name := declaredEncoding(source)
		switch strings.ToLower(name) {
		case "", "utf-8", "utf8":
		case "utf-16", "utf-16le", "utf-16be":
			return nil, fmt.Errorf("the XML declaration says %s, but the document is not in UTF-16", name)
		default:
			enc, canonical := charset.Lookup(name)
			if enc == nil || canonical == "replacement" {
				return nil, fmt.Errorf("unknown encoding %q in the XML declaration", name)
			}
			return decode(source, enc, name)
		}
	}
	if !utf8.Valid(source) {
		return source, errInvalidUTF8
	}
	return source, nil
}

// textToUTF8 is toUTF8 for a text that is included, in the given encoding; empty:
// UTF-8, or what the text itself says. A text in UTF-8 that is none is read as
// windows-1252, and guessed is true.
func textToUTF8(source []byte, encoding string) (text []byte, guessed bool, err error) {
	if encoding != "" && encoding != "utf-8" && encoding != "utf8" && encoding != "utf-16" {
		enc, canonical := charset.Lookup(encoding)
		if enc == nil || canonical == "replacement" {
			return nil, false, fmt.Errorf("unknown encoding %q", encoding)
		}
		text, err = decode(source, enc, encoding)
		return text, false, err
	}
	text, err = toUTF8(source)
	if errors.Is(err, errInvalidUTF8) {
		text, err = decode(text, charmap.Windows1252, "windows-1252")
		return text, true, err
	}
	return text, false, err
}

var errInvalidUTF8 = errors.New("the document is not valid UTF-8")

func decode(source []byte, enc encoding.Encoding, name string) ([]byte, error) {
	out, err := enc.NewDecoder().Bytes(source)
	if err != nil {
		return nil, fmt.Errorf("the document is not valid %s: %w", name, err)
	}
	return bytes.TrimPrefix(out, []byte("\uFEFF")), nil
}

// declaredEncoding returns the encoding named by the XML declaration.
func declaredEncoding(source []byte) string {
	if !bytes.HasPrefix(source, []byte("<?xml")) {
		return ""
	}
	head := source[:min(len(source), 256)]
	end := bytes.Index(head, []byte("?>"))
	if end < 0 {
		return ""
	}
	_, rest, ok := bytes.Cut(head[:end], []byte("encoding"))
	if !ok {
		return ""
	}
	rest = bytes.TrimLeft(rest, " \t\r\n=")
	if len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
		return ""
	}
	value, _, ok := bytes.Cut(rest[1:], rest[:1])
	if !ok {
		return ""
	}
	return string(value)
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8.
func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(b)
}
