package coding

import (
	"encoding"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOctetCharsets(t *testing.T) {
	for _, c := range []struct {
		charset Charset
		text    string
		octets  string
	}{
		{ASCII, "a~\x00", "a~\x00"},
		{Latin1, "Ünïcödé é ç\u0080", "\xdcn\xefc\xf6d\xe9 \xe9 \xe7\x80"},
		{Cyrillic, "Привет №1", "\xbf\xe0\xd8\xd2\xd5\xe2 \xf01"},
		{Hebrew, "שלום", "\xf9\xec\xe5\xed"},
		{UCS2, "Привет", "\x04\x1f\x04\x40\x04\x38\x04\x32\x04\x35\x04\x42"},
		{UCS2, "ok 😀", "\x00o\x00k\x00 \xd8\x3d\xde\x00"},
		{UTF8, "ok 😀", "ok 😀"},
	} {
		require.Equal(t, c.octets, string(encodeOctets(nil, c.charset, c.text)), c.charset)
		require.Equal(t, c.text, string(decodeOctets(nil, c.charset, []byte(c.octets))), c.charset)
		cost := 0
		for _, r := range c.text {
			n := octetCost(c.charset, r)
			require.Positive(t, n, "%s %U", c.charset, r)
			cost += n
		}
		require.Equal(t, len(c.octets), cost, c.charset)
	}
}

func TestMultibyteCharsets(t *testing.T) {
	for _, c := range []struct {
		charset Charset
		text    string
		octets  string
	}{
		{ShiftJIS, "日本 a", "\x93\xfa\x96{ a"},
		{ISO2022JP, "日本 a", "\x1b$BF|K\\\x1b(B a"},
		{ISO2022JP, "日", "\x1b$BF|\x1b(B"},
		{EUCJP, "日本 a", "\xc6\xfc\xcb\xdc a"},
		{EUCKR, "한국 a", "\xc7\xd1\xb1\xb9 a"},
	} {
		p := plan{charset: c.charset, unit: octets}
		n, ok := p.cut(c.text, userDataOctets, 0)
		require.True(t, ok, c.charset)
		require.Len(t, c.text, n, c.charset)
		require.Equal(t, c.octets, string(p.encode(nil, c.text, 0)), c.charset)
		require.Equal(t, c.text, string(decodeOctets(nil, c.charset, []byte(c.octets))), c.charset)
	}
}

func TestOctetsThatCharsetsDoNotHave(t *testing.T) {
	for _, c := range []struct {
		charset Charset
		octets  string
		want    string
	}{
		{ASCII, "a\xe9", "aé"},
		{Hebrew, "\xa1", "\ufffd"},
		{UCS2, "\xd8\x3d", "\ufffd"},
		{UCS2, "\xde\x00\xd8\x3d\x00a", "\ufffd\ufffda"},
		{UCS2, "\xd8\x3d\xd8\x3d\xde\x00", "\ufffd😀"},
		{UCS2, "\x00a\x00", "a\ufffd"},
		{UTF8, "a\xffb", "a\ufffdb"},
		{ShiftJIS, "a\x93", "a\ufffd"},
		{EUCKR, "\xff\xff", "\ufffd\ufffd"},
		{Binary, "\xff\x00", "\xff\x00"},
	} {
		require.Equal(t, c.want, string(decodeOctets(nil, c.charset, []byte(c.octets))), "%s % x", c.charset, c.octets)
	}
	for charset, r := range map[Charset]rune{
		ASCII: 'é', Latin1: '€', Cyrillic: 'é', Hebrew: '\ufffd', GSM7: 'a',
	} {
		require.Zero(t, octetCost(charset, r), charset)
	}
}

func TestNames(t *testing.T) {
	for c := range Charset(charsets) {
		requireName(t, c, new(Charset))
	}
	for l := range Language(languages) {
		requireName(t, l, new(Language))
	}
	for tr := range Transport(transports) {
		requireName(t, tr, new(Transport))
	}
	var c Charset
	require.EqualError(t, new(Transport).UnmarshalText([]byte("tlv")),
		`unknown transport "tlv": use one of udh8, udh16, sar, payload`)
	require.Error(t, c.UnmarshalText(nil))
	require.Equal(t, "unknown(200)", Charset(200).String())
}

func requireName[T comparable, P interface {
	*T
	encoding.TextUnmarshaler
}](t *testing.T, value T, back P,
) {
	t.Helper()
	text, err := any(value).(encoding.TextMarshaler).MarshalText()
	require.NoError(t, err)
	require.NoError(t, back.UnmarshalText(text))
	require.Equal(t, value, *back)
}

func TestMeaning(t *testing.T) {
	for dataCoding, want := range map[byte]Meaning{
		0x00: {Latin1, NoClass},
		0x01: {ASCII, NoClass},
		0x02: {Binary, NoClass},
		0x03: {Latin1, NoClass},
		0x04: {Binary, NoClass},
		0x05: {ShiftJIS, NoClass},
		0x06: {Cyrillic, NoClass},
		0x07: {Hebrew, NoClass},
		0x08: {UCS2, NoClass},
		0x09: {Binary, NoClass},
		0x0a: {ISO2022JP, NoClass},
		0x0d: {EUCJP, NoClass},
		0x0e: {EUCKR, NoClass},
		0x0f: {Binary, NoClass},
		0x10: {Latin1, ClassFlash},
		0x11: {Latin1, ClassHandset},
		0x14: {Binary, ClassFlash},
		0x18: {UCS2, ClassFlash},
		0x1b: {UCS2, ClassTerminal},
		0x1c: {Latin1, ClassFlash}, // reserved alphabet
		0x20: {Binary, NoClass},    // compressed
		0x32: {Binary, ClassSIM},
		0x48: {UCS2, NoClass}, // to be deleted after reading
		0x80: {Latin1, NoClass},
		0xbf: {Latin1, NoClass},
		0xc8: {Latin1, NoClass},
		0xd0: {Latin1, NoClass},
		0xe8: {UCS2, NoClass},
		0xf0: {Latin1, ClassFlash},
		0xf6: {Binary, ClassSIM},
	} {
		require.Equal(t, want, meaning(dataCoding, Latin1), "0x%02X", dataCoding)
	}
	for dataCoding := range 256 {
		m := meaning(byte(dataCoding), GSM7)
		require.Less(t, m.Charset, Charset(charsets))
		require.True(t, m.Class >= NoClass && m.Class <= ClassTerminal)
	}
}
