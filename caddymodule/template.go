package caddymodule

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-relay/caddy-relay/relay"
)

// template is a text with placeholders that a handler fills in for each
// request: those of its event, and those that Caddy knows. What stands in for
// {env.*} and {file.*} is part of the text and is not looked at again.
type template struct {
	parts []templatePart
}

// templatePart is a literal, or a placeholder of the event or of the request.
type templatePart struct {
	literal string // what an unknown placeholder looks like, too
	event   string // without "event."
	request string
}

// templateToken matches placeholders and escaped braces, but not the braces
// of JSON.
var templateToken = regexp.MustCompile(`\\[{}]|\{[A-Za-z_][^{}]*\}`)

// parseTemplate splits a text into its parts. The placeholders {env.*} and
// {file.*} are replaced by what static returns.
func parseTemplate(text string, static func(placeholder string) (string, error)) (t template, err error) {
	end := 0
	for _, m := range templateToken.FindAllStringIndex(text, -1) {
		t.add(templatePart{literal: text[end:m[0]]})
		token := text[m[0]:m[1]]
		name := strings.Trim(token, "{}")
		end = m[1]
		switch prefix, rest, _ := strings.Cut(name, "."); {
		case token[0] == '\\':
			t.add(templatePart{literal: token[1:]})
		case prefix == "event":
			if err := relay.CheckPlaceholder(rest); err != nil {
				return t, err
			}
			t.add(templatePart{event: rest})
		case prefix == "env" || prefix == "file":
			value, err := static(token)
			if err != nil {
				return t, err
			}
			t.add(templatePart{literal: value})
		default:
			t.add(templatePart{literal: token, request: name})
		}
	}
	t.add(templatePart{literal: text[end:]})
	return t, nil
}

func (t *template) add(p templatePart) {
	if p != (templatePart{}) {
		t.parts = append(t.parts, p)
	}
}

// checkTemplate reports what can be wrong with a text before the environment
// is known.
func checkTemplate(text string) error {
	_, err := parseTemplate(text, func(placeholder string) (string, error) { return placeholder, nil })
	return err
}

// fromEnvironment returns the value of {env.*} or {file.*}, which must not be
// empty.
func fromEnvironment(placeholder string) (string, error) {
	value, err := caddy.NewReplacer().ReplaceOrErr(placeholder, true, true)
	if err != nil {
		return "", fmt.Errorf("%s is unset, unreadable, or empty", placeholder)
	}
	return value, nil
}

// startsWithBrace reports whether the text, whatever is filled in, begins like
// a JSON object or array.
func (t template) startsWithBrace() bool {
	if len(t.parts) == 0 || t.parts[0].event != "" || t.parts[0].request != "" {
		return false
	}
	return strings.HasPrefix(t.parts[0].literal, "{") || strings.HasPrefix(t.parts[0].literal, "[")
}

// fill returns the text for a request and its event. Values are passed through
// escape, unless it is nil.
func (t template) fill(repl *caddy.Replacer, event *relay.Event, escape func(string) string) string {
	var b strings.Builder
	for _, p := range t.parts {
		value, ok := p.value(repl, event)
		if ok && escape != nil {
			value = escape(value)
		}
		if len(t.parts) == 1 {
			return value
		}
		b.WriteString(value)
	}
	return b.String()
}

// value returns what stands for a part, and whether that is a value and not a
// literal. A placeholder that nobody knows stands for itself.
func (p templatePart) value(repl *caddy.Replacer, event *relay.Event) (string, bool) {
	if p.event != "" {
		value, _ := event.Lookup(p.event)
		return value, true
	}
	if p.request != "" {
		if value, ok := repl.Get(p.request); ok {
			return caddy.ToString(value), true
		}
	}
	return p.literal, false
}
