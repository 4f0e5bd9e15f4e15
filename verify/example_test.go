package verify_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

func Example() {
	config := verify.SignatureConfig{
		Scheme:    "github",
		Signature: verify.Selector{Headers: []string{"X-Hub-Signature-256"}, Prefix: "sha256="},
		ID:        &verify.Selector{Headers: []string{"X-GitHub-Delivery"}},
	}
	// Two secrets, so that the sender can change from one to the other.
	verifier, err := verify.NewSignature(config, "It's a Secret to Everybody", "the next one")
	if err != nil {
		panic(err)
	}
	request := &verify.Request{
		Method: http.MethodPost,
		Header: http.Header{
			"X-Hub-Signature-256": {"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
			"X-Github-Delivery":   {"72d3162e-cc78-11e3-81ab-4c9367dc0958"},
		},
		Body: []byte("Hello, World!"),
	}
	identity, err := verifier.Verify(context.Background(), request, time.Now())
	fmt.Println(identity.Scheme, identity.ID, identity.Key, err)

	request.Body = []byte("Hello, World?")
	_, err = verifier.Verify(context.Background(), request, time.Now())
	fmt.Println(err)
	// Output:
	// github 72d3162e-cc78-11e3-81ab-4c9367dc0958 1 <nil>
	// signature_mismatch
}
