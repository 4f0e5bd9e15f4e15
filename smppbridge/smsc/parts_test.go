package smsc

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

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

func TestLongMessagesOutliveAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(memory)
		all := parts(t, "udh8", 3)
		b := newBed(t, Config{}, store)
		var ids []string
		for _, i := range []int{2, 0} {
			response, ok := b.submit(b.bound(pdu.BindTransmitter, nil), all[i]).(*pdu.SubmitSMResp)
			require.True(t, ok)
			ids = append(ids, response.MessageID)
		}
		b.close()
		time.Sleep(time.Second)
		b = newBed(t, Config{}, store)
		s := b.bound(pdu.BindTransmitter, nil)
		store.fail(errors.New("disk I/O error"))
		require.Equal(t, pdu.StatusRxTAppn, b.submit(s, all[1]).Head().Status)
		store.fail(nil)
		b.close()

		b = newBed(t, Config{}, store)
		response, ok := b.submit(b.bound(pdu.BindTransmitter, nil), all[1]).(*pdu.SubmitSMResp)
		require.True(t, ok)
		require.Equal(t, pdu.StatusOK, response.Status)
		require.Len(t, store.all(), 1)
		body := bodyOf(t, store.all()[0])
		require.Equal(t, longText(3), body["text"])
		require.Equal(t, []any{ids[1], response.MessageID, ids[0]}, body["message_ids"])
		b.close()

		// The answer to the last part was lost.
		time.Sleep(time.Second)
		b = newBed(t, Config{}, store)
		require.Equal(t, pdu.StatusOK, b.submit(b.bound(pdu.BindTransmitter, nil), all[1]).Head().Status)
		require.Len(t, store.all(), 1)
		b.close()
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
		time.Sleep(coding.DefaultMaxAge + expiryInterval)
		require.Empty(b, b.store.all())
		b.store.fail(nil)
		time.Sleep(incompleteRetry + time.Second)
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

func TestParts(t *testing.T) {
	p := coding.Part{
		Header: coding.Header{
			Locking: coding.Turkish, Single: 200, Octets: 256, HasPorts: true, SourcePort: 1, DestinationPort: 65535,
		},
		DataCoding: 8, Data: []byte{0, 1, 255}, Tag: 1<<64 - 1,
	}
	b, err := encodePart(p)
	require.NoError(t, err)
	_, decoded, err := decodePart(b)
	require.NoError(t, err)
	require.Equal(t, p, decoded)
	for _, broken := range [][]byte{nil, []byte("{"), []byte(`{"n":-1}`), slices.Concat(b, b)} {
		_, _, err = decodePart(broken)
		require.ErrorIs(t, err, errPart)
	}
}

func FuzzDecodePart(f *testing.F) {
	b, err := encodePart(coding.Part{DataCoding: 8, Data: []byte("hello"), Tag: 1})
	require.NoError(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, p, err := decodePart(b)
		if err != nil {
			return
		}
		again, err := encodePart(p)
		require.NoError(t, err)
		require.True(t, json.Valid(again))
		_, same, err := decodePart(again)
		require.NoError(t, err)
		require.Equal(t, p, same)
	})
}
