package coding

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// textRunes has characters for texts that each of the codings is chosen for.
var textRunes = map[string]*rapid.Generator[rune]{
	"septets":  rapid.RuneFrom([]rune("aB @\r\n€[]{}~\f^ΩÅé")),
	"latin":    rapid.RuneFrom([]rune("aêõÿ\u0080[")),
	"turkish":  rapid.RuneFrom([]rune("ağışİ€")),
	"hindi":    rapid.RuneFrom([]rune("कखग१२ aA\n")),
	"cyrillic": rapid.RuneFrom([]rune("abжщЯ")),
	"emoji":    rapid.RuneFrom([]rune("a😀👩\u200d🚀")),
	"any":      rapid.Rune(),
}

func drawText(t *rapid.T) string {
	kind := rapid.SampledFrom(slices.Sorted(maps.Keys(textRunes))).Draw(t, "kind")
	return rapid.StringOfN(textRunes[kind], 0, 600, -1).Draw(t, "text")
}

func drawConfig(t *rapid.T) Config {
	c := Config{
		Default:   rapid.SampledFrom([]Charset{GSM7, GSM7Packed, ASCII, Latin1, UTF8}).Draw(t, "default"),
		Transport: rapid.SampledFrom([]Transport{UDH8, UDH16, SAR, Payload}).Draw(t, "transport"),
		Latin1:    rapid.Bool().Draw(t, "latin1"),
		MaxParts:  255,
	}
	if c.Default <= GSM7Packed && rapid.Bool().Draw(t, "national") {
		c.Languages = []Language{Turkish, Hindi}
	}
	return c
}

// requireText compares what was sent with what was read: packing may drop one
// carriage return at the very end, and nothing else.
func requireText(t require.TestingT, charset Charset, want, got string) {
	if charset == GSM7Packed && got != want {
		want = strings.TrimSuffix(want, "\r")
	}
	require.Equal(t, want, got)
}

func TestReassembledSplitIsTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawText(t)
		coder := newRapidCoder(t, drawConfig(t))
		// Small messages cut in more places.
		coder.userDataSize = rapid.IntRange(24, userDataOctets).Draw(t, "octets")
		var m Message
		if err := coder.Encode(&m, text, rapid.Uint16().Draw(t, "reference")); err != nil {
			var tooLong *TooLongError
			require.ErrorAs(t, err, &tooLong)
			return
		}
		for _, s := range m.Segments {
			if !s.Payload {
				require.LessOrEqual(t, len(s.Data), shortMessageOctets)
			}
			if !s.Payload && m.Charset != GSM7 && m.Charset != coder.defaultSet {
				require.LessOrEqual(t, len(s.Data), coder.userDataSize)
			}
			if m.Charset == GSM7Packed && !s.Payload {
				require.LessOrEqual(t, len(s.Data), coder.userDataSize)
			}
		}
		requireReassembled(t, coder, &m, text)
	})
}

// requireReassembled has the parts of a message come in any order, some more than
// once, and checks that they are the text as soon as the last one is there.
func requireReassembled(t *rapid.T, coder *Coder, m *Message, text string) {
	parts := received(t, m)
	arrivals := slices.Clone(parts)
	for _, again := range rapid.SliceOfN(rapid.IntRange(0, len(parts)-1), 0, 5).Draw(t, "repeated") {
		arrivals = append(arrivals, parts[again])
	}
	seed := rapid.Uint64().Draw(t, "order")
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(arrivals), func(i, j int) { arrivals[i], arrivals[j] = arrivals[j], arrivals[i] })
	r := NewReassembler(Limits{})
	met := make(map[uint8]bool)
	for _, p := range arrivals {
		result := r.Add(epoch, "1", "2", p)
		known := met[p.Header.Concat.Number]
		met[p.Header.Concat.Number] = true
		require.Empty(t, result.GivenUp)
		if len(met) < len(parts) {
			require.Equal(t, known, result.Outcome == Repeated)
			require.NotEqual(t, Complete, result.Outcome)
			continue
		}
		require.Equal(t, Complete, result.Outcome)
		require.True(t, result.Whole.Complete)
		require.Len(t, result.Whole.Parts, len(parts))
		requireText(t, m.Charset, text, string(coder.AppendText(nil, result.Whole.Parts...)))
		return
	}
}

func TestEveryPartIsReadableAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawText(t)
		coder := newRapidCoder(t, drawConfig(t))
		var m Message
		require.NoError(t, coder.Encode(&m, text, 1))
		var b strings.Builder
		for _, p := range received(t, &m) {
			b.Write(coder.AppendText(nil, p))
		}
		requireText(t, m.Charset, text, b.String())
	})
}

func TestFixedCodingsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dataCoding := rapid.Byte().Draw(t, "data_coding")
		text := drawText(t)
		if rapid.Bool().Draw(t, "asian") {
			text = rapid.StringOfN(rapid.RuneFrom([]rune("aｱ日本語한국어ж~\\")), 0, 300, -1).Draw(t, "asian text")
		}
		c := drawConfig(t)
		c.Latin1, c.Languages, c.DataCoding = false, nil, &dataCoding
		coder := newRapidCoder(t, c)
		coder.userDataSize = rapid.IntRange(24, userDataOctets).Draw(t, "octets")
		var m Message
		if err := coder.Encode(&m, text, 1); err != nil {
			var unencodable *UnencodableError
			require.ErrorAs(t, err, &unencodable)
			require.True(t, strings.HasPrefix(text[unencodable.Offset:], string(unencodable.Rune)))
			return
		}
		require.Equal(t, dataCoding, m.DataCoding)
		requireReassembled(t, coder, &m, text)
	})
}

func newRapidCoder(t *rapid.T, c Config) *Coder {
	coder, err := New(c)
	require.NoError(t, err)
	return coder
}

func TestReassemblerKeepsItsLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{Messages: 5, Bytes: 8000, Age: 100}
		r := NewReassembler(limits)
		now := epoch
		out := make(map[uint64]bool) // tags that came back
		take := func(messages ...Assembled) {
			for _, m := range messages {
				for _, p := range m.Parts {
					out[p.Tag] = true
				}
			}
		}
		repeated := 0
		steps := rapid.IntRange(0, 60).Draw(t, "steps")
		for i := range steps {
			now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "delay")))
			take(r.Expire(now)...)
			data := strings.Repeat(rapid.SampledFrom([]string{"x", "y"}).Draw(t, "data"), rapid.SampledFrom([]int{0, 1, 3000}).Draw(t, "size"))
			p := part(rapid.Uint16Range(0, 2).Draw(t, "reference"), rapid.Uint8Range(0, 4).Draw(t, "total"), rapid.Uint8Range(0, 4).Draw(t, "number"), data)
			p.Tag = uint64(i)
			source := rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "source")
			result := r.Add(now, source, "9", p)
			take(result.GivenUp...)
			if result.Outcome == Complete && (p.Header.Concat.Total <= 1 || r.messages[result.Whole.key] == nil) {
				take(result.Whole) // Nothing of it is left.
			}
			switch {
			case rapid.IntRange(0, 4).Draw(t, "fails") == 0 && r.Withdraw(source, "9", p):
				out[p.Tag] = true
			case result.Outcome == Complete && rapid.Bool().Draw(t, "confirm"):
				r.Confirm(result.Whole)
				take(result.Whole)
			}
			its := func(other Part) bool { return other.Tag == p.Tag }
			if result.Outcome == Repeated || result.Outcome == Complete && !slices.ContainsFunc(result.Whole.Parts, its) {
				require.NotEqual(t, p.Tag, result.Tag)
				repeated++
			}
			require.LessOrEqual(t, r.bytes, limits.Bytes)
			require.LessOrEqual(t, len(r.messages), limits.Messages)
			require.Equal(t, len(r.messages), r.open.Len()+r.safe.Len())
			if next, ok := r.NextExpiry(); ok {
				require.True(t, next.After(now))
			}
		}
		take(r.Expire(now.Add(limits.Age))...)
		require.Zero(t, r.bytes)
		require.Empty(t, r.messages)
		require.Equal(t, steps, len(out)+repeated, "every part comes back, or is there twice")
	})
}
