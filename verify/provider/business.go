package provider

import (
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// business are offices, forms, support and sales.
var business = []*Profile{
	{
		Name: "typeform", Title: "Typeform", Docs: "www.typeform.com/developers/webhooks/secure-your-webhooks", Secret: "secret",
		Signature: &verify.SignatureConfig{Signature: behind("Typeform-Signature", "sha256="), Encoding: verify.Base64},
		Event:     Event{ID: "{event.json.event_id}", Type: "{event.json.event_type}"},
	},
	{
		Name: "intercom", Title: "Intercom", Docs: "developers.intercom.com/docs/webhooks", Secret: "client secret",
		Signature: &verify.SignatureConfig{Algorithm: verify.SHA1, Signature: behind("X-Hub-Signature", "sha1=")},
		Event:     Event{ID: "{event.json.id}", Type: "{event.json.topic}", Deadline: 5 * time.Second},
	},
	{
		Name: "hubspot", Aliases: []string{"hubspot_v3"}, Title: "HubSpot, signature v3", Docs: "developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation", Secret: "client secret",
		Signature: &verify.SignatureConfig{
			Signature: headers("X-HubSpot-Signature-v3"), Encoding: verify.Base64, Signed: "{method}{url}{body}{timestamp}",
			Timestamp: unixMilli(headers("X-HubSpot-Request-Timestamp")),
		},
		Note:  "HubSpot signs the URL that it was given: set `public_url` behind a proxy.",
		Event: Event{Type: "{event.json.0.subscriptionType}", Deadline: 5 * time.Second},
	},
	{
		Name: "hubspot_v2", Title: "HubSpot, signature v2", Docs: "developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation", Secret: "client secret",
		Signature: &verify.SignatureConfig{
			Algorithm: verify.PlainSHA256, Signature: headers("X-HubSpot-Signature"), Signed: "{secret}{method}{url}{body}",
		},
		Note: "A plain hash is weaker than an HMAC: use `hubspot` if you can. HubSpot signs the URL that it was given: set `public_url` behind a proxy.",
	},
	{
		Name: "hubspot_v1", Title: "HubSpot, signature v1", Docs: "developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation", Secret: "client secret",
		Signature: &verify.SignatureConfig{Algorithm: verify.PlainSHA256, Signature: headers("X-HubSpot-Signature"), Signed: "{secret}{body}"},
		Note:      "A plain hash is weaker than an HMAC: use `hubspot` if you can.",
	},
	{
		Name: "zendesk", Title: "Zendesk", Docs: "developer.zendesk.com/documentation/webhooks/verifying", Secret: "signing secret",
		Signature: &verify.SignatureConfig{
			Signature: headers("X-Zendesk-Webhook-Signature"), Encoding: verify.Base64, Signed: "{timestamp}{body}",
			Timestamp: rfc3339(headers("X-Zendesk-Webhook-Signature-Timestamp")),
		},
		Event: Event{ID: "{event.header.X-Zendesk-Webhook-Invocation-Id}", Type: "{event.json.type}", Deadline: 12 * time.Second},
	},
	{
		Name: "zendesk_old_doc", Title: "Zendesk, as an older page says", Docs: "developer.zendesk.com/documentation/webhooks/verifying", Secret: "signing secret",
		Signature: &verify.SignatureConfig{
			Signature: headers("X-Zendesk-Webhook-Signature"), Encoding: verify.Base64, Signed: "{body}{timestamp}",
			Timestamp: rfc3339(headers("X-Zendesk-Webhook-Signature-Timestamp")),
		},
		Note: "An older page, and the example on it, has the time behind the body. Try this if `zendesk` finds no match.",
	},
	{
		Name: "docusign", Title: "DocuSign Connect", Docs: "developers.docusign.com/platform/webhooks/connect/hmac", Secret: "HMAC key",
		Signature: &verify.SignatureConfig{
			Signature: verify.Selector{
				Headers: []string{
					"X-DocuSign-Signature-1", "X-DocuSign-Signature-2", "X-DocuSign-Signature-3", "X-DocuSign-Signature-4",
					"X-DocuSign-Signature-5", "X-DocuSign-Signature-6", "X-DocuSign-Signature-7", "X-DocuSign-Signature-8",
				},
				AnyHeader: true,
			},
			Encoding: verify.Base64,
		},
		Event: Event{Type: "{event.json.event}"},
	},
	{
		Name: "xero", Title: "Xero", Docs: "developer.xero.com/documentation/guides/webhooks/configuring-your-server", Secret: "webhook key",
		Signature: &verify.SignatureConfig{Signature: headers("x-xero-signature"), Encoding: verify.Base64},
		handshake: always(emptyBatchHandshake{}),
		Event:     Event{Type: "{event.json.events.0.eventType}", Status: 200, Deadline: 5 * time.Second, Disables: true},
	},
	{
		Name: "calendly", Title: "Calendly", Docs: "developer.calendly.com/api-docs/ZG9jOjM2MzE2MDM4-webhook-signatures", Secret: "signing key",
		Signature: &verify.SignatureConfig{
			Signature: listed("Calendly-Webhook-Signature", ",", "v1="), Signed: "{timestamp}.{body}",
			Timestamp: unixWithin(3*time.Minute, listed("Calendly-Webhook-Signature", ",", "t=")),
		},
		Event: Event{Type: "{event.json.event}", Disables: true},
	},
	{
		Name: "trello", Title: "Trello", Docs: "developer.atlassian.com/cloud/trello/guides/rest-api/webhooks", Secret: "application secret",
		Signature: &verify.SignatureConfig{Algorithm: verify.SHA1, Signature: headers("X-Trello-Webhook"), Encoding: verify.Base64, Signed: "{body}{url}"},
		handshake: always(trelloHandshake{}),
		Note:      "Trello signs the URL that it was given: set `public_url` behind a proxy.",
		Event:     Event{ID: "{event.json.action.id}", Type: "{event.json.action.type}"},
	},
}
