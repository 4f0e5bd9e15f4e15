package systemtest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The secrets of webhooks on both sides of the loop.
const (
	hookSecret = "whsec_aW5ib3VuZC1zaWduaW5nLTVlY3JlNw=="
	crmSecret  = "whsec_b3V0Ym91bmQtc2lnbmluZy01ZWNyZTc="
)

// signWebhook returns the signature of Standard Webhooks 1.0.
func signWebhook(t *testing.T, secret, id, timestamp string, body []byte) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	require.NoError(t, err)
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// newMessage returns a signed webhook that asks for a short message.
func newMessage(t *testing.T, c *caddy, id, text string) *http.Request {
	t.Helper()
	body, err := json.Marshal(map[string]string{"to": "+49 170 1234567", "text": text})
	require.NoError(t, err)
	req, err := http.NewRequest(http.MethodPost, "http://"+c.site+"/in", bytes.NewReader(body))
	require.NoError(t, err)
	timestamp := fmt.Sprint(time.Now().Unix())
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", timestamp)
	req.Header.Set("Webhook-Signature", signWebhook(t, hookSecret, id, timestamp, body))
	req.Header.Set("Idempotency-Key", id) // so that net/http may send it again, see newRequest
	return req
}

// offerMessage sends such a webhook.
func offerMessage(t *testing.T, c *caddy, id, text string) {
	t.Helper()
	a, err := do(client, newMessage(t, c, id, text))
	for errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) { // by a reload, see load
		a, err = do(client, newMessage(t, c, id, text))
	}
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status)
}

// inbox is a server that takes signed webhooks, whatever they hold.
type inbox struct {
	*httptest.Server
	t *testing.T

	mu     sync.Mutex
	bodies []map[string]any
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	i := &inbox{t: t}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var decoded map[string]any
	if err == nil {
		err = json.Unmarshal(body, &decoded)
	}
	id, timestamp := r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp")
	if err != nil || r.Header.Get("Webhook-Signature") != signWebhook(i.t, crmSecret, id, timestamp, body) {
		http.Error(w, "not signed, or no JSON", http.StatusBadRequest)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.bodies = append(i.bodies, decoded)
}

// all returns what has come.
func (i *inbox) all() []map[string]any {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]map[string]any(nil), i.bodies...)
}

// wait waits for n webhooks, and returns them.
func (i *inbox) wait(n int) []map[string]any {
	i.t.Helper()
	waitFor(i.t, fmt.Sprintf("%d webhooks", n), func() bool { return len(i.all()) >= n })
	all := i.all()
	require.Len(i.t, all, n)
	return all
}

// crm is the destination that an inbox is, and hooks the site that its
// counterpart sends to.
func (i *inbox) crm() string {
	return webhook("crm", i.URL, "sign standard_webhooks {env.CRM_SECRET}")
}

const hooks = `route /in {
		verify standard_webhooks {env.HOOK_SECRET}
		relay hooks {
			to sms
		}
	}`

// newSMPPCaddy prepares a Caddy that knows the secrets.
func newSMPPCaddy(t *testing.T) *caddy {
	t.Helper()
	c := newCaddy(t)
	c.env = append(c.env, "SMPP_PASSWORD="+smppPassword, "HOOK_SECRET="+hookSecret, "CRM_SECRET="+crmSecret)
	return c
}

// sms is a destination that delivers to an SMSC.
func sms(address string, options ...string) string {
	return fmt.Sprintf(`destination sms smpp %s {
		system_id us
		password {env.SMPP_PASSWORD}
		source_addr ACME
		dest_addr {event.json.to}
		text {event.json.text}
		retry {
			attempts 100
			every 200ms
		}
		%s
	}
	`, address, strings.Join(options, "\n\t\t"))
}
