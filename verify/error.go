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
	// ReasonMismatch means that no signature matches any secret.
	ReasonMismatch Reason = "signature_mismatch"
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
