package provider

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

// The example that Adyen tests its libraries with (Adyen/adyen-ruby-api-library,
// spec/utils/hmac_validator_spec.rb).
const (
	adyenKey     = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
	adyenExample = `{"NotificationRequestItem":{
		"additionalData":{"hmacSignature":"coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="},
		"amount":{"value":1130,"currency":"EUR"},
		"pspReference":"7914073381342284",
		"eventCode":"AUTHORISATION",
		"eventDate":"2019-05-06T17:15:34.121+02:00",
		"merchantAccountCode":"TestMerchant",
		"operations":["CANCEL","CAPTURE","REFUND"],
		"merchantReference":"TestPayment-1407325143704",
		"paymentMethod":"visa",
		"success":"true"}}`
)

func adyenBatch(items ...string) string {
	return `{"live":"false","notificationItems":[` + strings.Join(items, ",") + `]}`
}

func testAdyen(t testing.TB, keys ...string) *adyen {
	v, err := newAdyen("adyen", keys...)
	require.NoError(t, err)
	return v
}

func TestAdyenPublished(t *testing.T) {
	v := testAdyen(t, "00", strings.ToLower(adyenKey))
	one, err := v.Verify(t.Context(), newRequest(t, http.MethodPost, "https://example.com/", adyenBatch(adyenExample)), time.Time{})
	require.NoError(t, err)
	require.Equal(t, verify.Identity{
		Scheme: "adyen", Key: 2, ID: "7914073381342284:AUTHORISATION:true", IDSigned: true, Digest: one.Digest,
	}, one)
	require.NotZero(t, one.Digest)
	two, err := v.Verify(t.Context(), newRequest(t, http.MethodPost, "https://example.com/", adyenBatch(adyenExample, adyenExample)), time.Time{})
	require.NoError(t, err)
	require.Empty(t, two.ID)
	require.Zero(t, two.Digest, "once would let both events pass again in another batch")
	// A boolean and absent members sign the same.
	body := strings.Replace(adyenExample, `"success":"true"`, `"success":true,"originalReference":null`, 1)
	_, err = v.Verify(t.Context(), newRequest(t, http.MethodPost, "https://example.com/", adyenBatch(body)), time.Time{})
	require.NoError(t, err)
}

func TestAdyenRefuses(t *testing.T) {
	change := func(old, new string) string {
		changed := strings.Replace(adyenExample, old, new, 1)
		require.NotEqual(t, adyenExample, changed)
		return changed
	}
	for name, c := range map[string]struct {
		body   string
		reason verify.Reason
		field  string
	}{
		"amount":                 {adyenBatch(change("1130", "1131")), verify.ReasonMismatch, "hmacSignature"},
		"second forged":          {adyenBatch(adyenExample, change("1130", "1131")), verify.ReasonMismatch, "hmacSignature"},
		"second unsigned":        {adyenBatch(adyenExample, `{"NotificationRequestItem":{}}`), verify.ReasonMissing, "hmacSignature"},
		"first forged":           {adyenBatch(change("1130", "1131"), adyenExample), verify.ReasonMismatch, "hmacSignature"},
		"noncanonical":           {adyenBatch(change("CWo0=", "CWo1=")), verify.ReasonMalformed, "hmacSignature"},
		"number for signature":   {adyenBatch(change(`"coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="`, "1")), verify.ReasonMalformed, "hmacSignature"},
		"no additional data":     {adyenBatch(change("additionalData", "x")), verify.ReasonMissing, "hmacSignature"},
		"string for data":        {adyenBatch(change(`{"hmacSignature":"coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="}`, `"x"`)), verify.ReasonMalformed, "additionalData"},
		"string for amount":      {adyenBatch(change(`{"value":1130,"currency":"EUR"}`, `"x"`)), verify.ReasonMalformed, "amount"},
		"amount as string":       {adyenBatch(change("1130", `"1130"`)), verify.ReasonMalformed, "value"},
		"amount with point":      {adyenBatch(change("1130", "1130.0")), verify.ReasonMalformed, "value"},
		"amount with exponent":   {adyenBatch(change("1130", "113e1")), verify.ReasonMalformed, "value"},
		"number for reference":   {adyenBatch(change(`"7914073381342284"`, "7914073381342284")), verify.ReasonMalformed, "pspReference"},
		"colon moved":            {adyenBatch(change(`"merchantAccountCode":"TestMerchant"`, `"merchantAccountCode":"TestMerchant:x"`)), verify.ReasonMalformed, "merchantAccountCode"},
		"colon in event":         {adyenBatch(change("AUTHORISATION", "AUTHORISATION:true")), verify.ReasonMalformed, "eventCode"},
		"number for success":     {adyenBatch(change(`"true"`, "1")), verify.ReasonMalformed, "success"},
		"duplicate member":       {adyenBatch(change(`"success"`, `"success":"false","success"`)), verify.ReasonDuplicate, "success"},
		"duplicate signature":    {adyenBatch(change(`"hmacSignature"`, `"hmacSignature":"x","hmacSignature"`)), verify.ReasonDuplicate, "hmacSignature"},
		"duplicate amount":       {adyenBatch(change(`"value"`, `"value":1,"value"`)), verify.ReasonDuplicate, "value"},
		"duplicate items":        {strings.Replace(adyenBatch(adyenExample), "{", `{"notificationItems":[],`, 1), verify.ReasonDuplicate, "notificationItems"},
		"duplicate item":         {adyenBatch(strings.Replace(adyenExample, "{", `{"NotificationRequestItem":{},`, 1)), verify.ReasonDuplicate, "NotificationRequestItem"},
		"no items":               {adyenBatch(), verify.ReasonMissing, "notificationItems"},
		"items are no array":     {`{"notificationItems":{}}`, verify.ReasonMalformed, "notificationItems"},
		"item is no object":      {adyenBatch("1"), verify.ReasonMalformed, "notificationItems"},
		"item has no event":      {adyenBatch("{}"), verify.ReasonMissing, "NotificationRequestItem"},
		"event is no object":     {adyenBatch(`{"NotificationRequestItem":[]}`), verify.ReasonMalformed, "NotificationRequestItem"},
		"no member":              {`{}`, verify.ReasonMissing, "notificationItems"},
		"no json":                {`x`, verify.ReasonMalformed, "body"},
		"key as text":            {adyenBatch(change("coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")), verify.ReasonMismatch, "hmacSignature"},
		"empty signature":        {adyenBatch(change("coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=", "")), verify.ReasonMissing, "hmacSignature"},
		"too many":               {adyenBatch(strings.Repeat("{},", 1000) + "{}"), verify.ReasonMalformed, "notificationItems"},
		"success told otherwise": {adyenBatch(change(`"success":"true"`, `"success":"TRUE"`)), verify.ReasonMismatch, "hmacSignature"},
	} {
		t.Run(name, func(t *testing.T) {
			requireRefused(t, testAdyen(t, adyenKey), newRequest(t, http.MethodPost, "https://example.com/", c.body), time.Time{}, c.reason, c.field)
		})
	}
}

// TestAdyenColons has references that other parts of the signed content could be
// mistaken for.
func TestAdyenColons(t *testing.T) {
	v := testAdyen(t, adyenKey)
	for _, reference := range []string{"INV:42", `x\\y`, `x\\:y`, "::1130:EUR:AUTHORISATION:true"} {
		r := newRequest(t, http.MethodPost, "https://example.com/", adyenBatch(strings.Replace(adyenExample, "TestPayment-1407325143704", reference, 1)))
		require.NoError(t, v.Sign(r, time.Time{}))
		_, err := v.Verify(t.Context(), r, time.Time{})
		require.NoError(t, err)
	}
}

func TestNewAdyen(t *testing.T) {
	_, err := newAdyen("adyen", adyenKey, "not hexadecimal")
	require.EqualError(t, err, "secret 2: not hexadecimal")
}

func FuzzAdyen(f *testing.F) {
	v := testAdyen(f, adyenKey)
	f.Add([]byte(adyenBatch(adyenExample)))
	f.Add([]byte(adyenBatch(adyenExample, "{}", "null")))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := v.Verify(t.Context(), &verify.Request{Body: body}, time.Time{}); err != nil {
			require.ErrorAs(t, err, new(*verify.Error))
			return
		}
		events, err := adyenEvents(body)
		require.NoError(t, err)
		for i := range events {
			require.Equal(t, "7914073381342284::TestMerchant:TestPayment-1407325143704:1130:EUR:AUTHORISATION:true", string(events[i].content()))
		}
	})
}
