package verify

import "fmt"

// Cause is why a request was refused, as far as one can tell from outside. The
// names of the reasons are causes, too, for refusals that leave nothing to
// guess.
type Cause string

// The causes.
const (
	// CauseSecretBase64 means that the secret is base64 and must be decoded.
	CauseSecretBase64 Cause = "secret_is_base64" //nolint:gosec // A label, no credential.
	// CauseSecretHex means that the secret is hexadecimal and must be decoded.
	CauseSecretHex Cause = "secret_is_hex" //nolint:gosec // A label, no credential.
	// CauseSecretText means that the secret must be used as the text that it
	// is.
	CauseSecretText Cause = "secret_is_text" //nolint:gosec // A label, no credential.
	// CauseSecretPrefix means that what the secret begins with, such as
	// "whsec_", is no part of the key.
	CauseSecretPrefix Cause = "secret_has_prefix" //nolint:gosec // A label, no credential.
	// CauseSecretSpace means that the secret has spaces or quotation marks
	// around it.
	CauseSecretSpace Cause = "secret_has_space" //nolint:gosec // A label, no credential.
	// CauseSecret means that nothing else was found: it is most likely another
	// secret than the sender's.
	CauseSecret Cause = "wrong_secret" //nolint:gosec // A label, no credential.
	// CausePrefix means that the signature has another prefix than configured.
	CausePrefix Cause = "signature_prefix"
	// CauseEncoding means that the signature is base64 instead of hexadecimal,
	// or the other way round.
	CauseEncoding Cause = "signature_encoding"
	// CauseAlgorithm means that the signature is made with another hash
	// function.
	CauseAlgorithm Cause = "signature_algorithm"
	// CauseField means that a field is written in another way, as with
	// quotation marks.
	CauseField Cause = "field_form"
	// CauseEmpty means that a header field is there but empty.
	CauseEmpty Cause = "empty_field"
	// CauseDropped means that the server drops the header field, since there is
	// a _ or . in its name.
	CauseDropped Cause = "header_dropped"
	// CauseSender means that the request is of another sender than the scheme.
	CauseSender Cause = "other_sender"
	// CauseBodyEnd means that a line break at the end of the body was added or
	// removed.
	CauseBodyEnd Cause = "body_end"
	// CauseBodyLines means that all line breaks of the body were changed.
	CauseBodyLines Cause = "body_line_breaks"
	// CauseBodyMark means that a byte order mark was added or removed.
	CauseBodyMark Cause = "body_byte_order_mark"
	// CauseBodyJSON means that the JSON of the body was written anew.
	CauseBodyJSON Cause = "body_json"
	// CauseURL means that the sender used another URL than we see.
	CauseURL Cause = "public_url"
	// CauseOld and CauseAhead mean that a time is too far from ours.
	CauseOld   Cause = "too_old"
	CauseAhead Cause = "too_far_ahead"
	// CauseTimeFormat means that the timestamp is written in another way, as in
	// milliseconds instead of seconds.
	CauseTimeFormat Cause = "timestamp_format"
)

// usualHint returns the hint for a refusal that nothing more is known of.
// coversURL is set if the URL is signed, which is then what is wrong most often.
func usualHint(refused *Error, coversURL bool) Hint {
	field := refused.Field
	if field == "" {
		field = "what the scheme needs"
	}
	switch {
	case refused.Reason == ReasonMismatch && coversURL:
		return Hint{
			CauseSecret,
			"The signature matches none of the secrets, and none of the usual mistakes explains it: most likely the URL, which is signed, is another one at the sender (set public_url to that), or the secret is another one than the sender's, or something in between changed the body.",
		}
	case refused.Reason == ReasonMismatch:
		return Hint{
			CauseSecret,
			"The signature matches none of the secrets, and none of the usual mistakes explains it: most likely the secret is another one than the sender's, or something in between changed the body.",
		}
	}
	if format, ok := usualSentences[refused.Reason]; ok {
		return Hint{Cause(refused.Reason), fmt.Sprintf(format, field)}
	}
	return Hint{Cause(refused.Reason), fmt.Sprintf("The request was refused because of %s.", field)}
}

// usualSentences say what the reasons mean, with a place for the field.
var usualSentences = map[Reason]string{
	ReasonMissing:     "The request lacks %s: the sender has no secret yet, or signs in another way, or something in between removed it.",
	ReasonDuplicate:   "The request has %s more than once, so others might read another one: something in between may have added one.",
	ReasonMalformed:   "What is in %s can't be read: it is of another scheme, or was cut off or changed on its way.",
	ReasonStale:       "The time in %s is too old: the request came late or is an old one sent again, or a clock is wrong.",
	ReasonFuture:      "The time in %s is ahead of ours: the clock here, or that of the sender, is wrong.",
	ReasonPrefix:      "What is in %s does not begin as signatures of the scheme do: it is of another scheme.",
	ReasonDigest:      "The body or URL is not the one that %s is of: something between the sender and here changed it. If it is of the URL, set public_url to the one that the sender has.",
	ReasonKey:         "The sender names a key in %s that is not among the configured ones: it may have changed its keys.",
	ReasonAlgorithm:   "The algorithm in %s is not one that is configured.",
	ReasonExpired:     "The time in %s is over: the request came late, or a clock is wrong.",
	ReasonClaim:       "The token is authentic, but its claim %s is not as required.",
	ReasonCoverage:    "The signature does not cover %s, which is required: the sender must sign it, or the configuration must not require it.",
	ReasonForbidden:   "The request is not from somebody on the list, by its %s.",
	ReasonHandshake:   "The sender tries the endpoint in a way that may not be answered: %s is not what the configuration allows.",
	ReasonCredentials: "The credentials in %s are not among the configured ones.",
}
