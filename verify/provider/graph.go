package provider

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/tidwall/sjson"

	"github.com/caddy-relay/caddy-relay/verify"
)

const graphState = "clientState"

// graph verifies the change notifications of Microsoft Graph
// (https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks),
// each of which holds the secret that its subscription was made with. Nothing is
// signed, so whoever sees a notification can make others.
//
// The validationTokens of notifications with encrypted resource data are not
// looked at.
type graph struct {
	scheme string
	states [][sha256.Size]byte
	first  string // the first state, for signing
}

func newGraph(scheme string, clientStates ...string) (*graph, error) {
	if err := checkSecrets(clientStates); err != nil {
		return nil, err
	}
	v := &graph{scheme: scheme, first: clientStates[0]}
	for _, state := range clientStates {
		v.states = append(v.states, sha256.Sum256([]byte(state)))
	}
	return v, nil
}

// Verify implements [verify.Verifier]. All notifications of a batch must hold a
// secret; the identity's Key is that of the first.
func (v *graph) Verify(_ context.Context, r *verify.Request, _ time.Time) (verify.Identity, error) {
	body, err := parseJSON(r.Body)
	if err != nil {
		return verify.Identity{}, err
	}
	values, err := members(body, "body", "value")
	if err != nil {
		return verify.Identity{}, err
	}
	notifications, err := items(values[0], "value")
	if err != nil {
		return verify.Identity{}, err
	}
	identity := verify.Identity{Scheme: v.scheme}
	all := 1
	for i, notification := range notifications {
		state, err := members(notification, "value", graphState)
		if err != nil {
			return verify.Identity{}, err
		}
		text, err := requiredString(state[0], graphState)
		if err != nil {
			return verify.Identity{}, err
		}
		key := v.key(text)
		all &= 1 - subtle.ConstantTimeEq(int32(key), 0) //nolint:gosec // The key is small.
		if i == 0 {
			identity.Key = key
		}
	}
	if all == 0 {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonCredentials, Field: graphState}
	}
	return identity, nil
}

// key returns the position, from 1, of the secret that state is, or 0. Digests
// are compared, so that the time it takes says nothing of the length either.
func (v *graph) key(state string) int {
	digest, found := sha256.Sum256([]byte(state)), 0
	for i := range v.states {
		equal := subtle.ConstantTimeCompare(v.states[i][:], digest[:])
		found = subtle.ConstantTimeSelect(equal, i+1, found)
	}
	return found
}

// Sign implements [verify.Signer]. It puts the secret into each notification of
// the body.
func (v *graph) Sign(r *verify.Request, _ time.Time) error {
	body, err := parseJSON(r.Body)
	if err != nil {
		return err
	}
	values, err := members(body, "body", "value")
	if err != nil {
		return err
	}
	notifications, err := items(values[0], "value")
	if err != nil {
		return err
	}
	for i := range notifications {
		path := fmt.Sprintf("value.%d.%s", i, graphState)
		if r.Body, err = sjson.SetBytes(r.Body, path, v.first); err != nil {
			return fmt.Errorf("putting the client state into the body: %w", err)
		}
	}
	return nil
}

var (
	_ verify.Verifier = (*graph)(nil)
	_ verify.Signer   = (*graph)(nil)
)
