package caddymodule

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/replay"
)

const onceConfig = `{"scheme":{"name":"github","secrets":["secret"]},"once":3600000000000}`

// answering is a handler that counts its calls and answers them in turn.
type answering struct {
	mu    sync.Mutex
	calls int
	with  func(call int, w http.ResponseWriter, r *http.Request) error
}

func (a *answering) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	a.mu.Lock()
	a.calls++
	call := a.calls
	a.mu.Unlock()
	return a.with(call, w, r)
}

func answeringWith(code int) *answering {
	return &answering{with: func(_ int, w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(code)
		return nil
	}}
}

// requireAnswer serves a request and checks the answer to it.
func requireAnswer(t *testing.T, r *http.Request, code int, duplicate bool, handlers ...caddyhttp.MiddlewareHandler) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	_, err := serve(w, r, handlers...)
	if err != nil {
		requireStatus(t, code, err)
	} else {
		require.Equal(t, code, w.Code)
	}
	require.Equal(t, duplicate, w.Header().Get("Relay-Duplicate") == "true")
	return w
}

func TestOnceRepeatsGetTheSameAnswer(t *testing.T) {
	h := newVerify(t, onceConfig)
	before := counted(t, repeatsTotal.WithLabelValues("github"))
	next := &answering{with: func(call int, w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Call", "first")
		w.WriteHeader(http.StatusCreated)
		_, err := io.WriteString(w, `{"ok":true}`)
		return errors.Join(err, http.NewResponseController(w).Flush())
	}}
	w := requireAnswer(t, githubRequest("hello"), http.StatusCreated, false, h, next)
	require.Equal(t, "first", w.Header().Get("X-Call"))

	again := githubRequest("hello")
	again.URL.Path, again.RequestURI = "/elsewhere", "/elsewhere?a=c"
	again.Header.Set("X-GitHub-Delivery", "another")
	w = requireAnswer(t, again, http.StatusCreated, true, h, next)
	require.Equal(t, `{"ok":true}`, w.Body.String())
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Empty(t, w.Header().Get("X-Call"))
	require.Equal(t, 1, next.calls)
	require.InDelta(t, before+1, counted(t, repeatsTotal.WithLabelValues("github")), 0)
	require.Equal(t, "another", expand(again, "{verify.id}"))

	requireAnswer(t, githubRequest("another"), http.StatusCreated, false, h, next)
	require.Equal(t, 2, next.calls)
}

func TestAnswerRecorderWaitsForTheAnswer(t *testing.T) {
	a := &answerRecorder{ResponseWriter: newDiscardingWriter()}
	for _, code := range []int{http.StatusContinue, http.StatusEarlyHints, http.StatusBadGateway, http.StatusOK} {
		a.WriteHeader(code)
	}
	require.Equal(t, http.StatusBadGateway, a.status)
	require.False(t, a.accepted())
}

func TestOnceGivesOnlySmallPlainBodiesAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		write func(w http.ResponseWriter) error
		code  int
		body  string
	}{
		"nothing": {func(http.ResponseWriter) error { return nil }, http.StatusOK, ""},
		"no content": {func(w http.ResponseWriter) error {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}, http.StatusNoContent, ""},
		"in pieces": {func(w http.ResponseWriter) error {
			_, err := io.Copy(w, io.MultiReader(strings.NewReader("one "), strings.NewReader("two")))
			return err
		}, http.StatusOK, "one two"},
		"long": {func(w http.ResponseWriter) error {
			for range replay.MaxBody + 1 {
				if _, err := io.WriteString(w, "x"); err != nil {
					return err
				}
			}
			return nil
		}, http.StatusOK, ""},
		"encoded": {func(w http.ResponseWriter) error {
			w.Header().Set("Content-Encoding", "gzip")
			_, err := io.WriteString(w, "zzz")
			return err
		}, http.StatusOK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newVerify(t, onceConfig)
			next := &answering{with: func(_ int, w http.ResponseWriter, _ *http.Request) error { return tt.write(w) }}
			requireAnswer(t, githubRequest("hello"), tt.code, false, h, next)
			w := requireAnswer(t, githubRequest("hello"), tt.code, true, h, next)
			require.Equal(t, tt.body, w.Body.String())
			require.Equal(t, 1, next.calls)
		})
	}
}

// TestOnceForgetsWhatWasNotAccepted has the first handler behind fail in many
// ways.
func TestOnceForgetsWhatWasNotAccepted(t *testing.T) {
	broken := errors.New("upstream is gone")
	for name, fail := range map[string]func(w http.ResponseWriter) error{
		"status 500":      func(w http.ResponseWriter) error { w.WriteHeader(http.StatusInternalServerError); return nil },
		"status 404":      func(w http.ResponseWriter) error { w.WriteHeader(http.StatusNotFound); return nil },
		"status 302":      func(w http.ResponseWriter) error { w.WriteHeader(http.StatusFound); return nil },
		"protocol switch": func(w http.ResponseWriter) error { w.WriteHeader(http.StatusSwitchingProtocols); return nil },
		"error":           func(http.ResponseWriter) error { return broken },
		"error after 2xx": func(w http.ResponseWriter) error { w.WriteHeader(http.StatusOK); return broken },
		"panic":           func(http.ResponseWriter) error { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newVerify(t, onceConfig)
			next := &answering{with: func(call int, w http.ResponseWriter, _ *http.Request) error {
				if call <= 2 {
					return fail(w)
				}
				w.WriteHeader(http.StatusAccepted)
				return nil
			}}
			for range 2 {
				func() {
					defer func() { _ = recover() }()
					w := httptest.NewRecorder()
					_, _ = serve(w, githubRequest("hello"), h, next)
					require.Empty(t, w.Header().Get("Relay-Duplicate"))
				}()
			}
			requireAnswer(t, githubRequest("hello"), http.StatusAccepted, false, h, next)
			requireAnswer(t, githubRequest("hello"), http.StatusAccepted, true, h, next)
			require.Equal(t, 3, next.calls)
		})
	}
}

// TestOnceForgetsWhatWasGivenUp has a handler that answers nothing since the
// client has gone.
func TestOnceForgetsWhatWasGivenUp(t *testing.T) {
	h := newVerify(t, onceConfig)
	r := githubRequest("hello")
	ctx, cancel := context.WithCancel(r.Context())
	next := &answering{with: func(call int, w http.ResponseWriter, _ *http.Request) error {
		if call == 1 {
			cancel()
			return nil
		}
		w.WriteHeader(http.StatusAccepted)
		return nil
	}}
	_, err := serve(httptest.NewRecorder(), r.WithContext(ctx), h, next)
	require.NoError(t, err)
	requireAnswer(t, githubRequest("hello"), http.StatusAccepted, false, h, next)
}

func TestOnceConcurrentRepeatsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newVerify(t, onceConfig)
		next := &answering{with: func(call int, w http.ResponseWriter, _ *http.Request) error {
			time.Sleep(time.Second)
			if call == 1 {
				w.WriteHeader(http.StatusBadGateway)
				return nil
			}
			w.WriteHeader(http.StatusAccepted)
			return nil
		}}
		codes := make(chan [2]int, 20)
		for range cap(codes) {
			go func() {
				w := httptest.NewRecorder()
				_, err := serve(w, githubRequest("hello"), h, next)
				if err != nil {
					t.Error(err)
				}
				codes <- [2]int{w.Code, len(w.Header()["Relay-Duplicate"])}
			}()
		}
		counts := make(map[[2]int]int)
		for range cap(codes) {
			counts[<-codes]++
		}
		require.Equal(t, map[[2]int]int{{502, 0}: 1, {202, 0}: 1, {202, 1}: 18}, counts)
		require.Equal(t, 2, next.calls)
	})
}

func TestOnceWaitsNoLongerThanTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newVerify(t, onceConfig)
		end := make(chan struct{})
		defer close(end)
		next := &answering{with: func(int, http.ResponseWriter, *http.Request) error {
			<-end
			return nil
		}}
		go func() { _, _ = serve(httptest.NewRecorder(), githubRequest("hello"), h, next) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := githubRequest("hello")
		w := requireAnswer(t, r.WithContext(mergedContext{r.Context(), ctx}), http.StatusServiceUnavailable, false, h, next)
		require.Equal(t, retryAfter, w.Header().Get("Retry-After"))
		require.Equal(t, 1, next.calls)
	})
}

// mergedContext has the values of one context and the end of another.
type mergedContext struct {
	context.Context
	end context.Context //nolint:containedctx // It is one itself.
}

func (c mergedContext) Done() <-chan struct{} { return c.end.Done() }
func (c mergedContext) Err() error            { return c.end.Err() }

// TestOnceDoesNotWaitForItself has a request pass the same guard twice.
func TestOnceDoesNotWaitForItself(t *testing.T) {
	outer, inner, next := newVerify(t, onceConfig), newVerify(t, onceConfig), answeringWith(http.StatusAccepted)
	require.Same(t, outer.once.guard, inner.once.guard)
	requireAnswer(t, githubRequest("hello"), http.StatusAccepted, false, outer, inner, next)
	requireAnswer(t, githubRequest("hello"), http.StatusAccepted, true, outer, inner, next)
	requireAnswer(t, githubRequest("hello"), http.StatusAccepted, true, inner, next)
	require.Equal(t, 1, next.calls)
}

func TestOnceWarnsOfTokens(t *testing.T) {
	const token, bound = `{"name":"jwt","secrets":["s"],"algorithms":["HS256"]}`, `{"name":"jwt","secrets":["s"],"algorithms":["HS256"],"body_hash":{"claim":"c"}}`
	for scheme, warnings := range map[string]int{
		token: 1, bound: 0,
		`{"name":"any","schemes":[` + token + `,` + bound + `]}`: 1,
		`{"name":"github","secrets":["s"]}`:                      0,
	} {
		h := newVerify(t, `{"scheme":`+scheme+`}`)
		core, logs := zapobserver.New(zap.WarnLevel)
		h.logger = zap.New(core)
		h.warnAboutTokens()
		require.Equal(t, warnings, logs.Len(), scheme)
	}
}

func TestOnceNeedsAReplayKey(t *testing.T) {
	h := newVerify(t, onceConfig)
	h.verifier = challenging{} // its identities have none
	before := rejections(t, verify.ReasonMissing)
	next := answeringWith(http.StatusOK)
	requireAnswer(t, githubRequest("hello"), http.StatusUnauthorized, false, h, next)
	require.InDelta(t, before+1, rejections(t, verify.ReasonMissing), 0)
	require.Zero(t, next.calls)
}

// TestOnceEndpoints checks who takes whose messages for repeats.
func TestOnceEndpoints(t *testing.T) {
	first := newVerify(t, onceConfig)
	requireAnswer(t, githubRequest("hello"), http.StatusOK, false, first, answeringWith(http.StatusOK))
	for config, same := range map[string]bool{
		onceConfig: true, // as after a reload
		`{"once":7200000000000, "max_body":100, "scheme":{"secrets": ["secret"], "name": "github"}}`: true,
		`{"scheme":{"name":"github","secrets":["secret"]},"once":3600000000000,"once_endpoint":"2"}`: false,
		`{"scheme":{"name":"github","secrets":["secret","other"]},"once":3600000000000}`:             false,
	} {
		next := answeringWith(http.StatusOK)
		requireAnswer(t, githubRequest("hello"), http.StatusOK, same, newVerify(t, config), next)
		require.Equal(t, same, next.calls == 0, config)
	}
}

func TestOnceIsForgottenWithTheLastConfig(t *testing.T) {
	h := newVerify(t, onceConfig)
	requireAnswer(t, githubRequest("hello"), http.StatusOK, false, h, answeringWith(http.StatusOK))
	require.NoError(t, h.Cleanup())
	require.NoError(t, h.Cleanup(), "once more does no harm")
	requireAnswer(t, githubRequest("hello"), http.StatusOK, true, h, answeringWith(http.StatusOK)) // a request still under way
	requireAnswer(t, githubRequest("hello"), http.StatusOK, false, newVerify(t, onceConfig), answeringWith(http.StatusOK))
}

// TestOnceTellsAlternativesApart checks that two senders can use the same ids.
func TestOnceTellsAlternativesApart(t *testing.T) {
	h := newVerify(t, `{"scheme":{"name":"any","schemes":[{"name":"github","secrets":["a"]},{"name":"github","secrets":["b"]}]},"once":3600000000000}`)
	var key [32]byte
	require.NotEqual(t, h.once.hash(0, key), h.once.hash(1, key))
	require.Equal(t, h.once.hash(1, key), h.once.hash(1, key))
}

func TestOnceWindow(t *testing.T) {
	const second, hour = "1000000000", "3600000000000"
	for config, window := range map[string]time.Duration{
		`{"scheme":{"name":"github","secrets":["s"]},"once":` + second + `}`:                                                              time.Second,
		`{"scheme":{"name":"stripe","secrets":["s"]},"once":` + second + `}`:                                                              10 * time.Minute, // twice the tolerance
		`{"scheme":{"name":"stripe","secrets":["s"]},"once":` + hour + `}`:                                                                time.Hour,
		`{"scheme":{"name":"any","schemes":[{"name":"github","secrets":["s"]},{"name":"stripe","secrets":["s"]}]},"once":` + second + `}`: 10 * time.Minute,
	} {
		require.Equal(t, window, time.Duration(newVerify(t, config).once.window.Load()), config)
	}
}

func TestOnceFull(t *testing.T) {
	h := newVerify(t, onceConfig)
	for n := uint64(0); ; n++ {
		var key replay.Key
		binary.BigEndian.PutUint64(key[:], n)
		turn, _, err := h.once.guard.Begin(t.Context(), key)
		if errors.Is(err, replay.ErrFull) {
			break
		}
		h.once.guard.Accept(turn, replay.Answer{Status: http.StatusOK}, time.Hour, false)
	}
	before := rejections(t, reasonGuardFull)
	next := answeringWith(http.StatusOK)
	w := requireAnswer(t, githubRequest("hello"), http.StatusServiceUnavailable, false, h, next)
	require.Equal(t, retryAfter, w.Header().Get("Retry-After"))
	require.InDelta(t, before+1, rejections(t, reasonGuardFull), 0)
	require.Zero(t, next.calls)
}

func TestRefusedOnceConfigs(t *testing.T) {
	for config, message := range map[string]string{
		`{"scheme":{"name":"bearer","tokens":["t"]},"once":1}`:                                                              "once: the scheme bearer does not tell one message from another",
		`{"scheme":{"name":"basic","credentials":[{"username":"u","password":"p"}]},"once":1}`:                              "once: the scheme basic does not tell",
		`{"scheme":{"name":"any","schemes":[{"name":"github","secrets":["s"]},{"name":"bearer","tokens":["t"]}]},"once":1}`: "once: the scheme bearer does not tell",
		`{"scheme":{"name":"client_ip","ranges":["192.0.2.0/24"]},"once":1}`:                                                "once: the scheme client_ip does not tell",
		`{"scheme":{"name":"github","secrets":["s"]},"once":-1}`:                                                            "negative once",
		`{"scheme":{"name":"github","secrets":["s"]},"once_endpoint":"x"}`:                                                  "once_endpoint without once",
	} {
		_, err := loadVerify(t, config)
		require.ErrorContains(t, err, message, config)
	}
}
