package assembly

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

func aPart() *received {
	return &received{
		time: time.UnixMilli(1), source: "491700000001", destination: "",
		part: coding.Part{
			Header: coding.Header{
				Concat:  coding.Concat{Transport: coding.SAR, Reference: 65535, Total: 255, Number: 254},
				Locking: coding.Turkish, Single: 200, Octets: 256, HasPorts: true, SourcePort: 1, DestinationPort: 65535,
			},
			DataCoding: 8, Data: []byte{0, 1, 255}, Tag: 1<<64 - 1,
		},
	}
}

func TestEntries(t *testing.T) {
	r := aPart()
	b := r.encode()
	decoded, err := decodePart(b)
	require.NoError(t, err)
	require.Equal(t, r, decoded)
	_, err = decodeDone(b)
	require.ErrorIs(t, err, errEntry)
	for n := range len(b) - len(r.part.Data) {
		_, err = decodePart(b[:n])
		require.ErrorIs(t, err, errEntry)
	}

	values := encodeDone(make([]coding.Part, maxTags+1))
	require.Len(t, values, 2)
	require.Len(t, values[0], headLength+8*maxTags)
	require.LessOrEqual(t, len(values[0]), relay.MaxLinkLength)
	tags, err := decodeDone(encodeDone([]coding.Part{{Tag: 1}, {Tag: 1<<64 - 1}})[0])
	require.NoError(t, err)
	require.Equal(t, []uint64{1, 1<<64 - 1}, tags)

	_, _, err = decodeMark(b)
	require.ErrorIs(t, err, errEntry)
}

// What has no text of its own must fit, with addresses as long as SMPP has them.
func TestPartsOfNetworksFit(t *testing.T) {
	r := aPart()
	r.source, r.destination, r.part.Data = strings.Repeat("1", 65), strings.Repeat("2", 65), make([]byte, 254)
	require.Less(t, len(r.encode()), relay.MaxLinkLength/2)
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add(aPart().encode())
	f.Add(encodeDone([]coding.Part{{Tag: 1}})[0])
	f.Add(encodeMark(time.UnixMilli(1), time.UnixMilli(2)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decodePart(b); err == nil {
			again, err := decodePart(r.encode())
			require.NoError(t, err)
			require.Equal(t, r, again)
		}
		if tags, err := decodeDone(b); err == nil {
			parts := make([]coding.Part, len(tags))
			for i, tag := range tags {
				parts[i].Tag = tag
			}
			var again []uint64
			for _, value := range encodeDone(parts) {
				some, err := decodeDone(value)
				require.NoError(t, err)
				again = append(again, some...)
			}
			require.ElementsMatch(t, tags, again)
		}
		if doneBefore, now, err := decodeMark(b); err == nil {
			require.Equal(t, b, encodeMark(doneBefore, now))
		}
	})
}
