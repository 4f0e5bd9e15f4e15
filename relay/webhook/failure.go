package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/caddy-relay/caddy-relay/relay"
)

// maxDetail bounds the text of an error, in bytes: some quote the receiver.
const maxDetail = 256

// failure classifies the error of an attempt that got no complete answer. All
// of these can pass, even a forbidden address: the DNS can be corrected. The
// context is the caller's, without the attempt's own deadline.
func (w *Destination) failure(ctx context.Context, err error) relay.Result {
	reason := classify(ctx, err)
	result := relay.Result{Outcome: relay.Retry, Reason: reason}
	var forbidden *forbiddenError
	switch {
	case errors.As(err, &forbidden):
		result.Detail = forbidden.Error()
	case reason == relay.ReasonTimeout:
		result.Detail = fmt.Sprintf("no complete answer within %s", w.deadlines.timeout)
	case reason == relay.ReasonCanceled:
		result.Detail = "cut short by a shutdown"
	default:
		result.Detail = redact(err)
	}
	return result
}

func classify(ctx context.Context, err error) relay.Reason {
	var (
		forbidden *forbiddenError
		dns       *net.DNSError
		network   net.Error
	)
	switch {
	case errors.As(err, &forbidden):
		return relay.ReasonForbidden
	case errors.Is(ctx.Err(), context.Canceled):
		return relay.ReasonCanceled
	case errors.As(err, &dns):
		return relay.ReasonDNS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return relay.ReasonTimeout
	case isTLS(err):
		return relay.ReasonTLS
	default:
		return relay.ReasonConnect
	}
}

// isTLS reports whether the handshake or the certificate failed. Most errors
// of crypto/tls have no type of their own, but all have its name in the text.
func isTLS(err error) bool {
	text := err.Error()
	return strings.Contains(text, "tls: ") || strings.Contains(text, "x509: ")
}

// redact returns the text of err without the URL, whose path and query may
// hold secrets.
func redact(err error) string {
	if withURL, ok := errors.AsType[*url.Error](err); ok {
		err = withURL.Err
	}
	text := strings.ToValidUTF8(err.Error(), "�")
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + "…"
	}
	return text
}
