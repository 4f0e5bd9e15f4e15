package coding

import (
	"bytes"
	"slices"
	"testing"
	"time"
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

// FuzzGSM7 packs septets, and unpacks any octets: what is text stays the same.
func FuzzGSM7(f *testing.F) {
	f.Add([]byte("hello"), byte(0), byte(0))
	f.Add([]byte("\x1be\x1b\x0d\x0d"), byte(0), byte(1))
	f.Add([]byte("\xe8\x32\x9b\xfd\x46\x97\xd9\xec\x37\x1b\x00"), byte(1), byte(1))
	f.Fuzz(func(t *testing.T, data []byte, locking, single byte) {
		for _, charset := range []Charset{GSM7, GSM7Packed} {
			coder := newCoder(t, Config{Default: charset})
			p := Part{Data: data}
			p.Header.Locking, p.Header.Single = Language(locking), Language(single)
			text := string(coder.AppendText(nil, p))
			require.True(t, utf8.ValidString(text))
			// Characters that only these tables have need them again.
			c := Config{Default: charset, MaxParts: 255}
			for _, l := range []Language{p.Header.Locking, p.Header.Single} {
				if l != NoLanguage && l < languages && !slices.Contains(c.Languages, l) {
					c.Languages = append(c.Languages, l)
				}
			}
			var m Message
			again := newCoder(t, c)
			if err := again.Encode(&m, text, 1); err != nil {
				var tooLong *TooLongError
				require.ErrorAs(t, err, &tooLong)
				continue
			}
			requireText(t, m.Charset, text, read(t, again, &m))
		}
	})
}

// FuzzReassemble adds any parts. What comes out went in, each part once, and a
// message is complete if, and only if, all of its numbers are there.
func FuzzReassemble(f *testing.F) {
	f.Add([]byte{1, 2, 2, 1, 2, 1, 1, 2, 2})
	f.Add([]byte{1, 3, 3, 1, 3, 3, 1, 3, 1, 9, 0, 1, 1, 3, 2})
	f.Fuzz(func(t *testing.T, script []byte) {
		r := NewReassembler(Limits{Messages: 4, Bytes: 10_000, Age: 50})
		now := epoch
		var out []uint64
		check := func(all ...Assembled) {
			for _, m := range all {
				var numbers []uint8
				for _, p := range m.Parts {
					out = append(out, p.Tag)
					numbers = append(numbers, p.Header.Concat.Number)
				}
				require.True(t, slices.IsSorted(numbers))
				require.Len(t, slices.Compact(slices.Clone(numbers)), len(numbers))
				if total := m.Parts[0].Header.Concat.Total; total > 0 {
					require.Equal(t, m.Complete, len(numbers) == int(total))
				}
			}
		}
		for i := uint64(0); len(script) >= 3; i, script = i+1, script[3:] {
			now = now.Add(time.Duration(script[0] >> 4))
			check(r.Expire(now)...)
			p := Part{Data: script[:1+int(script[1])%3], Tag: i, DataCoding: script[1] >> 6}
			p.Header.Concat = NewConcat(UDH8, uint16(script[0]&3), script[1]&7, script[2]&7)
			result := r.Add(now, "1", "2", p)
			check(result.GivenUp...)
			if result.Outcome == Complete {
				require.True(t, result.Whole.Complete)
				check(result.Whole)
				r.Confirm(result.Whole) // Otherwise it would come out again.
			}
		}
		check(r.Expire(now.Add(50))...)
		require.Empty(t, r.messages)
		require.Zero(t, r.bytes)
		slices.Sort(out)
		require.Len(t, slices.Compact(slices.Clone(out)), len(out), "a part came out twice")
	})
}
