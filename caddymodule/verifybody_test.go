package caddymodule

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"
)

func TestReadBody(t *testing.T) {
	for _, size := range []int{0, 1, 100, 4096, 4097, 65535, 65536, 65537, 200_000} {
		body := strings.Repeat("x", size)
		for name, r := range map[string]*http.Request{
			"announced":   httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)),
			"unannounced": httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader(body))),
			"slow":        httptest.NewRequest(http.MethodPost, "/", iotest.OneByteReader(strings.NewReader(body))),
			"end at once": httptest.NewRequest(http.MethodPost, "/", iotest.DataErrReader(strings.NewReader(body))),
		} {
			got, err := readBody(r, 200_000)
			require.NoError(t, err, name)
			require.Equal(t, body, string(got), name)
			require.EqualValues(t, size, r.ContentLength)
			again, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			require.Equal(t, body, string(again), name)
			require.NoError(t, r.Body.Close())
		}
	}
}

func TestReadBodyIsShared(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("hello"))
	first, err := readBody(r, 5)
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, r.Body, 3)
	require.NoError(t, err)
	second, err := readBody(r, 5)
	require.NoError(t, err)
	require.Equal(t, "hello", string(second))
	require.Same(t, &first[0], &second[0])
	rest, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, "hello", string(rest))
	_, err = readBody(r, 4)
	requireStatus(t, http.StatusRequestEntityTooLarge, err)
}

func TestReadBodyChunked(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("hello")))
	r.TransferEncoding = []string{"chunked"}
	_, err := readBody(r, 5)
	require.NoError(t, err)
	require.EqualValues(t, 5, r.ContentLength)
	require.Empty(t, r.TransferEncoding)
}

func TestReadNoBody(t *testing.T) {
	for _, body := range []io.ReadCloser{nil, http.NoBody} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Body = body
		got, err := readBody(r, 5)
		require.NoError(t, err)
		require.Empty(t, got)
		_, err = io.ReadAll(r.Body)
		require.NoError(t, err)
	}
}

func TestReadBodyErrors(t *testing.T) {
	broken := func(err error) io.Reader { return io.MultiReader(strings.NewReader("he"), iotest.ErrReader(err)) }
	guarded := caddyhttp.Error(http.StatusTeapot, errors.New("guarded"))
	tests := map[string]struct {
		body      io.Reader
		announced int64
		status    int
		reason    string
	}{
		"announced too large": {iotest.ErrReader(errors.New("must not be read")), 6, http.StatusRequestEntityTooLarge, "body_too_large"},
		"too large":           {strings.NewReader("hello!"), -1, http.StatusRequestEntityTooLarge, "body_too_large"},
		"larger than said":    {strings.NewReader("hello!"), 2, http.StatusRequestEntityTooLarge, "body_too_large"},
		"guard in front":      {broken(&http.MaxBytesError{Limit: 2}), -1, http.StatusRequestEntityTooLarge, "body_too_large"},
		"cut short":           {broken(io.ErrUnexpectedEOF), 5, http.StatusBadRequest, "body_unreadable"},
		"bad chunk":           {broken(errors.New("malformed chunked encoding")), -1, http.StatusBadRequest, "body_unreadable"},
		"too slow":            {broken(os.ErrDeadlineExceeded), 5, http.StatusRequestTimeout, "body_unreadable"},
		"handler error":       {broken(guarded), 5, http.StatusTeapot, "body_unreadable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", test.body)
			r.ContentLength = test.announced
			body, err := readBody(r, 5)
			requireStatus(t, test.status, err)
			require.Nil(t, body)
			require.EqualValues(t, test.reason, bodyReason(err))
		})
	}
}

func TestReadBodyPassesHandlerErrors(t *testing.T) {
	guarded := caddyhttp.Error(http.StatusTeapot, errors.New("guarded"))
	r := httptest.NewRequest(http.MethodPost, "/", iotest.ErrReader(guarded))
	_, err := readBody(r, 5)
	require.Equal(t, error(guarded), err)
}

func TestVerifyBodyLimit(t *testing.T) {
	h := newVerify(t, githubConfig)
	before := rejections(t, reasonBodyTooLarge)
	arrived, err := serve(httptest.NewRecorder(), githubRequest(strings.Repeat("x", 101)), h)
	requireStatus(t, http.StatusRequestEntityTooLarge, err)
	require.Nil(t, arrived)
	require.Equal(t, before+1, rejections(t, reasonBodyTooLarge))
	_, err = serve(httptest.NewRecorder(), githubRequest(strings.Repeat("x", 100)), h)
	require.NoError(t, err)
	require.EqualValues(t, 1<<20, newVerify(t, `{"scheme":{"name":"github","secrets":["s"]}}`).MaxBody)
}

// TestVerifyCredentialsBeforeBody checks that nobody without credentials can
// make the server read, and that who has them is not limited for no reason.
func TestVerifyCredentialsBeforeBody(t *testing.T) {
	for _, scheme := range []string{
		`{"name":"bearer","tokens":["t"],"query":"token"}`,
		`{"name":"basic","credentials":[{"username":"u","password":"p"}]}`,
	} {
		request := func(body io.Reader, password string) *http.Request {
			r := newRequest(http.MethodPost, "/", body)
			if strings.Contains(scheme, "basic") {
				r.SetBasicAuth("u", password)
			} else {
				r.Header.Set("Authorization", "Bearer "+strings.Replace(password, "p", "t", 1))
			}
			return r
		}
		unread := iotest.ErrReader(errors.New("must not be read"))
		free := newVerify(t, `{"scheme":`+scheme+`}`)
		limited := newVerify(t, `{"scheme":`+scheme+`,"max_body":5}`)
		for _, h := range []*Verify{free, limited} {
			_, err := serve(httptest.NewRecorder(), request(unread, "wrong"), h)
			requireStatus(t, http.StatusUnauthorized, err)
		}

		body := strings.NewReader(strings.Repeat("x", defaultMaxBody+1))
		r, err := serve(httptest.NewRecorder(), request(body, "p"), free)
		require.NoError(t, err)
		require.Equal(t, defaultMaxBody+1, body.Len(), "the body is the next handler's")
		require.NotNil(t, r.Body)
		require.Zero(t, free.MaxBody)

		_, err = serve(httptest.NewRecorder(), request(strings.NewReader("hello"), "p"), limited)
		require.NoError(t, err)
		r = request(strings.NewReader("hello!"), "p")
		_, err = serve(httptest.NewRecorder(), r, limited)
		requireStatus(t, http.StatusRequestEntityTooLarge, err)
		_, ok := verifiedIdentity(r)
		require.False(t, ok)
		require.Empty(t, expand(r, "{verify.scheme}"))
	}
}
