package provider

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

const plivoHeader = "X-Plivo-Signature-V3"

func testPlivo(t testing.TB, authTokens ...string) *plivoV3 {
	v, err := newPlivoV3("plivo", plivoHeader, authTokens...)
	require.NoError(t, err)
	return v
}

// TestPlivoPublished has what plivo-go tests its own function with
// (plivo/plivo-go, utils_test.go).
func TestPlivoPublished(t *testing.T) {
	const token = "Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4"
	const base = "https://plivobin.non-prod.plivops.com/api/v1/validate_signature03.xml"
	form := url.Values{
		"Direction":       {"outbound"},
		"From":            {"19792014278"},
		"ALegUUID":        {"3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"},
		"CallStatus":      {"in-progress"},
		"BillRate":        {"0.002"},
		"ParentAuthID":    {"MANWVLYTK4ZWU1YTY4QA"},
		"To":              {"sip:PlivoSignature382029104058171078704104@phone-qa.voice.plivodev.com"},
		"ALegRequestUUID": {"3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"},
		"CallUUID":        {"3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"},
		"RequestUUID":     {"3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"},
		"SIP-H-To":        {"<sip:PlivoSignature382029104058171078704104@52.9.11.55;transport=udp>;tag=1"},
		"SessionStart":    {"2020-04-08 11:34:33.238707"},
		"Event":           {"StartApp"},
	}.Encode()
	for name, c := range map[string]struct{ method, url, body, signature string }{
		"post with query": {http.MethodPost, base + "/?a=b&c=d", form, "k7Pusd4OxCIjR5IfA9iedDNu/h/gbdYqdzG/MiYtd1c="},
		"get with query":  {http.MethodGet, base + "/?a=b&c=d&" + form, "", "UBq8jAtd32wR8EK9VgxbBn4n5rpI/l1H9iN4WfSEHFQ="},
		"post":            {http.MethodPost, base, form, "iAjE5QqI37mbkYe4w3jTMudqEzbDufdqi7sYwTu64e0="},
		"get":             {http.MethodGet, base + "?" + form, "", "i/MQsaQSAd6fiKhOh2qeeeLHZ9faldADSb3/7+Akfbc="},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRequest(t, c.method, c.url, c.body, plivoHeader, c.signature, plivoNonce, "31627761595286130198")
			if c.body != "" {
				r.Header.Set(contentType, formType)
			}
			identity, err := testPlivo(t, token).Verify(t.Context(), r, time.Time{})
			require.NoError(t, err)
			require.Equal(t, "31627761595286130198", identity.ID)
			require.True(t, identity.IDSigned)
			require.NotZero(t, identity.Digest)
		})
	}
}

func TestPlivoList(t *testing.T) {
	r := newRequest(t, http.MethodGet, "https://example.com/?b=2&a=1&a=0", "", plivoNonce, "12345")
	require.NoError(t, testPlivo(t, "sub").Sign(r, time.Time{}))
	require.Equal(t, "12345", r.Header.Get(plivoNonce))
	signature := r.Header.Get(plivoHeader)
	other := base64.StdEncoding.EncodeToString(make([]byte, 32))
	v := testPlivo(t, "main", "sub")
	for list, reason := range map[string]verify.Reason{
		signature:                                   "",
		other + "," + signature:                     "",
		"?, " + signature + " ,":                    "",
		strings.Repeat(other+",", 7) + signature:    "",
		strings.Repeat(other+",", 8) + signature:    verify.ReasonMalformed,
		other:                                       verify.ReasonMismatch,
		signature[:43] + "," + signature[:40]:       verify.ReasonMalformed,
		",":                                         verify.ReasonMalformed,
		strings.ToLower(signature) + "," + other:    verify.ReasonMismatch,
		base64.RawStdEncoding.EncodeToString(nil):   verify.ReasonMissing,
		strings.TrimSuffix(signature, "=") + "====": verify.ReasonMalformed,
	} {
		r.Header[plivoHeader] = []string{list}
		identity, err := v.Verify(t.Context(), r, time.Time{})
		if reason == "" {
			require.NoError(t, err, list)
			require.Equal(t, 2, identity.Key)
			continue
		}
		failure := new(verify.Error)
		require.ErrorAs(t, err, &failure, list)
		require.Equal(t, reason, failure.Reason, list)
	}
}

func TestPlivoRefuses(t *testing.T) {
	signature := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, c := range map[string]struct {
		method, url, body, nonce, mediaType string
		reason                              verify.Reason
		field                               string
	}{
		"json":           {http.MethodPost, "https://example.com/", "{}", "1", "application/json", verify.ReasonCoverage, "body"},
		"get with body":  {http.MethodGet, "https://example.com/", "a=b", "1", formType, verify.ReasonCoverage, "body"},
		"malformed body": {http.MethodPost, "https://example.com/", "a=%", "1", formType, verify.ReasonMalformed, "body"},
		"bad query":      {http.MethodPost, "https://example.com/?a;b", "", "1", formType, verify.ReasonMalformed, "query"},
		"no nonce":       {http.MethodPost, "https://example.com/", "", "", formType, verify.ReasonMissing, plivoNonce},
		"dot in nonce":   {http.MethodPost, "https://example.com/", "", "1.2", formType, verify.ReasonMalformed, plivoNonce},
		"space in nonce": {http.MethodPost, "https://example.com/", "", "1 2", formType, verify.ReasonMalformed, plivoNonce},
		"long nonce":     {http.MethodPost, "https://example.com/", "", strings.Repeat("1", 257), formType, verify.ReasonMalformed, plivoNonce},
		"mismatch":       {http.MethodPost, "https://example.com/", "", "1", formType, verify.ReasonMismatch, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRequest(t, c.method, c.url, c.body, plivoHeader, signature, plivoNonce, c.nonce, contentType, c.mediaType)
			requireRefused(t, testPlivo(t, "token"), r, time.Time{}, c.reason, c.field)
		})
	}
}

// TestPlivoNoPath has the signature that is made if Plivo knows the URL without
// a slash at its end.
func TestPlivoNoPath(t *testing.T) {
	v := testPlivo(t, "token")
	r := newRequest(t, http.MethodGet, "https://example.com/?a=1", "", plivoNonce, "7")
	r.Header.Set(plivoHeader, base64.StdEncoding.EncodeToString(v.macs.sign(nil, []byte("https://example.com?a=1.7"))))
	_, err := v.Verify(t.Context(), r, time.Time{})
	require.NoError(t, err)
	r.Target = "/x?a=1"
	requireRefused(t, v, r, time.Time{}, verify.ReasonMismatch, "")
}

func FuzzPlivo(f *testing.F) {
	v := testPlivo(f, "token")
	signed := newRequest(f, http.MethodPost, "https://example.com/in?x=1", "From=%2B1415&Body=a+b", contentType, formType, plivoNonce, "1")
	require.NoError(f, v.Sign(signed, time.Time{}))
	f.Add(signed.Target, signed.Body, "1", signed.Header.Get(plivoHeader))
	f.Add("/?a=1", []byte(""), "2", ",")
	content := func(r *verify.Request) string {
		s := new(scratch)
		if s.readPlivo(r) != nil {
			return ""
		}
		s.writePlivo(r, r.Path(), r.Header.Get(plivoNonce))
		return string(s.content)
	}
	f.Fuzz(func(t *testing.T, target string, body []byte, nonce, signature string) {
		r := clone(signed)
		r.Target, r.Body = target, body
		r.Header[plivoNonce], r.Header[plivoHeader] = []string{nonce}, []string{signature}
		if _, err := v.Verify(t.Context(), r, time.Time{}); err != nil {
			require.ErrorAs(t, err, new(*verify.Error))
			return
		}
		require.Equal(t, content(signed), content(r))
	})
}
