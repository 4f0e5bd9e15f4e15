package httpsig_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/httpsig"
)

func Example() {
	verifier, err := httpsig.New(httpsig.Config{
		Keys: []httpsig.Key{{ID: "partner", Algorithm: httpsig.HMACSHA256, Value: "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="}},
	})
	if err != nil {
		panic(err)
	}
	request := &verify.Request{
		Method: http.MethodPost, Scheme: "https", Host: "hooks.example.com", Target: "/partner",
		Body: []byte("Hello, World!"),
	}
	// The sender has the same key.
	if err := verifier.Sign(request, time.Now()); err != nil {
		panic(err)
	}
	identity, err := verifier.Verify(context.Background(), request, time.Now())
	fmt.Println(identity.Scheme, identity.Subject, err)

	request.Body = []byte("Hello, World?")
	_, err = verifier.Verify(context.Background(), request, time.Now())
	fmt.Println(err)
	// Output:
	// rfc9421 partner <nil>
	// digest_mismatch: Content-Digest
}
