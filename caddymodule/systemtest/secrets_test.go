package systemtest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/peertest"
)

// secrets are the values that must not be seen outside of the process, other
// than in requests of those who know them. The keys are names of variables or
// files.
var secrets = map[string]string{
	"IN_BEARER":   "inbound-bearer-5ecre7",
	"IN_QUERY":    "inbound-query-5ecre7",
	"IN_PASSWORD": "inbound-password-5ecre7",
	"IN_HMAC":     "inbound-hmac-5ecre7",
	"OUT_BEARER":  "outbound-bearer-5ecre7",
	"OUT_HEADER":  "outbound-header-5ecre7",
	"OUT_QUERY":   "outbound-query-5ecre7",
	"OUT_SIGN":    "whsec_b3V0Ym91bmQtc2lnbmluZy01ZWNyZTc=",
	"NOT_BASE64":  "whsec_outbound-broken-5ecre7!",
	"password":    "outbound-password-5ecre7",
}

// traces returns the secrets in the forms that they could be seen in.
func traces() map[string]string {
	forms := make(map[string]string)
	for name, secret := range secrets {
		forms[name] = secret
		forms[name+" in hex"] = hex.EncodeToString([]byte(secret))
	}
	for _, name := range []string{"IN_PASSWORD", "password"} {
		forms[name+" in Authorization"] = base64.StdEncoding.EncodeToString([]byte("user:" + secrets[name]))
	}
	forms["OUT_SIGN without prefix"] = strings.TrimPrefix(secrets["OUT_SIGN"], "whsec_")
	forms["OUT_SIGN decoded"] = "outbound-signing-5ecre7"
	return forms
}

func requireNoSecrets(t *testing.T, where string, text []byte) {
	t.Helper()
	for name, form := range traces() {
		require.False(t, bytes.Contains(text, []byte(form)), "%s has the secret %s", where, name)
	}
}

// TestSecretsStaySecret takes a config full of secrets through all that can
// happen, with everything logged, and looks for them wherever users look.
func TestSecretsStaySecret(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	passwordFile := filepath.Join(c.dir, "password")
	require.NoError(t, os.WriteFile(passwordFile, []byte(secrets["password"]+"\n"), 0o600))
	for name, value := range secrets {
		c.env = append(c.env, name+"="+value)
	}
	// The whole URL is a secret: paths and queries of URLs often hold keys.
	c.env = append(c.env, "URL="+sink.URL+"/"+secrets["OUT_QUERY"]+"?key="+secrets["OUT_QUERY"])
	c.env = append(c.env, "REFUSED_URL=http://"+peertest.FreeAddress(t)+"/?key="+secrets["OUT_QUERY"])
	c.env = append(c.env, "UNKNOWN_URL=http://nowhere.invalid/"+secrets["OUT_QUERY"])
	destination := func(name, url, options string) string {
		return fmt.Sprintf("destination %s webhook %s {\nallow_private\nretry {\nattempts 2\nevery 10ms\n}\n%s\n}\n", name, url, options)
	}
	options := `bearer {env.OUT_BEARER}
		header X-Api-Key {env.OUT_HEADER}
		sign standard_webhooks {env.OUT_SIGN}`
	relay := destination("sink", "{env.URL}", options) +
		destination("refused", "{env.REFUSED_URL}", options) +
		destination("unknown", "{env.UNKNOWN_URL}", fmt.Sprintf("basic_auth user {file.%s}", passwordFile))
	site := `log {
		format filter {
			request>uri query {
				delete access_token
			}
		}
	}
	route /query {
		verify bearer {env.IN_QUERY} {
			query access_token
		}
		relay query {
			to sink
			respond accepted 202 "{event.query.a}{event.query.access_token}{http.request.uri}"
		}
	}
	route /bearer {
		verify bearer {env.IN_BEARER}
		relay bearer {
			to sink refused unknown
			respond accepted 202 "{event.id} {event.body}"
		}
	}
	route /basic {
		verify basic user {env.IN_PASSWORD}
		relay basic {
			to sink
		}
	}
	route /hmac {
		verify hmac {env.IN_HMAC} {
			algorithm sha256
			header X-Signature
			encoding hex
			signed "{body}"
		}
		relay hmac {
			to sink
		}
	}`
	c.configure(t, relay, site)
	c.start(t)
	arrived := offerSecrets(t, c)
	requireArrived(t, sink, arrived)
	delivered := sink.of(arrived[0])[0]
	require.Equal(t, "Bearer "+secrets["OUT_BEARER"], delivered.header.Get("Authorization"))
	require.Equal(t, secrets["OUT_HEADER"], delivered.header.Get("X-Api-Key"))
	require.Equal(t, "/"+secrets["OUT_QUERY"], delivered.path)
	for _, name := range []string{"refused", "unknown"} {
		waitFor(t, "a dead letter", func() bool {
			return c.metric(t, fmt.Sprintf("caddy_relay_dead_letters{destination=%q}", name)) == 1
		})
	}
	for _, status := range []int{http.StatusGone, http.StatusInternalServerError} {
		sink.status.Store(int64(status))
		_, err := do(client, offer(c, "/bearer", fmt.Sprintf("fails-%d", status), "Bearer "+secrets["IN_BEARER"]))
		require.NoError(t, err)
		waitFor(t, "a failure", func() bool { return len(sink.of(fmt.Sprintf("fails-%d", status))) > 0 })
	}

	reloadWithSecrets(t, c, relay, site)
	requireNoSecrets(t, "/metrics", []byte(c.get(t, "/metrics")))
	config := c.get(t, "/config/")
	requireNoSecrets(t, "/config/", []byte(config))
	for _, placeholder := range []string{"{env.IN_BEARER}", "{env.OUT_SIGN}", "{env.URL}", "{file." + passwordFile + "}"} {
		require.Contains(t, config, placeholder)
	}
	// Events are kept without the credentials that they came with.
	requireNoSecretsIn(t, filepath.Join(c.dir, "queue"))
	c.stop(t)
	require.True(t, c.log.contains("rejected"))
	require.True(t, c.log.contains("dead letter"))
	require.True(t, c.log.contains("handled request"))
	requireNoSecrets(t, "the log", []byte(c.log.tail(1<<30)))
	require.FileExists(t, filepath.Join(c.dir, "caddy", "autosave.json"))
	require.NoError(t, os.Remove(passwordFile))
	requireNoSecretsIn(t, c.dir)
}

// offer returns a request with credentials.
func offer(c *caddy, path, id, authorization string) *http.Request {
	req := newRequest("http://"+c.site+path, id)
	if authorization == "" {
		req.Header.Del("Authorization")
		return req
	}
	req.Header.Set("Authorization", authorization)
	return req
}

// offerSecrets has events accepted and refused by each verifier, and returns
// those accepted.
func offerSecrets(t *testing.T, c *caddy) (accepted []string) {
	t.Helper()
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+secrets["IN_PASSWORD"]))
	signed := func(id, key string) *http.Request {
		req := offer(c, "/hmac", id, "")
		body, err := req.GetBody()
		require.NoError(t, err)
		mac := hmac.New(sha256.New, []byte(key))
		_, err = io.Copy(mac, body)
		require.NoError(t, err)
		req.Header.Set("X-Signature", hex.EncodeToString(mac.Sum(nil)))
		return req
	}
	twice := offer(c, "/bearer", "no-twice", "Bearer "+secrets["IN_BEARER"])
	twice.Header.Add("Authorization", "Bearer "+secrets["IN_BEARER"])
	for _, req := range []*http.Request{
		offer(c, "/bearer", "bearer", "Bearer "+secrets["IN_BEARER"]),
		offer(c, "/query?a=b&access_token="+secrets["IN_QUERY"], "query", ""),
		offer(c, "/query?a=b", "query-header", "Bearer "+secrets["IN_QUERY"]),
		offer(c, "/basic", "basic", basic),
		signed("hmac", secrets["IN_HMAC"]),
		offer(c, "/bearer", "no-bearer", "Bearer "+secrets["IN_BEARER"]+"x"),
		offer(c, "/bearer", "no-scheme", basic),
		offer(c, "/basic", "no-basic", "Bearer "+secrets["IN_BEARER"]),
		offer(c, "/basic", "no-base64", "Basic user:"+secrets["IN_PASSWORD"]),
		twice,
		signed("no-hmac", "another key"),
	} {
		id := req.Header.Get("Idempotency-Key")
		a, err := do(client, req)
		require.NoError(t, err)
		if strings.HasPrefix(id, "no-") {
			require.Equal(t, http.StatusUnauthorized, a.status, id)
		} else {
			require.Equal(t, http.StatusAccepted, a.status, id)
			accepted = append(accepted, id)
		}
		requireNoSecrets(t, "the answer to "+id, fmt.Append([]byte(a.body), a.header))
	}
	return accepted
}

// reloadWithSecrets loads a config that works, and some that don't, whose
// errors are about secrets.
func reloadWithSecrets(t *testing.T, c *caddy, relay, site string) {
	t.Helper()
	broken := map[string]string{
		"sign standard_webhooks {env.NOT_BASE64}":                    "base64",
		"bearer {env.OUT_BEARER}{env.UNSET_BY_TEST}":                 "unset",
		`header X-Api-Key "{env.OUT_HEADER}{nope}"`:                  "placeholder at byte 17: no such placeholder",
		`header X-Api-Key "x{` + secrets["OUT_HEADER"] + `}"`:        "placeholder at byte 2",
		"header X-Api-Key x " + secrets["OUT_HEADER"]:                "expected two arguments",
		"bearer " + secrets["OUT_BEARER"] + " x":                     "expected one argument",
		"basic_auth user " + secrets["password"] + " x":              "expected two arguments",
		"header X-{env.OUT_HEADER} y":                                "not the name of a header field",
		"bearer {file." + filepath.Join(c.dir, "no-such-file") + "}": "unset, unreadable, or empty",
	}
	for options, want := range broken {
		c.configure(t, relay+"destination broken webhook {env.URL} {\nallow_private\n"+options+"\n}\n", site)
		err := c.reload(t)
		require.ErrorContains(t, err, want, options)
		requireNoSecrets(t, "the error", []byte(err.Error()))
	}
	c.configure(t, relay+"destination broken webhook {env.URL} {\n}\n", site)
	err := c.reload(t)
	require.ErrorContains(t, err, "add allow_private")
	requireNoSecrets(t, "the error", []byte(err.Error()))
	c.configure(t, relay+"history 2d", site)
	require.NoError(t, c.reload(t))
}

// requireNoSecretsIn looks into all files of a directory.
func requireNoSecretsIn(t *testing.T, dir string) {
	t.Helper()
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "password" {
			return err
		}
		content, err := os.ReadFile(path)
		requireNoSecrets(t, path, content)
		files++
		return err
	}))
	require.NotZero(t, files)
}
