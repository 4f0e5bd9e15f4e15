package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/caddy-relay/caddy-relay/verify"
)

// cloudEventsHandshake gives the permission to send that senders ask for by the
// abuse protection of CloudEvents, such as Azure Event Grid.
// https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md, section 4
//
// A WebHook-Request-Callback, by which permission can be given later, is never
// called: the URL is anybody's, and permission is given or withheld at once.
type cloudEventsHandshake struct {
	origins []string
	rate    int
}

// newCloudEventsHandshake takes the DNS names of the senders that are given
// permission, and how many requests each may send per minute; 0 means as many as
// it asks for.
func newCloudEventsHandshake(origins []string, rate int) (*cloudEventsHandshake, error) {
	if len(origins) == 0 {
		return nil, errors.New("no origin")
	}
	if rate < 0 {
		return nil, fmt.Errorf("negative rate %d", rate)
	}
	h := &cloudEventsHandshake{origins: make([]string, len(origins)), rate: rate}
	for i, origin := range origins {
		if origin == "" || !httpguts.ValidHostHeader(origin) {
			return nil, fmt.Errorf("%q is not a host name", origin)
		}
		h.origins[i] = strings.ToLower(origin)
	}
	return h, nil
}

// The header fields of the abuse protection, in Go's spelling.
const (
	requestOrigin = "Webhook-Request-Origin"
	requestRate   = "Webhook-Request-Rate"
	allowedOrigin = "Webhook-Allowed-Origin"
	allowedRate   = "Webhook-Allowed-Rate"
)

func (h *cloudEventsHandshake) respond(_ context.Context, _ verify.Verifier, r *verify.Request, _ time.Time) (*verify.Response, error) {
	if r.Method != http.MethodOptions || len(r.Header[requestOrigin]) == 0 {
		return nil, nil
	}
	origin, err := verify.HeaderValue(r.Header, requestOrigin)
	if err != nil {
		return respondStatus(http.StatusBadRequest), nil
	}
	rate, ok := h.allowedRate(r.Header)
	if !ok {
		return respondStatus(http.StatusBadRequest), nil
	}
	response := respondStatus(http.StatusOK)
	response.Header.Set("Allow", http.MethodPost)
	// Permission is withheld by saying nothing of it, not by the status.
	if i := slices.Index(h.origins, strings.ToLower(origin)); i >= 0 {
		response.Header.Set(allowedOrigin, h.origins[i])
		if rate > 0 {
			response.Header.Set(allowedRate, strconv.Itoa(rate))
		}
	}
	return response, nil
}

// allowedRate returns how many requests per minute are allowed, or 0 if the
// sender did not ask.
func (h *cloudEventsHandshake) allowedRate(header http.Header) (rate int, ok bool) {
	if len(header[requestRate]) == 0 {
		return 0, true
	}
	text, err := verify.HeaderValue(header, requestRate)
	if err != nil || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	requested, err := strconv.Atoi(text)
	if err != nil || requested == 0 {
		return 0, false
	}
	if h.rate > 0 {
		requested = min(requested, h.rate)
	}
	return requested, true
}

// Interface guard
var _ handshake = (*cloudEventsHandshake)(nil)
