package coding

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func newCoder(t testing.TB, c Config) *Coder {
	t.Helper()
	coder, err := New(c)
	require.NoError(t, err)
	return coder
}

func TestLimits(t *testing.T) {
	// What fits into one message, and into each of several.
	for name, c := range map[string]struct {
		config  Config
		unit    string // a character
		one     int
		several int
	}{
		"GSM7":                      {Config{}, "a", 160, 153},
		"GSM7, 16-bit reference":    {Config{Transport: UDH16}, "a", 160, 152},
		"GSM7, SAR":                 {Config{Transport: SAR}, "a", 160, 152},
		"extension":                 {Config{}, "€", 80, 76},
		"packed":                    {Config{Default: GSM7Packed}, "a", 160, 153},
		"packed, 16-bit reference":  {Config{Default: GSM7Packed, Transport: UDH16}, "a", 160, 152},
		"UCS2":                      {Config{}, "ж", 70, 67},
		"UCS2, 16-bit reference":    {Config{Transport: UDH16}, "ж", 70, 66},
		"surrogate pairs":           {Config{}, "😀", 35, 33},
		"Latin-1":                   {Config{Latin1: true}, "ê", 140, 134},
		"Latin-1, 16-bit reference": {Config{Latin1: true, Transport: UDH16}, "ê", 140, 133},
		"binary":                    {Config{DataCoding: new(byte(4))}, "x", 140, 134},
		"Cyrillic":                  {Config{DataCoding: new(byte(6))}, "ж", 140, 134},
		"EUC-KR":                    {Config{DataCoding: new(byte(14))}, "한", 70, 67},
		"Spanish single shift":      {Config{Languages: []Language{Spanish}}, "ú", 77, 74},
		"Hindi locking shift":       {Config{Languages: []Language{Hindi}}, "क", 155, 149},
		// The SMSC makes GSM 03.38 of these on the air, or UCS2 of the rest.
		"ASCII as default":             {Config{Default: ASCII}, "a", 160, 153},
		"Latin-1 as default":           {Config{Default: Latin1}, "é", 160, 153},
		"Latin-1 as default, extended": {Config{Default: Latin1}, "[", 80, 76},
		"Latin-1 as default, no GSM":   {Config{Default: Latin1}, "ê", 140, 134},
		"UTF-8 as default":             {Config{Default: UTF8}, "a", 160, 153},
		"UTF-8 as default, no GSM":     {Config{Default: UTF8}, "ж", 70, 67},
	} {
		t.Run(name, func(t *testing.T) {
			coder := newCoder(t, c.config)
			var m Message
			for n, parts := range map[int]int{
				c.one: 1, c.one + 1: 2, 2 * c.several: 2, 2*c.several + 1: 3, 10 * c.several: 10,
			} {
				require.NoError(t, coder.Encode(&m, strings.Repeat(c.unit, n), 7))
				require.Len(t, m.Segments, parts, "%d characters", n)
				for _, s := range m.Segments {
					require.LessOrEqual(t, len(s.Data), shortMessageOctets)
				}
			}
			var tooLong *TooLongError
			require.ErrorAs(t, coder.Encode(&m, strings.Repeat(c.unit, 10*c.several+1), 7), &tooLong)
			require.Equal(t, 10, tooLong.Max)
		})
	}
}

func TestShortMessageIsNeverOverfull(t *testing.T) {
	// 80 times three octets of UTF-8 would be one message on the air.
	coder := newCoder(t, Config{Default: UTF8})
	var m Message
	require.NoError(t, coder.Encode(&m, strings.Repeat("€", 80), 1))
	require.Len(t, m.Segments, 1)
	require.Len(t, m.Segments[0].Data, 240)
	text := strings.Repeat("Φ", 160) // two octets each, so 320
	require.NoError(t, coder.Encode(&m, text, 1))
	require.Len(t, m.Segments, 2)
	require.Len(t, m.Segments[0].Data, 254)
}

func TestChoice(t *testing.T) {
	national := []Language{Turkish, Spanish, Portuguese}
	for name, c := range map[string]struct {
		config     Config
		text       string
		dataCoding byte
		data       string // in hex
	}{
		"empty":                  {Config{}, "", 0, ""},
		"GSM7":                   {Config{}, "Hello@ £€", 0, "48656c6c6f0020011b65"},
		"extension":              {Config{}, "[\\]^{|}~\f", 0, "1b3c1b2f1b3e1b141b281b401b291b3d1b0a"},
		"packed":                 {Config{Default: GSM7Packed}, "hellohello", 0, "e8329bfd4697d9ec37"},
		"UCS2":                   {Config{}, "ok 😀", 8, "006f006b0020d83dde00"},
		"escape is no GSM7":      {Config{}, "\x1b", 8, "001b"},
		"Latin-1":                {Config{Latin1: true}, "ê", 3, "ea"},
		"Latin-1 not allowed":    {Config{}, "ê", 8, "00ea"},
		"GSM7 before Latin-1":    {Config{Latin1: true}, "é", 0, "05"},
		"Turkish":                {Config{Languages: national}, "ığ", 0, "032401011b691b67"},
		"Turkish, many":          {Config{Languages: national}, strings.Repeat("ığ", 77), 0, "03250101" + strings.Repeat("070c", 77)},
		"national before Latin1": {Config{Languages: national, Latin1: true}, "ú", 0, "032401021b75"},
		"no table has all":       {Config{Languages: national}, "ığж", 8, "0131011f0436"},
		"flash":                  {Config{Flash: true}, "a", 0xf0, "61"},
		"flash UCS2":             {Config{Flash: true}, "ж", 0x18, "0436"},
		"Latin-1 is the default": {Config{Default: Latin1}, "aê", 0, "61ea"},
		"beyond the default":     {Config{Default: Latin1}, "aж", 8, "00610436"},
		"ASCII is the default":   {Config{Default: ASCII}, "a@", 0, "6140"},
		"UTF-8 is the default":   {Config{Default: UTF8}, "ж", 0, "d0b6"},
		"fixed":                  {Config{DataCoding: new(byte(0x1b))}, "a", 0x1b, "0061"},
		"fixed binary":           {Config{DataCoding: new(byte(4))}, "\xff\x00", 4, "ff00"},
		"no UTF-8":               {Config{}, "a\xff", 8, "0061fffd"},
	} {
		t.Run(name, func(t *testing.T) {
			coder := newCoder(t, c.config)
			var m Message
			require.NoError(t, coder.Encode(&m, c.text, 1))
			require.Len(t, m.Segments, 1)
			require.Equal(t, c.dataCoding, m.DataCoding)
			require.Equal(t, coder.Meaning(m.DataCoding).Charset, m.Charset)
			require.Equal(t, c.data, hex.EncodeToString(m.Segments[0].Data))
			require.Zero(t, m.Segments[0].Concat)
			require.False(t, m.Transliterated)
		})
	}
}

func TestFewestPartsWin(t *testing.T) {
	// 81 to 140 brackets are two messages in GSM7 and one in Latin-1.
	coder := newCoder(t, Config{Latin1: true})
	var m Message
	require.NoError(t, coder.Encode(&m, strings.Repeat("[", 80), 1))
	require.Equal(t, GSM7, m.Charset)
	require.NoError(t, coder.Encode(&m, strings.Repeat("[", 81), 1))
	require.Equal(t, Latin1, m.Charset)
	require.Len(t, m.Segments, 1)
	// Two tables take longer headers: only used if one does not do.
	coder = newCoder(t, Config{Languages: []Language{Hindi}})
	require.NoError(t, coder.Encode(&m, "क१", 1))
	require.Equal(t, "06240106250106"+"15"+"1b1d", hex.EncodeToString(m.Segments[0].Data))
}

func TestTransports(t *testing.T) {
	text := strings.Repeat("a", 161)
	for _, c := range []struct {
		transport Transport
		first     string
		segment   Segment // of the second part, but for Data
	}{
		{UDH8, "050003a70201", Segment{UDHI: true, Concat: Concat{UDH8, 0xa7, 2, 2}}},
		{UDH16, "06080412a70201", Segment{UDHI: true, Concat: Concat{UDH16, 0x12a7, 2, 2}}},
		{SAR, "", Segment{Concat: Concat{SAR, 0x12a7, 2, 2}}},
	} {
		var m Message
		require.NoError(t, newCoder(t, Config{Transport: c.transport}).Encode(&m, text, 0x12a7))
		require.Len(t, m.Segments, 2)
		require.Equal(t, c.first, strings.TrimRight(hex.EncodeToString(m.Segments[0].Data), "61")+c.first[len(strings.TrimRight(c.first, "61")):])
		c.segment.Data = m.Segments[1].Data
		require.Equal(t, c.segment, m.Segments[1])
	}
	var m Message
	coder := newCoder(t, Config{Transport: Payload})
	require.NoError(t, coder.Encode(&m, text, 1))
	require.Equal(t, []Segment{{Data: []byte(text), Payload: true}}, m.Segments)
	require.NoError(t, coder.Encode(&m, "short", 1))
	require.Equal(t, []Segment{{Data: []byte("short")}}, m.Segments)
	require.Error(t, coder.Encode(&m, strings.Repeat("a", 1521), 1), "the SMSC would need eleven messages")
}

func TestNationalTablesNeedAHeader(t *testing.T) {
	// UDHI and sar_* together are refused by SMSCs.
	for _, transport := range []Transport{SAR, Payload} {
		coder := newCoder(t, Config{Languages: []Language{Turkish}, Transport: transport})
		var m Message
		require.NoError(t, coder.Encode(&m, "ğ", 1))
		require.True(t, m.Segments[0].UDHI)
		require.NoError(t, coder.Encode(&m, strings.Repeat("ğ", 200), 1))
		require.Equal(t, UCS2, m.Charset)
		require.False(t, m.Segments[0].UDHI)
	}
}

func TestEscapesAndPairsStayWhole(t *testing.T) {
	coder := newCoder(t, Config{})
	var m Message
	// The 153rd septet would be the escape.
	require.NoError(t, coder.Encode(&m, strings.Repeat("a", 152)+strings.Repeat("€", 10), 1))
	require.Len(t, m.Segments, 2)
	require.Len(t, m.Segments[0].Data, 6+152)
	require.Equal(t, byte(escape), m.Segments[1].Data[6])
	// The 67th unit would be the first half of the pair.
	require.NoError(t, coder.Encode(&m, strings.Repeat("ж", 66)+strings.Repeat("😀", 10), 1))
	require.Len(t, m.Segments, 2)
	require.Len(t, m.Segments[0].Data, 6+132)
	require.Equal(t, "d83d", hex.EncodeToString(m.Segments[1].Data[6:8]))
}

func TestEncodeErrors(t *testing.T) {
	var m Message
	for dataCoding, c := range map[byte]struct {
		text   string
		offset int
	}{
		0:  {"aé😀", 3},
		1:  {"aé", 1},
		3:  {strings.Repeat("a", 200) + "€", 200},
		6:  {"é", 0},
		7:  {"\ufffd", 0},
		5:  {"日한", 3},
		10: {"日\x1b", 3},
		14: {strings.Repeat("한", 100) + "😀", 300},
	} {
		coder := newCoder(t, Config{DataCoding: &dataCoding})
		var unencodable *UnencodableError
		require.ErrorAs(t, coder.Encode(&m, c.text, 1), &unencodable, "0x%02X", dataCoding)
		require.Equal(t, c.offset, unencodable.Offset, "0x%02X", dataCoding)
		require.Equal(t, []rune(c.text[c.offset:])[0], unencodable.Rune)
		require.NotContains(t, unencodable.Error(), c.text)
	}
	require.EqualError(t, newCoder(t, Config{MaxParts: 1}).Encode(&m, strings.Repeat("a", 161), 1),
		"text needs more than 1 short messages: shorten it or allow more parts")
	require.NoError(t, newCoder(t, Config{MaxParts: 255}).Encode(&m, strings.Repeat("a", 255*153), 1))
	require.Equal(t, uint8(255), m.Segments[254].Concat.Number)
}

func TestConfigErrors(t *testing.T) {
	for want, c := range map[string]Config{
		"cannot be a default alphabet":       {Default: UCS2},
		"unknown transport":                  {Transport: transports},
		"a message has 1 to 255":             {MaxParts: 256},
		"-1 parts":                           {MaxParts: -1},
		"unknown language":                   {Languages: []Language{languages}},
		"unknown language none":              {Languages: []Language{NoLanguage}},
		"twice":                              {Languages: []Language{Urdu, Hindi, Urdu}},
		"exclude each other: add the class":  {DataCoding: new(byte(0)), Flash: true},
		"leaves no choice":                   {DataCoding: new(byte(0)), Latin1: true},
		"no data_coding says both":           {Latin1: true, Flash: true},
		"need the default alphabet gsm7":     {Default: Latin1, Languages: []Language{Urdu}},
		"cannot be a default alphabet: use ": {Default: charsets},
	} {
		_, err := New(c)
		require.ErrorContains(t, err, want)
	}
}

func TestTransliterate(t *testing.T) {
	for text, want := range map[string]string{
		"“Don’t” – wait…\u00a0now":   "\"Don't\" - wait... now",
		"ça va, garçon?":             "ca va, garcon?",
		"e\u0301 is é":               "é is é",
		"Łódź ŐŰ ő Œuvre ẞ ﬀ":        "",
		"Łódź ŐŰ ő Œuvre ẞ":          "Lodz OU o OEuvre SS",
		"zero\u200bwidth soft\u00ad": "zerowidth soft",
		"Ệ":                          "E",
		"naïve – жук":                "",
		"plain":                      "plain",
	} {
		got, ok := transliterate(text)
		require.Equal(t, want != "", ok, text)
		require.Equal(t, want, got)
	}
	for r, replacement := range replacements {
		require.Zero(t, gsm.cost(r), "%U needs no replacement", r)
		for _, r := range replacement {
			require.Positive(t, gsm.cost(r))
		}
	}
}

func TestTransliterateWhenItHelps(t *testing.T) {
	for name, c := range map[string]struct {
		config         Config
		text, want     string
		transliterated bool
		charset        Charset
	}{
		"off":               {Config{}, "ê…", "ê…", false, UCS2},
		"on":                {Config{Transliterate: true}, "ê…", "e...", true, GSM7},
		"needless":          {Config{Transliterate: true}, "é", "é", false, GSM7},
		"in vain":           {Config{Transliterate: true}, "ê…ж", "ê…ж", false, UCS2},
		"before Latin-1":    {Config{Transliterate: true, Latin1: true}, "ê", "e", true, GSM7},
		"behind national":   {Config{Transliterate: true, Languages: []Language{Portuguese}}, "ê", "ê", false, GSM7},
		"a fixed GSM7":      {Config{Transliterate: true, DataCoding: new(byte(0))}, "ê", "e", true, GSM7},
		"a fixed Latin-1":   {Config{Transliterate: true, DataCoding: new(byte(3))}, "ê", "ê", false, Latin1},
		"Latin-1 as 0":      {Config{Transliterate: true, Default: Latin1}, "ê…", "e...", true, Latin1},
		"another is better": {Config{Transliterate: true, Latin1: true}, strings.Repeat("[", 81), strings.Repeat("[", 81), false, Latin1},
	} {
		t.Run(name, func(t *testing.T) {
			coder := newCoder(t, c.config)
			var m Message
			require.NoError(t, coder.Encode(&m, c.text, 1))
			require.Equal(t, c.transliterated, m.Transliterated)
			require.Equal(t, c.charset, m.Charset)
			require.Equal(t, c.want, read(t, coder, &m))
		})
	}
}

// read decodes a message as its receiver would.
func read(t require.TestingT, coder *Coder, m *Message) string {
	return string(coder.AppendText(nil, received(t, m)...))
}

// received is what a receiver makes of a message's segments.
func received(t require.TestingT, m *Message) []Part {
	var parts []Part
	for _, s := range m.Segments {
		p := Part{DataCoding: m.DataCoding, Data: s.Data}
		if s.UDHI {
			var err error
			p.Header, p.Data, err = ParseHeader(s.Data)
			require.NoError(t, err)
		}
		if s.Concat.Transport == SAR {
			p.Header.Concat = s.Concat
		}
		require.Equal(t, s.Concat, p.Header.Concat)
		parts = append(parts, p)
	}
	return parts
}
