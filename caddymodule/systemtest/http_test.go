package systemtest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRefusals offers what must not be accepted, and checks that none of it is.
func TestRefusals(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	c.configure(t, webhook("sink", sink.URL), fmt.Sprintf(`route /in {
		verify bearer %s
		relay test {
			max_body 1KiB
			to sink
		}
	}
	route /named {
		relay named {
			id {http.request.header.X-Id}
			to sink
		}
	}
	route /basic {
		verify basic me secret-password
		relay basic {
			to sink
		}
	}`, token))
	c.start(t)

	authorization := "Authorization: Bearer " + token + "\r\n"
	long := strings.Repeat("x", 1025)
	tests := []struct {
		name, request string
		status        int
		challenge     string
	}{
		{"too long", "POST /in HTTP/1.1\r\n" + authorization + "Content-Length: 1025\r\n\r\n" + long, 413, ""},
		{"too long by announcement", "POST /in HTTP/1.1\r\n" + authorization + "Content-Length: 99999999999\r\n\r\n", 413, ""},
		{"too long in chunks", "POST /in HTTP/1.1\r\n" + authorization + "Transfer-Encoding: chunked\r\n\r\n401\r\n" + long + "\r\n0\r\n\r\n", 413, ""},
		{"malformed chunk", "POST /in HTTP/1.1\r\n" + authorization + "Transfer-Encoding: chunked\r\n\r\nnope\r\n", 400, ""},
		{"cut short", "POST /in HTTP/1.1\r\n" + authorization + "Content-Length: 100\r\n\r\n{\"id\":\"cut\"}", 400, ""},
		{"cut short in chunks", "POST /in HTTP/1.1\r\n" + authorization + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 400, ""},
		{"no credentials", "POST /in HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 401, "Bearer"},
		{"empty credentials", "POST /in HTTP/1.1\r\nAuthorization:\r\nContent-Length: 2\r\n\r\n{}", 401, "Bearer"},
		{"wrong credentials", "POST /in HTTP/1.1\r\nAuthorization: Bearer nope\r\nContent-Length: 2\r\n\r\n{}", 401, "Bearer"},
		{"credentials of another scheme", "POST /in HTTP/1.1\r\nAuthorization: Basic " + token + "\r\nContent-Length: 2\r\n\r\n{}", 401, "Bearer"},
		{"credentials twice", "POST /in HTTP/1.1\r\n" + authorization + authorization + "Content-Length: 2\r\n\r\n{}", 401, "Bearer"},
		{"wrong before right", "POST /in HTTP/1.1\r\nAuthorization: Bearer nope\r\n" + authorization + "Content-Length: 2\r\n\r\n{}", 401, "Bearer"},
		{"wrong password", "POST /basic HTTP/1.1\r\nAuthorization: Basic bWU6bm9wZQ==\r\nContent-Length: 2\r\n\r\n{}", 401, `Basic realm="restricted", charset="UTF-8"`},
		{"long id", "POST /in HTTP/1.1\r\n" + authorization + "Webhook-Id: " + strings.Repeat("i", 513) + "\r\nContent-Length: 2\r\n\r\n{}", 400, ""},
		{"missing id", "POST /named HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400, ""},
		{"id with a control character", "POST /named?x HTTP/1.1\r\nX-Id: a\tb\r\nContent-Length: 2\r\n\r\n{}", 400, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := exchange(t, c.site, tt.request)
			require.Equal(t, tt.status, a.status)
			require.Empty(t, a.body, "an answer that explains helps attackers")
			require.Equal(t, tt.challenge, a.header.Get("WWW-Authenticate"))
			require.False(t, a.duplicate())
		})
	}
	require.Zero(t, c.metric(t, `caddy_relay_accepted_total{result="stored",source="test"}`))
	for reason, want := range map[string]int{
		"body_too_large": 3, "body_unreadable": 3, "missing_field": 2, "malformed_field": 1, "invalid_id": 3, "duplicate_field": 2, "wrong_credentials": 2,
	} {
		require.InDelta(t, want, c.metric(t, fmt.Sprintf("caddy_relay_rejected_total{reason=%q}", reason)), 0, reason)
	}

	// What is just within the limits is accepted.
	body := `{"id":"longest","text":"`
	body += strings.Repeat("x", 1024-len(body)-2) + `"}`
	id := strings.Repeat("i", 512)
	a := exchange(t, c.site, fmt.Sprintf("POST /in HTTP/1.1\r\n%sWebhook-Id: %s\r\nContent-Length: 1024\r\n\r\n%s", authorization, id, body))
	require.Equal(t, http.StatusAccepted, a.status)
	requireArrived(t, sink, []string{"longest"})
	events, _ := sink.arrived()
	require.Equal(t, 1, events)
	c.stop(t)
}

// exchange sends a request as it is written, but for the host, says that no
// more will come, and reads the answer.
func exchange(t *testing.T, address, request string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	line, rest, _ := strings.Cut(request, "\r\n")
	_, err = io.WriteString(conn, line+"\r\nHost: "+address+"\r\n"+rest)
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// TestRepeats offers events more than once, one after another, all at a time,
// and across a kill.
func TestRepeats(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	c.start(t)
	url := "http://" + c.site + "/in"
	requireAccepted(t, c, "twice")
	requireRepeat := func(id string) {
		t.Helper()
		a, err := send(client, url, id)
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, a.status)
		require.True(t, a.duplicate())
	}
	requireRepeat("twice")

	ids := []string{"twice"}
	for round := range 5 {
		id := fmt.Sprintf("at once %d", round)
		ids = append(ids, id)
		var firsts, repeats atomic.Int64
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				a, err := send(client, url, id)
				switch {
				case err != nil || a.status != http.StatusAccepted:
					t.Errorf("status %d, error %v", a.status, err)
				case a.duplicate():
					repeats.Add(1)
				default:
					firsts.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, firsts.Load())
		require.EqualValues(t, 49, repeats.Load())
	}
	requireArrived(t, sink, ids)
	waitFor(t, "all outcomes to be recorded", func() bool { return c.pending(t, "sink") == 0 })
	require.InDelta(t, len(ids), c.metric(t, `caddy_relay_accepted_total{result="stored",source="test"}`), 0)
	require.InDelta(t, 1+5*49, c.metric(t, `caddy_relay_accepted_total{result="duplicate",source="test"}`), 0)

	c.kill()
	c.start(t)
	for _, id := range ids {
		requireRepeat(id)
	}
	requireAccepted(t, c, "last")
	requireArrived(t, sink, []string{"last"})
	requireOnce(t, c, "sink", sink)
	c.stop(t)
}
