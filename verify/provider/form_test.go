package provider

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

func TestParseForm(t *testing.T) {
	for raw, want := range map[string][]string{
		"":                         {},
		"a=1&b=2&a=1":              {"a", "1", "b", "2", "a", "1"},
		"a&b=&=c&&":                {"a", "", "b", "", "", "c"},
		"a=b=c":                    {"a", "b=c"},
		"%61+%62=%2b%2B+%26":       {"a b", "++ &"},
		"a=\xff%00":                {"a", "\xff\x00"},
		"a=%":                      nil,
		"a=%2":                     nil,
		"a=%zz":                    nil,
		"%2=a":                     nil,
		"a=1;b=2":                  nil,
		strings.Repeat("a&", 1001): nil,
	} {
		f := form{params: make([]param, 3), text: []byte("what was there before")}
		ok := parseForm(&f, raw)
		require.Equal(t, want != nil, ok, raw)
		got := []string{}
		for _, p := range f.params {
			got = append(got, string(p.key), string(p.value))
		}
		if ok {
			require.Equal(t, want, got, raw)
		}
	}
	require.True(t, parseForm(new(form), strings.Repeat("a&", 1000)))
}

func TestFormSingle(t *testing.T) {
	var f form
	require.True(t, parseForm(&f, []byte("a=1&b=2&b=2&c=")))
	value, err := f.single("a")
	require.NoError(t, err)
	require.Equal(t, "1", string(value))
	_, err = f.single("b")
	require.Equal(t, &verify.Error{Reason: verify.ReasonDuplicate, Field: "b"}, err)
	for _, name := range []string{"c", "d"} {
		_, err = f.single(name)
		require.Equal(t, &verify.Error{Reason: verify.ReasonMissing, Field: name}, err)
	}
}

// FuzzParseForm compares with the parser of the standard library.
func FuzzParseForm(f *testing.F) {
	for _, raw := range []string{"a=1&b=2", "a=%2B+%2b&&=", "%", "a;b", "a=b=c&a"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var got form
		ok := parseForm(&got, raw)
		want, err := url.ParseQuery(raw)
		if strings.Count(raw, "&") >= maxParams {
			return
		}
		require.Equal(t, err == nil, ok)
		if !ok {
			return
		}
		n := 0
		for key, values := range want {
			n += len(values)
			var found []string
			for _, p := range got.params {
				if string(p.key) == key {
					found = append(found, string(p.value))
				}
			}
			require.Equal(t, values, found)
		}
		require.Len(t, got.params, n)
		got.sort()
		require.True(t, slices.IsSortedFunc(got.params, func(a, b param) int { return strings.Compare(string(a.key), string(b.key)) }))
	})
}
