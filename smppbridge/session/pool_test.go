package session_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// network is what a pool connects to: each connection comes out of it as a peer.
type network struct {
	t     testing.TB
	peers chan *peer
	// down makes all connections fail.
	mu   sync.Mutex
	down bool
}

func newNetwork(t testing.TB) *network { return &network{t: t, peers: make(chan *peer, 10)} }

func (n *network) dial(context.Context, string, string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		return nil, errors.New("network is down")
	}
	ours, theirs := net.Pipe()
	n.peers <- newPeer(n.t, theirs)
	return ours, nil
}

func (n *network) setDown(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = down
}

// pool returns a pool that connects to the network. The test stops it.
func (n *network) pool(cfg session.PoolConfig) *session.Pool {
	n.t.Helper()
	cfg.Connector.Dial = n.dial
	p, err := session.NewPool(cfg)
	require.NoError(n.t, err)
	return p
}

// bound returns the next connection, once it is bound.
func (n *network) bound() *peer {
	n.t.Helper()
	p := <-n.peers
	p.acceptBind()
	return p
}

// stop stops a pool whose peers answer unbind.
func stop(t testing.TB, p *session.Pool, peers ...*peer) {
	t.Helper()
	for _, peer := range peers {
		go peer.serve(func(pdu.PDU) pdu.CommandStatus { return pdu.StatusOK })
	}
	require.NoError(t, p.Stop(context.Background()))
	require.Empty(t, p.Sessions())
}

// serve answers messages with what status says, and unbind, until the end.
func (p *peer) serve(status func(pdu.PDU) pdu.CommandStatus) {
	for {
		frame, err := p.frames.ReadFrame()
		if err != nil {
			return
		}
		var resp pdu.PDU
		h := pdu.Header{}
		switch got, _ := p.decoder.Decode(frame); got := got.(type) {
		case *pdu.SubmitSM:
			h.Status = status(got)
			resp = &pdu.SubmitSMResp{MessageID: "1"}
			*resp.Head() = h
			resp.Head().Sequence = got.Sequence
		case *pdu.Unbind:
			resp = &pdu.UnbindResp{Header: pdu.Header{Sequence: got.Sequence}}
		case *pdu.EnquireLink:
			resp = &pdu.EnquireLinkResp{Header: pdu.Header{Sequence: got.Sequence}}
		default:
			continue
		}
		b, _ := resp.AppendTo(nil)
		if _, err := p.conn.Write(b); err != nil {
			return
		}
	}
}

// poolSubmit calls Submit from a goroutine.
func poolSubmit(ctx context.Context, p *session.Pool) <-chan outcome {
	result := make(chan outcome, 1)
	go func() {
		response, err := p.Submit(ctx, message(), session.Submission{})
		result <- outcome{response, err}
	}()
	return result
}

func TestPoolWaitsForASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.setDown(true)
		p := n.pool(session.PoolConfig{})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second/2)
		defer cancel()
		requireFailed(t, <-poolSubmit(ctx, p), false, context.DeadlineExceeded)
		result := poolSubmit(context.Background(), p)
		n.setDown(false)
		smsc := n.bound()
		smsc.respond(smsc.next(), pdu.StatusOK, "1")
		requireAnswered(t, <-result, pdu.StatusOK)
		stop(t, p, smsc)
		requireFailed(t, <-poolSubmit(context.Background(), p), false, session.ErrStopped)
	})
}

func TestPoolUsesAllSessionsThatTransmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		p := n.pool(session.PoolConfig{
			Connector: session.Connector{Config: session.Config{Window: 2}},
			Binds:     []pdu.BindMode{pdu.BindTransmitter, pdu.BindReceiver, pdu.BindTransceiver},
		})
		smscs := map[pdu.BindMode]*peer{}
		for range 3 {
			smsc := <-n.peers
			smscs[smsc.acceptBind().Mode] = smsc
		}
		synctest.Wait()
		require.Len(t, p.Sessions(), 3)
		var results []<-chan outcome
		for range 5 {
			results = append(results, poolSubmit(context.Background(), p))
		}
		for _, mode := range []pdu.BindMode{pdu.BindTransmitter, pdu.BindTransceiver} {
			first := smscs[mode].next()
			smscs[mode].next()
			smscs[mode].respond(first, pdu.StatusOK, "1")
		}
		synctest.Wait()
		go smscs[pdu.BindTransmitter].serve(func(pdu.PDU) pdu.CommandStatus { return pdu.StatusOK })
		synctest.Wait()
		answered := 0
		for _, r := range results {
			answered += len(r)
		}
		require.Equal(t, 3, answered, "two windows of two, of which two were answered, and the fifth message")
		stopped, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		go smscs[pdu.BindReceiver].serve(nil)
		go smscs[pdu.BindTransceiver].end()
		require.ErrorIs(t, p.Stop(stopped), context.DeadlineExceeded)
		for _, r := range results {
			if o := <-r; o.err != nil {
				requireFailed(t, o, true, session.ErrStopped)
			}
		}
	})
}

// TestPoolTriesAgain has the session of a message end before it is sent.
func TestPoolTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		p := n.pool(session.PoolConfig{})
		first := n.bound()
		synctest.Wait()
		sent := poolSubmit(context.Background(), p)
		first.next()
		// Nothing of this one is read.
		unsent := poolSubmit(context.Background(), p)
		synctest.Wait()
		require.NoError(t, first.conn.Close())
		requireFailed(t, <-sent, true, nil)
		second := n.bound()
		second.respond(second.next(), pdu.StatusOK, "1")
		requireAnswered(t, <-unsent, pdu.StatusOK)
		stop(t, p, second)
	})
}

func TestPoolReconnects(t *testing.T) {
	between := func(t *testing.T, least, most time.Duration, f func()) {
		t.Helper()
		took := elapsed(f)
		require.GreaterOrEqual(t, took, least)
		require.LessOrEqual(t, took, most)
	}
	synctest.Test(t, func(t *testing.T) {
		seen := &events{}
		n := newNetwork(t)
		p := n.pool(session.PoolConfig{Connector: session.Connector{
			Bind: pdu.Bind{SystemID: "esme", Password: "secret"}, Config: session.Config{Observer: seen},
		}})
		require.NoError(t, n.bound().conn.Close())
		var smsc *peer
		between(t, time.Second, 3*time.Second/2, func() { smsc = n.bound() })
		require.NoError(t, smsc.conn.Close())
		between(t, 2*time.Second, 3*time.Second, func() { smsc = <-n.peers })

		// A wrong password is not tried again soon.
		b := smsc.next()
		smsc.send(&pdu.BindResp{Header: pdu.Header{Sequence: b.Head().Sequence, Status: pdu.StatusInvPaswd}, Mode: pdu.BindTransceiver})
		between(t, time.Minute, 90*time.Second, func() { smsc = n.bound() })
		synctest.Wait()
		require.Len(t, seen.of(session.EventBound), 3)
		require.Len(t, seen.of(session.EventLost), 2)
		failed := seen.of(session.EventFailed)
		require.Len(t, failed, 1)
		require.GreaterOrEqual(t, failed[0].Delay, time.Minute)
		var refused *session.BindError
		require.ErrorAs(t, failed[0].Err, &refused)

		// After a session that was stable the pause is short again.
		go smsc.serve(nil)
		time.Sleep(time.Minute)
		require.NoError(t, smsc.conn.Close())
		between(t, time.Second, 3*time.Second/2, func() { smsc = n.bound() })
		stop(t, p, smsc)
	})
}

func TestPoolBindsAnewIfTheSMSCForgot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		p := n.pool(session.PoolConfig{})
		first := n.bound()
		result := poolSubmit(context.Background(), p)
		first.respond(first.next(), pdu.StatusInvBndSts, "")
		requireAnswered(t, <-result, pdu.StatusInvBndSts)
		go first.serve(nil)
		stop(t, p, n.bound())
	})
}

func TestPoolSlowsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &events{}
		n := newNetwork(t)
		p := n.pool(session.PoolConfig{Connector: session.Connector{Config: session.Config{Observer: seen}}})
		smsc := n.bound()
		// It takes 100 messages a second.
		var mu sync.Mutex
		second, taken, refused := time.Now(), 0, 0
		go smsc.serve(func(pdu.PDU) pdu.CommandStatus {
			mu.Lock()
			defer mu.Unlock()
			if time.Since(second) >= time.Second {
				second, taken = time.Now(), 0
			}
			if taken++; taken > 100 {
				refused++
				return pdu.StatusThrottled
			}
			return pdu.StatusOK
		})
		delivered := 0
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for began := time.Now(); time.Since(began) < time.Minute; {
					r, err := p.Submit(context.Background(), message(), session.Submission{})
					if err == nil && r.Head().Status == pdu.StatusOK {
						mu.Lock()
						delivered++
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		require.Greater(t, delivered, 60*100/2, "much of what the SMSC allows is used")
		require.Less(t, refused, delivered/20, "and it has to refuse little")
		throttled := seen.of(session.EventThrottled)
		require.NotEmpty(t, throttled)
		require.Equal(t, pdu.StatusThrottled, throttled[0].Status)
		require.NoError(t, p.Stop(context.Background()))
	})
}

func TestPoolRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		p := n.pool(session.PoolConfig{Rate: 10, Binds: []pdu.BindMode{pdu.BindTransceiver, pdu.BindTransceiver}})
		for range 2 {
			go n.bound().serve(func(pdu.PDU) pdu.CommandStatus { return pdu.StatusOK })
		}
		took := elapsed(func() {
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					for range 5 {
						_, err := p.Submit(context.Background(), message(), session.Submission{})
						require.NoError(t, err)
					}
				})
			}
			wg.Wait()
		})
		require.InDelta(t, 10*time.Second, took, float64(200*time.Millisecond))
		require.NoError(t, p.Stop(context.Background()))
	})
}

func TestPoolStopsWhileItConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		p := n.pool(session.PoolConfig{})
		smsc := <-n.peers
		smsc.next()
		waiting := poolSubmit(context.Background(), p)
		synctest.Wait()
		require.NoError(t, p.Stop(context.Background()))
		requireFailed(t, <-waiting, false, session.ErrStopped)
		require.NoError(t, p.Stop(context.Background()))
	})
}

// TestPoolGivesSlotsBack has many callers give up while they wait.
func TestPoolGivesSlotsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		p := n.pool(session.PoolConfig{Connector: session.Connector{Config: session.Config{Window: 1}}})
		smsc := n.bound()
		first := poolSubmit(context.Background(), p)
		request := smsc.next()
		ctx, cancel := context.WithCancel(context.Background())
		var waiting []<-chan outcome
		for range 100 {
			waiting = append(waiting, poolSubmit(ctx, p))
		}
		synctest.Wait()
		// They end and are granted the slot at the same time.
		go smsc.respond(request, pdu.StatusOK, "1")
		cancel()
		requireAnswered(t, <-first, pdu.StatusOK)
		go smsc.serve(func(pdu.PDU) pdu.CommandStatus { return pdu.StatusOK })
		for _, w := range waiting {
			if o := <-w; o.err != nil {
				requireFailed(t, o, false, context.Canceled)
			}
		}
		requireAnswered(t, <-poolSubmit(context.Background(), p), pdu.StatusOK)
		require.NoError(t, p.Stop(context.Background()))
	})
}

func TestPoolSettingsThatMakeNoSense(t *testing.T) {
	for name, cfg := range map[string]session.PoolConfig{
		"no bind":       {Binds: []pdu.BindMode{7}},
		"negative rate": {Rate: -1},
		"pauses":        {MinBackoff: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := session.NewPool(cfg)
			require.Error(t, err)
			require.Equal(t, err, cfg.Validate())
		})
	}
	require.NoError(t, new(session.PoolConfig).Validate())
}

// TestPoolAvoidsSessionsThatEnd has one session unbound by the SMSC, and a
// message on it still unanswered.
func TestPoolAvoidsSessionsThatEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		p := n.pool(session.PoolConfig{
			Connector: session.Connector{Config: session.Config{Window: 1}},
			Binds:     []pdu.BindMode{pdu.BindTransceiver, pdu.BindTransceiver},
		})
		ending, staying := n.bound(), n.bound()
		synctest.Wait()
		open := []<-chan outcome{poolSubmit(context.Background(), p), poolSubmit(context.Background(), p)}
		request := ending.next()
		ending.send(&pdu.Unbind{Header: pdu.Header{Sequence: 1}})
		go staying.serve(func(pdu.PDU) pdu.CommandStatus { return pdu.StatusOK })
		for range 5 {
			requireAnswered(t, <-poolSubmit(context.Background(), p), pdu.StatusOK)
		}
		ending.respond(request, pdu.StatusOK, "1")
		for _, o := range open {
			requireAnswered(t, <-o, pdu.StatusOK)
		}
		require.Equal(t, pdu.CommandUnbindResp, ending.next().CommandID())
		stop(t, p, ending)
	})
}
