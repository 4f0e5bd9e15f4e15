package verify

// Reason is the cause of a rejection, from a closed set so that it can label
// a metric.
type Reason string

// The reasons a request can be rejected for.
const (
	// ReasonMissing means that a header or parameter that the scheme needs
	// is absent or empty.
	ReasonMissing Reason = "missing_field"
	// ReasonDuplicate means that a header or parameter is there more than
	// once, so that somebody else might read another one than we do.
	ReasonDuplicate Reason = "duplicate_field"
	// ReasonMalformed means that a header or parameter can't be read.
	ReasonMalformed Reason = "malformed_field"
	// ReasonStale means that the timestamp is older than the tolerance.
	ReasonStale Reason = "stale_timestamp"
	// ReasonFuture means that the timestamp is ahead of our clock by more
	// than the tolerance.
	ReasonFuture Reason = "future_timestamp"
	// ReasonPrefix means that a signature does not begin as the scheme's
	// signatures do, so it is made by another scheme.
	ReasonPrefix Reason = "wrong_prefix"
	// ReasonMismatch means that no signature matches any secret.
	ReasonMismatch Reason = "signature_mismatch"
	// ReasonDigest means that the body is not the one that a signed digest
	// is of.
	ReasonDigest Reason = "digest_mismatch"
	// ReasonKey means that the key that the sender names is not known.
	ReasonKey Reason = "unknown_key"
	// ReasonAlgorithm means that the signature is of a kind that is not
	// allowed.
	ReasonAlgorithm Reason = "algorithm_not_allowed"
	// ReasonExpired means that a token or certificate is no longer valid.
	ReasonExpired Reason = "expired"
	// ReasonClaim means that a token is authentic but states something else
	// than what is required.
	ReasonClaim Reason = "wrong_claim"
	// ReasonCoverage means that a signature is valid but does not cover what
	// it must.
	ReasonCoverage Reason = "not_covered"
	// ReasonReplayed means that a token which may be used once came again with
	// another message.
	ReasonReplayed Reason = "replayed"
	// ReasonForbidden means that the sender is known, or says where it comes
	// from, but is not on the list.
	ReasonForbidden Reason = "not_allowed"
	// ReasonHandshake means that a try of the endpoint is not one that may
	// be answered.
	ReasonHandshake Reason = "handshake_refused"
	// ReasonCredentials means that a password or token is not one of ours.
	ReasonCredentials Reason = "wrong_credentials" //nolint:gosec // A label, no credential.
)

// Error says why a request was rejected. It is meant for logs and metrics and
// holds nothing that the sender sent; the sender should only learn that the
// request was rejected.
type Error struct {
	Reason Reason
	// Field is the configured name of the header or parameter at fault, or
	// empty if there is no single one.
	Field string
}

func (e *Error) Error() string {
	if e.Field == "" {
		return string(e.Reason)
	}
	return string(e.Reason) + ": " + e.Field
}
