package provider

import "maps"

// Cases in which a library and the verifier differ on purpose.
const (
	notUTF8    = "body that is not UTF-8"
	sameText   = "body of bytes that read the same"
	tooOld     = "too old"
	tooLate    = "from too late"
	twice      = " twice"
	andAnother = " and another"
	upperCase  = " in upper case"
)

// Why they do.
const (
	whyAge      = "the library leaves the age to its caller, which leaves the door open to replays"
	whyAgeOnly  = "the library has no limit for times to come, with which a request can be replayed for longer"
	whyTwice    = "Node.js joins repeated fields, and others take the first or the last: what one signs, another might not read"
	whyBase64   = "a signature that can be written in several ways is a hazard to whoever recognizes repeats by it"
	whyCase     = "hexadecimal digits mean the same in upper case"
	whyText     = "what is signed is bytes, and the library turns those that are not UTF-8 into others, which are all the same to it"
	whyEmpty    = "the library takes an empty body for one that was forgotten, and its signature is as good as any"
	whyUnsigned = "the body is not part of what is signed in this way, so it must be empty"
)

// because gives several cases the same reason.
func because(reason string, cases ...string) map[string]string {
	m := make(map[string]string, len(cases))
	for _, name := range cases {
		m[name] = reason
	}
	return m
}

// joined puts cases together.
func joined(parts ...map[string]string) map[string]string {
	m := make(map[string]string)
	for _, part := range parts {
		maps.Copy(m, part)
	}
	return m
}

// repeated are the cases of a library that does not look at repetitions of a
// field.
func repeated(field string) map[string]string {
	return because(whyTwice, field+twice, field+andAnother)
}

// lenientBase64 are the cases of a library that decodes signatures as Node.js
// does, which ignores everything that it doesn't understand.
func lenientBase64(field string) map[string]string {
	return joined(repeated(field), because(whyBase64, field+" longer", field+" without padding", field+" with stray bits", field+" in the alphabet of URLs"))
}

// differentials are all comparisons.
var differentials = []differential{
	{
		library: "standardwebhooks", provider: "standard_webhooks", text: true, secret: bytesSecret("whsec_", encodeBase64), signs: true,
		stricter: standardWebhooksStricter,
	},
	{
		library: "svix", provider: "postack", secret: bytesSecret("whsec_", encodeBase64), message: jsonMessage, signs: true,
		stricter: standardWebhooksStricter,
	},
	{
		library: "@octokit/webhooks-methods", provider: "github", text: true, signs: true,
		stricter: repeated("X-Github-Delivery"),
		laxer:    because(whyEmpty, "empty body"),
	},
	{
		library: "stripe", provider: "stripe", text: true, signs: true,
		stricter: joined(repeated("Stripe-Signature"), because(whyAgeOnly, tooLate)),
		laxer:    because("the library drops what it takes for no part of the text", "byte order mark"),
	},
	{
		library: "twilio", provider: "twilio", message: messages(formMessage, jsonMessage, getMessage), signs: true,
		stricter: because(whyUnsigned, "body with a line break more", "body with a space more"),
	},
	{
		library: "plivo_v3", provider: "plivo", secret: tokenSecret, message: messages(formMessage, getMessage),
		stricter: joined(repeated("X-Plivo-Signature-V3"), because(whyUnsigned, "body with a line break more", "body with a space more")),
		laxer:    because("the method is not signed, and a request without a body means the same by any", "other method"),
	},
	{
		library: "plivo_v2", provider: "plivo_v2", secret: tokenSecret, message: formMessage,
		laxer: because("a subaccount's requests have signatures of both accounts, of which the library knows in version 3 only",
			"X-Plivo-Signature-V2 after another", "X-Plivo-Signature-V2 before another"),
	},
	{library: "messagebird", provider: "messagebird"},
	{
		library: "@vonage/jwt", provider: "vonage", signs: true,
		stricter: joined(repeated("Authorization"), because("the library leaves comparing payload_hash to its caller",
			"body changed", "body cut", "body with a line break more", "body with a space more", sameText)),
		laxer: because("clocks differ, and Vonage says nothing of how much", "a second ahead"),
	},
	vonageLegacy("md5hash"), vonageLegacy("md5"), vonageLegacy("sha1"), vonageLegacy("sha256"), vonageLegacy("sha512"),
	{
		library: "@sinch/sdk-core webhook", provider: "sinch", text: true, signs: true,
		stricter: because(whyAge, tooOld, tooLate),
	},
	{
		library: "@sinch/sdk-core application", provider: "sinch_voice", text: true, signs: true,
		options: map[string]string{"key_id": "key-1"}, secret: bytesSecret("", encodeBase64),
		stricter: joined(repeated("Authorization"), because(whyAge, tooOld, tooLate)),
	},
	{library: "@sinch/sdk-core numbers", provider: "sinch_numbers", laxer: because(whyCase, "X-Sinch-Signature"+upperCase)},
	{
		library: "telnyx", provider: "telnyx", text: true, secret: ed25519Secret(encodeBase64),
		stricter: because(whyBase64, "Telnyx-Signature-Ed25519 with stray bits"),
	},
	{library: "@line/bot-sdk", provider: "line", stricter: lenientBase64("X-Line-Signature")},
	{
		library: "@slack/bolt", provider: "slack", text: true,
		stricter: because(whyAgeOnly, tooLate),
	},
	{
		library: "discord-interactions", provider: "discord", secret: ed25519Secret(encodeHex),
		stricter: because(whyAge, tooOld, tooLate),
	},
	{
		library: "@sendgrid/eventwebhook", provider: "sendgrid", text: true, slow: true, secret: ecdsaSecret,
		stricter: joined(lenientBase64("X-Twilio-Email-Event-Webhook-Signature"), because(whyAge, tooOld, tooLate)),
	},
	{library: "@adyen/api-library", provider: "adyen", secret: bytesSecret("", encodeHex), message: adyenMessage, signs: true},
	{
		library: "@adyen/api-library header", provider: "adyen_header", secret: bytesSecret("", encodeHex), signs: true,
		stricter: lenientBase64("Hmacsignature"),
	},
	{
		library: "@paddle/paddle-node-sdk", provider: "paddle", text: true,
		stricter: joined(because(whyTwice, "Paddle-Signature twice"), because(whyAgeOnly, tooLate)),
		laxer: joined(
			because("the library allows five seconds, which a clock that is not quite right or a slow network exceed", "old"),
			because("any signature may be that of our secret during a rotation, and the library looks at the last one", "Paddle-Signature before another")),
	},
	{library: "square", provider: "square", text: true},
	{
		library: "@shopify/shopify-api", provider: "shopify", text: true,
		stricter: repeated("X-Shopify-Webhook-Id"),
		laxer: joined(because(whyEmpty, "empty body"),
			because("the id is not signed, so there is no need for it", "X-Shopify-Webhook-Id empty")),
	},
	{
		library: "razorpay", provider: "razorpay", text: true,
		stricter: repeated("X-Razorpay-Event-Id"),
		laxer:    because(whyCase, "X-Razorpay-Signature"+upperCase),
	},
	{
		library: "gocardless-nodejs", provider: "gocardless",
		stricter: joined(repeated("Webhook-Signature"), because(whyBase64, "Webhook-Signature longer")),
	},
	{
		library: "coinbase-commerce-node", provider: "coinbase", signs: true,
		laxer: because(whyCase, "X-Cc-Webhook-Signature"+upperCase),
	},
	{library: "pusher", provider: "pusher", message: jsonMessage, laxer: because(whyCase, "X-Pusher-Signature"+upperCase)},
	{
		library: "@linear/sdk", provider: "linear", message: jsonMessage,
		stricter: repeated("Linear-Delivery"),
		laxer:    because(whyCase, "Linear-Signature"+upperCase),
	},
	{
		library: "webflow-api", provider: "webflow", text: true,
		stricter: because(whyAge, tooOld, tooLate),
		laxer:    because(whyCase, "X-Webflow-Signature"+upperCase),
	},
	{
		library: "hubspot v1", provider: "hubspot_v1", text: true, signs: true,
		laxer: because(whyCase, "X-Hubspot-Signature"+upperCase),
	},
	{
		library: "hubspot v2", provider: "hubspot_v2", text: true, signs: true,
		laxer: because(whyCase, "X-Hubspot-Signature"+upperCase),
	},
	{
		library: "hubspot v3", provider: "hubspot", text: true, signs: true,
		stricter: because(whyAgeOnly, tooLate),
	},
	{
		library: "sns-validator", provider: "aws_sns", options: map[string]string{"topic": testTopic}, message: snsBody, sign: signSNS,
		stricter: because(whyAge, tooOld, "from later", tooLate),
	},
}

// standardWebhooksStricter is for the two libraries, one of which uses the other.
var standardWebhooksStricter = joined(repeated("Webhook-Signature"), repeated("Webhook-Timestamp"),
	because("the library reads the time up to the first character that is no digit", "Webhook-Timestamp longer"))

// vonageLegacy compares with the library that Vonage had before it changed its
// name. The later one signs requests to Vonage in another way.
func vonageLegacy(method string) differential {
	return differential{
		library: "nexmo", provider: "vonage_legacy", options: map[string]string{"method": method}, message: uniqueFormMessage, signs: true,
		stricter: joined(because(whyAge, tooOld, tooLate),
			because("a form is that of a POST, and the library sees the parameters only", "other method")),
	}
}
