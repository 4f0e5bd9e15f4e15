package provider

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

func testTwilio(t testing.TB, authTokens ...string) *twilio {
	v, err := newTwilio("twilio", "X-Twilio-Signature", authTokens...)
	require.NoError(t, err)
	return v
}

func TestTwilioRefuses(t *testing.T) {
	const signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
	const body = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"
	const address = "https://mycompany.com/myapp.php?foo=1&bar=2"
	hashed := address + "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
	for name, c := range map[string]struct {
		url, body string
		header    []string
		reason    verify.Reason
		field     string
	}{
		"empty":           {address, body, []string{"X-Twilio-Signature", "", contentType, formType}, verify.ReasonMissing, "X-Twilio-Signature"},
		"noncanonical":    {address, body, []string{"X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B9=", contentType, formType}, verify.ReasonMalformed, "X-Twilio-Signature"},
		"unpadded":        {address, body, []string{"X-Twilio-Signature", signature[:27], contentType, formType}, verify.ReasonMalformed, "X-Twilio-Signature"},
		"line break":      {address, body, []string{"X-Twilio-Signature", signature[:26] + "\n=", contentType, formType}, verify.ReasonMalformed, "X-Twilio-Signature"},
		"no type":         {address, body, []string{"X-Twilio-Signature", signature}, verify.ReasonMissing, "bodySHA256"},
		"bad escape":      {address, body + "%2", []string{"X-Twilio-Signature", signature, contentType, formType}, verify.ReasonMalformed, "body"},
		"semicolon":       {address, body + ";a=b", []string{"X-Twilio-Signature", signature, contentType, formType}, verify.ReasonMalformed, "body"},
		"too many":        {address, strings.Repeat("a=b&", 1001), []string{"X-Twilio-Signature", signature, contentType, formType}, verify.ReasonMalformed, "body"},
		"empty hash":      {address + "&bodySHA256=", "{}", []string{"X-Twilio-Signature", signature}, verify.ReasonMissing, "bodySHA256"},
		"two hashes":      {hashed + "&bodySHA256=00", "{}", []string{"X-Twilio-Signature", signature}, verify.ReasonDuplicate, "bodySHA256"},
		"other body":      {hashed, "{}", []string{"X-Twilio-Signature", "a9nBmqA0ju/hNViExpshrM61xv4="}, verify.ReasonDigest, "bodySHA256"},
		"method is other": {address, "", []string{"X-Twilio-Signature", signature}, verify.ReasonMismatch, ""},
	} {
		t.Run(name, func(t *testing.T) {
			requireRefused(t, testTwilio(t, "12345"), newRequest(t, http.MethodPost, c.url, c.body, c.header...), time.Time{}, c.reason, c.field)
		})
	}
}

func TestTwilioRotation(t *testing.T) {
	r := newRequest(t, http.MethodPost, "https://example.com/", "a=b", contentType, "Application/X-WWW-Form-URLEncoded; charset=UTF-8")
	require.NoError(t, testTwilio(t, "new").Sign(r, time.Time{}))
	identity, err := testTwilio(t, "old", "new", "new").Verify(t.Context(), r, time.Time{})
	require.NoError(t, err)
	require.Equal(t, 2, identity.Key)
	require.Empty(t, identity.ID)
	require.NotZero(t, identity.Digest)
	other := clone(r)
	other.Body = []byte("a=c")
	require.NoError(t, testTwilio(t, "new").Sign(other, time.Time{}))
	otherIdentity, err := testTwilio(t, "new").Verify(t.Context(), other, time.Time{})
	require.NoError(t, err)
	require.NotEqual(t, identity.Digest, otherIdentity.Digest)
}

func TestTwilioURL(t *testing.T) {
	const form = "a=b"
	for _, c := range []struct{ signed, seen string }{
		{"https://u:p@example.com/x", "https://u:p@example.com:8443/x"},
		{"https://example.com:443/x", "https://example.com/x"},
		{"http://[::1]/x", "http://[::1]:80/x"},
		{"http://[::1]:80/x", "http://[::1]/x"},
		{"https://example.com/x?a=%22%3C%3E", `https://example.com/x?a="<>`},
		{"https://example.com/x?b=1&b=3&a=%20'", "https://example.com/x?b=1&a=+%27&&b=3"},
		{"https://example.com/x?a=1&b=", "https://example.com/x?a=1&b"},
	} {
		t.Run(c.seen, func(t *testing.T) {
			v := testTwilio(t, "12345")
			signed := newRequest(t, http.MethodPost, c.signed, form, contentType, formType)
			require.NoError(t, v.Sign(signed, time.Time{}))
			seen := newRequest(t, http.MethodPost, c.seen, form, contentType, formType)
			seen.Header["X-Twilio-Signature"] = signed.Header["X-Twilio-Signature"]
			_, err := v.Verify(t.Context(), seen, time.Time{})
			require.NoError(t, err)
		})
	}
}

func BenchmarkTwilio(b *testing.B) {
	body := "ToCountry=US&ToState=CA&SmsMessageSid=SM0123456789abcdef0123456789abcdef&NumMedia=0&ToCity=&FromZip=&SmsSid=SM0123456789abcdef0123456789abcdef&FromState=CA" +
		"&SmsStatus=received&FromCity=SAN+FRANCISCO&Body=" + strings.Repeat("hello+world%21+", 36) + "&FromCountry=US&To=%2B18005551212&ToZip=&NumSegments=4" +
		"&MessageSid=SM0123456789abcdef0123456789abcdef&AccountSid=AC0123456789abcdef0123456789abcdef&From=%2B14158675309&ApiVersion=2010-04-01"
	for name, address := range map[string]string{"path": "https://example.com/in", "query": "https://example.com/in?tenant=7&x=a%20b"} {
		for tokens := 1; tokens <= 2; tokens++ {
			b.Run(name+"/"+strings.Repeat("token", tokens), func(b *testing.B) {
				v := testTwilio(b, []string{"12345", "other"}[:tokens]...)
				r := newRequest(b, http.MethodPost, address, body, contentType, formType)
				require.NoError(b, v.Sign(r, time.Time{}))
				b.ReportAllocs()
				b.SetBytes(int64(len(body)))
				for b.Loop() {
					if _, err := v.Verify(b.Context(), r, time.Time{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// FuzzTwilio looks for a request that is accepted without being what was signed.
func FuzzTwilio(f *testing.F) {
	v := testTwilio(f, "12345")
	signed := newRequest(f, http.MethodPost, "https://example.com/in?x=1", "From=%2B1415&Body=a+b%26c&From=2&From=2", contentType, formType)
	require.NoError(f, v.Sign(signed, time.Time{}))
	f.Add(signed.Target, signed.Body, formType)
	f.Add("/in", []byte("a=b;c"), formType)
	f.Add("/in?bodySHA256=00&bodySHA256", []byte("{}"), "application/json")
	f.Add("/in?'=%2&\"", []byte("=&&%"), "")
	f.Fuzz(func(t *testing.T, target string, body []byte, mediaType string) {
		r := clone(signed)
		r.Target, r.Body = target, body
		r.Header[contentType] = []string{mediaType}
		if _, err := v.Verify(t.Context(), r, time.Time{}); err != nil {
			require.ErrorAs(t, err, new(*verify.Error))
			return
		}
		require.Contains(t, twilioContents(r), twilioContents(signed)[0])
	})
}

// twilioContents returns all that may have been signed.
func twilioContents(r *verify.Request) (contents []string) {
	s := new(scratch)
	if _, err := s.readTwilio(r); err != nil {
		return nil
	}
	for target := range s.twilioTargets(r) {
		for _, host := range twilioHosts(r) {
			contents = append(contents, r.Scheme+"://"+host[0]+host[1]+target+string(s.params))
		}
	}
	return contents
}
