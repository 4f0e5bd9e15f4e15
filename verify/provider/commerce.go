package provider

import (
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// commerce are shops and payments.
var commerce = []*Profile{
	{
		Name: "stripe", Title: "Stripe", Docs: "docs.stripe.com/webhooks", Secret: "endpoint secret",
		Signature: &verify.SignatureConfig{
			Signature: listed("Stripe-Signature", ",", "v1="), Signed: "{timestamp}.{body}", Timestamp: unix(listed("Stripe-Signature", ",", "t=")),
		},
		Note:  "The secret is used as it is written, with `whsec_`.",
		Event: Event{ID: "{event.json.id}", Type: "{event.json.type}", Retries: "tries again for three days", Disables: true},
	},
	{
		Name: "shopify", Title: "Shopify", Docs: "shopify.dev/docs/apps/build/webhooks/subscribe/https", Secret: "client secret",
		Signature: &verify.SignatureConfig{
			Signature: headers("X-Shopify-Hmac-Sha256", "Shopify-Hmac-Sha256"), Encoding: verify.Base64, ID: new(headers("X-Shopify-Webhook-Id", "Shopify-Webhook-Id")),
		},
		Event: Event{Type: "{event.header.X-Shopify-Topic}", Deadline: 5 * time.Second, Disables: true},
	},
	{
		Name: "square", Title: "Square", Docs: "developer.squareup.com/docs/webhooks/step3validate", Secret: "signature key",
		Signature: &verify.SignatureConfig{Signature: headers("x-square-hmacsha256-signature"), Encoding: verify.Base64, Signed: "{url}{body}"},
		Note:      "Square signs the URL that it was given: set `public_url` behind a proxy.",
		Event:     Event{ID: "{event.json.event_id}", Type: "{event.json.type}"},
	},
	{
		Name: "paddle", Title: "Paddle", Docs: "developer.paddle.com/webhooks/signature-verification", Secret: "endpoint secret key",
		Signature: &verify.SignatureConfig{
			Signature: listed("Paddle-Signature", ";", "h1="), Signed: "{timestamp}:{body}", Timestamp: unix(listed("Paddle-Signature", ";", "ts=")),
		},
		Event: Event{ID: "{event.json.event_id}", Type: "{event.json.event_type}", Status: 200, Deadline: 5 * time.Second},
	},
	{
		Name: "adyen", Aliases: []string{"adyen_standard"}, Title: "Adyen standard webhooks", Docs: "docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures", Secret: "HMAC key",
		new:   adyenRow,
		Note:  "Adyen signs eight fields of each item, and nothing else of it.",
		Event: Event{Type: "{event.json.notificationItems.0.NotificationRequestItem.eventCode}", Deadline: 10 * time.Second},
	},
	{
		Name: "adyen_header", Aliases: []string{"adyen_balance_platform"}, Title: "Adyen for Platforms and newer webhooks", Docs: "docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures", Secret: "HMAC key",
		Signature: &verify.SignatureConfig{KeyEncoding: verify.KeyHex, Signature: headers("HmacSignature"), Encoding: verify.Base64},
		Event:     Event{Type: "{event.json.type}", Deadline: 10 * time.Second},
	},
	{
		Name: "paypal", Title: "PayPal", Docs: "developer.paypal.com/api/rest/webhooks/rest",
		Options: []Option{{Name: "webhook_id", Arg: "<id>...", Doc: "the id of the webhook, which is signed", Required: true, Many: true}},
		new:     payPalRow,
		Event:   Event{Type: "{event.json.event_type}", Retries: "tries up to 25 times in 3 days"},
	},
	{
		Name: "razorpay", Title: "Razorpay", Docs: "razorpay.com/docs/webhooks/validate-test", Secret: "webhook secret",
		Signature: &verify.SignatureConfig{Signature: headers("X-Razorpay-Signature"), ID: new(headers("x-razorpay-event-id"))},
		Event:     Event{Type: "{event.json.event}", Deadline: 5 * time.Second, Disables: true},
	},
	{
		Name: "coinbase", Aliases: []string{"coinbase_commerce"}, Title: "Coinbase Commerce", Docs: "docs.cdp.coinbase.com/commerce/docs/webhooks-security", Secret: "webhook shared secret",
		Signature: &verify.SignatureConfig{Signature: headers("X-CC-Webhook-Signature")},
		Event:     Event{ID: "{event.json.event.id}", Type: "{event.json.event.type}"},
	},
	{
		Name: "gocardless", Title: "GoCardless", Docs: "developer.gocardless.com/api-reference/#webhooks-overview", Secret: "endpoint secret",
		Signature: &verify.SignatureConfig{Signature: headers("Webhook-Signature")},
		Event:     Event{ID: "{event.json.meta.webhook_id}"},
	},
	{
		Name: "mollie", Title: "Mollie", Docs: "docs.mollie.com/reference/webhooks-new", Secret: "signing secret",
		Signature: &verify.SignatureConfig{Signature: behind("X-Mollie-Signature", "sha256=")},
		Event:     Event{ID: "{event.json.id}", Type: "{event.json.type}"},
	},
	{
		Name: "woocommerce", Title: "WooCommerce", Docs: "woocommerce.com/document/webhooks", Secret: "secret",
		Signature: &verify.SignatureConfig{Signature: headers("X-WC-Webhook-Signature"), Encoding: verify.Base64},
		// Its X-WC-Webhook-Delivery-ID is the same for all deliveries of a second.
		Event: Event{Type: "{event.header.X-WC-Webhook-Topic}", Disables: true},
	},
	{
		Name: "aftership", Title: "AfterShip", Docs: "www.aftership.com/docs/tracking/webhooks", Secret: "webhook secret",
		Signature: &verify.SignatureConfig{Signature: headers("aftership-hmac-sha256"), Encoding: verify.Base64},
		Event:     Event{Type: "{event.json.event}"},
	},
	{
		Name: "chargebee", Title: "Chargebee", Docs: "www.chargebee.com/docs/billing/2.0/site-configuration/webhook_settings", Secret: "username and password",
		new: basicRow, bodyless: true, challenge: basicChallenge,
		Event: Event{ID: "{event.json.id}", Type: "{event.json.event_type}"},
	},
}
