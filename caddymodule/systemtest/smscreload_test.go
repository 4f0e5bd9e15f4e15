package systemtest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

func bcryptHash(password string) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	return string(hash), err
}

// TestSMSCOverReloads changes where messages go while an ESME is bound, and then
// what concerns its session.
func TestSMSCOverReloads(t *testing.T) {
	c, address := newSMSCCaddy(t)
	crm, erp, got := newJournal(t), newJournal(t), make(delivered, 10)
	both := webhook("crm", crm.URL) + webhook("erp", erp.URL) + toESME
	c.configure(t, both+center(address, "crm"), relaySite("push"))
	c.start(t)
	s := requireESME(t, address, got)
	crm.wait(t, requireSubmitted(t, s, submission("one")))

	c.configure(t, both+center(address, "erp", "type other"), relaySite("push"))
	require.NoError(t, c.reload(t))
	erp.wait(t, requireSubmitted(t, s, submission("two")))
	requireAccepted(t, c, "after-reload")
	for range 2 {
		<-got
	}
	require.Equal(t, session.StateBound, s.State(), "a reload has ended the session")
	requireESME(t, address, nil)

	// A config that can't be used changes nothing, and lets nobody in.
	c.sites = fmt.Sprintf("http://%s {\n\trespond 200\n}\n", erp.Listener.Addr())
	c.configure(t, both+center(address, "crm", "max_connections 50"), relaySite("push"))
	require.ErrorContains(t, c.reload(t), "address already in use")
	c.sites = ""
	erp.wait(t, requireSubmitted(t, s, submission("three")))

	// Other settings of sessions are another server.
	c.configure(t, both+center(address, "crm", "max_connections 100"), relaySite("push"))
	require.NoError(t, c.reload(t))
	<-s.Done()
	require.ErrorIs(t, s.Err(), session.ErrUnbound)
	s = requireESME(t, address, got)
	crm.wait(t, requireSubmitted(t, s, submission("four")))
	requireAccepted(t, c, "after-change")
	for range 2 {
		<-got
	}

	// Without the option there is no SMSC.
	c.configure(t, webhook("crm", crm.URL), relaySite("crm"))
	require.NoError(t, c.reload(t))
	<-s.Done()
	_, err := bindESME(address, "esme", esmePassword, nil, nil)
	require.ErrorContains(t, err, "refused")
	c.stop(t)
}

// submitting submits messages from some sessions until they end.
type submitting struct {
	wg sync.WaitGroup

	mu  sync.Mutex
	ids []string
}

func startSubmitting(t *testing.T, address string, sessions, window int) *submitting {
	t.Helper()
	l := new(submitting)
	for range sessions {
		s := requireESME(t, address, nil)
		for i := range window {
			l.wg.Go(func() { l.submit(s, i) })
		}
	}
	return l
}

func (l *submitting) submit(s *session.Session, worker int) {
	for i := 0; ; i++ {
		response, err := s.Do(context.Background(), submission(fmt.Sprintf("message %d of %d", i, worker)), nil)
		if err != nil {
			return
		}
		if resp, ok := response.(*pdu.SubmitSMResp); ok && resp.Status == pdu.StatusOK {
			l.mu.Lock()
			l.ids = append(l.ids, resp.MessageID)
			l.mu.Unlock()
		}
	}
}

func (l *submitting) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ids)
}

// TestSMSCKill kills Caddy while messages come in: each that was answered
// arrives.
func TestSMSCKill(t *testing.T) {
	const kills = 10
	c, address := newSMSCCaddy(t)
	crm := newJournal(t)
	c.configure(t, webhook("crm", crm.URL)+center(address, "crm"), "respond 204")
	var accepted []string
	for range kills {
		c.start(t)
		l := startSubmitting(t, address, 2, 8)
		waitFor(t, "some messages to be answered", func() bool { return l.count() > 200 })
		c.kill()
		l.wg.Wait()
		accepted = append(accepted, l.ids...)
	}
	// A part that was answered is joined with the one that comes after a crash.
	c.start(t)
	header := "\x05\x00\x03\x2a\x02"
	part := submission(header + "\x01before")
	part.ESMClass = pdu.ESMClassUDHI
	first := requireSubmitted(t, requireESME(t, address, nil), part)
	c.kill()
	c.start(t)
	part = submission(header + "\x02 and after")
	part.ESMClass = pdu.ESMClassUDHI
	requireSubmitted(t, requireESME(t, address, nil), part)
	require.Equal(t, "before and after", crm.wait(t, first)["text"])
	for _, id := range accepted {
		crm.wait(t, id)
	}
	t.Logf("%d kills, %d messages answered, all arrived", kills, len(accepted))
	c.stop(t)
}

// TestSMSCWithAFullQueue has an ESME keep what there is no room for.
func TestSMSCWithAFullQueue(t *testing.T) {
	c, address := newSMSCCaddy(t)
	c.queue += " {\n\t\tmax_size 1MiB\n\t}"
	sink := newReceiver(t)
	sink.status.Store(http.StatusServiceUnavailable)
	c.configure(t, webhook("crm", sink.URL)+center(address, "crm"), "respond 204")
	c.start(t)
	s := requireESME(t, address, nil)
	full := false
	for range 20_000 {
		response, err := s.Do(context.Background(), submission("hello"), nil)
		require.NoError(t, err)
		if response.Head().Status != pdu.StatusOK {
			require.Equal(t, pdu.StatusMsgQFul, response.Head().Status)
			full = true
			break
		}
	}
	require.True(t, full)
	require.NotZero(t, c.metric(t, `caddy_relay_smsc_messages_total{result="full",smsc="center"}`))
	c.stop(t)
}
