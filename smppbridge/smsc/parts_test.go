package smsc

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/assembly"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// longText is in parts that each begin with their number.
func longText(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d-%s", i+1, strings.Repeat("x", 100))
	}
	return b.String()
}

// parts returns the requests of a long message.
func parts(t testing.TB, transport string, n int) []*pdu.SubmitSM {
	t.Helper()
	all := make([]*pdu.SubmitSM, n)
	for i := range all {
		all[i] = text("")
		octets := fmt.Sprintf("%d-%s", i+1, strings.Repeat("x", 100))
		switch transport {
		case "udh8":
			all[i].ESMClass, octets = pdu.ESMClassUDHI, "\x05\x00\x03\x07"+string([]byte{byte(n), byte(i + 1)})+octets
		case "udh16":
			all[i].ESMClass, octets = pdu.ESMClassUDHI, "\x06\x08\x04\x01\x07"+string([]byte{byte(n), byte(i + 1)})+octets
		case "sar":
			all[i].TLVs.AddSAR(pdu.SAR{Ref: 7, Total: byte(n), Seq: byte(i + 1)})
		default:
			t.Fatalf("no transport %s", transport)
		}
		all[i].ShortMessage = []byte(octets)
	}
	return all
}

func TestLongMessagesAreOneEvent(t *testing.T) {
	for _, transport := range []string{"udh8", "udh16", "sar"} {
		for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {0, 0, 2, 1}} {
			t.Run(fmt.Sprint(transport, order), func(t *testing.T) {
				run(t, Config{}, func(b *bed) {
					s := b.bound(pdu.BindTransmitter, nil)
					all := parts(b, transport, 3)
					ids := make(map[int]string)
					for n, i := range order {
						require.Empty(b, b.store.all())
						// The next part comes after the answer to the last one.
						response, ok := b.submit(s, all[i]).(*pdu.SubmitSMResp)
						require.True(b, ok)
						require.Equal(b, pdu.StatusOK, response.Status)
						require.Len(b, response.MessageID, 16)
						if _, repeated := ids[i]; !repeated {
							ids[i] = response.MessageID
						}
						require.Equal(b, n == len(order)-1, len(b.store.all()) == 1)
					}
					body := bodyOf(b, b.store.all()[0])
					require.Equal(b, longText(3), body["text"])
					require.Equal(b, ids[0], body["message_id"])
					require.Equal(b, []any{ids[0], ids[1], ids[2]}, body["message_ids"])
					require.Equal(b, ids[0], b.store.all()[0].ID)
					require.Equal(b, []any{1.0, 2.0, 3.0}, body["received"])
					require.Equal(b, 3.0, body["parts"])
					require.Equal(b, true, body["complete"])
				})
			})
		}
	}
}

func TestLongMessagesOfAccountsAreNotMixed(t *testing.T) {
	run(t, Config{Accounts: []Account{testAccount(t, "esme"), testAccount(t, "other")}}, func(b *bed) {
		s := b.bound(pdu.BindTransmitter, nil)
		other, err := b.connect("other", "secret", "192.0.2.1", pdu.BindTransmitter, nil)
		require.NoError(b, err)
		all := parts(b, "udh8", 2)
		b.submit(s, all[0])
		b.submit(other, all[1])
		require.Empty(b, b.store.all())
		b.submit(other, all[0])
		require.Len(b, b.store.all(), 1)
		require.Equal(b, "other", bodyOf(b, b.store.all()[0])["system_id"])
	})
}

// again ends a server and starts another with the same store.
func (b *bed) again() *bed {
	b.Helper()
	b.close()
	return newBed(b.T, Config{}, b.store)
}

func TestLongMessagesOutliveAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := parts(t, "udh8", 3)
		b := newBed(t, Config{}, new(memory))
		s := b.bound(pdu.BindTransmitter, nil)
		ids := []string{2: b.idOf(s, all[2]), 0: b.idOf(s, all[0])}
		b = b.again()
		s = b.bound(pdu.BindTransmitter, nil)
		require.Equal(t, ids[0], b.idOf(s, all[0]), "of a part that is there already, only the first id counts")
		b.store.fail(errors.New("disk I/O error"))
		require.Equal(t, pdu.StatusRxTAppn, b.submit(s, all[1]).Head().Status)
		b.store.fail(nil)

		b = b.again()
		ids[1] = b.idOf(b.bound(pdu.BindTransmitter, nil), all[1])
		require.Len(t, b.store.all(), 1)
		body := bodyOf(t, b.store.all()[0])
		require.Equal(t, longText(3), body["text"])
		require.Equal(t, []any{ids[0], ids[1], ids[2]}, body["message_ids"])

		// The answer to the last part was lost.
		b = b.again()
		b.idOf(b.bound(pdu.BindTransmitter, nil), all[1])
		time.Sleep(time.Hour)
		b.close()
		require.Len(t, b.store.all(), 1)
	})
}

func TestMessagesThatStayIncompleteOutliveAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := parts(t, "udh8", 3)
		b := newBed(t, Config{}, new(memory))
		s := b.bound(pdu.BindTransmitter, nil)
		first := b.idOf(s, all[0])
		b.idOf(s, all[2])
		time.Sleep(time.Minute)
		b = b.again()
		time.Sleep(coding.DefaultMaxAge - time.Minute)
		synctest.Wait()
		require.Len(t, b.store.all(), 1)
		body := bodyOf(t, b.store.all()[0])
		require.Equal(t, false, body["complete"])
		require.Equal(t, []any{1.0, 3.0}, body["received"])
		require.Equal(t, first, body["message_id"])
		require.Equal(t, "esme", body["system_id"])
		b = b.again()
		time.Sleep(time.Hour)
		b.close()
		require.Len(t, b.store.all(), 1)
	})
}

// A message that is submitted once more, with the same reference, is another
// event. Its ids are those that the client was answered with.
func TestLongMessageOnceMore(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		s := b.bound(pdu.BindTransmitter, nil)
		var answered [2][]any
		for round := range answered {
			for _, p := range parts(b, "udh8", 2) {
				answered[round] = append(answered[round], b.idOf(s, p))
			}
		}
		require.Len(b, b.store.all(), 2)
		for round, e := range b.store.all() {
			require.Equal(b, answered[round], bodyOf(b, e)["message_ids"])
		}
		require.NotEqual(b, b.store.all()[0].ID, b.store.all()[1].ID)
	})
}

// While one server replaces another, both may get parts.
func TestLongMessagesOfTwoServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, lists := parts(t, "udh8", 3), new(assembly.Lists)
		old := newBed(t, Config{Parts: lists}, new(memory))
		old.idOf(old.bound(pdu.BindTransmitter, nil), all[0])
		b := newBed(t, Config{Parts: lists, MaxConnections: 10}, old.store)
		b.idOf(b.bound(pdu.BindTransmitter, nil), all[1])
		old.idOf(old.bound(pdu.BindTransmitter, nil), all[2])
		old.close()
		time.Sleep(time.Hour)
		b.close()
		require.Len(t, b.store.all(), 1)
		require.Equal(t, longText(3), bodyOf(t, b.store.all()[0])["text"])
	})
}

func TestALastPartThatCouldNotBeKeptIsRepeated(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		s := b.bound(pdu.BindTransmitter, nil)
		all := parts(b, "udh8", 2)
		b.submit(s, all[0])
		b.store.fail(errors.New("disk I/O error"))
		require.Equal(b, pdu.StatusRxTAppn, b.submit(s, all[1]).Head().Status)
		b.store.fail(nil)
		require.Equal(b, pdu.StatusOK, b.submit(s, all[1]).Head().Status)
		require.Len(b, b.store.all(), 1)
		require.Equal(b, pdu.StatusOK, b.submit(s, all[1]).Head().Status)
		require.Len(b, b.store.all(), 1, "it is a repeat of what is done")
	})
}

func TestMessagesThatStayIncomplete(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		s := b.bound(pdu.BindTransmitter, nil)
		all := parts(b, "sar", 3)
		b.submit(s, all[2])
		b.submit(s, all[0])
		b.store.fail(errors.New("disk I/O error"))
		time.Sleep(coding.DefaultMaxAge)
		synctest.Wait()
		require.Empty(b, b.store.all())
		b.store.fail(nil)
		time.Sleep(time.Minute)
		require.Len(b, b.store.all(), 1)
		body := bodyOf(b, b.store.all()[0])
		require.Equal(b, false, body["complete"])
		require.Equal(b, []any{1.0, 3.0}, body["received"])
		require.Len(b, body["message_ids"], 2)
		require.Equal(b, "esme", body["system_id"])
		require.Equal(b, "491700000001", body["dest_addr"])
	})
}

func TestPartsThatAreTooLargeToJoin(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		s := b.bound(pdu.BindTransmitter, nil)
		for i := range 2 {
			m := text("")
			m.TLVs.AddSAR(pdu.SAR{Ref: 1, Total: 2, Seq: byte(i + 1)})
			require.NoError(b, m.TLVs.Add(pdu.TagMessagePayload, []byte(strings.Repeat("x", 2000))))
			require.Equal(b, pdu.StatusOK, b.submit(s, m).Head().Status)
		}
		require.Len(b, b.store.all(), 2)
		for i, e := range b.store.all() {
			body := bodyOf(b, e)
			require.Equal(b, []any{float64(i + 1)}, body["received"])
			require.Equal(b, false, body["complete"])
		}
	})
}
