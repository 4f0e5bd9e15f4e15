package verify

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSingleParam(t *testing.T) {
	for raw, want := range map[string]any{
		"sig=a":                            "a",
		"x=1&sig=a%20b+c&y":                "a b c",
		"s%69g=a":                          "a",
		"":                                 ReasonMissing,
		"sig":                              ReasonMissing,
		"sig=":                             ReasonMissing,
		"SIG=a":                            ReasonMissing,
		"sig=a&sig=b":                      ReasonDuplicate,
		"sig=a&s%69g=a":                    ReasonDuplicate,
		"sig=&sig=a":                       ReasonDuplicate,
		"sig=%zz":                          ReasonMalformed,
		"sig=a;x=1":                        ReasonMalformed,
		"x=1;sig=b&sig=a":                  ReasonMalformed,
		strings.Repeat("x&", 1000) + "sig": ReasonMalformed,
	} {
		got, err := singleParam(raw, "sig")
		if e, ok := errors.AsType[*Error](err); ok {
			require.Equal(t, want, e.Reason, raw)
			require.Equal(t, "sig", e.Field)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, got, raw)
	}
}

func TestFormParam(t *testing.T) {
	for contentType, reason := range map[string]Reason{
		"application/x-www-form-urlencoded":                "",
		"Application/X-WWW-Form-Urlencoded; charset=UTF-8": "",
		"application/json":                                 ReasonMalformed,
		"application/x-www-form-urlencoded; charset=\"":    ReasonMalformed,
		"": ReasonMissing,
	} {
		r := &Request{Header: http.Header{"Content-Type": {contentType}}, Body: []byte("sig=a")}
		_, err := formParam(r, "sig")
		if reason == "" {
			require.NoError(t, err, contentType)
			continue
		}
		require.Equal(t, &Error{Reason: reason, Field: "Content-Type"}, err, contentType)
	}
}

// FuzzSingleParam compares with the standard library, which is less strict.
func FuzzSingleParam(f *testing.F) {
	for _, s := range []string{"sig=a", "x=1&sig=a%20b", "sig=a&sig=b", "sig=%zz", "sig=a;b", "%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := singleParam(raw, "sig")
		if err != nil {
			return
		}
		params, _ := url.ParseQuery(raw) // It skips pairs that it can't read.
		require.Equal(t, []string{got}, params["sig"])
	})
}
