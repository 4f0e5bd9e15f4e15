package relay

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func lookupEvent() *Event {
	return &Event{
		ID:     "evt_1",
		Source: "github",
		Type:   "push",
		Key:    "octo/repo",
		Time:   time.Date(2026, 3, 4, 6, 7, 8, 900_000_000, time.FixedZone("", 3600)),
		Header: Header(nil).Add("Content-Type", "application/json").Add("X-Empty", "").Add("X-Two", "first").Add("x-two", "second"),
		Query:  "a=1&b=two+words&a=2&bad=%zz&c=%C3%A9",
		Body: []byte(` {"to":"+15550100","n":12345678901234567890,"f":1.10,"on":true,"none":null,
			"obj":{"x": [1, 2]},"a.b":"dotted","q?":"odd","@type":"Person","@this":"a name as of a modifier","list":[{"k":"a","v":1},{"k":"b","v":2}]} `),
	}
}

func TestEventLookup(t *testing.T) {
	e := lookupEvent()
	tests := []struct{ name, want string }{
		{"id", "evt_1"},
		{"source", "github"},
		{"type", "push"},
		{"key", "octo/repo"},
		{"time", "2026-03-04T05:07:08.900Z"},
		{"body", string(e.Body)},
		{"json", strings.TrimSpace(string(e.Body))},
		{"json.to", "+15550100"},
		{"json.n", "12345678901234567890"},
		{"json.f", "1.10"},
		{"json.on", "true"},
		{"json.none", ""},
		{"json.none?nobody", "nobody"},
		{"json.obj", `{"x": [1, 2]}`},
		{"json.obj.x.1", "2"},
		{`json.a\.b`, "dotted"},
		{`json.q\?`, "odd"},
		{`json.q\??none`, "odd"},
		{`json.\@type`, "Person"},
		{`json.@type`, "Person"},
		{`json.list.#(k=="b").v`, "2"},
		{"json.list.#.k", `["a","b"]`},
		{"json.*this", "a name as of a modifier"},
		{"json.@thistle", ""},
		{"json.missing", ""},
		{"json.missing?", ""},
		{"json.missing?a?b", "a?b"},
		{"header.content-type", "application/json"},
		{"header.X-Two", "first"},
		{"header.X-Empty?none", "none"},
		{"header.X-Missing", ""},
		{"query.a", "1"},
		{"query.b", "two words"},
		{"query.c", "é"},
		{"query.bad?x", "x"},
		{"query.missing", ""},
		{"form.a?not a form", "not a form"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := e.Lookup(tt.name)
			require.True(t, ok)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestEventLookupUnknown(t *testing.T) {
	for _, name := range []string{
		"", "nope", "ID", "id.x", "json.", "header.", "query", "form.", ".", "?x",
		"attempt", "destination", "error?x",
		"json.@pretty", "json.a.@flatten", `json.a|@dig:x`, "json.[a,@this]", "json.{@keys}",
		`json.#(@pretty=="x").id`, `json.#(@ugly=="x")#`, `json.#(!@pretty=="x")`, `json.#( @pretty=="x")`,
		"json.#(\t@pretty)", `json.#(#(@pretty=="x")#)#`, `json.#(a.#(@pretty:{"indent":"x"}%"*"))`,
		"json.#(a==@pretty)", "json.!@pretty", "json.~@pretty", "json.#[@pretty]", `json.\@pretty`, `json.{"a":@valid}`,
		"json.@@pretty", "json.a@pretty",
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := lookupEvent().Lookup(name)
			require.False(t, ok)
			require.Empty(t, got)
		})
	}
}

func TestCheckPlaceholder(t *testing.T) {
	for _, name := range []string{"id", "json.a.b?none", "header.X-Two", "form.a", "body"} {
		require.NoError(t, CheckPlaceholder(name), name)
		_, ok := lookupEvent().Lookup(name)
		require.True(t, ok, name)
	}
	for name, want := range map[string]string{
		"nope":        "placeholder {event.nope}: no such placeholder",
		"json.":       `placeholder {event.json.}: a name must follow "json."`,
		"json.@ugly":  "placeholder {event.json.@ugly}: the path modifier @ugly is not available",
		"attempt":     "placeholder {event.attempt}: it belongs to a delivery, and an event can have many",
		"destination": "placeholder {event.destination}: it belongs to a delivery, and an event can have many",
		"error?none":  "placeholder {event.error?none}: it belongs to a delivery, and an event can have many",
	} {
		require.EqualError(t, CheckPlaceholder(name), want)
	}
}

func TestEventLookupForm(t *testing.T) {
	e := &Event{
		Header: Header(nil).Add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
		Body:   []byte("To=%2B15550100&Body=hello+there"),
	}
	for name, want := range map[string]string{"form.To": "+15550100", "form.Body": "hello there", "form.from": ""} {
		got, ok := e.Lookup(name)
		require.True(t, ok, name)
		require.Equal(t, want, got, name)
	}
}

func TestEventLookupInvalidJSON(t *testing.T) {
	for _, body := range []string{"", "nope", `{"a":`, `{"a":"b`, `{"a":1}}`, "\x00", `{"a":"\ud800"}x`} {
		got, ok := (&Event{Body: []byte(body)}).Lookup("json?not json")
		require.True(t, ok)
		require.Equal(t, "not json", got, body)
	}
}

// A body of nothing but brackets must not exhaust the stack, which would end
// the process: no recover can catch that.
func TestEventLookupDeepJSON(t *testing.T) {
	const depth = 5 << 20
	e := &Event{Body: []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))}
	for _, name := range []string{"json", "json.a.b", "json.0.0", "json.#.a", "json.#(a==1)#.b", "json.[a,b]", "json.*.a", "json..0"} {
		_, ok := e.Lookup(name)
		require.True(t, ok, name)
	}
}

func TestHeaderGet(t *testing.T) {
	h := Header(nil).Add("A", "1").Add("Content-Type", "text/plain; a: b").Add("content-type", "second").Add("Z", "")
	require.Equal(t, "1", h.Get("a"))
	require.Equal(t, "text/plain; a: b", h.Get("CONTENT-TYPE"))
	require.Empty(t, h.Get("Z"))
	require.Empty(t, h.Get("Content"))
	require.Empty(t, h.Get(""))
	require.Empty(t, Header(nil).Get("A"))
}

func FuzzEventLookup(f *testing.F) {
	f.Add("json.a.b", []byte(`{"a":{"b":[1,"\u00e9"]}}`))
	f.Add(`json.#(a=="x")#|0?d`, []byte(`[{"a":"x"},{"a":`))
	f.Add("json.{a,b}", []byte(`{"a":"\ud800`))
	f.Add("form.a", []byte("a=%zz&b"))
	f.Add("json..1", []byte("{}\n[1]\n"))
	f.Add(`json.#(#(@pretty=="x")#)#`, bytes.Repeat([]byte("["), 1<<20))
	f.Add("json.#(!@ugly)", bytes.Repeat([]byte(`{"a":`), 1<<18))
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		e := &Event{
			ID:     "evt",
			Header: Header(nil).Add("Content-Type", "application/x-www-form-urlencoded"),
			Query:  string(body),
			Body:   body,
		}
		before := string(body)
		value, ok := e.Lookup(name)
		if !ok && value != "" {
			t.Errorf("unknown name %q has the value %q", name, value)
		}
		if string(e.Body) != before {
			t.Error("the body was changed")
		}
	})
}

func BenchmarkHeaderGet(b *testing.B) {
	h := Header(nil).Add("User-Agent", "GitHub-Hookshot/abc").Add("Accept", "*/*").Add("Content-Type", "application/json")
	b.ReportAllocs()
	for b.Loop() {
		h.Get("Content-Type")
	}
}
