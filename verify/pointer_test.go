package verify

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestJSONMember(t *testing.T) {
	for _, test := range []struct {
		pointer, body, want string
		reason              Reason
	}{
		{"/a", `{"a":"x"}`, "x", ""},
		{"/a", `{"b":1,"a":17e2}`, "17e2", ""},
		{"/a/b", `{"a":{"b":"\u0041\n"}}`, "A\n", ""},
		{"/a~1b/~0", `{"a/b":{"~":"x"}}`, "x", ""},
		{"/", `{"":"x"}`, "x", ""},
		{"/a", `{"\u0061":"x"}`, "x", ""},
		{"/a", ``, "", ReasonMalformed},
		{"/a", `{"a":"x"} x`, "", ReasonMalformed},
		{"/a", `{"a":"x"`, "", ReasonMalformed},
		{"/a", `[{"a":"x"}]`, "", ReasonMissing},
		{"/a", `{}`, "", ReasonMissing},
		{"/a", `{"a":""}`, "", ReasonMissing},
		{"/a/b", `{"a":"x"}`, "", ReasonMissing},
		{"/a", `{"a":"x","a":"x"}`, "", ReasonDuplicate},
		{"/a", `{"a":"x","\u0061":"x"}`, "", ReasonDuplicate},
		{"/a/b", `{"a":{"b":"x"},"a":{}}`, "", ReasonDuplicate},
		{"/a", `{"a":null}`, "", ReasonMalformed},
		{"/a", `{"a":true}`, "", ReasonMalformed},
		{"/a", `{"a":{}}`, "", ReasonMalformed},
		{"/a", `{"a":["x"]}`, "", ReasonMalformed},
		{"/a", strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), "", ReasonMalformed},
		{"/a", `{"b":"` + strings.Repeat("[", 20_000) + `","a":"x"}`, "x", ""},
	} {
		require.True(t, validPointer(test.pointer))
		got, reason := new(jsonBody).member([]byte(test.body), pointerTokens(test.pointer))
		require.Equal(t, test.reason, reason, "%s in %.60s", test.pointer, test.body)
		require.Equal(t, test.want, got)
	}
}

func TestPointers(t *testing.T) {
	for pointer, valid := range map[string]bool{
		"/": true, "/a": true, "/a/0": true, "/~0~1": true, "": false, "a": false, "/~": false, "/~2": false, "/a~": false,
	} {
		require.Equal(t, valid, validPointer(pointer), pointer)
	}
}

// FuzzJSONMember compares with encoding/json.
func FuzzJSONMember(f *testing.F) {
	for _, s := range []string{`{"a":{"b":"x"}}`, `{"a":{"b":1}}`, `{"a":{"b":"x","b":"y"}}`, `{"a":`, `{"a":{"\u0062":"\ud800"}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, reason := new(jsonBody).member(body, []string{"a", "b"})
		if reason != "" {
			require.Empty(t, got)
			return
		}
		var document map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(body, &document))
		var inner map[string]any
		require.NoError(t, json.Unmarshal(document["a"], &inner))
		switch value := inner["b"].(type) {
		case string:
			// The two differ in what they make of what is no Unicode.
			if utf8.Valid(body) && !bytes.Contains(bytes.ToLower(body), []byte(`\ud`)) {
				require.Equal(t, value, got)
			}
		default:
			require.IsType(t, float64(0), value)
		}
	})
}
