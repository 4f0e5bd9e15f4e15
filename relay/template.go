package relay

import (
	"fmt"
	"strings"
)

// The limits of a template keep a slip in a configuration from costing more
// memory per delivery than the event itself does.
const (
	maxTemplateLength       = 64 << 10
	maxTemplatePlaceholders = 64
)

// Template is a text with {event.*} placeholders, which [Event.Lookup] lists,
// and also {event.attempt}, {event.destination} and {event.error}. The last is
// always empty here, since a delivery that can be tried has not failed.
//
// A Template is compiled once and is safe for concurrent use. One without
// placeholders costs nothing to execute. The zero value is the empty text.
type Template struct {
	parts []part
	tail  string // the text after the last placeholder
}

type part struct {
	text        string // the text before the placeholder
	placeholder placeholder
}

// ParseTemplate compiles text. Braces are literal after a backslash, and where
// no letter follows, so most JSON needs no escapes. Anything else between
// braces that does not begin with "event." is given to resolve, once: its
// value becomes literal text that is not looked at again. Without resolve such
// a placeholder is an error, and so is one that is unknown or not closed.
//
// The text may hold a secret with a brace in it. So errors quote no more than
// the names of placeholders that begin with "event.", "env." or "file.", and
// give the position of others in bytes, from 1. Those of resolve are wrapped,
// so they must not quote other names either.
func ParseTemplate(text string, resolve func(name string) (string, error)) (*Template, error) {
	if len(text) > maxTemplateLength {
		return nil, fmt.Errorf("the text is %d bytes long, the limit is %d", len(text), maxTemplateLength)
	}
	t := new(Template)
	var literal strings.Builder
	for i := 0; i < len(text); {
		switch {
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == '{' || text[i+1] == '}'):
			literal.WriteByte(text[i+1])
			i += 2
		case text[i] == '{' && i+1 < len(text) && isLetter(text[i+1]):
			name, n := cutName(text[i:])
			if n == 0 {
				return nil, fmt.Errorf("the placeholder at byte %d is not closed", i+1)
			}
			if err := t.add(name, &literal, resolve); err != nil {
				if !isShowable(name) {
					return nil, fmt.Errorf("placeholder at byte %d: %w", i+1, err)
				}
				return nil, placeholderError(name, err)
			}
			i += n
		default:
			literal.WriteByte(text[i])
			i++
		}
	}
	t.tail = literal.String()
	return t, nil
}

// add appends the named placeholder, with the literal text before it.
func (t *Template) add(name string, literal *strings.Builder, resolve func(string) (string, error)) error {
	eventName, ok := strings.CutPrefix(name, "event.")
	if !ok {
		if resolve == nil {
			return fmt.Errorf("only event.* is available here")
		}
		value, err := resolve(name)
		literal.WriteString(value)
		return err
	}
	p, err := parsePlaceholder(eventName)
	if err != nil {
		return err
	}
	if len(t.parts) == maxTemplatePlaceholders {
		return fmt.Errorf("more than %d placeholders", maxTemplatePlaceholders)
	}
	t.parts = append(t.parts, part{text: literal.String(), placeholder: p})
	literal.Reset()
	return nil
}

// cutName returns the name of the placeholder that text begins with, with its
// escaped braces resolved, and the placeholder's length, or 0 if it has no end.
func cutName(text string) (name string, length int) {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == '{' || text[i+1] == '}'):
			i++
		case text[i] == '}':
			return unescapeBraces.Replace(text[1:i]), i + 1
		}
	}
	return "", 0
}

var unescapeBraces = strings.NewReplacer(`\{`, `{`, `\}`, `}`)

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// isShowable reports whether name is so clearly that of a placeholder that it
// is not part of a secret.
func isShowable(name string) bool {
	return strings.HasPrefix(name, "event.") || strings.HasPrefix(name, "env.") || strings.HasPrefix(name, "file.")
}

// abbreviate keeps error messages short.
func abbreviate(s string) string {
	const limit = 60
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "…"
}

// Constant returns the text of a template without placeholders; ok is false
// for every other template.
func (t *Template) Constant() (text string, ok bool) {
	return t.tail, len(t.parts) == 0
}

// Execute returns the text for a delivery.
func (t *Template) Execute(d *Delivery) string {
	if len(t.parts) == 0 {
		return t.tail
	}
	if len(t.parts) == 1 && t.parts[0].text == "" && t.tail == "" {
		return t.parts[0].placeholder.value(d.Event, d)
	}
	var b strings.Builder
	for i := range t.parts {
		b.WriteString(t.parts[i].text)
		b.WriteString(t.parts[i].placeholder.value(d.Event, d))
	}
	b.WriteString(t.tail)
	return b.String()
}
