package introspect_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/fetch"
	"github.com/caddy-relay/caddy-relay/verify/introspect"
)

func Example() {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"active":true,"scope":"events:write","sub":"partner"}`)
	}))
	defer server.Close()
	v, err := introspect.New(introspect.Config{
		Endpoint: server.URL,
		Client:   &fetch.Client{HTTP: server.Client()},
		ClientID: "hooks", ClientSecret: "secret",
		Scopes: []string{"events:write"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := &verify.Request{Header: http.Header{"Authorization": {"Bearer 2YotnFZFEjr1zCsicMWpAA"}}}
	identity, err := v.Verify(context.Background(), r, time.Now())
	fmt.Println(identity.Subject, err)
	// Output: partner <nil>
}
