package smsc

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// template parses one without other placeholders than those of events.
func template(t testing.TB, text string) *relay.Template {
	t.Helper()
	parsed, err := relay.ParseTemplate(text, nil)
	require.NoError(t, err)
	return parsed
}

func (b *bed) destination(change func(*DestinationConfig)) *Destination {
	b.Helper()
	c := DestinationConfig{
		SystemID: "esme", SourceAddr: template(b, "{event.json.from}"), DestAddr: template(b, "{event.json.to}"),
		Text: template(b, "{event.json.text}"), Server: func() *Server { return b.server },
	}
	if change != nil {
		change(&c)
	}
	d, err := NewDestination(c)
	require.NoError(b, err)
	return d
}

// delivery is one of an event with a text.
func delivery(text string) *relay.Delivery {
	body := `{"from":"+49 ","to":"+491700000001","text":"` + text + `","hex":"01 ff"}`
	return &relay.Delivery{ID: "1", Event: &relay.Event{ID: "1", Body: []byte(strings.Replace(body, "+49 ", "ACME", 1))}}
}

// phone is the handler of an ESME. It answers with the statuses one after the
// other, and then always with ESME_ROK.
type phone struct {
	mu       sync.Mutex
	statuses []pdu.CommandStatus
	got      []*pdu.DeliverSM
	silent   bool
}

func (p *phone) HandleRequest(r *session.Request) {
	m, ok := r.PDU.(*pdu.DeliverSM)
	if !ok {
		_ = r.Refuse(pdu.StatusInvCmdID)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, m)
	if p.silent {
		return
	}
	if len(p.statuses) > 0 {
		status := p.statuses[0]
		p.statuses = p.statuses[1:]
		if status != pdu.StatusOK {
			_ = r.Refuse(status)
			return
		}
	}
	_ = r.Respond(&pdu.DeliverSMResp{})
}

func (p *phone) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.got)
}

// text returns what the ESME has got, joined.
func (p *phone) text(t testing.TB) string {
	t.Helper()
	coder, err := coding.New(coding.Config{})
	require.NoError(t, err)
	var joined []byte
	for _, m := range p.got {
		part := coding.Part{DataCoding: byte(m.DataCoding), Data: m.Message()}
		if m.ESMClass.UDHI() {
			part.Header, part.Data, err = coding.ParseHeader(part.Data)
			require.NoError(t, err)
		}
		joined = coder.AppendText(joined, part)
	}
	return string(joined)
}

func TestDeliver(t *testing.T) {
	for _, mode := range []pdu.BindMode{pdu.BindReceiver, pdu.BindTransceiver} {
		t.Run(mode.String(), func(t *testing.T) {
			run(t, Config{}, func(b *bed) {
				p := new(phone)
				b.bound(mode, p)
				result := b.destination(nil).Deliver(context.Background(), delivery("50 € @ home"))
				require.Equal(b, relay.Result{Outcome: relay.Delivered}, result)
				require.Len(b, p.got, 1)
				got := p.got[0]
				got.Header = pdu.Header{}
				require.Equal(b, &pdu.DeliverSM{
					SourceAddr:   pdu.Address{TON: pdu.TONAlphanumeric, Addr: "ACME"},
					DestAddr:     pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIISDN, Addr: "491700000001"},
					ShortMessage: []byte("50 \x1be \x00 home"),
				}, got)
			})
		})
	}
}

func TestDeliverBinary(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		p := new(phone)
		b.bound(pdu.BindReceiver, p)
		d := b.destination(func(c *DestinationConfig) { c.Text, c.Hex = nil, template(b, "{event.json.hex}") })
		require.Equal(b, relay.Delivered, d.Deliver(context.Background(), delivery("")).Outcome)
		require.Equal(b, []byte{1, 0xff}, p.got[0].ShortMessage)
		require.Equal(b, pdu.DataCodingOctet, p.got[0].DataCoding)
	})
}

func TestDeliverAsDataSM(t *testing.T) {
	for _, transport := range []coding.Transport{coding.UDH8, coding.SAR, coding.Payload} {
		t.Run(transport.String(), func(t *testing.T) {
			run(t, Config{}, func(b *bed) {
				coder, err := coding.New(coding.Config{})
				require.NoError(b, err)
				var got []byte
				b.bound(pdu.BindReceiver, handler(func(r *session.Request) {
					m, ok := r.PDU.(*pdu.DataSM)
					require.True(b, ok)
					require.Equal(b, pdu.Address{TON: pdu.TONAlphanumeric, Addr: "ACME"}, m.SourceAddr)
					require.Equal(b, "491700000001", m.DestAddr.Addr)
					require.Equal(b, pdu.DataCoding(0xf0), m.DataCoding, "it flashes")
					part := coding.Part{DataCoding: byte(m.DataCoding), Data: m.Message()}
					require.Equal(b, transport == coding.UDH8, m.ESMClass.UDHI())
					if m.ESMClass.UDHI() {
						part.Header, part.Data, err = coding.ParseHeader(part.Data)
						require.NoError(b, err)
					}
					got = coder.AppendText(got, part)
					require.NoError(b, r.Respond(&pdu.DataSMResp{}))
				}))
				d := b.destination(func(c *DestinationConfig) { c.DataSM, c.Coding.Transport, c.Coding.Flash = true, transport, true })
				require.Equal(b, relay.Delivered, d.Deliver(context.Background(), delivery(longText(3))).Outcome)
				require.Equal(b, longText(3), string(got))
			})
		})
	}
}

// handler is a function that handles requests.
type handler func(r *session.Request)

func (h handler) HandleRequest(r *session.Request) { h(r) }

func TestLongMessagesGoOnWhereTheyStopped(t *testing.T) {
	for _, transport := range []coding.Transport{coding.UDH8, coding.UDH16, coding.SAR, coding.Payload} {
		t.Run(transport.String(), func(t *testing.T) {
			run(t, Config{}, func(b *bed) {
				p := &phone{statuses: []pdu.CommandStatus{pdu.StatusOK, pdu.StatusRxTAppn}}
				b.bound(pdu.BindReceiver, p)
				d := b.destination(func(c *DestinationConfig) { c.Coding.Transport = transport })
				long := delivery(longText(4))
				if transport == coding.Payload {
					require.Equal(b, relay.Delivered, d.Deliver(context.Background(), long).Outcome)
					require.Equal(b, longText(4), p.text(b))
					return
				}
				result := d.Deliver(context.Background(), long)
				require.Equal(b, relay.Retry, result.Outcome)
				require.Equal(b, int(pdu.StatusRxTAppn), result.Status)
				require.Len(b, p.got, 2)
				p.got = p.got[:1] // It has not taken the second part.
				long.Note, long.Attempt = result.Note, 2
				require.Equal(b, relay.Delivered, d.Deliver(context.Background(), long).Outcome)
				require.Equal(b, longText(4), p.text(b))

				// Another config makes another message, of which the ESME has nothing.
				p.got = nil
				d = b.destination(func(c *DestinationConfig) {
					c.Coding.Transport, c.SourceAddr = transport, template(b, "other")
				})
				require.Equal(b, relay.Delivered, d.Deliver(context.Background(), long).Outcome)
				require.Equal(b, longText(4), p.text(b))
			})
		})
	}
}

func TestAnswersOfESMEs(t *testing.T) {
	for status, want := range map[pdu.CommandStatus]relay.Result{
		pdu.StatusRxTAppn:    {Outcome: relay.Retry, RetryAfter: 30 * time.Second},
		pdu.StatusMsgQFul:    {Outcome: relay.Retry, RetryAfter: 3 * time.Minute},
		pdu.StatusSysErr:     {Outcome: relay.Retry, RetryAfter: 30 * time.Second},
		pdu.StatusRxPAppn:    {Outcome: relay.Permanent},
		pdu.StatusRxRAppn:    {Outcome: relay.Permanent},
		pdu.StatusInvDstAdr:  {Outcome: relay.Permanent},
		pdu.StatusUnknownErr: {Outcome: relay.Retry, RetryAfter: 30 * time.Second},
	} {
		t.Run(status.String(), func(t *testing.T) {
			run(t, Config{}, func(b *bed) {
				b.bound(pdu.BindReceiver, &phone{statuses: []pdu.CommandStatus{status}})
				got := b.destination(nil).Deliver(context.Background(), delivery("hello"))
				require.NotEmpty(b, got.Note)
				got.Note = nil
				want.Reason, want.Status, want.Detail = relay.ReasonStatus, int(status), "the ESME answered "+status.String()
				require.Equal(b, want, got)
			})
		})
	}
}

func TestAmbiguousAnswersAreFinalAfterSome(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		p := &phone{statuses: []pdu.CommandStatus{pdu.StatusUnknownErr, pdu.StatusUnknownErr, pdu.StatusUnknownErr}}
		b.bound(pdu.BindReceiver, p)
		d, one := b.destination(nil), delivery("hello")
		for _, want := range []relay.Outcome{relay.Retry, relay.Retry, relay.Permanent} {
			result := d.Deliver(context.Background(), one)
			require.Equal(b, want, result.Outcome)
			one.Note = result.Note
		}
	})
}

func TestDeliveriesWaitForASession(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		d := b.destination(nil)
		began := time.Now()
		b.bound(pdu.BindTransmitter, nil) // It gets nothing.
		result := d.Deliver(context.Background(), delivery("hello"))
		require.Equal(b, DefaultWaitTimeout, time.Since(began))
		require.Equal(b, relay.Retry, result.Outcome)
		require.Equal(b, relay.ReasonConnect, result.Reason)
		require.Equal(b, "no receiver or transceiver of 'esme' was bound within 30s", result.Detail)

		results := make(chan relay.Result, 1)
		go func() { results <- d.Deliver(context.Background(), delivery("hello")) }()
		time.Sleep(time.Second)
		b.bound(pdu.BindReceiver, new(phone))
		require.Equal(b, relay.Delivered, (<-results).Outcome)

		ctx, cancel := context.WithCancel(context.Background())
		b.server.accounts["esme"].receivers = nil
		go func() { results <- d.Deliver(ctx, delivery("hello")) }()
		synctest.Wait()
		cancel()
		require.Equal(b, relay.ReasonCanceled, (<-results).Reason)
		require.Empty(b, b.server.accounts["esme"].waiting)
	})
}

func TestDeliveriesDoNotWaitForAClosedServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, Config{}, new(memory))
		results := make(chan relay.Result, 1)
		go func() { results <- b.destination(nil).Deliver(context.Background(), delivery("hello")) }()
		synctest.Wait()
		began := time.Now()
		b.close()
		result := <-results
		require.Equal(t, relay.Retry, result.Outcome)
		require.Equal(t, "the SMSC was closed", result.Detail)
		require.Zero(t, time.Since(began))
	})
}

func TestSessionsShareTheWork(t *testing.T) {
	account := testAccount(t, "esme")
	account.Window = 2
	run(t, Config{Accounts: []Account{account}}, func(b *bed) {
		first, second := &phone{silent: true}, &phone{silent: true}
		one := b.bound(pdu.BindReceiver, first)
		b.bound(pdu.BindTransceiver, second)
		d := b.destination(nil)
		results := make(chan relay.Result, 5)
		for range 5 {
			go func() { results <- d.Deliver(context.Background(), delivery("hello")) }()
			synctest.Wait()
		}
		require.Equal(b, 2, first.count())
		require.Equal(b, 2, second.count(), "the fifth waits for room")
		time.Sleep(DefaultWaitTimeout)
		result := <-results
		require.Equal(b, relay.Result{
			Outcome: relay.Retry, Reason: relay.ReasonTimeout, Detail: "no session of 'esme' had room within 30s", Note: result.Note,
		}, result)

		// Those of a session that is gone may or may not have arrived.
		require.NoError(b, one.Close())
		for range 2 {
			result = <-results
			require.Equal(b, relay.Retry, result.Outcome)
			require.Equal(b, relay.ReasonConnect, result.Reason)
		}
		// The others have no answer in time.
		for range 2 {
			require.Equal(b, relay.Retry, (<-results).Outcome)
		}
	})
}

func TestRateOfDeliveries(t *testing.T) {
	account := testAccount(t, "esme")
	account.Rate = 2
	run(t, Config{Accounts: []Account{account}}, func(b *bed) {
		b.bound(pdu.BindReceiver, new(phone))
		d := b.destination(nil)
		began := time.Now()
		for range 5 {
			require.Equal(b, relay.Delivered, d.Deliver(context.Background(), delivery("hello")).Outcome)
		}
		require.Equal(b, 2*time.Second, time.Since(began))
	})
}

func TestEventsThatAreNoMessages(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(testing.TB, *DestinationConfig)
		detail string
	}{
		"no recipient": {func(t testing.TB, c *DestinationConfig) { c.DestAddr = template(t, "{event.json.nobody}") }, "dest_addr is empty"},
		"long recipient": {
			func(t testing.TB, c *DestinationConfig) { c.DestAddr = template(t, "123456789012345678901") },
			"dest_addr has 21 characters, the limit is 20",
		},
		"long sender": {
			func(t testing.TB, c *DestinationConfig) { c.SourceAddr = template(t, "ACME and sons") },
			"source_addr has 13 characters, the limit is 11",
		},
		"bad sender": {
			func(t testing.TB, c *DestinationConfig) { c.SourceAddr = template(t, "Café") }, "source_addr has characters that are not ASCII",
		},
		"bad hex": {
			func(t testing.TB, c *DestinationConfig) { c.Text, c.Hex = nil, template(t, "{event.json.text}") },
			"hex has something else than pairs of hexadecimal digits",
		},
		"too many parts": {
			func(t testing.TB, c *DestinationConfig) { c.Text = template(t, strings.Repeat("x", 5000)) }, "too long",
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, Config{}, func(b *bed) {
				d := b.destination(func(c *DestinationConfig) { tt.change(b, c) })
				result := d.Deliver(context.Background(), delivery("secret text"))
				require.Equal(b, relay.Permanent, result.Outcome)
				require.Equal(b, relay.ReasonBadRequest, result.Reason)
				require.NotContains(b, result.Detail, "secret text")
				if tt.detail != "too long" {
					require.Equal(b, tt.detail, result.Detail)
				}
			})
		})
	}
}

func TestTextsAreBounded(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		result := b.destination(nil).Deliver(context.Background(), delivery(strings.Repeat("x", maxText+1)))
		require.Equal(b, relay.Result{Outcome: relay.Permanent, Reason: relay.ReasonBadRequest, Detail: "the message has more than 65536 octets"}, result)
	})
}

func TestNoServerAndNoAccount(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		d := b.destination(func(c *DestinationConfig) { c.Server = func() *Server { return nil } })
		require.Equal(b, relay.Retry, d.Deliver(context.Background(), delivery("hello")).Outcome)
		d = b.destination(func(c *DestinationConfig) { c.SystemID = "nobody" })
		require.Equal(b, relay.Retry, d.Deliver(context.Background(), delivery("hello")).Outcome)
	})
}

func TestNewDestination(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*DestinationConfig)
		err    string
	}{
		"good":         {func(*DestinationConfig) {}, ""},
		"no account":   {func(c *DestinationConfig) { c.SystemID = "" }, "no system_id"},
		"no recipient": {func(c *DestinationConfig) { c.DestAddr = nil }, "no dest_addr"},
		"two messages": {func(c *DestinationConfig) { c.Hex = c.Text }, "either a text or hex"},
		"wait":         {func(c *DestinationConfig) { c.WaitTimeout = -1 }, "negative"},
		"no server":    {func(c *DestinationConfig) { c.Server = nil }, "no server"},
		"alphabet":     {func(c *DestinationConfig) { c.Coding.Default = coding.UCS2 }, "ucs2"},
		"not binary": {
			func(c *DestinationConfig) { c.Text, c.Hex, c.Coding.DataCoding = nil, c.Text, new(byte) }, "data_coding that is binary",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := DestinationConfig{
				SystemID: "esme", DestAddr: template(t, "1"), Text: template(t, "hello"), Server: func() *Server { return nil },
			}
			tt.change(&c)
			_, err := NewDestination(c)
			if tt.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.err)
		})
	}
}
