package provider

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// snsHandshake confirms subscriptions of Amazon SNS. The verifier has checked
// by then that Amazon signed the message, with its URL, and that the topic is
// one that is wanted.
// https://docs.aws.amazon.com/sns/latest/dg/http-subscription-confirmation-json.html
//
// Without this handshake the messages are events like any other, so that
// whoever receives them can confirm.
type snsHandshake struct{ client getter }

// getter gets small documents, as fetch.Client does.
type getter interface {
	Get(ctx context.Context, url string, limit int64) ([]byte, error)
}

// maxSNSAnswer is the largest answer to a confirmation, in bytes. It is a few
// hundred bytes of XML.
const maxSNSAnswer = 16 << 10

// subscriber is implemented by the verifier of messages.
type subscriber interface {
	// subscribeURL returns the URL that confirms a subscription, if a body that
	// was verified asks for that, and if it leads to Amazon.
	subscribeURL(body []byte) (url string, ok bool, err error)
}

func (h snsHandshake) respond(ctx context.Context, v verify.Verifier, r *verify.Request, now time.Time) (*verify.Response, error) {
	if !mayHold(r, `Confirmation"`) {
		return nil, nil
	}
	if _, err := v.Verify(ctx, r, now); err != nil {
		return nil, err
	}
	// The type is told by what is signed, and not by the header field.
	message, err := parseSNS(r.Body)
	if err != nil {
		return nil, err
	}
	switch message.Type {
	case snsSubscription:
		err = h.confirm(ctx, v, r.Body)
	case snsUnsubscription:
		// Its URL would subscribe again.
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return respondStatus(http.StatusOK), nil
}

func (h snsHandshake) confirm(ctx context.Context, v verify.Verifier, body []byte) error {
	s, ok := v.(subscriber)
	if !ok {
		return fmt.Errorf("confirming the subscription: %T knows no topics", v)
	}
	url, ok, err := s.subscribeURL(body)
	if err != nil || !ok {
		return err
	}
	if _, err := h.client.Get(ctx, url, maxSNSAnswer); err != nil {
		return fmt.Errorf("confirming the subscription: %w", err)
	}
	return nil
}

// Interface guards
var (
	_ handshake  = snsHandshake{}
	_ subscriber = (*sns)(nil)
)
