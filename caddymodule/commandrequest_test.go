package caddymodule

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCaptures(t *testing.T) {
	for name, tt := range map[string]struct {
		raw          string
		url          string
		body         string
		header, drop []string
		remark       string
	}{
		"CRLF":                {"POST /in?a=1 HTTP/1.1\r\nHost: example.com\r\nX-A: b\r\n\r\nbody", "https://example.com/in?a=1", "body", []string{"X-A"}, nil, ""},
		"LF":                  {"POST /in HTTP/1.1\nHost: example.com\n\nbody\r\n", "https://example.com/in", "body\r\n", nil, nil, ""},
		"with length":         {"POST /in HTTP/1.1\nHost: a\nContent-Length: 4\n\nbody", "https://a/in", "body", []string{"Content-Length"}, nil, ""},
		"more than length":    {"POST /in HTTP/1.1\nHost: a\nContent-Length: 4\n\nbody\r\n", "https://a/in", "body", []string{"Content-Length"}, nil, "2 bytes more"},
		"less than length":    {"POST /in HTTP/1.1\nHost: a\nContent-Length: 9\n\nbody", "https://a/in", "body", []string{"Content-Length"}, nil, "5 bytes shorter"},
		"length of none":      {"GET /in HTTP/1.1\nHost: a\nContent-Length: 0\n\n\n", "https://a/in", "", []string{"Content-Length"}, nil, "1 bytes more"},
		"chunks":              {"POST /in HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n1\r\ny\r\n0\r\n\r\n", "https://a/in", "body", nil, nil, ""},
		"absolute":            {"POST http://example.com:8080/in?a=%20 HTTP/1.1\r\nHost: other\r\n\r\n", "https://example.com:8080/in?a=%20", "", nil, nil, ""},
		"path is kept":        {"GET /%7e/../a//b?c=+&d HTTP/1.1\r\nHost: a\r\n\r\n", "https://a/%7e/../a//b?c=+&d", "", nil, nil, ""},
		"dropped":             {"GET / HTTP/1.1\r\nHost: a\r\nB_C: 1\r\nA.b: 2\r\nD-E: 3\r\n\r\n", "https://a/", "", []string{"D-E"}, []string{"A.b", "B_c"}, ""},
		"HTTP/1.0, no Host":   {"GET / HTTP/1.0\r\n\r\n", "https:///", "", nil, nil, "no Host"},
		"nulls in the body":   {"POST / HTTP/1.1\nHost: a\n\n\x00\xff \n", "https://a/", "\x00\xff \n", nil, nil, ""},
		"spaces in the body":  {"POST / HTTP/1.1\nHost: a\n\n \t", "https://a/", " \t", nil, nil, ""},
		"two lines of a name": {"POST / HTTP/1.1\nHost: a\nX-A: 1\nx-a: 2\n\n", "https://a/", "", []string{"X-A"}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parseCapture([]byte(tt.raw))
			require.NoError(t, err)
			r := c.request(&Verify{needsBody: true}, &publicURL{})
			require.Equal(t, tt.url, r.URL())
			require.Equal(t, tt.body, string(r.Body))
			var names []string
			for name := range r.Header {
				names = append(names, name)
			}
			require.ElementsMatch(t, tt.header, names)
			require.Equal(t, tt.drop, c.dropped)
			if tt.remark == "" {
				require.Empty(t, c.remarks)
				return
			}
			require.Len(t, c.remarks, 1)
			require.Contains(t, c.remarks[0], tt.remark)
		})
	}
}

func TestBadCaptures(t *testing.T) {
	for _, raw := range []string{
		"", "\r\n", "sEcReT", "POST /in", "POST /in HTTP/1.1", "POST /in HTTP/2\r\n\r\n", "POST in HTTP/1.1\r\n\r\n",
		"POST / HTTP/1.1\r\nsEcReT\r\n\r\n", "POST / HTTP/1.1\r\nA: b",
		"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nsEcReT", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na",
	} {
		_, err := parseCapture([]byte(raw))
		require.Error(t, err, raw)
		require.NotContains(t, err.Error(), "sEcReT")
	}
}

// TestBodyIsLeftOut makes sure that a scheme sees as much as in the server.
func TestBodyIsLeftOut(t *testing.T) {
	c, err := parseCapture([]byte("POST / HTTP/1.1\nHost: a\n\nbody"))
	require.NoError(t, err)
	require.Nil(t, c.request(&Verify{}, &publicURL{}).Body)
}

func FuzzCapture(f *testing.F) {
	f.Add("POST /in?a=1 HTTP/1.1\r\nHost: example.com\r\nX_A: b\r\nContent-Length: 2\r\n\r\nbody")
	f.Add("POST http://a/ HTTP/1.1\nTransfer-Encoding: chunked\n\n1\r\na\r\n0\r\n\r\n")
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := parseCapture([]byte(raw))
		if err != nil {
			return
		}
		r := c.request(&Verify{needsBody: true}, &publicURL{})
		require.True(t, strings.HasPrefix(r.URL(), "https://"))
		require.LessOrEqual(t, len(r.Body), len(raw))
		for name := range r.Header {
			require.NotContains(t, name, "_")
			require.NotContains(t, name, ".")
		}
	})
}
