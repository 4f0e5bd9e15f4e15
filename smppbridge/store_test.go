package smppbridge

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

// An engine is what keeps all in production.
var _ Store = (*relay.Engine)(nil)

func TestOriginsFitIntoLinks(t *testing.T) {
	o := origin{
		MessageID: strings.Repeat("m", receipt.MaxID), Recipient: strings.Repeat("1", maxAddress),
		EventID: strings.Repeat("e", relay.MaxIDLength), Source: "source", Type: strings.Repeat("t", 2000),
		Delivery: "queue_1", Destination: "sms", Part: 255, Total: 255,
	}
	b := o.encode()
	require.LessOrEqual(t, len(b), relay.MaxLinkLength)
	got, err := decodeOrigin(b)
	require.NoError(t, err)
	o.Type = ""
	require.Equal(t, &o, got)
}

func FuzzDecodeOrigin(f *testing.F) {
	f.Add((&origin{MessageID: "m1", Recipient: "49", EventID: "e", Part: 1, Total: 2}).encode())
	f.Add([]byte{1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := decodeOrigin(b)
		if err != nil {
			return
		}
		again, err := decodeOrigin(o.append(nil))
		require.NoError(t, err)
		require.Equal(t, o, again)
	})
}

func TestHashesDiffer(t *testing.T) {
	seen := make(map[relay.LinkHash]bool)
	for _, h := range []relay.LinkHash{
		messageHash("a", 1), messageHash("b", 1), messageHash("a", 2), hashOf(linkMessage, "a", "b"),
		hashOf(linkMessage, "ab"), hashOf(linkMessage, "", "ab"), hashOf(linkMessage, "a", "b", ""), hashOf(markBegun, "ab"),
	} {
		require.False(t, seen[h])
		seen[h] = true
	}
}

func TestRecentIsBounded(t *testing.T) {
	r := newRecent()
	now := time.Unix(0, 0)
	for i := range 2 * maxRecent {
		r.add(now, receipt.Key(i%1000), &origin{MessageID: strconv.Itoa(i)})
	}
	require.Equal(t, maxRecent, r.byAge.Len())
	require.Len(t, r.byKey, 1000)
	for i, o := range r.find(nil, 7) {
		require.Equal(t, strconv.Itoa(2*maxRecent-1000*(i+1)+7), o.MessageID, "the latest first")
	}
	require.Len(t, r.find(nil, 7), maxRecent/1000)
	for i := range 2 * maxSameKey {
		r.add(now, 5000, &origin{MessageID: strconv.Itoa(i)})
	}
	require.Len(t, r.find(nil, 5000), maxSameKey)
	require.Equal(t, strconv.Itoa(2*maxSameKey-1), r.find(nil, 5000)[0].MessageID)
	latest := &origin{MessageID: "latest"}
	r.add(now.Add(recentAge), 1, latest)
	require.Equal(t, []*origin{latest}, r.find(nil, 1))
	require.Empty(t, r.find(nil, 2))
	require.Equal(t, 1, r.byAge.Len())
	require.Len(t, r.byKey, 1, "nothing is left behind")
}

func TestLateTableIsBounded(t *testing.T) {
	table := newLateTable()
	now := time.Unix(0, 0)
	for i := range 2 * maxLate {
		table.add(now, &origin{Delivery: strings.Repeat("x", i%7) + time.Duration(i).String(), Part: 1})
	}
	require.Equal(t, maxLate, table.byAge.Len())
	require.Len(t, table.byDelivery, maxLate)
	table.add(now.Add(lateAge), &origin{Delivery: "d", Part: 2, MessageID: "m"})
	require.Equal(t, 1, table.byAge.Len())
	n := note{Parts: []notePart{{State: partUnknown}, {State: partUnknown}}}
	require.True(t, table.apply("d", &n))
	require.Equal(t, []notePart{{State: partUnknown}, {State: partAccepted, MessageID: "m"}}, n.Parts)
	require.False(t, table.apply("d", &n))
	require.False(t, table.apply("other", &n))
}
