package provider

import (
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// standardWebhooks is https://github.com/standard-webhooks/standard-webhooks; the
// svix-* names are those of the library that the standard grew out of.
var standardWebhooks = verify.SignatureConfig{
	KeyEncoding: verify.KeyBase64, KeyPrefix: "whsec_",
	Signature: verify.Selector{Headers: []string{"webhook-signature", "svix-signature"}, Split: " ", Prefix: "v1,"}, Encoding: verify.Base64,
	Signed:    "{id}.{timestamp}.{body}",
	Timestamp: unix(headers("webhook-timestamp", "svix-timestamp")), ID: new(headers("webhook-id", "svix-id")),
}

// standardWebhooksAsymmetric is the version with keys of its own for signing
// and for verifying.
var standardWebhooksAsymmetric = verify.SignatureConfig{
	Algorithm: verify.Ed25519, KeyEncoding: verify.KeyBase64, KeyPrefix: "whpk_",
	Signature: verify.Selector{Headers: []string{"webhook-signature", "svix-signature"}, Split: " ", Prefix: "v1a,"}, Encoding: verify.Base64,
	Signed:    "{id}.{timestamp}.{body}",
	Timestamp: unix(headers("webhook-timestamp", "svix-timestamp")), ID: new(headers("webhook-id", "svix-id")),
}

// development are standards, tools of developers, and platforms.
var development = []*Profile{
	{
		Name: "standard_webhooks", Aliases: []string{"svix", "openai", "replicate", "clerk", "resend"}, Title: "Standard Webhooks, Svix, OpenAI, Replicate, Clerk, Resend", Docs: "www.standardwebhooks.com", Secret: "secret",
		Signature: &standardWebhooks,
		Note:      "A few senders give the id of the endpoint, and not that of the message, as `webhook-id`: with those, set another `id` in `relay`, or all events but the first are repeats.",
		Event:     Event{Type: "{event.json.type}"},
	},
	{
		Name: "standard_webhooks_v1a", Title: "Standard Webhooks with public keys", Docs: "www.standardwebhooks.com", Secret: "public key",
		Signature: &standardWebhooksAsymmetric,
		Event:     Event{Type: "{event.json.type}"},
	},
	{
		Name: "cloudevents", Title: "CloudEvents", Docs: "github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md", Secret: "bearer token",
		Options: []Option{
			{Name: "allow_origin", Arg: "<origin>...", Doc: "who may deliver here, for the handshake of the specification", Many: true},
			{Name: "rate", Arg: "<requests per minute>", Doc: "the rate that the handshake grants at most; default: as asked for"},
		},
		new: bearerRow, bodyless: true, challenge: "Bearer", handshake: cloudEventsRow,
		Event: Event{Type: "{event.header.Ce-Type}", Retries: "tries again later if the answer is 429; stops for good if it is 410 or 415"},
	},
	{
		Name: "github", Title: "GitHub", Docs: "docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries", Secret: "webhook secret",
		Signature: &verify.SignatureConfig{Signature: behind("X-Hub-Signature-256", "sha256="), ID: new(headers("X-GitHub-Delivery"))},
		Event:     Event{Type: "{event.header.X-GitHub-Event}", Deadline: 10 * time.Second},
	},
	{
		Name: "github_sha1", Title: "GitHub, before SHA-256", Docs: "docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries", Secret: "webhook secret",
		Signature: &verify.SignatureConfig{Algorithm: verify.SHA1, Signature: behind("X-Hub-Signature", "sha1="), ID: new(headers("X-GitHub-Delivery"))},
		Event:     Event{Type: "{event.header.X-GitHub-Event}"},
	},
	{
		Name: "gitlab", Title: "GitLab", Docs: "docs.gitlab.com/user/project/integrations/webhooks", Secret: "secret token",
		new: tokenRow(headers("X-Gitlab-Token")), bodyless: true,
		Note:  "Newer versions can sign, with a signing token: use `standard_webhooks` for it.",
		Event: Event{ID: "{event.header.Idempotency-Key}", Type: "{event.header.X-Gitlab-Event}", Disables: true},
	},
	{
		Name: "bitbucket", Title: "Bitbucket", Docs: "support.atlassian.com/bitbucket-cloud/docs/manage-webhooks", Secret: "secret",
		Signature: &verify.SignatureConfig{Signature: behind("X-Hub-Signature", "sha256="), ID: new(headers("X-Request-UUID"))},
		Event:     Event{Type: "{event.header.X-Event-Key}"},
	},
	{
		Name: "gitea", Aliases: []string{"gogs", "forgejo"}, Title: "Gitea, Gogs, Forgejo", Docs: "docs.gitea.com/usage/webhooks", Secret: "secret",
		Signature: &verify.SignatureConfig{Signature: headers("X-Gitea-Signature", "X-Gogs-Signature", "X-Forgejo-Signature")},
		Event:     Event{ID: "{event.header.X-Gitea-Delivery}", Type: "{event.header.X-Gitea-Event}"},
	},
	{
		Name: "convoy", Aliases: []string{"convoy_advanced"}, Title: "Convoy", Docs: "www.getconvoy.io/docs/product-manual/signatures", Secret: "endpoint secret",
		Signature: &verify.SignatureConfig{
			Signature: listed("X-Convoy-Signature", ",", "v1="), Signed: "{timestamp},{body}", Timestamp: unix(listed("X-Convoy-Signature", ",", "t=")),
		},
	},
	{
		Name: "convoy_simple", Aliases: []string{"convoy_simple_sha512"}, Title: "Convoy, simple signatures", Docs: "www.getconvoy.io/docs/product-manual/signatures", Secret: "endpoint secret",
		Signature: &verify.SignatureConfig{Algorithm: verify.SHA512, Signature: headers("X-Convoy-Signature"), Encoding: verify.Base64},
	},
	{
		Name: "linear", Title: "Linear", Docs: "linear.app/developers/webhooks", Secret: "signing secret",
		Signature: &verify.SignatureConfig{
			Signature: headers("Linear-Signature"), ID: new(headers("Linear-Delivery")),
			Timestamp: &verify.TimestampConfig{Selector: member("/webhookTimestamp"), Format: verify.UnixMilli, Tolerance: time.Minute},
		},
		Event: Event{Type: "{event.json.type}", Status: 200},
	},
	{
		Name: "asana", Title: "Asana", Docs: "developers.asana.com/docs/webhooks-guide", Secret: "hook secret",
		Options: []Option{
			{Name: "enroll", Arg: "<file>", Doc: "where to keep the secret that Asana sends when a webhook is made. Without this file, whoever comes first during the window sets it. It is for one webhook; give the secret itself instead of this if you know it", ReplacesSecret: true},
			{Name: "window", Arg: "<duration>", Doc: "how long after the start of the configuration a secret is taken; default: `10m`"},
		},
		new:   asanaRow,
		Event: Event{Deadline: 10 * time.Second},
	},
	{
		Name: "dropbox", Title: "Dropbox", Docs: "www.dropbox.com/developers/reference/webhooks", Secret: "app secret",
		Signature: &verify.SignatureConfig{Signature: headers("X-Dropbox-Signature")},
		handshake: always(dropboxHandshake{}),
		Event:     Event{Deadline: 10 * time.Second},
	},
	{
		Name: "pusher", Title: "Pusher Channels", Docs: "pusher.com/docs/channels/server_api/webhooks", Secret: "app secret",
		Signature: &verify.SignatureConfig{Signature: headers("X-Pusher-Signature")},
		Event:     Event{Type: "{event.json.events.0.name}"},
	},
	{
		Name: "twitch", Title: "Twitch EventSub", Docs: "dev.twitch.tv/docs/eventsub/handling-webhook-events", Secret: "secret",
		Signature: &verify.SignatureConfig{
			Signature: behind("Twitch-Eventsub-Message-Signature", "sha256="), Signed: "{id}{timestamp}{body}",
			Timestamp: &verify.TimestampConfig{Selector: headers("Twitch-Eventsub-Message-Timestamp"), Format: verify.RFC3339, Tolerance: 10 * time.Minute},
			ID:        new(headers("Twitch-Eventsub-Message-Id")),
		},
		handshake: always(twitchHandshake{}),
		Event:     Event{Type: "{event.header.Twitch-Eventsub-Subscription-Type}", Disables: true},
	},
	{
		Name: "x", Aliases: []string{"twitter"}, Title: "X", Docs: "docs.x.com/x-api/webhooks/introduction", Secret: "consumer secret",
		Signature: &verify.SignatureConfig{Signature: behind("x-twitter-webhooks-signature", "sha256="), Encoding: verify.Base64},
		handshake: func(s *Settings) (handshake, error) { return newCRCHandshake(s.Secrets...) },
		Note:      "X repeats its handshake every hour, and turns the webhook off if it fails.",
		Event:     Event{Deadline: 3 * time.Second, Disables: true},
	},
	{
		Name: "ms_graph", Aliases: []string{"graph_clientstate"}, Title: "Microsoft Graph", Docs: "learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks", Secret: "clientState",
		new: graphRow, handshake: always(graphHandshake{}),
		Note:  "Every notification of a request must have the `clientState` that you gave. Notifications with resource data also have signed tokens, which are not looked at.",
		Event: Event{Type: "{event.json.value.0.changeType}", Deadline: 10 * time.Second},
	},
	{
		Name: "google_pubsub", Title: "Google Cloud Pub/Sub push", Docs: "docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions",
		Options: []Option{
			{Name: "audience", Arg: "<audience>...", Doc: "the audience of the push subscription", Required: true, Many: true},
			{Name: "email", Arg: "<address>...", Doc: "the service account of the push subscription", Required: true, Many: true},
		},
		new: pubSubRow, bodyless: true, challenge: "Bearer",
		Note:  "A token is used for many messages, and does not cover them.",
		Event: Event{ID: "{event.json.message.messageId}", Retries: "tries again until the answer is 102, 200, 201, 202, or 204"},
	},
	{
		Name: "aws_sns", Aliases: []string{"sns"}, Title: "Amazon SNS", Docs: "docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
		Options: []Option{
			{Name: "topic", Arg: "<arn>...", Doc: "the topics that may send; anybody can have a topic that is signed", Required: true, Many: true},
			{Name: "confirm", Arg: "auto|manual", Doc: "whether to confirm subscriptions of these topics; default: `auto`"},
		},
		new: snsRow, handshake: snsConfirmRow,
		Event: Event{Type: "{event.header.X-Amz-Sns-Message-Type}", Deadline: 15 * time.Second},
	},
	{
		Name: "fusionauth", Title: "FusionAuth", Docs: "fusionauth.io/docs/extend/events-and-webhooks/signing", Secret: "HMAC key, unless a key set is given",
		Options: []Option{{Name: "jwks", Arg: "<url>", Doc: "the key set, for RSA and EC keys", ReplacesSecret: true}},
		new:     fusionAuthRow, SelfHosted: true,
		Event: Event{ID: "{event.json.event.id}", Type: "{event.json.event.type}"},
	},
	{
		Name: "okta", Title: "Okta event hooks", Docs: "developer.okta.com/docs/concepts/event-hooks", Secret: "authentication secret",
		new: tokenRow(headers("Authorization")), bodyless: true, handshake: always(oktaHandshake{}),
		Event: Event{ID: "{event.json.eventId}", Type: "{event.json.eventType}", Deadline: 3 * time.Second},
	},
	{
		Name: "vercel", Title: "Vercel", Docs: "vercel.com/docs/webhooks/webhooks-api", Secret: "webhook secret",
		Signature: &verify.SignatureConfig{Algorithm: verify.SHA1, Signature: headers("x-vercel-signature")},
		Event:     Event{ID: "{event.json.id}", Type: "{event.json.type}"},
	},
	{
		Name: "webflow", Title: "Webflow", Docs: "developers.webflow.com/data/docs/working-with-webhooks", Secret: "webhook secret",
		Signature: &verify.SignatureConfig{
			Signature: headers("x-webflow-signature"), Signed: "{timestamp}:{body}", Timestamp: unixMilli(headers("x-webflow-timestamp")),
		},
		Event: Event{Type: "{event.json.triggerType}"},
	},
	{
		Name: "elevenlabs", Title: "ElevenLabs", Docs: "elevenlabs.io/docs/product-guides/administration/webhooks", Secret: "webhook secret",
		Signature: &verify.SignatureConfig{
			Signature: listed("ElevenLabs-Signature", ",", "v0="), Signed: "{timestamp}.{body}",
			Timestamp: unixWithin(30*time.Minute, listed("ElevenLabs-Signature", ",", "t=")),
		},
		Event: Event{Type: "{event.json.type}"},
	},
	{
		Name: "deepgram", Title: "Deepgram callbacks", Docs: "developers.deepgram.com/docs/callback", Secret: "API key identifier",
		// All results of a live stream have the same metadata.request_id.
		new: tokenRow(headers("dg-token")), bodyless: true,
	},
	{
		Name: "autotask", Title: "Autotask", Docs: "autotask.net/help/developerhelp", Secret: "secret key",
		Signature: &verify.SignatureConfig{Algorithm: verify.SHA1, Signature: behind("X-Hook-Signature", "sha1="), Encoding: verify.Base64},
	},
}
