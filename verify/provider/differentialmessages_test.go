package provider

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/caddy-relay/caddy-relay/verify"
)

// textOf returns any text. Byte order marks, and what stands for bytes that are
// not UTF-8, are cases of their own.
func textOf(t *rapid.T, name string) string {
	return strings.NewReplacer("\ufeff", "", "\ufffd", "").Replace(rapid.String().Draw(t, name))
}

// anyMessage returns a request without a body, for any URL.
func anyMessage(t *rapid.T) *verify.Request {
	target := "/" + rapid.StringMatching(`[A-Za-z0-9_.~-]{0,10}(/[a-z0-9%20]{1,5})?`).Draw(t, "path")
	target = strings.ReplaceAll(target, "%", "%25")
	if rapid.Bool().Draw(t, "has query") {
		target += "?" + params(t, "query")
	}
	return &verify.Request{Method: http.MethodPost, Scheme: "https", Host: "hooks.example.com", Target: target, Header: make(http.Header)}
}

// params returns parameters in the form in which they are sent, some of them
// more than once.
func params(t *rapid.T, name string) string {
	values := make(url.Values)
	for range rapid.IntRange(1, 5).Draw(t, "params") {
		// Values of one name are sorted by their UTF-16 in JavaScript, which
		// is another order for what is beyond the first plane.
		values.Add(rapid.StringMatching(`[A-Za-z][A-Za-z0-9_]{0,3}`).Draw(t, name), rapid.StringMatching(`[ -~äß€\r\n]{0,10}`).Draw(t, name))
	}
	return values.Encode()
}

func textMessage(t *rapid.T) *verify.Request {
	r := anyMessage(t)
	r.Header.Set(contentType, "application/json")
	body := textOf(t, "body")
	if body == "" {
		body = "{}"
	}
	r.Body = []byte(body)
	return r
}

func jsonMessage(t *rapid.T) *verify.Request {
	r := anyMessage(t)
	r.Header.Set(contentType, "application/json")
	r.Body = jsonObject(t)
	return r
}

// jsonObject returns an object with white space where it may be.
func jsonObject(t *rapid.T) []byte {
	indent := rapid.SampledFrom([]string{"", "\t", "  "}).Draw(t, "indent")
	body, err := json.MarshalIndent(map[string]any{"type": textOf(t, "type"), "data": map[string]any{"n": rapid.Int32().Draw(t, "n")}}, "", indent)
	if err != nil {
		t.Fatal(err)
	}
	return append(body, rapid.SampledFrom([]string{"", "\n", "\r\n"}).Draw(t, "end")...)
}

func formMessage(t *rapid.T) *verify.Request {
	r := anyMessage(t)
	r.Header.Set(contentType, formType)
	r.Body = []byte(params(t, "form"))
	return r
}

// messages chooses among several kinds.
func messages(kinds ...func(*rapid.T) *verify.Request) func(*rapid.T) *verify.Request {
	return func(t *rapid.T) *verify.Request {
		return kinds[rapid.IntRange(0, len(kinds)-1).Draw(t, "kind")](t)
	}
}

// getMessage has its parameters in the query.
func getMessage(t *rapid.T) *verify.Request {
	r := anyMessage(t)
	r.Method = http.MethodGet
	return r
}

// uniqueFormMessage has no parameter twice.
func uniqueFormMessage(t *rapid.T) *verify.Request {
	r := formMessage(t)
	values, err := url.ParseQuery(string(r.Body))
	if err != nil {
		t.Fatal(err)
	}
	for name := range values {
		values[name] = values[name][:1]
	}
	r.Body = []byte(values.Encode())
	return r
}

// adyenMessage is a batch of one or two events. Only the reference of the
// merchant may have colons.
func adyenMessage(t *rapid.T) *verify.Request {
	reference := rapid.StringMatching(`[ -9;-~äß€😀]{0,10}`)
	items := make([]any, rapid.IntRange(1, 2).Draw(t, "items"))
	for i := range items {
		items[i] = map[string]any{"NotificationRequestItem": map[string]any{
			"pspReference":        reference.Draw(t, "pspReference"),
			"originalReference":   reference.Draw(t, "originalReference"),
			"merchantAccountCode": reference.Draw(t, "merchantAccountCode"),
			"merchantReference":   textOf(t, "merchantReference"),
			"amount":              map[string]any{"value": rapid.Int32().Draw(t, "value"), "currency": reference.Draw(t, "currency")},
			"eventCode":           reference.Draw(t, "eventCode"),
			"success":             strconv.FormatBool(rapid.Bool().Draw(t, "success")),
			"reason":              textOf(t, "reason"),
		}}
	}
	body, err := json.Marshal(map[string]any{"live": "false", "notificationItems": items})
	if err != nil {
		t.Fatal(err)
	}
	r := anyMessage(t)
	r.Body = body
	return r
}

// snsBody has the members that signSNS signs, with those that all
// messages have.
func snsBody(t *rapid.T) *verify.Request {
	members := map[string]any{"Message": textOf(t, "message")}
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 1:
		members["Subject"] = rapid.StringMatching(`[ -~]{1,20}`).Draw(t, "subject")
	case 2:
		members["Type"], members["Token"], members["SubscribeURL"] = snsSubscription, "token", "https://sns.eu-north-1.amazonaws.com/?a=b"
	}
	body, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	r := anyMessage(t)
	r.Body = body
	return r
}

// signSNS signs as Amazon does.
func signSNS(t *testing.T, r *verify.Request, now time.Time) {
	var members map[string]any
	require.NoError(t, json.Unmarshal(r.Body, &members))
	members["Timestamp"] = now.UTC().Format("2006-01-02T15:04:05.000Z")
	r.Body = snsRequest(t, members).Body
}

// snsPublished has the certificate of the test key.
var snsPublished = func() func(testing.TB) map[string]string {
	var published map[string]string
	return func(t testing.TB) map[string]string {
		if published == nil {
			published = map[string]string{snsCertificate: encodePEM(testCertificate(t, new(x509.Certificate), nil, testKey()))}
		}
		return published
	}
}()
