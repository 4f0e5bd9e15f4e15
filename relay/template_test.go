package relay

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func templateDelivery() *Delivery {
	return &Delivery{ID: "dlv_1", Event: lookupEvent(), Destination: "crm", Attempt: 3}
}

func resolveTest(name string) (string, error) {
	switch name {
	case "env.TOKEN":
		return "s3{event.id}cr\\{et", nil
	default:
		return "", errors.New("not set")
	}
}

func TestTemplate(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", ""},
		{"plain", "plain"},
		{"{event.id}", "evt_1"},
		{"a{event.id}b{event.type}c", "aevt_1bpushc"},
		{"{event.id}{event.id}", "evt_1evt_1"},
		{"{event.attempt}/{event.destination}/{event.error}", "3/crm/"},
		{"{event.error?none}", "none"},
		{"{event.json.missing?a default}", "a default"},
		{`{"id":"{event.id}","x":{}}`, `{"id":"evt_1","x":{}}`},
		{"{ event.id }", "{ event.id }"},
		{`\{event.id\}`, "{event.id}"},
		{`\{event.id}`, "{event.id}"},
		{`a\b \\{event.id}`, `a\b \{event.id}`},
		{"}", "}"},
		{"{", "{"},
		{`\`, `\`},
		{`{event.json.\{to,f\}}`, `{"to":"+15550100","f":1.10}`},
		{"Bearer {env.TOKEN} {event.key}", `Bearer s3{event.id}cr\{et octo/repo`},
		{"{env.TOKEN}", `s3{event.id}cr\{et`},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			tmpl, err := ParseTemplate(tt.text, resolveTest)
			require.NoError(t, err)
			require.Equal(t, tt.want, tmpl.Execute(templateDelivery()))
		})
	}
}

func TestTemplateConstant(t *testing.T) {
	tmpl, err := ParseTemplate(`a \{b\} {env.TOKEN}`, resolveTest)
	require.NoError(t, err)
	text, ok := tmpl.Constant()
	require.True(t, ok)
	require.Equal(t, `a {b} s3{event.id}cr\{et`, text)

	tmpl, err = ParseTemplate("{event.id}", nil)
	require.NoError(t, err)
	_, ok = tmpl.Constant()
	require.False(t, ok)

	require.Empty(t, new(Template).Execute(nil))
}

func TestTemplateErrors(t *testing.T) {
	tests := []struct{ text, want string }{
		{"{event.nope}", "placeholder {event.nope}: no such placeholder"},
		{"{event.}", "placeholder {event.}: no such placeholder"},
		{"{event.json.}", `placeholder {event.json.}: a name must follow "json."`},
		{"{event.header}", `placeholder {event.header}: a name must follow "header."`},
		{"{event.json.a.@pretty}", "placeholder {event.json.a.@pretty}: the path modifier @pretty is not available"},
		{"{env.UNSET}", "placeholder {env.UNSET}: not set"},
		{"a {event.id", "the placeholder at byte 3 is not closed"},
		{`{event.id\}`, "the placeholder at byte 1 is not closed"},
		{"s3{cret", "the placeholder at byte 3 is not closed"},
		{"{env.TOKEN}{s3cret}", "placeholder at byte 12: not set"},
		{"s{events3cret}", "placeholder at byte 2: not set"},
		{"{file./s3cret}", "placeholder {file./s3cret}: not set"},
		{strings.Repeat("{event.id}", 65), "placeholder {event.id}: more than 64 placeholders"},
		{strings.Repeat("x", 65537), "the text is 65537 bytes long, the limit is 65536"},
		{"{event." + strings.Repeat("x", 100) + "}", "placeholder {event." + strings.Repeat("x", 54) + "…}: no such placeholder"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			_, err := ParseTemplate(tt.text, resolveTest)
			require.EqualError(t, err, tt.want)
		})
	}

	_, err := ParseTemplate("{env.TOKEN}", nil)
	require.EqualError(t, err, "placeholder {env.TOKEN}: only event.* is available here")
}

func FuzzParseTemplate(f *testing.F) {
	for _, seed := range []string{"", "{event.id}", `\{{event.json.a?b}\}`, "{", `{event.json.{a}`, "{env.X}{event.time}", `{"a":"{event.body}"}`} {
		f.Add(seed, []byte(`{"a":[1,{"b":2}]}`))
	}
	f.Fuzz(func(t *testing.T, text string, body []byte) {
		tmpl, err := ParseTemplate(text, func(name string) (string, error) { return "<" + name + ">", nil })
		if err != nil {
			return
		}
		d := &Delivery{ID: "d", Event: &Event{ID: "e", Body: body}, Destination: "x", Attempt: 1}
		got := tmpl.Execute(d)
		if constant, ok := tmpl.Constant(); ok && got != constant {
			t.Errorf("%q: got %q, constant %q", text, got, constant)
		}
		if !strings.ContainsAny(text, `{\`) && got != text {
			t.Errorf("text without placeholders became %q", got)
		}
	})
}

func BenchmarkTemplate(b *testing.B) {
	for _, text := range []string{"constant", "{event.id}", "{event.source}:{event.id}", "{event.json.to}"} {
		b.Run(strings.Trim(text, "{}"), func(b *testing.B) {
			tmpl, err := ParseTemplate(text, nil)
			require.NoError(b, err)
			d := templateDelivery()
			b.ReportAllocs()
			for b.Loop() {
				tmpl.Execute(d)
			}
		})
	}
}

func ExampleParseTemplate() {
	tmpl, err := ParseTemplate("order {event.json.order.id} is {event.json.state?unknown}", nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(tmpl.Execute(&Delivery{Event: &Event{Body: []byte(`{"order":{"id":17}}`)}}))
	// Output: order 17 is unknown
}
