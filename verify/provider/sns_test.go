package provider

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

const (
	testTopic      = "arn:aws:sns:eu-north-1:123456789012:orders"
	snsCertificate = "https://sns.eu-north-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
)

var snsTime = time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)

// testSNS returns a verifier of the test topic, and one in China.
func testSNS(t testing.TB) *sns {
	certificate := encodePEM(testCertificate(t, new(x509.Certificate), nil, testKey()))
	v, err := newSNS("aws_sns", documents{
		snsCertificate: certificate,
		"https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem": certificate,
		"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem":     certificate,
	}, testTopic, "arn:aws-cn:sns:cn-north-1:123456789012:orders.fifo")
	require.NoError(t, err)
	return v
}

// snsRequest signs the members, with some that all messages have.
func snsRequest(t testing.TB, members map[string]any) *verify.Request {
	message := map[string]any{
		"Type": "Notification", "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b", "TopicArn": testTopic, "Message": "hello\nthere",
		"Timestamp": "2023-11-14T22:13:20.000Z", "SignatureVersion": "2", "SigningCertURL": snsCertificate, "Signature": "AA==",
	}
	maps.Copy(message, members)
	body, err := json.Marshal(message)
	require.NoError(t, err)
	if parsed, err := parseSNS(body); err == nil {
		digest := sha256.Sum256(parsed.content())
		signature, err := rsa.SignPKCS1v15(rand.Reader, testKey(), crypto.SHA256, digest[:])
		require.NoError(t, err)
		message["Signature"] = base64.StdEncoding.EncodeToString(signature)
		body, err = json.Marshal(message)
		require.NoError(t, err)
	}
	return newRequest(t, http.MethodPost, "https://example.com/", string(body), contentType, "text/plain; charset=UTF-8")
}

func TestSNS(t *testing.T) {
	v := testSNS(t)
	identity, err := v.Verify(t.Context(), snsRequest(t, nil), snsTime.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, verify.Identity{
		Scheme: "aws_sns", ID: "165545c9-2a5c-472c-8df2-7ff2be2b3b1b", IDSigned: true, Timestamp: snsTime, Key: 1, Subject: testTopic,
		Digest: sha256.Sum256([]byte("Message\nhello\nthere\nMessageId\n165545c9-2a5c-472c-8df2-7ff2be2b3b1b\n" +
			"Timestamp\n2023-11-14T22:13:20.000Z\nTopicArn\n" + testTopic + "\nType\nNotification\n")),
	}, identity)
	for name, members := range map[string]map[string]any{
		"subject":       {"Subject": "s"},
		"empty subject": {"Subject": ""},
		"empty message": {"Message": ""},
		"unsubscribe":   {"Type": "UnsubscribeConfirmation", "Token": "1", "SubscribeURL": "https://x"},
		"china": {
			"TopicArn":       "arn:aws-cn:sns:cn-north-1:123456789012:orders.fifo",
			"SigningCertURL": "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem",
		},
	} {
		_, err := v.Verify(t.Context(), snsRequest(t, members), snsTime)
		require.NoError(t, err, name)
	}
}

func TestSNSRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		members map[string]any
		reason  verify.Reason
		field   string
	}{
		"too old":             {map[string]any{"Timestamp": "2023-11-14T21:08:19.000Z"}, verify.ReasonStale, "Timestamp"},
		"too new":             {map[string]any{"Timestamp": "2023-11-14T22:18:20.001Z"}, verify.ReasonFuture, "Timestamp"},
		"no time":             {map[string]any{"Timestamp": "now"}, verify.ReasonMalformed, "Timestamp"},
		"time is a number":    {map[string]any{"Timestamp": 1700000000}, verify.ReasonMalformed, "Timestamp"},
		"other topic":         {map[string]any{"TopicArn": testTopic + "2"}, verify.ReasonForbidden, "TopicArn"},
		"topics":              {map[string]any{"TopicArn": []string{testTopic}}, verify.ReasonMalformed, "TopicArn"},
		"other region":        {map[string]any{"SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"}, verify.ReasonKey, "SigningCertURL"},
		"port":                {map[string]any{"SigningCertURL": strings.Replace(snsCertificate, ".com/", ".com:443/", 1)}, verify.ReasonKey, "SigningCertURL"},
		"user":                {map[string]any{"SigningCertURL": strings.Replace(snsCertificate, "sns.", "x@sns.", 1)}, verify.ReasonKey, "SigningCertURL"},
		"query":               {map[string]any{"SigningCertURL": snsCertificate + "?x"}, verify.ReasonKey, "SigningCertURL"},
		"other path":          {map[string]any{"SigningCertURL": strings.Replace(snsCertificate, "/Simple", "/x/Simple", 1)}, verify.ReasonKey, "SigningCertURL"},
		"path up":             {map[string]any{"SigningCertURL": strings.Replace(snsCertificate, "-0", "-/../0", 1)}, verify.ReasonKey, "SigningCertURL"},
		"upper case":          {map[string]any{"SigningCertURL": strings.Replace(snsCertificate, "https", "HTTPS", 1)}, verify.ReasonKey, "SigningCertURL"},
		"suffix":              {map[string]any{"SigningCertURL": strings.Replace(snsCertificate, ".com/", ".com.evil.example/", 1)}, verify.ReasonKey, "SigningCertURL"},
		"version":             {map[string]any{"SignatureVersion": "0"}, verify.ReasonAlgorithm, "SignatureVersion"},
		"downgrade":           {map[string]any{"SignatureVersion": "1"}, verify.ReasonMismatch, "Signature"},
		"other type":          {map[string]any{"Type": "Other"}, verify.ReasonMalformed, "Type"},
		"no message id":       {map[string]any{"MessageId": ""}, verify.ReasonMissing, "MessageId"},
		"line break":          {map[string]any{"MessageId": "1\nSubject\n2"}, verify.ReasonMalformed, "MessageId"},
		"line break, subject": {map[string]any{"Subject": "1\nTimestamp\n2"}, verify.ReasonMalformed, "Subject"},
		"subject is a number": {map[string]any{"Subject": 1}, verify.ReasonMalformed, "Subject"},
		"no token":            {map[string]any{"Type": "SubscriptionConfirmation", "SubscribeURL": "https://x"}, verify.ReasonMissing, "Token"},
		"no subscribe url":    {map[string]any{"Type": "SubscriptionConfirmation", "Token": "1"}, verify.ReasonMissing, "SubscribeURL"},
	} {
		t.Run(name, func(t *testing.T) {
			requireRefused(t, testSNS(t), snsRequest(t, c.members), snsTime, c.reason, c.field)
		})
	}
}

func TestSNSBody(t *testing.T) {
	v := testSNS(t)
	good := snsRequest(t, nil)
	for name, c := range map[string]struct {
		body   string
		reason verify.Reason
		field  string
	}{
		"duplicate":       {strings.Replace(string(good.Body), "{", `{"Message":"x",`, 1), verify.ReasonDuplicate, "Message"},
		"second subject":  {strings.Replace(string(good.Body), "{", `{"Subject":"x","Subject":null,`, 1), verify.ReasonDuplicate, "Subject"},
		"subject added":   {strings.Replace(string(good.Body), "{", `{"Subject":"x",`, 1), verify.ReasonMismatch, "Signature"},
		"bits":            {strings.Replace(string(good.Body), `=="`, `=\n="`, 1), verify.ReasonMalformed, "Signature"},
		"array":           {"[" + string(good.Body) + "]", verify.ReasonMalformed, "body"},
		"raw delivery":    {`{"order":1}`, verify.ReasonMissing, "MessageId"},
		"no json":         {"hello", verify.ReasonMalformed, "body"},
		"no message":      {strings.Replace(string(good.Body), `"Message"`, `"message"`, 1), verify.ReasonMissing, "Message"},
		"type in another": {strings.Replace(string(good.Body), `"Type"`, `"type"`, 1), verify.ReasonMissing, "Type"},
	} {
		t.Run(name, func(t *testing.T) {
			r := clone(good)
			r.Body = []byte(c.body)
			requireRefused(t, v, r, snsTime, c.reason, c.field)
		})
	}
	r := clone(good)
	r.Body = []byte(strings.Replace(string(r.Body), snsCertificate, "https://sns.eu-north-1.amazonaws.com/SimpleNotificationService-unknown.pem", 1))
	_, err := v.Verify(t.Context(), r, snsTime)
	require.Error(t, err)
	require.NotErrorAs(t, err, new(*verify.Error)) // Amazon may try again
}

func TestSNSSubscribeURL(t *testing.T) {
	v := testSNS(t)
	const good = "https://sns.eu-north-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + testTopic + "&Token=1"
	body := func(typ, url string) []byte {
		return snsRequest(t, map[string]any{"Type": typ, "Token": "1", "SubscribeURL": url}).Body
	}
	url, ok, err := v.subscribeURL(body("SubscriptionConfirmation", good))
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, good, url)
	for _, typ := range []string{"UnsubscribeConfirmation", "Notification"} {
		_, ok, err = v.subscribeURL(body(typ, good))
		require.NoError(t, err)
		require.False(t, ok)
	}
	_, _, err = v.subscribeURL([]byte("{}"))
	require.Error(t, err)
	for _, bad := range []string{
		strings.Replace(good, "https", "http", 1),
		strings.Replace(good, "eu-north-1", "eu-west-1", 1),
		strings.Replace(good, "sns.eu", "x@sns.eu", 1),
		strings.Replace(good, ".com/", ".com:8443/", 1),
		strings.Replace(good, ".com/", ".com.evil.example/", 1),
		strings.Replace(good, "Confirm", "Delete", 1),
		good + "#x", good + " ", good + "\u00e9",
	} {
		_, ok, err = v.subscribeURL(body("SubscriptionConfirmation", bad))
		require.Equal(t, &verify.Error{Reason: verify.ReasonForbidden, Field: "SubscribeURL"}, err)
		require.False(t, ok)
	}
}

func TestNewSNS(t *testing.T) {
	for _, topic := range []string{
		"", "orders", "arn:aws:sns:eu-north-1:1", "arn:aws:sns:eu-north-1:1:", "arn:aws:sns:eu-north-1::t", "arn:aws:sns:eu-north-1:1:t:subscription",
		"arn:aws:sqs:eu-north-1:1:t", "arn:aws-iso:sns:us-iso-east-1:1:t", "arn:aws:sns:s3:1:t", "arn:aws:sns:s3-1:1:t",
		"arn:aws:sns::1:t", "arn:aws:sns:eu-north-1.evil:1:t", "arn:aws:sns:EU-north-1:1:t", "arn:aws:sns:eu--1:1:t", "arn:aws:sns:eu-north-:1:t",
		"x:aws:sns:eu-north-1:1:t",
	} {
		_, err := newSNS("aws_sns", nil, topic)
		require.Error(t, err, topic)
	}
	_, err := newSNS("aws_sns", nil)
	require.Error(t, err)
	v, err := newSNS("aws_sns", nil, "arn:aws-us-gov:sns:us-gov-west-1:1:t")
	require.NoError(t, err)
	require.Equal(t, "sns.us-gov-west-1.amazonaws.com", v.hosts["arn:aws-us-gov:sns:us-gov-west-1:1:t"])
}

// FuzzSNS looks for a message that is told apart in another way than it was put
// together.
func FuzzSNS(f *testing.F) {
	v := testSNS(f)
	for _, members := range []map[string]any{
		nil,
		{"Subject": "s"},
		{"Type": "SubscriptionConfirmation", "Token": "1", "SubscribeURL": "https://x"},
	} {
		f.Add(snsRequest(f, members).Body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := v.Verify(t.Context(), &verify.Request{Body: body}, snsTime); err != nil {
			return
		}
		m, err := parseSNS(body)
		require.NoError(t, err)
		require.Equal(t, "hello\nthere", m.Message)
		require.Equal(t, "165545c9-2a5c-472c-8df2-7ff2be2b3b1b", m.MessageID)
	})
}
