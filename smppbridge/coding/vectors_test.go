package coding

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestForeignMessages reads what node-smpp 0.5.1 has written.
func TestForeignMessages(t *testing.T) {
	for name, c := range map[string]struct {
		dataCoding byte
		udhi       bool
		data       string
		want       string
		concat     Concat
	}{
		"GSM7": {
			0, false, "48656c6c6f2000201b3c1b281b651b291b3e201b3d201b2f201b40201b142001207d",
			`Hello @ [{€}] ~ \ | ^ £ ñ`,
			Concat{},
		},
		"GSM7 named ASCII": {1, false, "6175746f", "auto", Concat{}},
		"Latin-1":          {3, false, "dc6eef63f664e920e7", "Ünïcödé ç", Concat{}},
		"UCS2":             {8, false, "041f04400438043204350442002c0020043c04380440", "Привет, мир", Concat{}},
		"surrogate pair":   {8, false, "006f006b0020d83dde00", "ok 😀", Concat{}},
		"flash":            {0x10, false, "666c617368", "flash", Concat{}},
		"flash in UCS2":    {0x18, false, "00480069", "Hi", Concat{}},
		"8-bit reference":  {0, true, "050003a702027461696c", "tail", Concat{UDH8, 0xa7, 2, 2}},
		"16-bit reference": {8, true, "06080412340302041f04400438043204350442", "Привет", Concat{UDH16, 0x1234, 3, 2}},
		"Turkish tables":   {0, true, "06240101250101414243", "ABC", Concat{}},
		"MO part":          {8, true, "0500032a0201041f0440", "Пр", Concat{UDH8, 0x2a, 2, 1}},
		"an at sign":       {0, false, "53544f502000686f6d65", "STOP @home", Concat{}},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := hex.DecodeString(c.data)
			require.NoError(t, err)
			p := Part{DataCoding: c.dataCoding, Data: data}
			if c.udhi {
				p.Header, p.Data, err = ParseHeader(data)
				require.NoError(t, err)
			}
			coder := newCoder(t, Config{})
			require.Equal(t, c.want, string(coder.AppendText(nil, p)))
			require.Equal(t, c.concat, p.Header.Concat)
			// The same text is written as the same octets.
			var m Message
			require.NoError(t, newCoder(t, Config{DataCoding: &c.dataCoding}).Encode(&m, c.want, 1))
			require.Equal(t, hex.EncodeToString(p.Data), hex.EncodeToString(m.Segments[0].Data))
		})
	}
}

func TestForeignSegmentation(t *testing.T) {
	// node-smpp's first of two parts with the reference A7.
	want := "050003a70201" + strings.Repeat("61", 153)
	var m Message
	require.NoError(t, newCoder(t, Config{}).Encode(&m, strings.Repeat("a", 153)+"tail----", 0xa7))
	require.Equal(t, want, hex.EncodeToString(m.Segments[0].Data))
	require.Equal(t, "050003a702027461696c2d2d2d2d", hex.EncodeToString(m.Segments[1].Data))
}
