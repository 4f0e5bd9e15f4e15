package provider

import (
	"context"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// plivoV2 verifies the signatures that Plivo makes of the URL and a nonce.
type plivoV2 struct{ *verify.Signature }

func newPlivoV2(header string, authTokens ...string) (*plivoV2, error) {
	v, err := verify.NewSignature(verify.SignatureConfig{
		Signature: listed(header, ",", ""), Encoding: verify.Base64, Signed: "{url.noquery}{nonce}", Nonce: new(headers("X-Plivo-Signature-V2-Nonce")),
	}, authTokens...)
	return &plivoV2{v}, err
}

// Verify implements [verify.Verifier]. Plivo signs the URL as it was given to it,
// so if that has no path, what it requests and what it signs differ by a slash.
func (v *plivoV2) Verify(ctx context.Context, r *verify.Request, now time.Time) (verify.Identity, error) {
	identity, err := v.Signature.Verify(ctx, r, now)
	if err == nil || r.Path() != "/" {
		return identity, err
	}
	withoutPath := *r
	withoutPath.Target = ""
	if identity, err := v.Signature.Verify(ctx, &withoutPath, now); err == nil {
		return identity, nil
	}
	return verify.Identity{}, err
}
