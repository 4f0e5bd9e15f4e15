package session_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// observer is a function as an Observer.
type observer func(session.Event)

func (o observer) Observe(e session.Event) { o(e) }

// Whoever reacts to EventBound can look the session up.
func TestBoundSessionIsListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *session.Pool
		listed := make(chan bool, 1)
		n := newNetwork(t)
		p = n.pool(session.PoolConfig{Connector: session.Connector{Config: session.Config{Observer: observer(func(e session.Event) {
			if e.Kind == session.EventBound {
				listed <- slices.Contains(p.Sessions(), e.Session)
			}
		})}}})
		smsc := n.bound()
		require.True(t, <-listed)
		stop(t, p, smsc)
	})
}

// slowReason is why a context ended. It runs when somebody asks for it as text.
type slowReason func()

func (r slowReason) Error() string {
	r()
	return "slow"
}

// TestEachBoundIsLost has sessions end about when they are bound.
func TestEachBoundIsLost(t *testing.T) {
	ok := func(b *pdu.Bind) pdu.PDU {
		return &pdu.BindResp{Header: pdu.Header{Sequence: b.Sequence}, Mode: b.Mode}
	}
	for name, tt := range map[string]struct {
		// play is what happens once the bind came.
		play  func(smsc *peer, b *pdu.Bind, cancel context.CancelCauseFunc)
		bound bool
	}{
		"closed after the response": {func(smsc *peer, b *pdu.Bind, _ context.CancelCauseFunc) {
			smsc.send(ok(b))
			_ = smsc.conn.Close()
		}, true},
		"unbound before the response": {func(smsc *peer, b *pdu.Bind, _ context.CancelCauseFunc) {
			smsc.send(&pdu.Unbind{Header: pdu.Header{Sequence: 1}}, ok(b))
			smsc.end()
		}, false},
		"answered after the bind was given up": {func(smsc *peer, b *pdu.Bind, cancel context.CancelCauseFunc) {
			answered := make(chan struct{})
			cancel(slowReason(func() {
				// The connection is still open.
				select {
				case <-answered:
				default:
					close(answered)
					smsc.send(ok(b))
					synctest.Wait()
				}
			}))
			<-answered
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			// In which order the goroutines get to run is different each time.
			for range 50 {
				synctest.Test(t, func(t *testing.T) {
					seen := &events{}
					c := &session.Connector{Config: session.Config{Observer: seen}}
					smsc := connectTo(t, c)
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					go func() {
						b, _ := smsc.next().(*pdu.Bind)
						tt.play(smsc, b, cancel)
					}()
					s, err := c.Connect(ctx, pdu.BindTransceiver)
					require.Equal(t, tt.bound, err == nil, "%v", err)
					if err == nil {
						require.NoError(t, s.Close())
					}
					synctest.Wait()
					var kinds []session.EventKind
					for _, e := range seen.all {
						if e.Kind == session.EventBound || e.Kind == session.EventLost {
							kinds = append(kinds, e.Kind)
						}
					}
					if tt.bound {
						require.Equal(t, []session.EventKind{session.EventBound, session.EventLost}, kinds)
						return
					}
					require.Empty(t, kinds)
				})
			}
		})
	}
}
