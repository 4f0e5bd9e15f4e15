package smppbridge

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
	"github.com/caddy-relay/caddy-relay/smppbridge/status"
)

const recipient = "+491700000001"

// long is a text of three parts.
var long = strings.Repeat("0123456789", 40)

func TestDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello {ü}"))
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		require.Equal(t, "message_id m1", r.Detail)
		require.Zero(t, r.Status)
		require.Equal(t, []notePart{{State: partAccepted, MessageID: "m1"}}, parts(t, r))
		require.Len(t, r.Links, 1)
		require.Equal(t, DefaultReceiptTime, r.Links[0].For)
		o, err := decodeOrigin(r.Links[0].Value)
		require.NoError(t, err)
		require.Equal(t, &origin{
			MessageID: "m1", Recipient: "491700000001", EventID: "e1", Source: "github", Type: "alarm",
			Delivery: "q_1", Destination: "sms", Part: 1, Total: 1,
		}, o)
		p := b.smsc.submitted()[0]
		require.Equal(t, pdu.Address{TON: pdu.TONAlphanumeric, Addr: "ACME"}, p.SourceAddr)
		require.Equal(t, pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIISDN, Addr: "491700000001"}, p.DestAddr)
		require.Equal(t, pdu.RegisteredDeliveryFinal, p.RegisteredDelivery)
		require.Equal(t, []byte("Hello \x1b(~\x1b)"), p.ShortMessage)
	})
}

func TestFieldsOfMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take, func(c *Config, _ *BindConfig) {
			c.ServiceType, c.ProtocolID, c.Priority = template(t, "CMT"), template(t, "0x40"), template(t, "2")
			c.ValidityPeriod, c.ScheduleDeliveryTime = template(t, "1d"), template(t, "{event.json.at}")
			c.ReplaceIfPresent, c.ESMClass, c.UserMessageReference = true, pdu.ESMClassStoreAndForward, true
			c.Coding.Flash = true
			c.TLVs = []TLV{
				{Tag: 0x1400, Type: TLVCString, Value: template(t, "{event.id}")},
				{Tag: 0x1401, Type: TLVUint16, Value: template(t, "258")},
				{Tag: 0x1402, Type: TLVHex, Value: template(t, "c0 ff ee")},
				{Tag: 0x1403, Value: template(t, "{event.json.nothing}")},
			}
		})
		defer b.close()
		d := delivery(t, recipient, "Hi")
		d.Event.Body = []byte(`{"to":"` + recipient + `","text":"Hi","at":"2030-01-02T03:04:05+01:00"}`)
		r := b.Deliver(t.Context(), d)
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		p := b.smsc.submitted()[0]
		require.Equal(t, "CMT", p.ServiceType)
		require.EqualValues(t, 0x40, p.ProtocolID)
		require.EqualValues(t, 2, p.PriorityFlag)
		require.EqualValues(t, 1, p.ReplaceIfPresent)
		require.Equal(t, pdu.ESMClassStoreAndForward, p.ESMClass)
		require.Equal(t, "000001000000000R", p.ValidityPeriod)
		require.Equal(t, "300102020405000+", p.ScheduleDeliveryTime)
		require.EqualValues(t, 0xf0, p.DataCoding)
		var tlvs []string
		for tag, value := range p.TLVs.All() {
			tlvs = append(tlvs, tag.String()+"="+string(value))
		}
		require.Equal(t, []string{"0x1400=e1\x00", "0x1401=\x01\x02", "0x1402=\xc0\xff\xee"}, tlvs[:3])
		require.Len(t, tlvs, 4)
		require.Contains(t, tlvs[3], "user_message_reference=")
	})
}

func TestTransportsOfLongMessages(t *testing.T) {
	for transport, check := range map[coding.Transport]func(*testing.T, []*pdu.SubmitSM){
		coding.UDH8: func(t *testing.T, all []*pdu.SubmitSM) {
			require.Len(t, all, 3)
			for i, p := range all {
				require.True(t, p.ESMClass.UDHI())
				require.Equal(t, []byte{5, 0, 3, all[0].ShortMessage[3], 3, byte(i + 1)}, p.ShortMessage[:6])
			}
		},
		coding.SAR: func(t *testing.T, all []*pdu.SubmitSM) {
			require.Len(t, all, 3)
			first, found := all[0].TLVs.SAR()
			require.True(t, found)
			for i, p := range all {
				sar, _ := p.TLVs.SAR()
				require.Equal(t, pdu.SAR{Ref: first.Ref, Total: 3, Seq: uint8(i + 1)}, sar)
			}
		},
		coding.Payload: func(t *testing.T, all []*pdu.SubmitSM) {
			require.Len(t, all, 1)
			require.Empty(t, all[0].ShortMessage)
			require.Equal(t, long, string(all[0].Message()))
		},
	} {
		t.Run(transport.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, take, func(c *Config, _ *BindConfig) { c.Coding.Transport = transport })
				defer b.close()
				r := b.Deliver(t.Context(), delivery(t, recipient, long))
				require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
				check(t, b.smsc.submitted())
			})
		})
	}
}

func TestBinary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take, func(c *Config, _ *BindConfig) {
			c.Text, c.Hex, c.ESMClass = nil, template(t, "{event.json.text}"), pdu.ESMClassUDHI
		})
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, "0605040B8423F0 DEADBEEF"))
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		p := b.smsc.submitted()[0]
		require.Equal(t, pdu.DataCodingOctet, p.DataCoding)
		require.True(t, p.ESMClass.UDHI())
		require.Equal(t, []byte{6, 5, 4, 0x0b, 0x84, 0x23, 0xf0, 0xde, 0xad, 0xbe, 0xef}, p.ShortMessage)
		r = b.Deliver(t.Context(), delivery(t, recipient, strings.Repeat("00", 200)))
		require.Equal(t, relay.Permanent, r.Outcome)
		require.Contains(t, r.Detail, "must fit into one part")
	})
}

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
		{"overridden throttle", 0x410, status.Throttle, relay.Result{Outcome: relay.Retry, RetryAfter: time.Second}},
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
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(_ int, r *session.Request) { _ = r.Refuse(pdu.StatusThrottled) })
		defer b.close()
		began := time.Now()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Retry, r.Outcome)
		require.EqualValues(t, pdu.StatusThrottled, r.Status)
		require.Equal(t, time.Second, r.RetryAfter)
		require.GreaterOrEqual(t, time.Since(began), DefaultWaitTimeout)
		require.LessOrEqual(t, len(b.smsc.submitted()), 90, "the session has slowed down")
	})
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
		{"data_sm", pdu.StatusInvCmdID, func(c *Config) { c.DataSM = true }, func(t *testing.T, last pdu.PDU) {
			require.Equal(t, "Hello", string(last.(*pdu.SubmitSM).ShortMessage))
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

func TestDataSM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take, func(c *Config, _ *BindConfig) { c.DataSM = true })
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, "message_id m1", r.Detail)
		require.Equal(t, "Hello", string(b.smsc.requests[0].(*pdu.DataSM).Message()))
	})
}

// Only the part that was refused, and those behind it, are sent again.
func TestResumeAfterTheFailedPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(n int, r *session.Request) {
			if n == 2 {
				_ = r.Refuse(pdu.StatusSysErr)
				return
			}
			take(n, r)
		}, func(c *Config, _ *BindConfig) { c.UserMessageReference = true })
		defer b.close()
		d := delivery(t, recipient, long)
		r := b.Deliver(t.Context(), d)
		require.Equal(t, relay.Retry, r.Outcome)
		require.Contains(t, r.Detail, "part 2 of 3 was refused with ESME_RSYSERR")
		require.Contains(t, r.Detail, "part 1 message_id m1")
		require.Len(t, r.Links, 1)
		// The next attempt is of another process, whose references differ.
		b.close()
		b.open(func(c *Config, _ *BindConfig) { c.UserMessageReference = true })
		r = b.again(d, r)
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		require.Equal(t, "part 1 message_id m1, part 2 message_id m3, part 3 message_id m4", r.Detail)
		require.Len(t, r.Links, 2)
		all := b.smsc.submitted()
		require.Len(t, all, 4)
		require.Equal(t, all[1].ShortMessage, all[2].ShortMessage, "with the same reference")
		before, _ := all[1].TLVs.Uint16(pdu.TagUserMessageReference)
		after, _ := all[2].TLVs.Uint16(pdu.TagUserMessageReference)
		require.Equal(t, before, after)
		require.Equal(t, all[0].ShortMessage[:5], all[3].ShortMessage[:5])
	})
}

// If a new config cuts the text in another way, old and new parts don't mix.
func TestChangedMessageIsSentAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(n int, r *session.Request) {
			if n == 2 {
				_ = r.Refuse(pdu.StatusSysErr)
				return
			}
			take(n, r)
		})
		defer b.close()
		d := delivery(t, recipient, long)
		r := b.Deliver(t.Context(), d)
		require.Equal(t, relay.Retry, r.Outcome)
		d.Event = delivery(t, recipient, strings.ReplaceAll(long, "1", "x")).Event
		r = b.again(d, r)
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		all := b.smsc.submitted()
		require.Len(t, all, 5)
		require.NotEqual(t, all[0].ShortMessage[3], all[2].ShortMessage[3])
	})
}

func TestLostResponse(t *testing.T) {
	for duplicates, want := range map[Duplicates]relay.Outcome{AvoidDuplicates: relay.Permanent, AllowDuplicates: relay.Retry} {
		t.Run(duplicatesNames[duplicates], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, lose, func(c *Config, _ *BindConfig) { c.Duplicates = duplicates })
				defer b.close()
				began := time.Now()
				r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
				require.Equal(t, want, r.Outcome)
				require.Equal(t, relay.ReasonTimeout, r.Reason)
				require.Contains(t, r.Detail, "unknown whether the SMSC has taken the message: no response in time")
				require.Equal(t, session.DefaultResponseTimeout, time.Since(began).Round(time.Second))
				require.Equal(t, []notePart{{State: partUnknown}}, parts(t, r))
				require.NoError(t, b.smsc.session().Close())
			})
		})
	}
}

// answerLate answers the first message after its time.
func answerLate(n int, r *session.Request) {
	if n == 1 {
		time.Sleep(session.DefaultResponseTimeout + 10*time.Second)
	}
	take(n, r)
}

// A response that is late spares a copy, and its receipt finds the message.
func TestLateResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, answerLate, func(c *Config, _ *BindConfig) { c.Duplicates = AllowDuplicates })
		defer b.close()
		d := delivery(t, recipient, "Hello")
		r := b.Deliver(t.Context(), d)
		require.Equal(t, relay.Retry, r.Outcome)
		b.keep(d, r)
		time.Sleep(time.Minute)
		r = b.again(d, r)
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		require.Equal(t, []notePart{{State: partAccepted, MessageID: "m1"}}, parts(t, r))
		require.Len(t, b.smsc.submitted(), 1)
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m1", "DELIVRD")))
		require.Equal(t, "e1", b.receipts()[0].Event.ID)
	})
}

// After a restart, what a late response said is in the store.
func TestLateResponseIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, answerLate)
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Permanent, r.Outcome)
		time.Sleep(time.Minute)
		b.close()
		b.open()
		defer b.close()
		synctest.Wait()
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m1", "DELIVRD")))
		require.Equal(t, "e1", b.receipts()[0].Event.ID)
	})
}

func TestConnectionDropsMidWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(_ int, r *session.Request) { _ = r.Session().Close() })
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Permanent, r.Outcome)
		require.Equal(t, relay.ReasonConnect, r.Reason)
		require.Contains(t, r.Detail, "unknown whether")
	})
}

func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		synctest.Wait()
		b.smsc.mu.Lock()
		b.smsc.down = true
		b.smsc.mu.Unlock()
		require.NoError(t, b.smsc.session().Close())
		synctest.Wait()
		began := time.Now()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Retry, r.Outcome)
		require.Equal(t, relay.ReasonConnect, r.Reason)
		require.Equal(t, "no session was bound within 30s: smpp: connect: connection refused", r.Detail)
		require.Equal(t, DefaultWaitTimeout, time.Since(began))
		require.Nil(t, r.Note)
	})
}

func TestWindowFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, lose, func(_ *Config, bind *BindConfig) { bind.Session.Window = 1 })
		defer b.close()
		for range 2 {
			go b.Deliver(context.Background(), delivery(t, recipient, "Hello"))
			synctest.Wait()
		}
		began := time.Now()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Retry, r.Outcome)
		require.Equal(t, relay.ReasonTimeout, r.Reason)
		require.Equal(t, "no session had room in its window within 1m30s", r.Detail)
		require.Equal(t, 90*time.Second, time.Since(began))
		time.Sleep(time.Minute)
		require.NoError(t, b.smsc.session().Close())
	})
}

// A message whose turn comes at the last moment has all the time for its
// response.
func TestTurnAtTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(n int, r *session.Request) {
			time.Sleep(50 * time.Second)
			take(n, r)
		}, func(_ *Config, bind *BindConfig) { bind.Session.Window = 1 })
		defer b.close()
		go b.Deliver(context.Background(), delivery(t, recipient, "first"))
		synctest.Wait()
		r := b.Deliver(t.Context(), delivery(t, recipient, "second"))
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
	})
}

func TestShutdown(t *testing.T) {
	t.Run("in flight", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, lose)
			defer b.close()
			synctest.Wait()
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("shutdown"))
			defer cancel()
			r := b.Deliver(ctx, delivery(t, recipient, "Hello"))
			require.Equal(t, relay.Permanent, r.Outcome)
			require.NotEqual(t, relay.ReasonCanceled, r.Reason, "it has to be recorded")
			require.Contains(t, r.Detail, "unknown whether")
			require.NoError(t, b.smsc.session().Close())
		})
	})
	t.Run("not sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, take)
			defer b.close()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			r := b.Deliver(ctx, delivery(t, recipient, "Hello"))
			require.Equal(t, relay.Retry, r.Outcome)
			require.Equal(t, relay.ReasonCanceled, r.Reason)
			require.Nil(t, r.Note)
		})
	})
}

// A process that is killed while a message is sent leaves no outcome behind, but
// the next one knows.
func TestKilledWhileSending(t *testing.T) {
	for duplicates, want := range map[Duplicates]relay.Outcome{AvoidDuplicates: relay.Permanent, AllowDuplicates: relay.Delivered} {
		t.Run(duplicatesNames[duplicates], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := func(c *Config, _ *BindConfig) { c.Duplicates = duplicates }
				b := start(t, take, config)
				d := delivery(t, recipient, "Hello")
				require.Equal(t, relay.Delivered, b.Deliver(t.Context(), d).Outcome)
				b.close() // The result is lost.
				time.Sleep(time.Second)
				b.open(config)
				defer b.close()
				r := b.Deliver(t.Context(), d)
				require.Equal(t, want, r.Outcome, r.Detail)
				if duplicates == AllowDuplicates {
					require.Len(t, b.smsc.submitted(), 2)
					return
				}
				require.Contains(t, r.Detail, "unknown whether the SMSC has taken the message: the process ended")
				require.Len(t, b.smsc.submitted(), 1)
				// Somebody who has found out replays it.
				require.Equal(t, relay.Delivered, b.again(d, r).Outcome)
			})
		})
	}
}

// What was not sent at all, or refused, is no reason to think so.
func TestNotKilledWhileSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(n int, r *session.Request) {
			if n == 1 {
				_ = r.Refuse(pdu.StatusSysErr)
				return
			}
			take(n, r)
		}, func(_ *Config, bind *BindConfig) { bind.Session.Window = 1 })
		d := delivery(t, recipient, "Hello")
		r := b.Deliver(t.Context(), d)
		require.Equal(t, relay.Retry, r.Outcome)
		b.keep(d, r)
		b.smsc.mu.Lock()
		b.smsc.answer = lose
		b.smsc.mu.Unlock()
		other := delivery(t, recipient, "Hello")
		other.ID = "q_2"
		go b.Deliver(context.Background(), other) // It takes the window.
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		r = b.Deliver(ctx, d)
		require.Equal(t, relay.ReasonCanceled, r.Reason)
		b.keep(d, r)
		require.NoError(t, b.smsc.session().Close())
		b.smsc.mu.Lock()
		b.smsc.answer = take
		b.smsc.mu.Unlock()
		b.close()
		b.open()
		defer b.close()
		r = b.Deliver(t.Context(), d)
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
	})
}

func TestStoreFailsBeforeSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		b.store.fail(errors.New("disk full"))
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Retry, r.Outcome)
		require.Contains(t, r.Detail, "could not be recorded: disk full")
		require.Empty(t, b.smsc.submitted())
		b.store.fail(relay.ErrFull)
		r = b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Delivered, r.Outcome, "a full queue has to be emptied")
	})
}

func TestEmptyMessageID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(_ int, r *session.Request) { ok(r, "") })
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Delivered, r.Outcome)
		require.Contains(t, r.Detail, "no message_id")
		require.Empty(t, r.Links)
	})
}

func TestSourcePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take, func(c *Config, _ *BindConfig) {
			c.SourceAddrs = []*relay.Template{template(t, "A"), template(t, "B"), template(t, "C")}
		})
		defer b.close()
		for range 4 {
			b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		}
		b.cfg.SourceChoice = Sticky
		for range 3 {
			b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		}
		var used []string
		for _, p := range b.smsc.submitted() {
			used = append(used, p.SourceAddr.Addr)
		}
		require.Equal(t, []string{"A", "B", "C", "A"}, used[:4])
		require.Equal(t, []string{used[4], used[4], used[4]}, used[4:])
	})
}

// Neither text nor password shows, also with PDUs in the log.
func TestLogsHaveNoSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := start(t, take, func(c *Config, _ *BindConfig) {
			c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, pdu.StatusOK, b.smsc.send(messageOf("Confidential")))
		b.smsc.mu.Lock()
		b.smsc.answer = func(_ int, r *session.Request) { _ = r.Refuse(pdu.StatusInvDstAdr) }
		b.smsc.mu.Unlock()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		b.close()
		require.NotContains(t, r.Detail, "Hello")
		require.Contains(t, log.String(), "smpp session bound")
		require.Contains(t, log.String(), "deliver_sm")
		for _, secret := range []string{"secret", "Hello", "Confidential"} {
			require.NotContains(t, log.String(), secret)
		}
	})
}
