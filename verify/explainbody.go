package verify

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var byteOrderMark = []byte("\ufeff")

// bodyVariants iterates over bodies that the sender may have signed if something
// in between changed it to this one.
func bodyVariants(body []byte) iter.Seq2[[]byte, Hint] {
	return func(yield func([]byte, Hint) bool) {
		_ = yieldLineBreaks(body, yield) && yieldMarks(body, yield) && yieldJSON(body, yield)
	}
}

func yieldLineBreaks(body []byte, yield func([]byte, Hint) bool) bool {
	const (
		ended   = "The signature matches the body without the line break at its end: something added it, as editors do when a request is saved."
		lacking = "The signature matches the body with a line break at its end: something removed it, as curl -d does."
		unix    = "The signature matches the body with LF instead of CRLF: something changed its line breaks."
		dos     = "The signature matches the body with CRLF instead of LF: something changed its line breaks."
	)
	lf, crlf := []byte("\n"), []byte("\r\n")
	for _, variant := range []struct {
		body     []byte
		cause    Cause
		sentence string
	}{
		{bytes.TrimSuffix(body, lf), CauseBodyEnd, ended},
		{bytes.TrimSuffix(body, crlf), CauseBodyEnd, ended},
		{append(bytes.Clone(body), lf...), CauseBodyEnd, lacking},
		{append(bytes.Clone(body), crlf...), CauseBodyEnd, lacking},
		{bytes.ReplaceAll(body, crlf, lf), CauseBodyLines, unix},
		{bytes.ReplaceAll(bytes.ReplaceAll(body, crlf, lf), lf, crlf), CauseBodyLines, dos},
	} {
		if !bytes.Equal(variant.body, body) && !yield(variant.body, Hint{variant.cause, variant.sentence}) {
			return false
		}
	}
	return true
}

func yieldMarks(body []byte, yield func([]byte, Hint) bool) bool {
	if without, ok := bytes.CutPrefix(body, byteOrderMark); ok {
		return yield(without, Hint{CauseBodyMark, "The signature matches the body without the byte order mark that it begins with: something added it, as editors do when a request is saved."})
	}
	return yield(append(bytes.Clone(byteOrderMark), body...),
		Hint{CauseBodyMark, "The signature matches the body with a byte order mark before it: something removed it."})
}

// yieldJSON writes the same JSON as senders' libraries do, with its members in
// the order that they have.
func yieldJSON(body []byte, yield func([]byte, Hint) bool) bool {
	var compact bytes.Buffer
	if !validJSON(body) || json.Compact(&compact, body) != nil {
		return true
	}
	hint := func(how string) Hint {
		return Hint{CauseBodyJSON, "The signature matches the JSON of the body " + how + ": something between the sender and here has parsed it and written it anew."}
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, compact.Bytes(), "", "  "); err != nil {
		return true
	}
	plain := jsonStyle{}
	for _, variant := range []struct {
		body []byte
		how  string
	}{
		{compact.Bytes(), "without spaces"},
		{indented.Bytes(), "indented by two spaces"},
		{jsonStyle{spaces: true, keep: true}.rewrite(compact.Bytes()), "with spaces behind commas and colons"},
		{plain.rewrite(compact.Bytes()), "without spaces and needless escapes, as JavaScript writes it"},
		{jsonStyle{spaces: true, ascii: true}.rewrite(compact.Bytes()), "with spaces and all letters beyond ASCII escaped, as Python writes it"},
		{jsonStyle{ascii: true, slashes: true}.rewrite(compact.Bytes()), "with all letters beyond ASCII and slashes escaped, as PHP writes it"},
		{jsonStyle{ascii: true}.rewrite(compact.Bytes()), "with all letters beyond ASCII escaped"},
	} {
		if !bytes.Equal(variant.body, body) && !yield(variant.body, hint(variant.how)) {
			return false
		}
	}
	return true
}

// jsonStyle is how a library writes JSON.
type jsonStyle struct {
	spaces  bool // behind commas and colons
	keep    bool // strings as they are
	ascii   bool // everything else is escaped
	slashes bool // are escaped
}

// rewrite writes compact JSON, which must be valid, in the style.
func (s jsonStyle) rewrite(compact []byte) []byte {
	out := make([]byte, 0, len(compact)+len(compact)/4)
	for i := 0; i < len(compact); i++ {
		c := compact[i]
		if c != '"' {
			out = append(out, c)
			if s.spaces && (c == ',' || c == ':') {
				out = append(out, ' ')
			}
			continue
		}
		end := i + 1
		for ; compact[end] != '"'; end++ {
			if compact[end] == '\\' {
				end++
			}
		}
		out = s.appendString(out, compact[i:end+1])
		i = end
	}
	return out
}

func (s jsonStyle) appendString(out, literal []byte) []byte {
	var text string
	if s.keep || json.Unmarshal(literal, &text) != nil {
		return append(out, literal...)
	}
	out = append(out, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\' || (c == '/' && s.slashes):
			out = append(out, '\\', byte(c))
		case shortEscapes[c] != 0:
			out = append(out, '\\', shortEscapes[c])
		case c < ' ':
			out = appendEscape(out, c)
		case c >= utf8.RuneSelf && s.ascii:
			if high, low := utf16.EncodeRune(c); high != utf8.RuneError {
				out = appendEscape(appendEscape(out, high), low)
			} else {
				out = appendEscape(out, c)
			}
		default:
			out = utf8.AppendRune(out, c)
		}
	}
	return append(out, '"')
}

// shortEscapes are those of RFC 8259, section 7, that have a letter.
var shortEscapes = map[rune]byte{'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

func appendEscape(out []byte, c rune) []byte {
	digits := strconv.FormatInt(int64(c), 16)
	return append(append(append(out, `\u`...), "0000"[len(digits):]...), digits...)
}
