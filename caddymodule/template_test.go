package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

func TestResponseBodies(t *testing.T) {
	t.Setenv("RELAY_TEST_VALUE", `a"b{http.request.header.X-Evil}{event.id}`)
	event := &relay.Event{ID: "x\"y", Body: []byte(`{"challenge":"c{env.RELAY_TEST_VALUE}"}`)}
	for body, want := range map[string]struct{ contentType, body string }{
		`{"id":"{event.id}"}`:              {"application/json", `{"id":"x\"y"}`},
		`{"v":"{env.RELAY_TEST_VALUE}"}`:   {"application/json", `{"v":"a\"b{http.request.header.X-Evil}{event.id}"}`},
		`["{http.request.header.X-Evil}"]`: {"application/json", `["EVIL"]`},
		`{event.json.challenge}`:           {"text/plain; charset=utf-8", `c{env.RELAY_TEST_VALUE}`},
		`{event.id} {nobody.knows}`:        {"text/plain; charset=utf-8", `x"y {nobody.knows}`},
		`{env.RELAY_TEST_VALUE}`:           {"text/plain; charset=utf-8", `a"b{http.request.header.X-Evil}{event.id}`},
		`a \{event.id\} { brace`:           {"text/plain; charset=utf-8", `a {event.id} { brace`},
	} {
		t.Run(body, func(t *testing.T) {
			response := &Response{Status: http.StatusOK, Body: body}
			require.NoError(t, response.provision())
			w := httptest.NewRecorder()
			require.NoError(t, response.write(w, newEventRequest("", "X-Evil", "EVIL"), event))
			assert.Equal(t, want.contentType, w.Header().Get("Content-Type"))
			assert.Equal(t, want.body, w.Body.String())
		})
	}
}

func TestTemplatesFailClosed(t *testing.T) {
	for _, text := range []string{"{env.RELAY_TEST_UNSET}", "a {file./nonexistent/secret} b"} {
		_, err := parseTemplate(text, fromEnvironment)
		require.Error(t, err, text)
		require.NoError(t, checkTemplate(text), "the environment is not known yet")
	}
	for _, text := range []string{"{event.jsn.id}", "{event.attempt}", "{event.error}", "a{event.}"} {
		require.Error(t, checkTemplate(text), text)
	}
}

func TestTemplateDoesNotExpandValues(t *testing.T) {
	tpl, err := parseTemplate("{http.request.header.X-Id}/{event.json.id}", fromEnvironment)
	require.NoError(t, err)
	r := newEventRequest("", "X-Id", "{event.json.id}{env.HOME}")
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	got := tpl.fill(repl, &relay.Event{Body: []byte(`{"id":"{env.HOME}{http.request.header.X-Id}"}`)}, nil)
	assert.Equal(t, "{event.json.id}{env.HOME}/{env.HOME}{http.request.header.X-Id}", got)
}
