package jwt_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/jwt"
	"github.com/caddy-relay/caddy-relay/verify/token"
)

func Example() {
	v, err := jwt.New(jwt.Config{
		Algorithms: []jwt.Algorithm{"HS256"},
		Rules:      token.Rules{Issuers: []string{"Vonage"}},
		BodyHash:   &jwt.BodyHash{Hash: jwt.Hash{Claim: "payload_hash"}},
	}, "new secret", "old secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	r := &verify.Request{Method: http.MethodPost, Header: make(http.Header), Body: []byte(`{"text":"Hi"}`)}
	if err := v.Sign(r, time.Now()); err != nil {
		fmt.Println(err)
		return
	}
	identity, err := v.Verify(context.Background(), r, time.Now())
	fmt.Println(identity.Key, identity.Claims["iss"], err)

	r.Body = []byte(`{"text":"Ho"}`)
	_, err = v.Verify(context.Background(), r, time.Now())
	fmt.Println(err)
	// Output:
	// 1 Vonage <nil>
	// digest_mismatch: payload_hash
}
