package coding

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseHeader(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want Header
		text string
		err  error
	}{
		"8-bit reference":  {"050003a70201" + "6161", Header{Concat: Concat{UDH8, 0xa7, 2, 1}, Octets: 6}, "6161", nil},
		"16-bit reference": {"0608041234030204", Header{Concat: Concat{UDH16, 0x1234, 3, 2}, Octets: 7}, "04", nil},
		"WAP push": {
			"0605040b8423f025",
			Header{HasPorts: true, DestinationPort: 0x0b84, SourcePort: 0x23f0, Octets: 7},
			"25", nil,
		},
		"8-bit ports":       {"0404020102", Header{HasPorts: true, DestinationPort: 1, SourcePort: 2, Octets: 5}, "", nil},
		"Turkish":           {"0624010125010141", Header{Locking: Turkish, Single: Turkish, Octets: 7}, "41", nil},
		"unknown language":  {"0324010e41", Header{Single: 14, Octets: 4}, "41", nil},
		"empty":             {"0041", Header{Octets: 1}, "41", nil},
		"unknown element":   {"0870020102000301020141", Header{Octets: 9}, "0141", ErrHeader},
		"skip an element":   {"0a7003010203000301020141", Header{Concat: Concat{UDH8, 1, 2, 1}, Octets: 11}, "41", nil},
		"the last counts":   {"0a0003010201000302030241", Header{Concat: Concat{UDH8, 2, 3, 2}, Octets: 11}, "41", nil},
		"both kinds":        {"0b000301020108040002030341", Header{Concat: Concat{UDH16, 2, 3, 3}, Octets: 12}, "41", nil},
		"void does not win": {"0a0003010201000302000141", Header{Concat: Concat{UDH8, 1, 2, 1}, Octets: 11}, "41", nil},
		"total 0":           {"05000301000161", Header{Octets: 6}, "61", nil},
		"part 0":            {"05000301020061", Header{Octets: 6}, "61", nil},
		"part over total":   {"05000301020361", Header{Octets: 6}, "61", nil},
		"wrong length":      {"0600040102010061", Header{Octets: 7}, "61", nil},
		"element too long":  {"050004a7020161", Header{Octets: 6}, "61", ErrHeader},
		"half an element":   {"06000301020100", Header{Octets: 7}, "", ErrHeader},
		"header too long":   {"4005", Header{}, "4005", ErrHeader},
		"longer by one":     {"0200", Header{}, "0200", ErrHeader},
		"nothing":           {"", Header{}, "", ErrHeader},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := hex.DecodeString(c.data)
			require.NoError(t, err)
			h, text, err := ParseHeader(data)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.want, h)
			require.Equal(t, c.text, hex.EncodeToString(text))
		})
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	for _, transport := range []Transport{UDH8, UDH16, SAR} {
		for _, total := range []uint8{0, 2, 255} {
			for _, locking := range []Language{NoLanguage, Turkish, Urdu} {
				for _, single := range []Language{NoLanguage, Spanish} {
					concat := NewConcat(transport, 0xa7, total, total)
					data := appendHeader(nil, concat, locking, single)
					require.Len(t, data, headerOctets(concat, locking, single))
					if len(data) == 0 {
						continue
					}
					h, text, err := ParseHeader(data)
					require.NoError(t, err)
					require.Empty(t, text)
					if transport == SAR {
						concat = Concat{}
					}
					require.Equal(t, Header{Concat: concat, Locking: locking, Single: single, Octets: len(data)}, h)
				}
			}
		}
	}
}

func TestNewConcat(t *testing.T) {
	require.Equal(t, Concat{SAR, 7, 3, 3}, NewConcat(SAR, 7, 3, 3))
	require.Zero(t, NewConcat(SAR, 7, 0, 0))
	require.Zero(t, NewConcat(SAR, 7, 3, 0))
	require.Zero(t, NewConcat(SAR, 7, 3, 4))
}
