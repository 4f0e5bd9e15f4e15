package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/caddy-relay/caddy-relay/verify"
)

const (
	adyenItems     = "notificationItems"
	adyenItem      = "NotificationRequestItem"
	adyenSignature = "hmacSignature"
)

// adyen verifies Adyen's standard webhooks
// (https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures).
// Each event of a batch holds the HMAC-SHA-256, in base64, of eight of its
// members with colons in between, as they are: Adyen escapes nothing. All other
// members, and the rest of the body, are not signed. No time is signed either.
type adyen struct {
	scheme string
	macs   *macs
}

// newAdyen returns a verifier with keys in hexadecimal digits.
func newAdyen(scheme string, keys ...string) (*adyen, error) {
	if err := checkSecrets(keys); err != nil {
		return nil, err
	}
	secrets := make([]string, len(keys))
	for i, key := range keys {
		b, err := hex.DecodeString(key)
		if err != nil {
			return nil, fmt.Errorf("secret %d: not hexadecimal", i+1)
		}
		secrets[i] = string(b)
	}
	macs, err := newMACs(sha256.New, secrets...)
	if err != nil {
		return nil, err
	}
	return &adyen{scheme: scheme, macs: macs}, nil
}

// Verify implements [verify.Verifier]. All events of a batch must be signed; the
// identity's Key is that of the first. A single event has an ID and a Digest; of
// several, anybody who has seen them could make another batch. Adyen puts one
// into each.
func (v *adyen) Verify(_ context.Context, r *verify.Request, _ time.Time) (verify.Identity, error) {
	events, err := adyenEvents(r.Body)
	if err != nil {
		return verify.Identity{}, err
	}
	identity := verify.Identity{Scheme: v.scheme}
	all := true
	for i := range events {
		found, err := v.match(&events[i])
		if err != nil {
			return verify.Identity{}, err
		}
		all = all && found.key != 0
		if i == 0 {
			identity.Key, identity.Digest = found.key, found.digest
		}
	}
	if !all {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonMismatch, Field: adyenSignature}
	}
	if len(events) == 1 {
		identity.ID, identity.IDSigned = events[0].id()
	} else {
		identity.Digest = [sha256.Size]byte{}
	}
	return identity, nil
}

// match looks for the secret that an event was signed with.
func (v *adyen) match(e *adyenEvent) (match, error) {
	text, err := requiredString(e.signature, adyenSignature)
	if err != nil {
		return match{}, err
	}
	var signature [sha256.Size]byte
	if !decodeBase64(signature[:], text) {
		return match{}, &verify.Error{Reason: verify.ReasonMalformed, Field: adyenSignature}
	}
	var found match
	v.macs.compare(&found, e.content(), signature[:])
	return found, nil
}

// Sign implements [verify.Signer]. It puts the signature into each event of the
// body.
func (v *adyen) Sign(r *verify.Request, _ time.Time) error {
	events, err := adyenEvents(r.Body)
	if err != nil {
		return err
	}
	for i := range events {
		path := strings.Join([]string{adyenItems, strconv.Itoa(i), adyenItem, "additionalData", adyenSignature}, ".")
		signature := strictBase64.EncodeToString(v.macs.sign(nil, events[i].content()))
		if r.Body, err = sjson.SetBytes(r.Body, path, signature); err != nil {
			return errors.New("the signature can't be put into the body")
		}
	}
	return nil
}

// adyenEvent is an event of a batch: what is signed of it, in the order in which
// it is, and its signature.
type adyenEvent struct {
	signed    [8]string
	signature gjson.Result
}

// adyenMembers are the members that are signed. Two more are in the amount.
var adyenMembers = [8]string{
	"pspReference", "originalReference", "merchantAccountCode", "merchantReference", "value", "currency", "eventCode", "success",
}

// adyenEvents reads a batch, which must not be empty.
func adyenEvents(body []byte) ([]adyenEvent, error) {
	root, err := parseJSON(body)
	if err != nil {
		return nil, err
	}
	values, err := members(root, "body", adyenItems)
	if err != nil {
		return nil, err
	}
	elements, err := items(values[0], adyenItems)
	if err != nil {
		return nil, err
	}
	events := make([]adyenEvent, len(elements))
	for i, element := range elements {
		item, err := members(element, adyenItems, adyenItem)
		if err != nil {
			return nil, err
		}
		if err := events[i].read(item[0]); err != nil {
			return nil, err
		}
	}
	return events, nil
}

func (e *adyenEvent) read(item gjson.Result) error {
	values, err := members(item, adyenItem, "additionalData", "amount",
		"pspReference", "originalReference", "merchantAccountCode", "merchantReference", "eventCode", "success")
	if err != nil {
		return err
	}
	if values[0].Exists() {
		additional, err := members(values[0], "additionalData", adyenSignature)
		if err != nil {
			return err
		}
		e.signature = additional[0]
	}
	var value, currency gjson.Result
	if values[1].Exists() {
		amount, err := members(values[1], "amount", "value", "currency")
		if err != nil {
			return err
		}
		value, currency = amount[0], amount[1]
	}
	return e.set([8]gjson.Result{values[2], values[3], values[4], values[5], value, currency, values[6], values[7]})
}

// set takes over the signed members. What is absent is signed as empty. Only the
// merchant's reference may have colons in it, which leaves one way to tell the
// eight apart.
func (e *adyenEvent) set(values [8]gjson.Result) error {
	for i, value := range values {
		name, text := adyenMembers[i], value.Str
		switch {
		case name == "value" && value.Type == gjson.Number && isInteger(value.Raw):
			text = value.Raw
		case name == "success" && value.IsBool():
			text = value.Raw
		case value.Exists() && (value.Type != gjson.String || name == "value"):
			return &verify.Error{Reason: verify.ReasonMalformed, Field: name}
		}
		if name != "merchantReference" && strings.Contains(text, ":") {
			return &verify.Error{Reason: verify.ReasonMalformed, Field: name}
		}
		e.signed[i] = text
	}
	return nil
}

// isInteger reports whether the number is an integer, without fraction and
// exponent, which others might print in another way.
func isInteger(number string) bool { return !strings.ContainsAny(number, ".eE") }

func (e *adyenEvent) content() []byte { return []byte(strings.Join(e.signed[:], ":")) }

// id returns what Adyen tells to recognize repeats by, together with the
// outcome, which may change.
// https://docs.adyen.com/development-resources/webhooks/handle-webhook-events
func (e *adyenEvent) id() (id string, ok bool) {
	reference, event, success := e.signed[0], e.signed[6], e.signed[7]
	if reference == "" || event == "" {
		return "", false
	}
	return reference + ":" + event + ":" + success, true
}

var (
	_ verify.Verifier = (*adyen)(nil)
	_ verify.Signer   = (*adyen)(nil)
)
