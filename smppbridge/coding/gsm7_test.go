package coding

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPack(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		fill int
		want string
	}{
		"ten septets":                     {"hellohello", 0, "e8329bfd4697d9ec37"},
		"none":                            {"", 0, ""},
		"one":                             {"a", 0, "61"},
		"seven leave room for a septet":   {"1234567", 0, "31d98c56b3dd1a"},
		"eight fill seven octets":         {"12345678", 0, "31d98c56b3dd70"},
		"behind a header of six octets":   {"hello", 1, "d06536fb0d"},
		"one behind six bits":             {"a", 6, "4018"},
		"at signs keep their octets":      {"@@@", 0, "000000"},
		"extension":                       {"€", 0, "9b32"},
		"seven behind a header's one bit": {"1234567", 1, "62b219ad66bb01"},
	} {
		t.Run(name, func(t *testing.T) {
			packed := pack(gsm.encode(nil, c.text), c.fill)
			require.Equal(t, c.want, hex.EncodeToString(packed))
			require.Equal(t, c.text, string(gsm.decode(nil, unpack(nil, packed, c.fill))))
		})
	}
}

func TestPackEveryLength(t *testing.T) {
	text := strings.Repeat("Zażółć gęślą jaźń? @{€}", 12)
	var septets []byte
	for _, r := range text {
		if gsm.cost(r) > 0 {
			septets = gsm.encode(septets, string(r))
		}
	}
	for fill := range 7 {
		for n := range len(septets) + 1 {
			packed := pack([]byte(string(septets[:n])), fill)
			if n > 0 {
				require.Len(t, packed, (fill+7*n+7)/8)
			}
			require.Equal(t, string(septets[:n]), string(unpack(nil, packed, fill)), "%d septets after %d bits", n, fill)
		}
	}
}

func TestUnpackTakesFillingOff(t *testing.T) {
	// Eight septets, the last of which is a carriage return.
	full, err := hex.DecodeString("31d98c56b3dd1a")
	require.NoError(t, err)
	require.Equal(t, "1234567", string(unpack(nil, full, 0)))
	// Zero bits are an at sign: nobody can tell them from one.
	zero, err := hex.DecodeString("31d98c56b3dd00")
	require.NoError(t, err)
	require.Equal(t, "1234567\x00", string(unpack(nil, zero, 0)))
	// A return elsewhere stays.
	require.Equal(t, "1\r", string(unpack(nil, pack([]byte("1\r"), 0), 0)))
	// What dst has is not touched.
	require.Equal(t, "\r", string(unpack([]byte("\r"), nil, 0)))
}

func TestFillBits(t *testing.T) {
	for header, want := range map[int]int{0: 0, 4: 3, 6: 1, 7: 0, 9: 5, 10: 4, 12: 2, 13: 1} {
		require.Equal(t, want, fillBits(header), header)
		require.Zero(t, (header*8+want)%7)
	}
}
