package webhook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/relay/webhook"
)

func Example() {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.Method, r.Header.Get("webhook-id"), string(body))
		w.WriteHeader(http.StatusAccepted)
	}))
	defer receiver.Close()

	destination, err := webhook.New(webhook.Config{
		URL:   receiver.URL,
		Guard: webhook.Guard{AllowPrivate: true},
	})
	if err != nil {
		panic(err)
	}
	defer destination.CloseIdleConnections()

	result := destination.Deliver(context.Background(), &relay.Delivery{
		ID:      "d1",
		Attempt: 1,
		Event:   &relay.Event{Body: []byte(`{"hello":"world"}`)},
	})
	fmt.Println(result.Outcome == relay.Delivered, result.Status)
	// Output:
	// POST d1 {"hello":"world"}
	// true 202
}
