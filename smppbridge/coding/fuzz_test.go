package coding

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func FuzzParseHeader(f *testing.F) {
	for _, seed := range []string{
		"", "\x00", "\x05\x00\x03\xa7\x02\x01a", "\x06\x08\x04\x12\x34\x03\x02", "\x40\x05",
		"\x06\x05\x04\x0b\x84\x23\xf0", "\x06\x24\x01\x01\x25\x01\x01ABC", "\x05\x00\x03\x01\x00\x01a",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, text, err := ParseHeader(data)
		require.True(t, bytes.HasSuffix(data, text))
		require.Len(t, data, h.Octets+len(text))
		if err != nil {
			require.ErrorIs(t, err, ErrHeader)
			require.Equal(t, Header{Octets: h.Octets}, h)
		}
		c := h.Concat
		require.True(t, c == Concat{} || c.Number >= 1 && c.Number <= c.Total)
		if h.HasPorts {
			return
		}
		// What we would write says the same.
		again, _, err := ParseHeader(append(appendHeader(nil, c, h.Locking, h.Single), "text"...))
		if c.Total > 1 || h.Locking != NoLanguage || h.Single != NoLanguage {
			require.NoError(t, err)
			again.Octets = h.Octets
			if c.Total == 1 {
				h.Concat = Concat{}
			}
			require.Equal(t, h, again)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, dataCoding := range []byte{0, 1, 3, 5, 6, 7, 8, 10, 13, 14, 0x18, 0xf0} {
		f.Add(dataCoding, false, byte(1), byte(0), []byte("a\x1be\xd8\x3d\xde\x00\x1b$BF|\x80"))
		f.Add(dataCoding, true, byte(0), byte(13), []byte("\xe8\x32\x9b\xfd\x46\x97\xd9\xec\x37"))
	}
	f.Fuzz(func(t *testing.T, dataCoding byte, packed bool, locking, single byte, data []byte) {
		c := Config{}
		if packed {
			c.Default = GSM7Packed
		}
		coder := newCoder(t, c)
		p := Part{DataCoding: dataCoding, Data: data}
		p.Header.Locking, p.Header.Single = Language(locking), Language(single)
		text := coder.AppendText([]byte("dst"), p)
		require.True(t, bytes.HasPrefix(text, []byte("dst")))
		if coder.Meaning(dataCoding).Charset != Binary {
			require.True(t, utf8.Valid(text))
		}
		require.LessOrEqual(t, len(text), 3+4*(len(data)*8/7+1))
	})
}

func FuzzSplit(f *testing.F) {
	f.Add("hello [world] €", byte(0), byte(0), byte(140))
	f.Add("привет 😀😀😀😀😀😀😀😀😀😀😀😀😀", byte(1), byte(1), byte(24))
	f.Add("\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r", byte(1), byte(2), byte(30))
	f.Add("ığüşöç ĞİŞ €", byte(2), byte(3), byte(25))
	f.Fuzz(func(t *testing.T, text string, kind, transport, size byte) {
		c := []Config{{}, {Default: GSM7Packed}, {Languages: []Language{Turkish, Urdu}}, {Default: UTF8}, {Default: Latin1}}[kind%5]
		c.MaxParts, c.Transport = 255, Transport(transport%byte(transports))
		coder := newCoder(t, c)
		coder.userDataSize = 24 + int(size)%(userDataOctets-23)
		var m Message
		if err := coder.Encode(&m, text, 7); err != nil {
			var tooLong *TooLongError
			require.ErrorAs(t, err, &tooLong)
			return
		}
		want := string([]rune(text)) // with U+FFFD for bad octets
		requireText(t, m.Charset, want, read(t, coder, &m))
	})
}
