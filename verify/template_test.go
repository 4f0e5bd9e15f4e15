package verify

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTemplateErrors(t *testing.T) {
	for template, message := range map[string]string{
		"":                   "neither",
		"static":             "neither",
		"{method}{path}":     "neither",
		"{header.X-Token}":   "neither",
		"{body":              "opening brace without a closing one",
		"body}":              "closing brace without an opening one",
		"{body}}":            "closing brace without an opening one",
		"{{body}}":           "unknown variable {{body}",
		"{}":                 "unknown variable {}",
		"{Body}":             "unknown variable {Body}",
		"{body}{nonces}":     "unknown variable {nonces}",
		"{body}{header.}":    "unknown variable {header.}",
		"{body}{header.a b}": "unknown variable {header.a b}",
	} {
		require.ErrorContains(t, Template(template).Validate(), message, template)
	}
}

// FuzzTemplate compares what a template writes with plain text replacement.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"{body}", "v0:{timestamp}:{body}", "{id}.{timestamp}.{body}", "{method}{url}\n{path}{body}", "{header.X-A}{body}", "{body", "}"} {
		f.Add(s, "hello")
	}
	f.Fuzz(func(t *testing.T, text, body string) {
		template, err := Template(text).compile()
		if err != nil {
			return
		}
		m := message{
			Request: &Request{
				Method: "POST", Scheme: "https", Host: "example.com", Target: "/p?q",
				Header: http.Header{"X-A": {"a"}}, Body: []byte(body),
			},
			timestamp: "1", id: "e",
		}
		var got bytes.Buffer
		if _, err := template.writeTo(&got, nil, &m); err != nil {
			require.Contains(t, strings.ToLower(text), "{header.")
			return
		}
		want := strings.NewReplacer("{body}", body, "{timestamp}", "1", "{id}", "e", "{method}", "POST",
			"{url}", "https://example.com/p?q", "{path}", "/p").Replace(text)
		if !strings.Contains(text, "{header.") {
			require.Equal(t, want, got.String())
		}
	})
}
