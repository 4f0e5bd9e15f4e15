package smppbridge

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/assembly"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

func messageOf(text string) *pdu.DeliverSM {
	return &pdu.DeliverSM{
		SourceAddr: pdu.Address{TON: 1, NPI: 1, Addr: "491700000001"}, DestAddr: pdu.Address{Addr: "12345"},
		ShortMessage: []byte(text),
	}
}

// partOfMessage returns part n of 3 of a long message.
func partOfMessage(reference byte, n byte, text string) *pdu.DeliverSM {
	p := messageOf(string([]byte{5, 0, 3, reference, 3, n}) + text)
	p.ESMClass = pdu.ESMClassUDHI
	return p
}

// restart ends the process and starts another.
func (b *bench) restart() {
	b.Helper()
	b.close()
	b.open()
}

// messages returns the bodies of the events that messages became.
func (b *bench) messages() []messageBody {
	b.Helper()
	var all []messageBody
	for _, a := range b.store.all() {
		if a.event.Type != DefaultMessageType {
			continue
		}
		require.Equal(b, []string{"inbox"}, a.to)
		require.Equal(b, "sms", a.event.Source)
		var body messageBody
		require.NoError(b, json.Unmarshal(a.event.Body, &body), "%s", a.event.Body)
		all = append(all, body)
	}
	return all
}

func TestMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		require.Equal(t, pdu.StatusOK, b.smsc.send(messageOf("\x00 Hi \x1b(")))
		a := b.store.all()[0]
		require.Equal(t, "491700000001", a.event.Key)
		require.JSONEq(t, `{"source_addr": "491700000001", "dest_addr": "12345", "text": "@ Hi {", "data_coding": 0,
			"charset": "gsm7", "parts": 1, "complete": true}`, string(a.event.Body))
		// It may have been said twice.
		require.Equal(t, pdu.StatusOK, b.smsc.send(messageOf("\x00 Hi \x1b(")))
		require.Len(t, b.messages(), 2)
	})
}

func TestMessagesWithReferencesAreKnownAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		for _, reference := range []uint16{1, 1, 2} {
			p := messageOf("yes")
			p.TLVs.AddUint16(pdu.TagUserMessageReference, reference)
			require.Equal(t, pdu.StatusOK, b.smsc.send(p))
		}
		require.Len(t, b.messages(), 2)
	})
}

func TestBinaryMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		p := messageOf("\x06\x05\x04\x0b\x84\x23\xf0\xde\xad")
		p.ESMClass, p.DataCoding = pdu.ESMClassUDHI, pdu.DataCodingOctet
		require.Equal(t, pdu.StatusOK, b.smsc.send(p))
		body := b.messages()[0]
		require.Equal(t, "dead", body.Hex)
		require.Equal(t, "binary", body.Charset)
		require.EqualValues(t, 0x0b84, *body.DestinationPort)
		require.EqualValues(t, 0x23f0, *body.SourcePort)
	})
}

func TestMessageThatCantBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		for _, err := range []error{relay.ErrFull, relay.ErrClosed} {
			b.store.fail(err)
			require.Equal(t, pdu.StatusRxTAppn, b.smsc.send(messageOf("Hi")))
		}
		require.Equal(t, pdu.StatusRxTAppn, b.smsc.send(partOfMessage(7, 1, "one ")))
		b.store.fail(nil)
		require.Equal(t, pdu.StatusOK, b.smsc.send(messageOf("Hi")))
		require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, 1, "one ")))
		require.Len(t, b.messages(), 1)
	})
}

func TestLongMessageInAnyOrder(t *testing.T) {
	for _, order := range [][]byte{{1, 2, 3}, {3, 1, 2}, {2, 2, 3, 1}, {3, 2, 1, 1}} {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, take)
			defer b.close()
			for _, n := range order {
				require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, n, string('a'+n-1))))
			}
			require.Len(t, b.messages(), 1)
			body := b.messages()[0]
			require.Equal(t, "abc", body.Text)
			require.Equal(t, []int{1, 2, 3}, body.Received)
			require.True(t, body.Complete)
		})
	}
}

// The last part is refused until the message is kept, and completes it again.
func TestLongMessageThatCantBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, 1, "a")))
		require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, 2, "b")))
		b.store.fail(relay.ErrFull)
		require.Equal(t, pdu.StatusRxTAppn, b.smsc.send(partOfMessage(7, 3, "c")))
		b.store.fail(nil)
		require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, 3, "c")))
		require.Equal(t, "abc", b.messages()[0].Text)
	})
}

func TestLongMessageOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, 1, "a")))
		require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, 3, "c")))
		b.restart()
		defer func() { b.close() }()
		// A part whose answer was lost, and the one that is missing.
		require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, 3, "c")))
		require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, 2, "b")))
		require.Equal(t, "abc", b.messages()[0].Text)
		// The answer to that was lost, too.
		b.restart()
		require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, 2, "b")))
		time.Sleep(time.Hour)
		require.Len(t, b.messages(), 1)
		// The same reference again is another message.
		for n := range byte(3) {
			require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, n+1, string('x'+n))))
		}
		require.Len(t, b.messages(), 2)
		require.Equal(t, "xyz", b.messages()[1].Text)
	})
}

func TestLongMessageThatIsNeverComplete(t *testing.T) {
	for _, restart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, take)
			defer func() { b.close() }()
			require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, 1, "a")))
			require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, 3, "c")))
			if restart {
				time.Sleep(time.Minute)
				b.restart()
				time.Sleep(coding.DefaultMaxAge - time.Minute - time.Millisecond)
				require.Empty(t, b.messages())
				time.Sleep(time.Millisecond)
			} else {
				b.store.fail(relay.ErrFull)
				time.Sleep(coding.DefaultMaxAge)
				synctest.Wait()
				require.Empty(t, b.messages())
				b.store.fail(nil)
				time.Sleep(time.Minute)
			}
			synctest.Wait()
			require.Len(t, b.messages(), 1)
			body := b.messages()[0]
			require.False(t, body.Complete)
			require.Equal(t, "ac", body.Text)
			require.Equal(t, []int{1, 3}, body.Received)
			require.Equal(t, 3, body.Parts)
			b.restart()
			time.Sleep(time.Hour)
			require.Len(t, b.messages(), 1, "it is done")
		})
	}
}

// Two sets of sessions of one account, as with other settings after a reload, have
// the same parts.
func TestPartsOnOtherSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lists := new(assembly.Lists)
		shared := func(_ *Config, bind *BindConfig) { bind.Parts = lists }
		b := start(t, take, shared)
		require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, 1, "a")))
		old := *b
		b.open(shared, func(_ *Config, bind *BindConfig) { bind.Session.Window = 7 })
		require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, 2, "b")))
		old.close()
		require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, 3, "c")))
		time.Sleep(time.Hour)
		require.Len(t, b.messages(), 1)
		require.Equal(t, "abc", b.messages()[0].Text)
		b.close()
	})
}

// Long messages can be answered without becoming events.
func TestLongMessageThatNobodyWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take, func(c *Config, _ *BindConfig) { c.Messages.To = nil })
		defer b.close()
		for n := range byte(3) {
			require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(7, n+1, "x")))
		}
		require.Equal(t, pdu.StatusOK, b.smsc.send(partOfMessage(8, 1, "x")))
		time.Sleep(time.Hour)
		require.Empty(t, b.messages())
	})
}

func TestPartBySARAndPayload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		for n := uint8(2); n > 0; n-- {
			p := messageOf("")
			p.TLVs.AddSAR(pdu.SAR{Ref: 300, Total: 2, Seq: n})
			require.NoError(t, p.TLVs.Add(pdu.TagMessagePayload, []byte{'0' + n}))
			require.Equal(t, pdu.StatusOK, b.smsc.send(p))
		}
		require.Equal(t, "12", b.messages()[0].Text)
	})
}

func TestPartThatIsTooLargeToKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		p := messageOf("")
		p.TLVs.AddSAR(pdu.SAR{Ref: 300, Total: 2, Seq: 1})
		require.NoError(t, p.TLVs.Add(pdu.TagMessagePayload, make([]byte, 2000)))
		require.Equal(t, pdu.StatusOK, b.smsc.send(p))
		require.False(t, b.messages()[0].Complete)
	})
}

func TestRequestsThatAreNoMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		response, err := b.smsc.session().Do(t.Context(), &pdu.DataSM{}, nil)
		require.NoError(t, err)
		require.Equal(t, pdu.StatusOK, response.Head().Status, "an empty message is a message")
		require.Len(t, b.messages(), 1)
	})
}
