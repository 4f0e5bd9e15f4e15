package smsc

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

func TestIDsTellWhatIsAskedFor(t *testing.T) {
	for rd := range 0x100 {
		want := askedBy(pdu.RegisteredDelivery(rd))
		require.LessOrEqual(t, want, askedMask)
		for _, id := range []string{newMessageID(want), newMessageID(want) + "-17", partID(newPartNumber(want))} {
			got, ours := askedFor(id)
			require.True(t, ours, id)
			require.Equal(t, want, got, "%#x %s", rd, id)
		}
	}
	require.Len(t, newMessageID(0), messageIDLength)
	require.NotEqual(t, newMessageID(1), newMessageID(1))
	require.Len(t, partID(newPartNumber(0)), partIDLength)
	require.NotEqual(t, newPartNumber(1), newPartNumber(1))
}

func TestIDsOfOthers(t *testing.T) {
	for _, id := range []string{
		"", "order-17", strings.Repeat("a", 26), strings.Repeat("A", 25) + "0", strings.Repeat("A", 25) + "I",
		"4b1ae2a4-35b4-4a39-a4ff-7a3d3a4d9f4f", "zzzzzzzzzzzzzzz1",
	} {
		_, ours := askedFor(id)
		require.False(t, ours, id)
	}
}

func TestWants(t *testing.T) {
	states := []receipt.State{receipt.Enroute, receipt.Delivered, receipt.Undeliverable, receipt.Unknown}
	for rd, want := range map[pdu.RegisteredDelivery][4]bool{
		0x00: {false, false, false, false},
		0x01: {false, true, true, true},
		0x02: {false, false, true, true},
		0x03: {false, true, false, false},
		0x0c: {false, false, false, false}, // only of the phone
		0x10: {true, false, false, false},
		0x11: {true, true, true, true},
		0xf2: {true, false, true, true},
	} {
		for i, state := range states {
			require.Equal(t, want[i], askedBy(rd).wants(state, state != receipt.Enroute), "%#x %s", uint8(rd), state)
		}
	}
}
