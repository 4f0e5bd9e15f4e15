package fetch_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/caddy-relay/caddy-relay/verify/fetch"
)

func Example() {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"keys":[]}`)
	}))
	defer server.Close()
	client := &fetch.Client{HTTP: server.Client()}
	document, err := client.Get(context.Background(), server.URL, 100)
	fmt.Println(string(document), err)
	_, err = client.Get(context.Background(), server.URL, 5)
	fmt.Println(err)
	// Output:
	// {"keys":[]} <nil>
	// the answer is larger than 5 bytes
}
