package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/caddy-relay/caddy-relay/verify"
)

const anyConfig = `{"scheme":{"name":"any","schemes":[
	{"name":"github","secrets":["old","secret"]},
	{"name":"bearer","tokens":["one"],"query":"a"},
	{"name":"bearer","tokens":["two"],"query":"b"},
	{"name":"basic","credentials":[{"username":"relay","password":"p"}]}
]}}`

func TestAnyAcceptsWhatOneAccepts(t *testing.T) {
	h := newVerify(t, anyConfig)
	for name, tt := range map[string]struct {
		query         string
		header        []string
		scheme        string
		key           int
		keptQuery     string
		keptSubject   string
		refusedReason verify.Reason
	}{
		"the first":             {header: []string{"X-Hub-Signature-256", "sha256=" + sign("secret", "hello")}, scheme: "github", key: 2},
		"the second":            {header: []string{"Authorization", "Bearer one"}, scheme: "bearer", key: 1},
		"scrubbed by itself":    {query: "a=one", scheme: "bearer", key: 1},
		"scrubbed by the third": {query: "b=two&a", scheme: "bearer", key: 1, keptQuery: "a"},
		"the last":              {header: []string{"Authorization", "Basic cmVsYXk6cA=="}, scheme: "basic", key: 1, keptSubject: "relay"},
		"the first of two": {
			header: []string{"X-Hub-Signature-256", "sha256=" + sign("secret", "hello"), "Authorization", "Bearer one"}, scheme: "github", key: 2,
		},
		"nothing":                  {refusedReason: verify.ReasonMissing},
		"another signature":        {header: []string{"X-Hub-Signature-256", "sha256=" + sign("other", "hello")}, refusedReason: verify.ReasonMismatch},
		"another token":            {header: []string{"Authorization", "Bearer three"}, refusedReason: verify.ReasonCredentials},
		"another token in the URL": {query: "b=three", refusedReason: verify.ReasonCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			core, logs := zapobserver.New(zap.InfoLevel)
			h.logger = zap.New(core)
			w := httptest.NewRecorder()
			arrived, err := serve(w, newRequest(http.MethodPost, "/in?"+tt.query, strings.NewReader("hello"), tt.header...), h)
			if tt.refusedReason != "" {
				requireStatus(t, http.StatusUnauthorized, err)
				require.Equal(t, `Bearer, Basic realm="restricted", charset="UTF-8"`, w.Header().Get("WWW-Authenticate"))
				require.Equal(t, "any", logs.All()[0].ContextMap()["scheme"])
				require.Equal(t, string(tt.refusedReason), logs.All()[0].ContextMap()["reason"])
				return
			}
			require.NoError(t, err)
			identity, ok := verifiedIdentity(arrived)
			require.True(t, ok)
			require.Equal(t, tt.scheme, identity.Scheme)
			require.Equal(t, tt.key, identity.Key)
			require.Equal(t, tt.keptSubject, identity.Subject)
			require.Equal(t, tt.keptQuery, arrived.URL.RawQuery)
		})
	}
}

func TestAnyWithoutAnAnswer(t *testing.T) {
	unreachable := errors.New("connection refused")
	missing := &verify.Error{Reason: verify.ReasonMissing, Field: "X-A"}
	stale := &verify.Error{Reason: verify.ReasonStale, Field: "X-B"}
	mismatch := &verify.Error{Reason: verify.ReasonMismatch}
	for _, tt := range []struct {
		errs []error
		want error
	}{
		{[]error{missing, &verify.Error{Reason: verify.ReasonMissing, Field: "X-B"}}, missing},
		{[]error{missing, stale, mismatch}, stale},
		{[]error{mismatch, missing}, mismatch},
		{[]error{missing, unreachable, mismatch}, unreachable},
		{[]error{mismatch, unreachable}, unreachable},
	} {
		var s AnyScheme
		for _, err := range tt.errs {
			s.schemes = append(s.schemes, failing{err})
		}
		_, err := s.Verify(t.Context(), new(verify.Request), time.Time{})
		require.Equal(t, tt.want, err)

		s.schemes = append(s.schemes, challenging{})
		identity, accepted, err := s.choose(t.Context(), new(verify.Request), time.Time{})
		require.NoError(t, err, "one that could not decide does no harm to one that could")
		require.Equal(t, "challenging", identity.Scheme)
		require.Equal(t, len(tt.errs), accepted)
	}
}

// eager is a verifier with all that a scheme can have.
type eager struct {
	challenging
	body      bool
	tolerance time.Duration
}

func (e eager) NeedsBody() bool          { return e.body }
func (e eager) Tolerance() time.Duration { return e.tolerance }

func TestAnyHasTheAbilitiesOfItsSchemes(t *testing.T) {
	plain := failing{&verify.Error{Reason: verify.ReasonMismatch}} // needs the body
	none := eager{}
	for name, tt := range map[string]struct {
		schemes   []verify.Verifier
		body      bool
		tolerance time.Duration
	}{
		"plain":    {[]verify.Verifier{plain, plain}, true, 0},
		"none":     {[]verify.Verifier{none, none}, false, 0},
		"one each": {[]verify.Verifier{eager{body: true, tolerance: 1}, eager{tolerance: 2}, eager{tolerance: 1}}, true, 2},
		"last":     {[]verify.Verifier{none, plain}, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := AnyScheme{schemes: tt.schemes}
			require.Equal(t, tt.body, s.NeedsBody())
			require.Equal(t, tt.tolerance, s.Tolerance())
			require.Empty(t, s.WWWAuthenticate())
		})
	}
}

func TestAnyAnswersHandshakes(t *testing.T) {
	refused := &verify.Error{Reason: verify.ReasonHandshake}
	get := &verify.Request{Method: http.MethodGet, Target: "/?x=1"}
	for name, tt := range map[string]struct {
		schemes []verify.Verifier
		answer  string
		err     error
	}{
		"the only one that has them": {[]verify.Verifier{failing{}, challenging{}}, "x=1", nil},
		"after one that refuses":     {[]verify.Verifier{challenging{err: refused}, challenging{}}, "x=1", nil},
		"all refuse":                 {[]verify.Verifier{challenging{err: refused}, failing{refused}, challenging{err: refused}}, "", refused},
		"an event of the second":     {[]verify.Verifier{challenging{err: refused}, failing{}}, "", nil},
		"none has them":              {[]verify.Verifier{failing{}, failing{}}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := AnyScheme{schemes: tt.schemes}
			response, err := s.Handshake(t.Context(), get, time.Time{})
			require.Equal(t, tt.err, err)
			if tt.answer == "" {
				require.Nil(t, response)
				return
			}
			require.Equal(t, tt.answer, string(response.Body))
		})
	}
	response, err := (&AnyScheme{schemes: []verify.Verifier{challenging{}}}).Handshake(context.Background(), &verify.Request{Method: http.MethodPost}, time.Time{})
	require.NoError(t, err)
	require.Nil(t, response, "an event is no handshake")
}

// TestAnyTakesNoEventForAHandshake has events of one scheme that another would
// have to refuse as a handshake.
func TestAnyTakesNoEventForAHandshake(t *testing.T) {
	for scheme, request := range map[string]struct{ method, target, body string }{
		`{"name":"x","secrets":["s"]}`: {http.MethodPost, "/", "ping"},
		`{"name":"discord","secrets":["d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"]}`: {http.MethodPost, "/", `{"type":1}`},
		`{"name":"meta","secrets":["s"],"options":{"verify_token":["v"]}}`:                                  {http.MethodGet, "/?hub.id=1", ""},
		`{"name":"slack","secrets":["s"]}`:                                                                  {http.MethodPost, "/", `{"type":"url_verification"}`},
	} {
		h := newVerify(t, `{"scheme":{"name":"any","schemes":[`+scheme+`,{"name":"bearer","tokens":["t"]}]}}`)
		for token, refused := range map[string]bool{"t": false, "other": true} {
			r := newRequest(request.method, request.target, strings.NewReader(request.body), "Authorization", "Bearer "+token)
			next := answeringWith(http.StatusAccepted)
			w := httptest.NewRecorder()
			_, err := serve(w, r, h, next)
			if refused {
				require.Error(t, err, scheme)
				require.Zero(t, next.calls)
				continue
			}
			require.NoError(t, err, scheme)
			require.Equal(t, 1, next.calls)
			require.Equal(t, "bearer", expand(r, "{verify.scheme}"))
		}
	}
}

func TestRefusedAnyConfigs(t *testing.T) {
	const bearer = `{"name":"bearer","tokens":["sEcReT"]}`
	for config, message := range map[string]string{
		``:     "any needs from 2 to 16 schemes, not 0",
		bearer: "any needs from 2 to 16 schemes, not 1",
		strings.Repeat(bearer+",", maxAlternatives) + bearer:                 "not 17",
		bearer + `,{"name":"any","schemes":[` + bearer + `,` + bearer + `]}`: "any can't be an alternative of any",
		bearer + `,{"name":"github"}`:                                        "no secret",
		bearer + `,{"name":"nope"}`:                                          "unknown module: verify.schemes.nope",
	} {
		_, err := loadVerify(t, `{"scheme":{"name":"any","schemes":[`+config+`]}}`)
		require.ErrorContains(t, err, message)
		require.NotContains(t, err.Error(), "sEcReT")
	}
}
