package fetch_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify/fetch"
)

// server answers on paths that are named after what they do.
func server(t *testing.T) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/document", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("0123456789"))
	})
	mux.HandleFunc("/chunked", func(w http.ResponseWriter, _ *http.Request) {
		for range 1000 {
			_, _ = w.Write([]byte("0123456789"))
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/document", http.StatusFound)
	})
	mux.HandleFunc("/created", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
	mux.HandleFunc("/error", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "sEcReT", http.StatusInternalServerError)
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("01234"))
	})
	s := httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestGet(t *testing.T) {
	s := server(t)
	client := &fetch.Client{HTTP: s.Client()}
	for target, message := range map[string]string{
		s.URL + "/document?sEcReT": "",
		s.URL + "/chunked":         "larger than 10 bytes",
		s.URL + "/redirect":        "status 302",
		s.URL + "/created":         "status 201",
		s.URL + "/error":           "status 500",
		s.URL + "/cut":             "unexpected EOF",
		s.URL + "/#sEcReT":         "fragment",
		"https://sEcReT@127.0.0.1": "user name",
		"https:///sEcReT":          "no host",
		"http://sEcReT/":           "https://",
		"file:///sEcReT":           "https://",
		"https://a:sEcReT/":        "malformed",
		"https://127.0.0.1:1/s":    "refused",
	} {
		body, err := client.Get(t.Context(), target, 10)
		if message == "" {
			require.NoError(t, err)
			require.Equal(t, "0123456789", string(body))
			continue
		}
		require.ErrorContains(t, err, message, target)
		require.NotContains(t, err.Error(), "sEcReT")
		require.NotContains(t, err.Error(), "127.0.0.1:1/", "the URL may hold a secret")
		require.Nil(t, body)
	}
	_, err := client.Get(t.Context(), s.URL+"/document", 9)
	require.EqualError(t, err, "the answer is larger than 9 bytes")
	require.NoError(t, client.CheckURL("https://example.com/keys"))
	require.Error(t, client.CheckURL("http://example.com/keys"))
	require.EqualError(t, client.CheckURL("https://a:sEcReT/"), "the url is malformed")
}

func TestAllowHTTP(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	client := &fetch.Client{HTTP: s.Client(), AllowHTTP: true}
	require.NoError(t, client.CheckURL(s.URL))
	_, err := client.Get(t.Context(), s.URL, 10)
	require.EqualError(t, err, "answered with status 404, not 200")
	require.Error(t, client.CheckURL("ftp://example.com/"))
}

// TestSlowAnswer checks that a server that sends a byte now and then is given
// up on, and that the caller may give up earlier.
func TestSlowAnswer(t *testing.T) {
	for name, tt := range map[string]struct{ patience, want time.Duration }{
		"the client's limit": {time.Hour, 10 * time.Second},
		"the caller's limit": {3 * time.Second, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := &fetch.Client{HTTP: &http.Client{Transport: drip{}}}
				ctx, cancel := context.WithTimeout(t.Context(), tt.patience)
				defer cancel()
				start := time.Now()
				_, err := client.Get(ctx, "https://example.com/", 1<<20)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, tt.want, time.Since(start))
			})
		})
	}
}

// drip answers with one byte a second, without an end.
type drip struct{}

func (drip) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, ContentLength: -1, Body: dripBody{r.Context()}}, nil
}

type dripBody struct{ ctx context.Context }

func (b dripBody) Read(p []byte) (int, error) {
	select {
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	case <-time.After(time.Second):
		return copy(p, "x"), nil
	}
}

func (dripBody) Close() error { return nil }

func TestNewHTTPClient(t *testing.T) {
	s := server(t)
	t.Setenv("HTTPS_PROXY", "http://192.0.2.1:3128")
	var dialed []string
	forbidden := errors.New("no such address")
	client := fetch.NewHTTPClient(func(_ context.Context, _, address string, _ syscall.RawConn) error {
		dialed = append(dialed, address)
		return forbidden
	})
	_, err := (&fetch.Client{HTTP: client}).Get(t.Context(), s.URL, 10)
	require.ErrorIs(t, err, forbidden)
	require.Equal(t, []string{strings.TrimPrefix(s.URL, "https://")}, dialed, "no proxy is asked")

	client = fetch.NewHTTPClient(nil)
	_, err = (&fetch.Client{HTTP: client}).Get(t.Context(), s.URL+"/document", 10)
	require.ErrorAs(t, err, new(*tls.CertificateVerificationError))

	s = httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	s.StartTLS()
	defer s.Close()
	_, err = (&fetch.Client{HTTP: client}).Get(t.Context(), s.URL, 10)
	require.ErrorContains(t, err, "protocol version")
}
