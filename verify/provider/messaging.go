package provider

import (
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// messaging are senders of SMS, calls, mail and chat.
var messaging = []*Profile{
	{
		Name: "postack", Title: "Postack", Docs: "docs.svix.com/receiving/verifying-payloads/how-manual", Secret: "signing secret",
		Signature: &standardWebhooks,
		Event:     Event{Type: "{event.json.type}"},
	},
	{
		Name: "stacuity", Title: "Stacuity event handlers", Docs: "stacuity.com", Secret: "bearer token, or password",
		Options: []Option{usernameOption}, new: bearerOrBasicRow, bodyless: true, challenge: "Bearer",
		Event: Event{Retries: "does not try again"},
	},
	{
		Name: "kompaas", Title: "KOMPaaS", Docs: "mcntele.freshdesk.com", Secret: "a secret of yours, in the URL",
		Options: []Option{queryOption("key"), usernameOption}, new: queryOrBasicRow("key"), bodyless: true,
		Note:  "Put the secret into the URL that you give it, as `?key=…`, or a username and password in front of the host.",
		Event: Event{Retries: "tries again, unless that is turned off for the hook"},
	},
	{
		Name: "infocus", Title: "InFocus SDK", Docs: "docs.infocus.company", Secret: "username and password",
		new: basicRow, bodyless: true, challenge: basicChallenge,
		Note:  "InFocus reads the body of the answer: see `respond` of `relay`.",
		Event: Event{Retries: "tries 6 times, every 30 seconds"},
	},
	{
		Name: "twilio", Title: "Twilio", Docs: "www.twilio.com/docs/usage/security", Secret: "auth token",
		new:   twilioRow,
		Note:  "Twilio signs the URL that it was given: set `public_url` behind a proxy. It signs no time, so a captured request stays valid: add `once`.",
		Event: Event{ID: "{event.header.I-Twilio-Idempotency-Token}", Type: "{event.form.SmsStatus}", Status: 204},
	},
	{
		Name: "signalwire", Aliases: []string{"signalwire_json"}, Title: "SignalWire", Docs: "developer.signalwire.com", Secret: "signing key",
		new:  signalWireRow,
		Note: "SignalWire signs the URL that it was given: set `public_url` behind a proxy. JSON is signed as a whole, forms as Twilio signs them.",
	},
	{
		Name: "vonage", Title: "Vonage Messages and Voice", Docs: "developer.vonage.com/en/getting-started/concepts/webhooks", Secret: "signature secret",
		new: vonageRow, challenge: "Bearer",
		Event: Event{Type: "{event.json.status}"},
	},
	{
		Name: "vonage_legacy", Aliases: []string{"vonage_sms", "nexmo"}, Title: "Vonage SMS API", Docs: "developer.vonage.com/en/getting-started/concepts/signing-messages", Secret: "signature secret",
		Options: []Option{{Name: "method", Arg: "md5hash|md5|sha1|sha256|sha512", Doc: "the method that the account signs with; default: `md5hash`"}},
		new:     vonageSMSRow,
	},
	{
		Name: "sinch", Aliases: []string{"sinch_webhook", "sinch_conversation", "sinch_sms"}, Title: "Sinch Conversation and SMS", Docs: "developers.sinch.com/docs/conversation/callbacks", Secret: "webhook secret",
		Signature: &verify.SignatureConfig{
			Signature: headers("x-sinch-webhook-signature"), Encoding: verify.Base64, Signed: "{body}.{id}.{timestamp}",
			Timestamp: unix(headers("x-sinch-webhook-signature-timestamp")), ID: new(headers("x-sinch-webhook-signature-nonce")),
		},
		Event: Event{Type: "{event.json.trigger}", Retries: "tries again after 5 seconds, and doubles that up to 81,920 seconds, if the answer is 429 or 5xx; gives up on any other 4xx"},
	},
	{
		Name: "sinch_voice", Aliases: []string{"sinch_application", "sinch_verification"}, Title: "Sinch Voice and Verification", Docs: "developers.sinch.com/docs/voice/api-reference/authentication/callback-signed-request", Secret: "application secret",
		Options: []Option{{Name: "key_id", Arg: "<application key>", Doc: "the key of the application", Required: true}},
		new:     sinchVoiceRow,
		Event:   Event{Type: "{event.json.event}", Status: 200},
	},
	{
		Name: "sinch_numbers", Title: "Sinch Numbers", Docs: "developers.sinch.com/docs/numbers/api-reference/callbacks-numbers", Secret: "callback secret",
		Signature: &verify.SignatureConfig{Algorithm: verify.SHA1, Signature: headers("X-Sinch-Signature")},
		Event:     Event{ID: "{event.json.eventId}", Type: "{event.json.eventType}"},
	},
	{
		Name: "messagebird", Aliases: []string{"messagebird_jwt"}, Title: "MessageBird", Docs: "developers.messagebird.com/api/#verifying-http-requests", Secret: "signing key",
		new:  messageBirdRow,
		Note: "MessageBird signs the URL that it was given: set `public_url` behind a proxy.",
	},
	{
		Name: "messagebird_hmac", Title: "MessageBird, before signed JWTs", Docs: "developers.messagebird.com/api/#verifying-http-requests", Secret: "signing key",
		Signature: &verify.SignatureConfig{
			Signature: headers("MessageBird-Signature"), Encoding: verify.Base64, Signed: "{timestamp}\n{query.sorted}\n{body.sha256.raw}",
			Timestamp: unix(headers("MessageBird-Request-Timestamp")),
		},
	},
	{
		Name: "bird", Title: "Bird", Docs: "docs.bird.com/api/notifications-api/api-reference/webhook-subscriptions", Secret: "signing key",
		Signature: &verify.SignatureConfig{
			Signature: headers("messagebird-signature"), Encoding: verify.Base64, Signed: "{timestamp}\n{url}\n{body.sha256.raw}",
			Timestamp: unix(headers("messagebird-request-timestamp")), ID: new(headers("messagebird-request-id")),
		},
		Note:  "Bird signs the URL that it was given: set `public_url` behind a proxy.",
		Event: Event{Type: "{event.json.event}"},
	},
	{
		Name: "plivo", Aliases: []string{"plivo_v3"}, Title: "Plivo Voice", Docs: "www.plivo.com/docs/voice/concepts/signature-validation", Secret: "auth token",
		Options: []Option{mainAccountOption}, new: plivoRow,
		Note: "Plivo signs the URL that it was given: set `public_url` behind a proxy.",
	},
	{
		Name: "plivo_v2", Title: "Plivo Messaging", Docs: "www.plivo.com/docs/messaging/concepts/signature-validation", Secret: "auth token",
		Options: []Option{mainAccountOption}, new: plivoV2Row,
		Note:  "Plivo signs the URL, without its query, and a nonce, but not the body. Set `public_url` behind a proxy, and add `once`: otherwise whoever sees a request can send another body with its signature.",
		Event: Event{Type: "{event.form.Status}"},
	},
	{
		Name: "telnyx", Title: "Telnyx", Docs: "developers.telnyx.com/docs/messaging/messages/receiving-webhooks", Secret: "public key",
		Signature: &verify.SignatureConfig{
			Algorithm: verify.Ed25519, KeyEncoding: verify.KeyBase64, Signature: headers("telnyx-signature-ed25519"), Encoding: verify.Base64,
			Signed: "{timestamp}|{body}", Timestamp: unix(headers("telnyx-timestamp")),
		},
		Event: Event{ID: "{event.json.data.id}", Type: "{event.json.data.event_type}"},
	},
	{
		Name: "infobip", Title: "Infobip", Docs: "www.infobip.com/docs/cpaas-x/subscriptions-management", Secret: "username and password",
		new: basicRow, bodyless: true, challenge: basicChallenge,
		Note: "This is the security type BASIC of a notification profile. For HMAC use the scheme `hmac` with the header that your profile names, for OAUTH `jwt`, and for a client certificate `mtls`.",
	},
	{
		Name: "bandwidth", Title: "Bandwidth", Docs: "dev.bandwidth.com/docs/messaging/webhooks", Secret: "username and password",
		new: basicRow, bodyless: true, challenge: basicChallenge,
		Event: Event{Deadline: 10 * time.Second, Type: "{event.json.0.type}", Retries: "tries again for 24 hours"},
	},
	{
		Name: "46elks", Title: "46elks", Docs: "46elks.com/docs/receive-sms", Secret: "a secret of yours, in the URL",
		Options: []Option{queryOption("key"), usernameOption}, new: queryOrBasicRow("key"), bodyless: true,
		Note:  "Put the secret into the URL that you give it, as `?key=…`, or a username and password in front of the host. It documents the addresses that it sends from, for `client_ip`: 176.10.154.199, 85.24.146.132, 185.39.146.243, and 2001:9b0:2:902::199.",
		Event: Event{Type: "{event.form.status}", Retries: "tries again at least 5 times in 6 hours unless the answer is 200 to 204"},
	},
	{
		Name: "africastalking", Title: "Africa's Talking", Docs: "developers.africastalking.com", Secret: "a secret of yours, in the URL",
		Options: []Option{queryOption("key"), usernameOption}, new: queryOrBasicRow("key"), bodyless: true,
		Note:  "Put the secret into the URL that you give it, as `?key=…`.",
		Event: Event{Type: "{event.form.status}", Status: 200},
	},
	{
		Name: "clickatell", Title: "Clickatell", Docs: "docs.clickatell.com", Secret: "username and password",
		new: basicRow, bodyless: true, challenge: basicChallenge,
	},
	{
		Name: "cm_com", Title: "CM.com", Docs: "developers.cm.com/messaging/docs", Secret: "webhook token",
		new:  tokenRow(member("/webhooktoken")),
		Note: "The token is in the body, so it is kept with an event.",
	},
	{
		Name: "seven", Title: "seven.io", Docs: "docs.seven.io/en/rest-api/webhooks", Secret: "signing key",
		Signature: &verify.SignatureConfig{
			Signature: headers("X-Signature"), Signed: "{timestamp}\n{nonce}\n{method}\n{url}\n{body.md5.hex}",
			Timestamp: unix(headers("X-Timestamp")), Nonce: new(headers("X-Nonce")),
		},
		Note:  "seven.io signs the URL that it was given: set `public_url` behind a proxy.",
		Event: Event{Type: "{event.json.webhook_event}"},
	},
	{
		Name: "messente", Title: "Messente", Docs: "messente.com/documentation", Secret: "API password or shared secret",
		Signature: &verify.SignatureConfig{Signature: headers("X-Messente-Signature")},
	},
	{
		Name: "gatewayapi", Title: "GatewayAPI", Docs: "gatewayapi.com/docs", Secret: "webhook secret",
		Note:  "The token does not cover the body.",
		new:   gatewayAPIRow,
		Event: Event{Type: "{event.json.status}", Deadline: 5 * time.Second, Retries: "tries again for at least 24 hours"},
	},
	{
		Name: "smsgate", Title: "SMS Gateway for Android", Docs: "docs.sms-gate.app/features/webhooks", Secret: "signing key",
		Signature: &verify.SignatureConfig{Signature: headers("X-Signature"), Signed: "{body}{timestamp}", Timestamp: unix(headers("X-Timestamp"))},
		Event:     Event{ID: "{event.json.id}", Type: "{event.json.event}"},
	},
	{
		Name: "smsportal", Title: "SMSPortal", Docs: "docs.smsportal.com", Secret: "webhook secret",
		Signature: &verify.SignatureConfig{
			Signature: headers("X-Signature"), Signed: "v1:{timestamp}|{method}|{url}|{body}", Timestamp: unix(headers("X-Timestamp")),
		},
		Note: "What is signed is documented, and the header names are not: if `X-Signature` and `X-Timestamp` are not what arrives, use `hmac`. SMSPortal signs the URL that it was given: set `public_url` behind a proxy.",
	},
	{
		Name: "smsgw001", Aliases: []string{"sms_001"}, Title: "sms.001.com.mx", Docs: "sms.001.com.mx", Secret: "webhook secret",
		Signature: &verify.SignatureConfig{Signature: headers("x-smsgw-signature")},
	},
	{
		Name: "mobile_text_alerts", Aliases: []string{"arivo"}, Title: "Mobile Text Alerts, Arivo", Docs: "developers.mobile-text-alerts.com", Secret: "webhook secret",
		Signature: &verify.SignatureConfig{Signature: headers("X-Signature")},
	},
	{
		Name: "line", Title: "LINE", Docs: "developers.line.biz/en/docs/messaging-api/verify-webhook-signature", Secret: "channel secret",
		Signature: &verify.SignatureConfig{Signature: headers("x-line-signature"), Encoding: verify.Base64},
		handshake: always(emptyBatchHandshake{}),
		Event:     Event{Type: "{event.json.events.0.type}", Status: 200},
	},
	{
		Name: "telegram", Title: "Telegram bots", Docs: "core.telegram.org/bots/api#setwebhook", Secret: "secret token",
		new: tokenRow(headers("X-Telegram-Bot-Api-Secret-Token")), bodyless: true,
		Note: "An `update_id` is unique for a bot: with a source for each bot, `id {event.json.update_id}` recognizes repeats.",
	},
	{
		Name: "meta", Aliases: []string{"whatsapp", "messenger", "instagram", "facebook"}, Title: "Meta: WhatsApp, Messenger, Instagram", Docs: "developers.facebook.com/docs/graph-api/webhooks/getting-started", Secret: "app secret",
		Options:   []Option{{Name: "verify_token", Arg: "<token>...", Doc: "the verify token that you choose and give Meta; without it, the handshake is refused, so that no webhook can be made or changed", Many: true}},
		Signature: &verify.SignatureConfig{Signature: behind("X-Hub-Signature-256", "sha256=")},
		handshake: metaRow,
		Event:     Event{Type: "{event.json.object}", Status: 200},
	},
	{
		Name: "ringcentral", Title: "RingCentral", Docs: "developers.ringcentral.com/guide/notifications/webhooks/creating-webhooks", Secret: "verification token",
		new: tokenRow(headers("Verification-Token")), bodyless: true, handshake: always(ringCentralHandshake{}),
		Event: Event{ID: "{event.json.uuid}", Type: "{event.json.event}", Deadline: 3 * time.Second},
	},
	{
		Name: "betstack", Title: "Betstack", Docs: "betstack.io", Secret: "webhook secret",
		new: betstackRow,
	},
	{
		Name: "slack", Title: "Slack", Docs: "docs.slack.dev/authentication/verifying-requests-from-slack", Secret: "signing secret",
		Signature: &verify.SignatureConfig{
			Signature: behind("X-Slack-Signature", "v0="), Signed: "v0:{timestamp}:{body}", Timestamp: unix(headers("X-Slack-Request-Timestamp")),
		},
		handshake: always(slackHandshake{}),
		Event:     Event{ID: "{event.json.event_id}", Type: "{event.json.event.type}", Status: 200, Deadline: 3 * time.Second},
	},
	{
		Name: "discord", Title: "Discord", Docs: "docs.discord.com/developers/interactions/overview", Secret: "public key",
		Signature: &verify.SignatureConfig{
			Algorithm: verify.Ed25519, KeyEncoding: verify.KeyHex, Signature: headers("X-Signature-Ed25519"),
			Signed: "{timestamp}{body}", Timestamp: unix(headers("X-Signature-Timestamp")),
		},
		handshake: always(discordHandshake{}),
		Event:     Event{ID: "{event.json.id}", Type: "{event.json.type}", Deadline: 3 * time.Second, Disables: true},
	},
	{
		Name: "zoom", Title: "Zoom", Docs: "developers.zoom.us/docs/api/webhooks", Secret: "secret token",
		Signature: &verify.SignatureConfig{
			Signature: behind("x-zm-signature", "v0="), Signed: "v0:{timestamp}:{body}", Timestamp: unix(headers("x-zm-request-timestamp")),
		},
		handshake: func(s *Settings) (handshake, error) { return newZoomHandshake(s.Secrets...) },
		Event:     Event{Type: "{event.json.event}", Deadline: 3 * time.Second},
	},
	{
		Name: "sendgrid", Title: "Twilio SendGrid", Docs: "www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features", Secret: "verification key",
		Signature: &verify.SignatureConfig{
			Algorithm: verify.ECDSAP256, KeyEncoding: verify.KeySPKI, Signature: headers("X-Twilio-Email-Event-Webhook-Signature"), Encoding: verify.Base64,
			Signed: "{timestamp}{body}", Timestamp: unixWithin(10*time.Minute, headers("X-Twilio-Email-Event-Webhook-Timestamp")),
		},
		Note: "The body ends in CRLF, which is signed, too: nothing in front may trim it.",
	},
	{
		Name: "mailgun", Title: "Mailgun", Docs: "documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks", Secret: "webhook signing key",
		Signature: &verify.SignatureConfig{
			Signature: member("/signature/signature"), Signed: "{timestamp}{id}",
			Timestamp: unix(member("/signature/timestamp")), ID: new(member("/signature/token")),
		},
		Note:  "Mailgun signs a token, and not the event: add `once`, so that whoever sees a request can't send another event with its token.",
		Event: Event{Type: "{event.json.event-data.event}", Status: 200},
	},
	{
		Name: "postmark", Title: "Postmark", Docs: "postmarkapp.com/developer/webhooks/webhooks-overview", Secret: "username and password",
		new: basicRow, bodyless: true, challenge: basicChallenge,
		Event: Event{Type: "{event.json.RecordType}", Status: 200},
	},
}
