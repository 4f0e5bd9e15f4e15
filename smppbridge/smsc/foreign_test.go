package smsc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/peertest"
)

// serveForeign returns a server that listens, with the accounts that the foreign
// peers have, and its port.
func serveForeign(t *testing.T, store *memory) (*Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	perl := testAccount(t, "perl")
	perl.Passwords[0] = password(t, "$2a$04$o3985sU18AP2lfcKen56IeKScxnxchBQEE36ETnZ2kM3LlMrWyqeq") // of "pw"
	server, err := New(Config{Name: "esmes", Accounts: []Account{testAccount(t, "test"), perl, testAccount(t, "kannel")}}, l)
	require.NoError(t, err)
	server.Attach(Route{Store: store, To: []string{"crm"}, ReceiptTime: DefaultReceiptTime}).Activate()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, server.Close(ctx))
	})
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return server, port
}

// deliverTo delivers a text to a foreign ESME as soon as it is bound.
func deliverTo(t *testing.T, server *Server, systemID, message string) <-chan relay.Result {
	t.Helper()
	d, err := NewDestination(DestinationConfig{
		SystemID: systemID, SourceAddr: template(t, "12345"), DestAddr: template(t, "+491700000001"), Text: template(t, message),
		Server: func() *Server { return server },
	})
	require.NoError(t, err)
	results := make(chan relay.Result, 1)
	go func() { results <- d.Deliver(context.Background(), delivery("")) }()
	return results
}

// waitForEvents polls, since nothing else can be done with another process. Its
// limit only ends tests that fail.
func waitForEvents(t *testing.T, store *memory, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); len(store.all()) < n; {
		require.True(t, time.Now().Before(deadline), "%d events have come, not %d", len(store.all()), n)
		time.Sleep(5 * time.Millisecond)
	}
}

func TestForeignESMEs(t *testing.T) {
	for _, tt := range []struct {
		name, program, systemID string
		check, args             []string
		text, want              string
		// first is how many messages come before one is delivered: Net::SMPP drops what
		// comes while it waits for a response.
		first int
	}{
		{
			"node-smpp", "node", "test",
			[]string{"-e", "require.resolve('smpp')"},
			[]string{"esme.js", "n=3", "wait_ms=1500", "port=PORT"},
			"Hello 2", `"text":"hello ESME"`, 0,
		},
		{"Net::SMPP", "perl", "perl", []string{"-MNet::SMPP", "-e", "1"}, []string{"esme.pl", "PORT", "3"}, "perl 3", "pdu 00000005 hello ESME", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := peertest.Dir(t, tt.program, tt.check...)
			store := new(memory)
			server, port := serveForeign(t, store)
			args := make([]string, len(tt.args))
			for i, arg := range tt.args {
				args[i] = strings.Replace(arg, "PORT", port, 1)
			}
			cmd := exec.Command(tt.program, args...)
			cmd.Dir = dir
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			require.NoError(t, cmd.Start())
			waitForEvents(t, store, tt.first)
			result := deliverTo(t, server, tt.systemID, "hello ESME")
			require.NoError(t, cmd.Wait(), &out)
			require.Equal(t, relay.Delivered, (<-result).Outcome, &out)
			require.Contains(t, out.String(), tt.want)
			require.Len(t, store.all(), 3, &out)
			texts := make(map[string]bool)
			for _, e := range store.all() {
				require.Contains(t, out.String(), e.ID)
				texts[bodyOf(t, e)["text"].(string)] = true
			}
			require.True(t, texts[tt.text], "%v", texts)
		})
	}
}

// kannelTexts go through Kannel in both directions: in one part and in several, in
// GSM 03.38 and in UCS-2.
var kannelTexts = []string{
	"hello Kannel {€} @ ü",
	strings.Repeat("hello Kannel ", 20) + "!",
	"漢字 ж",
	strings.Repeat("漢字 Kannel ", 15) + "!",
}

// TestKannel has Kannel's bearerbox bound: it sends what its HTTP interface is
// given, and hands what it gets to a URL.
func TestKannel(t *testing.T) {
	dir := peertest.Dir(t, "bearerbox", "--version")
	store := new(memory)
	server, port := serveForeign(t, store)
	messages := make(chan url.Values, 10)
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { messages <- r.URL.Query() }))
	defer sink.Close()
	ports := make([]any, 3)
	for i := range ports {
		var err error
		_, ports[i], err = net.SplitHostPort(peertest.FreeAddress(t))
		require.NoError(t, err)
	}
	_, sinkPort, err := net.SplitHostPort(sink.Listener.Addr().String())
	require.NoError(t, err)
	temp := t.TempDir()
	script := filepath.Join(dir, "kannel", "kannel.sh")
	settings := fmt.Sprintf("SMPPPORT=%s SINK=%s ADMIN=%s BOX=%s HTTP=%s", append([]any{port, sinkPort}, ports...)...)
	require.NoError(t, exec.Command(script, append([]string{"start", temp}, strings.Fields(settings)...)...).Run()) //nolint:gosec // It is the test's own.
	defer func() { _ = exec.Command(script, "stop", temp).Run() }()                                                 //nolint:gosec // It is the test's own.

	for _, text := range kannelTexts {
		require.Equal(t, relay.Delivered, (<-deliverTo(t, server, "kannel", text)).Outcome)
		got := <-messages
		require.Equal(t, text, got.Get("text"), "%v", got)
		require.Equal(t, "12345", got.Get("from"))
	}

	send := func(text string, more url.Values) {
		t.Helper()
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%s/cgi-bin/sendsms?username=u&password=p&from=12345&to=491700000001&charset=UTF-8&text=%s&%s",
			ports[2], url.QueryEscape(text), more.Encode()))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusAccepted, resp.StatusCode)
	}
	for i, text := range kannelTexts {
		coding := url.Values{"coding": {"0"}}
		if strings.ContainsRune(text, '漢') {
			coding.Set("coding", "2")
		}
		send(text, coding)
		waitForEvents(t, store, i+1)
		event := store.all()[i]
		require.Equal(t, text, bodyOf(t, event)["text"])
		require.Equal(t, "491700000001", event.Key)
		var b struct {
			Parts    int
			Complete bool
		}
		require.NoError(t, json.Unmarshal(event.Body, &b))
		require.True(t, b.Complete)
		require.Equal(t, len(text) > 160, b.Parts > 1)
	}
	require.Equal(t, 1, server.Bound()["kannel"])
	sent := len(kannelTexts)

	// It wants to know of messages that were delivered (1) or not (2).
	receipts, err := NewReceiptDestination(ReceiptConfig{Server: func() *Server { return server }})
	require.NoError(t, err)
	for i, tt := range []struct{ state, code string }{{"delivered", "1"}, {"undeliverable", "2"}} {
		send("tell me", url.Values{"dlr-mask": {"3"}, "dlr-url": {sink.URL + "/dlr?code=%d"}})
		waitForEvents(t, store, sent+i+1)
		result := receipts.Deliver(context.Background(), told(i, store.all()[sent+i].ID, tt.state, ""))
		require.Equal(t, relay.Delivered, result.Outcome, result.Detail)
		require.Equal(t, tt.code, (<-messages).Get("code"))
	}
}
