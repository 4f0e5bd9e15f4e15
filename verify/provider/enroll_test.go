package provider

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

const asanaSecret = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"

func buildAsana(secrets ...string) (verify.Verifier, error) {
	return verify.NewSignature(verify.SignatureConfig{Scheme: "asana", Signature: inField(hookSignature)}, secrets...)
}

func newEnrollment(t testing.TB, file string) *enrollment {
	t.Helper()
	e, err := newAsanaEnrollment(file, handshakeTime, time.Minute, buildAsana)
	require.NoError(t, err)
	return e
}

// asanaEvent is an event signed with a secret.
func asanaEvent(t testing.TB, secret string) *verify.Request {
	return signed(t, signatureVerifier(t, verify.SignatureConfig{Signature: inField(hookSignature)}, secret), post(`{"events":[]}`))
}

func enroll(secret string) *verify.Request { return post("", hookSecret, secret) }

// status is what a request is answered with some time after the window opened.
func (e *enrollment) status(t testing.TB, r *verify.Request, after time.Duration) int {
	t.Helper()
	return answer(t, e, e, r, handshakeTime.Add(after)).Status
}

func TestEnrollment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "asana")
	e := newEnrollment(t, file)
	require.NoFileExists(t, file)
	require.Equal(t, http.StatusUnauthorized, e.status(t, asanaEvent(t, asanaSecret), 0))

	got := answer(t, e, e, enroll(asanaSecret), handshakeTime.Add(time.Minute))
	require.Equal(t, &verify.Response{Status: http.StatusOK, Header: http.Header{hookSecret: {asanaSecret}}}, got)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, asanaSecret+"\n", string(b))
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, entries, 1)

	identity, err := e.Verify(t.Context(), asanaEvent(t, asanaSecret), handshakeTime)
	require.NoError(t, err)
	require.Equal(t, "asana", identity.Scheme)
	require.Equal(t, http.StatusUnauthorized, e.status(t, asanaEvent(t, "other"), 0))

	// Neither another secret nor the same is taken now, nor after a reload,
	// which opens no window.
	reloaded := newEnrollment(t, file)
	for _, e := range []*enrollment{e, reloaded} {
		require.Equal(t, http.StatusForbidden, e.status(t, enroll("other"), 0))
		require.Equal(t, http.StatusForbidden, e.status(t, enroll(asanaSecret), 0))
		require.Equal(t, http.StatusAccepted, e.status(t, asanaEvent(t, asanaSecret), 0))
		require.Equal(t, http.StatusUnauthorized, e.status(t, asanaEvent(t, "other"), 0))
	}
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, b, after)
}

// TestEnrollmentSigns has an enrollment do what its verifier can do.
func TestEnrollmentSigns(t *testing.T) {
	e := newEnrollment(t, filepath.Join(t.TempDir(), "asana"))
	r := post(`{"events":[]}`)
	require.ErrorIs(t, e.Sign(r, handshakeTime), errNotEnrolled)
	_, err := e.Verify(t.Context(), asanaEvent(t, asanaSecret), handshakeTime)
	hint, ok := verify.Explain(t.Context(), e, r, handshakeTime, err)
	require.True(t, ok)
	require.Contains(t, hint.Sentence, "No secret is known yet")

	require.Equal(t, http.StatusOK, e.status(t, enroll(asanaSecret), 0))
	require.NoError(t, e.Sign(r, handshakeTime))
	_, err = e.Verify(t.Context(), r, handshakeTime)
	require.NoError(t, err)
	r.Header[hookSignature] = []string{"sha256=" + r.Header[hookSignature][0]}
	_, err = e.Verify(t.Context(), r, handshakeTime)
	hint, ok = verify.Explain(t.Context(), e, r, handshakeTime, err)
	require.True(t, ok)
	require.Equal(t, verify.CausePrefix, hint.Cause)
}

func TestEnrollmentWindow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "asana")
	e := newEnrollment(t, file)
	require.Equal(t, http.StatusForbidden, e.status(t, enroll(asanaSecret), time.Minute+1))
	require.NoFileExists(t, file)

	e, err := newAsanaEnrollment(file, handshakeTime, 0, buildAsana)
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, e.status(t, enroll(asanaSecret), 10*time.Minute+1))
	require.Equal(t, http.StatusOK, e.status(t, enroll(asanaSecret), 10*time.Minute))
}

func TestRefusedEnrollments(t *testing.T) {
	file := filepath.Join(t.TempDir(), "asana")
	e := newEnrollment(t, file)
	for name, c := range map[string]struct {
		request *verify.Request
		status  int
	}{
		"empty":       {enroll(""), 400},
		"too long":    {enroll("x" + longest), 400},
		"characters":  {enroll("a b"), 400},
		"two secrets": {post("", hookSecret, "a", hookSecret, "a"), 400},
		"get":         {get("/in", hookSecret, "a"), 401},
		"event":       {post("{}", hookSecret, "a", hookSignature, "b"), 401},
	} {
		require.Equal(t, c.status, e.status(t, c.request, 0), name)
	}
	require.NoFileExists(t, file)
}

// TestEnrollmentsShareTheFile has two configurations during a reload, or two
// instances.
func TestEnrollmentsShareTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "asana")
	first, second, third := newEnrollment(t, file), newEnrollment(t, file), newEnrollment(t, file)
	require.Equal(t, http.StatusOK, first.status(t, enroll(asanaSecret), 0))
	require.Equal(t, http.StatusAccepted, second.status(t, asanaEvent(t, asanaSecret), 0))
	require.Equal(t, http.StatusForbidden, third.status(t, enroll("other"), 0))
	require.ErrorIs(t, createSecretFile(file, "other"), os.ErrExist)
	require.Equal(t, http.StatusAccepted, third.status(t, asanaEvent(t, asanaSecret), 0))
}

// TestConcurrentEnrollments lets one of many have its secret.
func TestConcurrentEnrollments(t *testing.T) {
	file := filepath.Join(t.TempDir(), "asana")
	enrollments := []*enrollment{newEnrollment(t, file), newEnrollment(t, file)}
	secrets := strings.Split("abcdefghijklmnop", "")
	accepted := make([]bool, len(secrets))
	var group sync.WaitGroup
	for i, secret := range secrets {
		group.Go(func() {
			response, err := enrollments[i%2].respond(context.Background(), nil, enroll(secret), handshakeTime)
			accepted[i] = err == nil && response.Status == http.StatusOK
		})
	}
	group.Wait()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	for i, secret := range secrets {
		require.Equal(t, string(b) == secret+"\n", accepted[i], secret)
	}
}

func TestRefusedEnrollmentConfigurations(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		return file
	}
	for message, file := range map[string]string{
		"no file for the secret": "",
		"no such file":           filepath.Join(dir, "missing", "asana"),
		"is no directory":        filepath.Join(write("file", "a"), "asana"),
		"empty holds no secret":  write("empty", ""),
		"blank holds no secret":  write("blank", "\n"),
		"two holds no secret":    write("two", "sEcReT\nsEcReT\n"),
		"large holds no secret":  write("large", strings.Repeat("sEcReT", 1000)),
		"reading the secret":     dir,
	} {
		_, err := newAsanaEnrollment(file, handshakeTime, 0, buildAsana)
		require.ErrorContains(t, err, message)
		require.NotContains(t, err.Error(), "sEcReT")
	}
	_, err := newAsanaEnrollment(filepath.Join(dir, "new"), handshakeTime, -1, buildAsana)
	require.ErrorContains(t, err, "negative")
	broken := func(...string) (verify.Verifier, error) { return nil, errors.New("broken") }
	_, err = newAsanaEnrollment(write("good", "a"), handshakeTime, 0, broken)
	require.ErrorContains(t, err, "broken")
}

// TestEnrollmentNeedsTheFile refuses a secret that can't be kept, and takes one
// when it can.
func TestEnrollmentNeedsTheFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	require.NoError(t, os.Mkdir(dir, 0o700))
	e := newEnrollment(t, filepath.Join(dir, "asana"))
	require.NoError(t, os.Remove(dir))
	require.Equal(t, http.StatusServiceUnavailable, e.status(t, enroll(asanaSecret), 0))
	require.Equal(t, http.StatusUnauthorized, e.status(t, asanaEvent(t, asanaSecret), 0))
	_, err := e.respond(t.Context(), nil, enroll(asanaSecret), handshakeTime)
	require.NotContains(t, err.Error(), asanaSecret)
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.Equal(t, http.StatusOK, e.status(t, enroll(asanaSecret), 0))
}
