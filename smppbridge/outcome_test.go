package smppbridge

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
	"github.com/caddy-relay/caddy-relay/smppbridge/status"
)

// A status is answered to the only part of a message.
func TestStatuses(t *testing.T) {
	for _, tt := range []struct {
		name     string
		status   pdu.CommandStatus
		override status.Class
		want     relay.Result
	}{
		{"permanent", pdu.StatusInvDstAdr, 0, relay.Result{Outcome: relay.Permanent}},
		{"retry", pdu.StatusSysErr, 0, relay.Result{Outcome: relay.Retry, RetryAfter: 30 * time.Second}},
		{"queue full", pdu.StatusMsgQFul, 0, relay.Result{Outcome: relay.Retry, RetryAfter: 3 * time.Minute}},
		{"vendor", 0x410, 0, relay.Result{Outcome: relay.Retry, RetryAfter: 30 * time.Second}},
		{"overridden permanent", 0x410, status.Permanent, relay.Result{Outcome: relay.Permanent}},
		{"throttle made permanent", pdu.StatusThrottled, status.Permanent, relay.Result{Outcome: relay.Permanent}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, func(_ int, r *session.Request) { _ = r.Refuse(tt.status) }, func(c *Config, _ *BindConfig) {
					if tt.override != 0 {
						c.Overrides = status.Overrides{tt.status: tt.override}
					}
				})
				defer b.close()
				r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
				require.Contains(t, r.Detail, tt.status.String())
				require.NotContains(t, r.Detail, "Hello")
				require.Equal(t, relay.ReasonStatus, r.Reason)
				require.EqualValues(t, tt.status, r.Status)
				require.Equal(t, tt.want.Outcome, r.Outcome)
				require.Equal(t, tt.want.RetryAfter, r.RetryAfter)
				require.Empty(t, r.Links)
				require.Len(t, b.smsc.submitted(), 1)
			})
		})
	}
}

func TestNackIsAStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(_ int, r *session.Request) {
			_ = r.Respond(&pdu.GenericNack{Header: pdu.Header{Status: pdu.StatusInvCmdID}})
		})
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Permanent, r.Outcome)
		require.EqualValues(t, pdu.StatusInvCmdID, r.Status)
	})
}

func TestAmbiguousStatusIsTriedAFewTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(_ int, r *session.Request) { _ = r.Refuse(pdu.StatusSubmitFail) })
		defer b.close()
		d := delivery(t, recipient, "Hello")
		r := b.Deliver(t.Context(), d)
		for range 2 {
			require.Equal(t, relay.Retry, r.Outcome)
			r = b.again(d, r)
		}
		require.Equal(t, relay.Permanent, r.Outcome)
		require.Contains(t, r.Detail, "(3 times)")
	})
}

// The message is not given back while the session slows down.
func TestThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(n int, r *session.Request) {
			if n <= 3 {
				_ = r.Refuse(pdu.StatusThrottled)
				return
			}
			take(n, r)
		})
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		require.Len(t, b.smsc.submitted(), 4)
	})
}

func TestThrottledForTooLong(t *testing.T) {
	for _, code := range []pdu.CommandStatus{pdu.StatusThrottled, 0x410} {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, func(_ int, r *session.Request) { _ = r.Refuse(code) }, func(c *Config, _ *BindConfig) {
				c.Overrides = status.Overrides{0x410: status.Throttle}
			})
			defer b.close()
			began := time.Now()
			r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
			require.Equal(t, relay.Retry, r.Outcome)
			require.EqualValues(t, code, r.Status)
			require.Equal(t, time.Second, r.RetryAfter)
			require.GreaterOrEqual(t, time.Since(began), DefaultWaitTimeout)
			require.LessOrEqual(t, len(b.smsc.submitted()), 90, "the session has slowed down")
		})
	}
}

// The session is bound anew, also for a status that means so at this SMSC only.
func TestRebind(t *testing.T) {
	for _, code := range []pdu.CommandStatus{pdu.StatusInvBndSts, 0x410} {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, func(n int, r *session.Request) {
				if n == 1 {
					_ = r.Refuse(code)
					return
				}
				take(n, r)
			}, func(c *Config, _ *BindConfig) { c.Overrides = status.Overrides{0x410: status.Rebind} })
			defer b.close()
			d := delivery(t, recipient, "Hello")
			r := b.Deliver(t.Context(), d)
			require.Equal(t, relay.Retry, r.Outcome)
			first := b.smsc.session()
			<-first.Done()
			r = b.again(d, r)
			require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
			require.NotSame(t, first, b.smsc.session())
		})
	}
}

func TestRemedies(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status pdu.CommandStatus
		config func(*Config)
		check  func(t *testing.T, last pdu.PDU)
	}{
		{"intermediate notifications", pdu.StatusInvRegDlvFlg, func(c *Config) {
			c.RegisteredDelivery = pdu.RegisteredDeliveryFinal | pdu.RegisteredDeliveryIntermediate
		}, func(t *testing.T, last pdu.PDU) {
			require.Equal(t, pdu.RegisteredDeliveryFinal, last.(*pdu.SubmitSM).RegisteredDelivery)
		}},
		{"data_sm", pdu.StatusInvCmdID, func(c *Config) { c.Operation = DataSM }, func(t *testing.T, last pdu.PDU) {
			require.Equal(t, "Hello", string(last.(*pdu.SubmitSM).ShortMessage))
		}},
		{"times", pdu.StatusInvExpiry, func(c *Config) {
			c.ValidityPeriod, c.ScheduleDeliveryTime = template(t, "2000-01-02T01:00:00Z"), template(t, "30m")
		}, func(t *testing.T, last pdu.PDU) {
			require.Equal(t, "000001010000000R", last.(*pdu.SubmitSM).ValidityPeriod)
			require.Equal(t, "000000003000000R", last.(*pdu.SubmitSM).ScheduleDeliveryTime)
		}},
		{"reference", pdu.StatusTLVNotAllwd, func(c *Config) { c.UserMessageReference = true }, func(t *testing.T, last pdu.PDU) {
			require.Equal(t, pdu.TLVs{}, last.(*pdu.SubmitSM).TLVs)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, func(n int, r *session.Request) {
					if n == 1 {
						_ = r.Refuse(tt.status)
						return
					}
					take(n, r)
				}, func(c *Config, _ *BindConfig) { tt.config(c) })
				defer b.close()
				r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
				require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
				require.Len(t, b.smsc.requests, 2)
				tt.check(t, b.smsc.requests[1])
			})
		})
	}
}
