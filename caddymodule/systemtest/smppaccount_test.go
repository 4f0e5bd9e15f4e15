package systemtest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// kept is what a queue holds of the delivery of a message.
type kept struct {
	state  relay.State
	detail string // of the last attempt
}

// readQueue returns the deliveries to sms by the id of their event. Caddy must not
// run. It reads a copy, so that the next Caddy finds what the last one has left.
func readQueue(t *testing.T, c *caddy) map[string]kept {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(c.queue)))
	conn, err := sqlite.OpenConn(filepath.Join(dir, "queue.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	all := make(map[string]kept)
	require.NoError(t, sqlitex.ExecuteTransient(conn, `
		SELECT e.id, d.state, coalesce((SELECT detail FROM attempts WHERE delivery = d.key ORDER BY number DESC LIMIT 1), '')
		FROM deliveries d JOIN destinations t ON t.number = d.key >> 40 JOIN events e ON e.seq = d.key & ((1 << 40) - 1)
		WHERE t.name = 'sms'`, &sqlitex.ExecOptions{ResultFunc: func(row *sqlite.Stmt) error {
		id := row.ColumnText(0)
		_, twice := all[id]
		require.False(t, twice, "%s is there twice", id)
		all[id] = kept{relay.State(row.ColumnInt(1)), row.ColumnText(2)} //nolint:gosec // There are a few.
		return nil
	}}))
	return all
}

// account is how the messages of a test have ended.
type account struct{ delivered, unknown, queued, repeats int }

// requireAccounted checks that each message that was accepted, whose text is the id
// of its event, has been sent, or is known as unknown, or waits: and with duplicates
// avoid, that none has been sent twice.
func requireAccounted(t *testing.T, c *caddy, accepted []string, submitted map[string]int, duplicates string) (sum account) {
	t.Helper()
	all := readQueue(t, c)
	require.Len(t, all, len(accepted), "the queue has other events than were accepted")
	for _, text := range accepted {
		n := submitted[text]
		sum.repeats += max(0, n-1)
		if duplicates == "avoid" {
			require.LessOrEqual(t, n, 1, "%s was sent twice", text)
		}
		delivery, ok := all[text]
		require.True(t, ok, "%s is lost", text)
		switch delivery.state {
		case relay.StatePending:
			sum.queued++
		case relay.StateDelivered, relay.StateUnreported:
			sum.delivered++
			require.Positive(t, n, "%s is delivered, and was never sent", text)
		case relay.StateDead:
			sum.unknown++
			require.Contains(t, delivery.detail, "unknown whether the SMSC has taken the message", text)
			require.Equal(t, "avoid", duplicates, text)
		default:
			require.Fail(t, "unexpected state", "%s: %+v", text, delivery)
		}
	}
	return sum
}

// offering offers messages from several connections, each until it is accepted,
// also if Caddy is not there for a while.
type offering struct {
	accepted atomic.Int64
	done     atomic.Bool
	wg       sync.WaitGroup
	mu       sync.Mutex
	texts    []string
}

func startOffering(t *testing.T, c *caddy, connections int) *offering {
	t.Helper()
	o := &offering{}
	for connection := range connections {
		o.wg.Go(func() {
			for i := 0; !o.done.Load(); i++ {
				text := fmt.Sprintf("offer-%d-%d", connection, i)
				for {
					a, err := do(client, newMessage(t, c, text, text))
					if err == nil && a.status == http.StatusAccepted {
						break
					}
					time.Sleep(refusedPause)
				}
				o.accepted.Add(1)
				o.mu.Lock()
				o.texts = append(o.texts, text)
				o.mu.Unlock()
			}
		})
	}
	return o
}

// stop ends it, while Caddy accepts, and returns what was accepted.
func (o *offering) stop() []string {
	o.done.Store(true)
	o.wg.Wait()
	return o.texts
}

// TestSMPPKillAndReload kills Caddy, and loads configs, while messages come in and
// windows are full of others that wait for their answers.
func TestSMPPKillAndReload(t *testing.T) {
	for _, duplicates := range []string{"avoid", "allow"} {
		t.Run(duplicates, func(t *testing.T) {
			t.Parallel()
			const rounds = 3
			c, crm := newSMPPCaddy(t), newInbox(t)
			center := newSMSC(t, func(r *session.Request, _ *pdu.SubmitSM, n int) {
				time.AfterFunc(time.Duration(rand.IntN(100))*time.Millisecond, func() { //nolint:gosec // Any time will do.
					_ = r.Respond(&pdu.SubmitSMResp{MessageID: strconv.Itoa(n)})
				})
			})
			goOn := func() {
				_, _, before := center.counts()
				waitFor(t, "messages to go on", func() bool { _, _, n := center.counts(); return n > before+30 })
			}
			configure := func(options ...string) {
				c.configure(t, crm.crm()+sms(center.address, append(options, bothWays, "duplicates "+duplicates)...), hooks)
			}
			configure("window 10")
			c.start(t)
			offers := startOffering(t, c, 2)
			for i := range rounds {
				goOn()
				configure("window 10", "priority "+strconv.Itoa(1+i%3)) // The sessions stay.
				require.NoError(t, c.reload(t))
				goOn()
				configure("window "+strconv.Itoa(20+i), "sessions 2") // They are replaced.
				require.NoError(t, c.reload(t))
				if i%2 == 0 {
					goOn()
				}
				c.kill()
				waitFor(t, "the end of the sessions", func() bool { return len(center.bound()) == 0 })
				configure("window 10")
				c.start(t)
			}
			goOn()
			accepted := offers.stop()
			waitFor(t, "all deliveries to end", func() bool { return c.pending(t, "sms") == 0 })
			c.stop(t)
			sum := requireAccounted(t, c, accepted, center.texts(), duplicates)
			require.Zero(t, sum.queued)
			t.Logf("%d kills, %d reloads, %d events: %+v", rounds, 2*rounds, len(accepted), sum)
			if duplicates == "avoid" {
				require.NotZero(t, sum.unknown)
			} else {
				require.Equal(t, len(accepted), sum.delivered)
			}
			requireNoMessages(t, c)
		})
	}
}
