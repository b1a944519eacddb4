package datamodel

import (
	"strings"
)

// ParseContent turns the text of a <data>, <assign> or <content> element, or a
// textual event body, into a Value by the rules of appendix B.2: JSON text is
// decoded, anything else is a string with its white space normalized. XML is
// for the caller to recognize. Text beyond the default limits of DecodeJSON is
// taken as a string.
func ParseContent(text string) Value {
	if looksLikeJSON(text) {
		if v, err := DecodeJSON([]byte(text), nil); err == nil {
			return v
		}
	}
	return strings.Join(strings.Fields(text), " ")
}

func looksLikeJSON(text string) bool {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		case c == '{' || c == '[' || c == '"' || c == '-' || '0' <= c && c <= '9' || c == 't' || c == 'f' || c == 'n':
			return true
		default:
			return false
		}
	}
	return false
}
