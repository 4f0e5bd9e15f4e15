package provider

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// defaultEnrollmentWindow is time enough to make a webhook by hand after the
// configuration is loaded.
const defaultEnrollmentWindow = 10 * time.Minute

// enrollment is a verifier that learns its secret from the sender: Asana chooses
// one when a webhook is made, and says it in the X-Hook-Secret header field of
// the first request, which must be echoed.
// https://developers.asana.com/docs/webhooks-guide#the-webhook-handshake
//
// Nobody signs that request, so whoever comes first chooses the secret. This is
// why it is taken only while a window is open, and only if there is no secret
// yet. It is kept in a file, which must be deleted before another webhook can
// be made, and which belongs to one webhook. The window opens anew when the
// configuration is loaded again, but as soon as there is a file it is closed
// for good.
//
// An enrollment is safe for concurrent use.
type enrollment struct {
	file   string
	closes time.Time
	build  func(secrets ...string) (verify.Verifier, error)
	// learning makes sure that one handshake is answered only.
	learning sync.Mutex
	// verifier is nil until a secret is known.
	verifier atomic.Pointer[verify.Verifier]
}

// newAsanaEnrollment returns an enrollment that keeps its secret in a file and
// makes its verifier with build. The window is open from opens on; 0 is 10
// minutes. The file is read if there is one; it and its directory are changed
// only by a handshake.
func newAsanaEnrollment(
	file string, opens time.Time, window time.Duration, build func(secrets ...string) (verify.Verifier, error),
) (*enrollment, error) {
	if window == 0 {
		window = defaultEnrollmentWindow
	}
	if window < 0 {
		return nil, fmt.Errorf("negative enrollment window %s", window)
	}
	if err := checkSecretFile(file); err != nil {
		return nil, err
	}
	e := &enrollment{file: file, closes: opens.Add(window), build: build}
	if _, err := e.load(); err != nil {
		return nil, err
	}
	return e, nil
}

// load returns the verifier, made of the secret in the file if need be, or nil
// if there is none.
func (e *enrollment) load() (verify.Verifier, error) {
	if v := e.verifier.Load(); v != nil {
		return *v, nil
	}
	secret, err := readSecretFile(e.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v, err := e.build(secret)
	if err != nil {
		return nil, err
	}
	e.verifier.Store(&v)
	return v, nil
}

// Verify implements [verify.Verifier]. As long as no secret is known it looks
// for the file each time: another instance, or the configuration before this
// one, may have had the handshake.
func (e *enrollment) Verify(ctx context.Context, r *verify.Request, now time.Time) (verify.Identity, error) {
	v, err := e.load()
	switch {
	case err != nil:
		return verify.Identity{}, err
	case v == nil:
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonKey}
	}
	return v.Verify(ctx, r, now)
}

var errNotEnrolled = errors.New("no secret is known yet: it comes when the webhook is made")

// Sign implements [verify.Signer], as soon as a secret is known.
func (e *enrollment) Sign(r *verify.Request, now time.Time) error {
	v, err := e.load()
	if err != nil {
		return err
	}
	signer, ok := v.(verify.Signer)
	if !ok {
		return errNotEnrolled
	}
	return signer.Sign(r, now)
}

// Explain implements [verify.Explainer].
func (e *enrollment) Explain(ctx context.Context, r *verify.Request, now time.Time, refused *verify.Error) (verify.Hint, bool) {
	v, err := e.load()
	if err != nil {
		return verify.Hint{}, false
	}
	if v == nil {
		return verify.Hint{
			Cause: verify.Cause(verify.ReasonKey), Sentence: "No secret is known yet: it comes when the webhook is made, which must be while the window is open.",
		}, true
	}
	x, ok := v.(verify.Explainer)
	if !ok {
		return verify.Hint{}, false
	}
	return x.Explain(ctx, r, now, refused)
}

const (
	hookSecret    = "X-Hook-Secret"    //nolint:gosec // A name, no credential.
	hookSignature = "X-Hook-Signature" // what events have instead
)

func (e *enrollment) respond(_ context.Context, _ verify.Verifier, r *verify.Request, now time.Time) (*verify.Response, error) {
	if r.Method != http.MethodPost || len(r.Header[hookSecret]) == 0 || len(r.Header[hookSignature]) > 0 {
		return nil, nil
	}
	secret, err := verify.HeaderValue(r.Header, hookSecret)
	if err != nil || !isToken(secret, maxToken) {
		return respondStatus(http.StatusBadRequest), nil
	}
	if now.After(e.closes) {
		return nil, refused(hookSecret)
	}
	if err := e.learn(secret); err != nil {
		return nil, err
	}
	response := respondStatus(http.StatusOK)
	response.Header.Set(hookSecret, secret)
	return response, nil
}

// learn makes a secret durable and verifies with it from then on, unless there
// is one already.
func (e *enrollment) learn(secret string) error {
	e.learning.Lock()
	defer e.learning.Unlock()
	switch known, err := e.load(); {
	case err != nil:
		return err
	case known != nil:
		return refused(hookSecret)
	}
	v, err := e.build(secret)
	if err != nil {
		return err
	}
	err = createSecretFile(e.file, secret)
	if errors.Is(err, fs.ErrExist) {
		return refused(hookSecret)
	}
	if err != nil {
		return err
	}
	e.verifier.Store(&v)
	return nil
}

// Interface guards
var (
	_ verify.Verifier  = (*enrollment)(nil)
	_ verify.Signer    = (*enrollment)(nil)
	_ verify.Explainer = (*enrollment)(nil)
	_ handshake        = (*enrollment)(nil)
)
