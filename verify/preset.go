package verify

import (
	"maps"
	"slices"
)

// presets are the providers whose way of signing is written down. The comment
// of each names where.
var presets = map[string]SignatureConfig{
	// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
	"github": {
		Signature: Selector{Headers: []string{"X-Hub-Signature-256"}, Prefix: "sha256="},
		ID:        &Selector{Headers: []string{"X-GitHub-Delivery"}},
	},
	// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
	// The svix-* names are those of the library that the standard grew out of.
	"standard_webhooks": {
		KeyEncoding: KeyBase64,
		KeyPrefix:   "whsec_",
		Signature:   Selector{Headers: []string{"webhook-signature", "svix-signature"}, Split: " ", Prefix: "v1,"},
		Encoding:    Base64,
		Signed:      "{id}.{timestamp}.{body}",
		Timestamp:   &TimestampConfig{Selector: Selector{Headers: []string{"webhook-timestamp", "svix-timestamp"}}},
		ID:          &Selector{Headers: []string{"webhook-id", "svix-id"}},
	},
}

// Preset returns how the named provider signs, for [NewSignature].
func Preset(name string) (SignatureConfig, bool) {
	c, ok := presets[name]
	c.Scheme = name
	return c, ok
}

// Presets returns the names that [Preset] knows, sorted.
func Presets() []string {
	return slices.Sorted(maps.Keys(presets))
}
