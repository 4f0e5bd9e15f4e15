package coding

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func part(reference uint16, total, number uint8, text string) Part {
	return Part{
		Header: Header{Concat: NewConcat(UDH8, reference, total, number), Octets: 6},
		Data:   []byte(text), Tag: uint64(number),
	}
}

func texts(m Assembled) string {
	var parts []string
	for _, p := range m.Parts {
		parts = append(parts, string(p.Data))
	}
	return strings.Join(parts, "|")
}

func TestReassembleInAnyOrder(t *testing.T) {
	for _, order := range [][]uint8{{1, 2, 3}, {3, 2, 1}, {2, 3, 1}, {2, 2, 1, 1, 2, 3}} {
		r := NewReassembler(Limits{})
		seen := make(map[uint8]bool)
		for i, n := range order {
			data := []byte{'a' + n}
			p := part(7, 3, n, "")
			p.Data = data
			result := r.Add(epoch, "49171", "1234", p)
			data[0] = '!' // The octets are the caller's again.
			require.Empty(t, result.GivenUp)
			switch {
			case i == len(order)-1:
				require.Equal(t, Complete, result.Outcome)
				require.Equal(t, "b|c|d", texts(result.Whole))
				require.True(t, result.Whole.Complete)
				require.Equal(t, uint64(1), result.Whole.Parts[0].Tag)
				require.Equal(t, "49171", result.Whole.Source)
				require.Equal(t, "1234", result.Whole.Destination)
			case seen[n]:
				require.Equal(t, Repeated, result.Outcome)
			default:
				require.Equal(t, Waiting, result.Outcome)
				require.Zero(t, result.Whole)
			}
			seen[n] = true
		}
	}
}

func TestReassembleKeepsMessagesApart(t *testing.T) {
	r := NewReassembler(Limits{})
	add := func(source, destination string, transport Transport, reference uint16, total uint8) Result {
		p := part(reference, total, 1, "x")
		p.Header.Concat.Transport = transport
		return r.Add(epoch, source, destination, p)
	}
	for _, result := range []Result{
		add("1", "9", UDH8, 7, 2),
		add("2", "9", UDH8, 7, 2),
		add("1", "8", UDH8, 7, 2),
		add("1", "9", UDH16, 7, 2),
		add("1", "9", SAR, 7, 2),
		add("1", "9", UDH8, 8, 2),
		add("1", "9", UDH8, 7, 3),
	} {
		require.Equal(t, Waiting, result.Outcome)
	}
	result := r.Add(epoch, "1", "9", part(7, 2, 2, "y"))
	require.Equal(t, Complete, result.Outcome)
	require.Equal(t, "x|y", texts(result.Whole))
	require.Len(t, r.messages, 7)
}

func TestReassembleMessageOfOnePart(t *testing.T) {
	r := NewReassembler(Limits{})
	for _, p := range []Part{part(1, 0, 0, "a"), part(1, 1, 1, "a"), part(1, 2, 3, "a"), part(1, 2, 0, "a")} {
		result := r.Add(epoch, "1", "9", p)
		require.Equal(t, Complete, result.Outcome)
		require.Equal(t, "a", texts(result.Whole))
		r.Confirm(result.Whole)
		require.Empty(t, r.messages)
	}
}

func TestReassembleUntilConfirmed(t *testing.T) {
	r := NewReassembler(Limits{})
	r.Add(epoch, "1", "9", part(7, 2, 1, "a"))
	first := r.Add(epoch, "1", "9", part(7, 2, 2, "b"))
	// It could not be stored, so the SMSC sends the part again.
	again := r.Add(epoch, "1", "9", part(7, 2, 2, "b"))
	require.Equal(t, Complete, again.Outcome)
	require.Equal(t, first.Whole, again.Whole)
	r.Confirm(again.Whole)
	r.Confirm(again.Whole)
	// The answer got lost, so it comes once more; nothing else does.
	p := part(7, 2, 2, "b")
	p.Tag = 22
	repeat := r.Add(epoch, "1", "9", p)
	require.Equal(t, Waiting, repeat.Outcome)
	require.EqualValues(t, 2, repeat.Tag, "that of the first time")
	givenUp := r.Expire(epoch.Add(time.Hour))
	require.Len(t, givenUp, 1)
	require.True(t, givenUp[0].Repeat)
	require.Equal(t, "b", texts(givenUp[0]))
	require.Empty(t, r.messages)
	require.Zero(t, r.bytes)
}

func TestReassembleSameMessageTwice(t *testing.T) {
	// Some senders always use the same reference.
	r := NewReassembler(Limits{})
	for range 3 {
		require.Equal(t, Waiting, r.Add(epoch, "1", "9", part(0, 2, 1, "a")).Outcome)
		result := r.Add(epoch, "1", "9", part(0, 2, 2, "b"))
		require.Equal(t, Complete, result.Outcome)
		r.Confirm(result.Whole)
	}
	// Half a message of new content is one, too, as is one of another coding.
	p := part(0, 2, 1, "a")
	p.Tag, p.DataCoding = 11, 8
	require.EqualValues(t, 11, r.Add(epoch, "1", "9", p).Tag)
	require.True(t, r.Withdraw("1", "9", p))
	r.Add(epoch, "1", "9", part(0, 2, 1, "a"))
	p = part(0, 2, 2, "new")
	p.Tag = 22
	require.EqualValues(t, 22, r.Add(epoch, "1", "9", p).Tag)
	r.Confirm(Assembled{})
	givenUp := r.Expire(epoch.Add(DefaultMaxAge))
	require.Len(t, givenUp, 1)
	require.True(t, givenUp[0].Complete, "it has not been confirmed")
	require.False(t, givenUp[0].Repeat)
	require.Equal(t, "a|new", texts(givenUp[0]))
}

func TestReassembleDifferentContent(t *testing.T) {
	r := NewReassembler(Limits{})
	r.Add(epoch, "1", "9", part(7, 3, 1, "old1"))
	r.Add(epoch, "1", "9", part(7, 3, 3, "old3"))
	result := r.Add(epoch.Add(time.Minute), "1", "9", part(7, 3, 1, "new1"))
	require.Equal(t, Waiting, result.Outcome)
	require.Len(t, result.GivenUp, 1)
	require.Equal(t, "old1|old3", texts(result.GivenUp[0]))
	require.False(t, result.GivenUp[0].Complete)
	next, ok := r.NextExpiry()
	require.True(t, ok)
	require.Equal(t, epoch.Add(time.Minute+DefaultMaxAge), next)
	// The same octets mean something else with another data_coding.
	p := part(7, 3, 1, "new1")
	p.DataCoding = 8
	require.Len(t, r.Add(epoch, "1", "9", p).GivenUp, 1)
	// A complete message gives way to a new one, and a late confirmation is void.
	r.Add(epoch, "2", "9", part(7, 2, 1, "a"))
	whole := r.Add(epoch, "2", "9", part(7, 2, 2, "b")).Whole
	result = r.Add(epoch, "2", "9", part(7, 2, 1, "c"))
	require.Equal(t, []Assembled{whole}, result.GivenUp)
	r.Confirm(whole)
	require.Equal(t, Complete, r.Add(epoch, "2", "9", part(7, 2, 2, "d")).Outcome)
	r.Confirm(whole)
	require.Equal(t, Complete, r.Add(epoch, "2", "9", part(7, 2, 2, "d")).Outcome)
}

func TestReassembleExpiry(t *testing.T) {
	r := NewReassembler(Limits{Age: time.Minute})
	_, ok := r.NextExpiry()
	require.False(t, ok)
	r.Add(epoch, "1", "9", part(1, 3, 3, "c"))
	r.Add(epoch.Add(30*time.Second), "1", "9", part(2, 3, 1, "x"))
	// A second part does not make the message younger.
	r.Add(epoch.Add(59*time.Second), "1", "9", part(1, 3, 1, "a"))
	require.Empty(t, r.Expire(epoch.Add(time.Minute-1)))
	givenUp := r.Expire(epoch.Add(time.Minute))
	require.Len(t, givenUp, 1)
	require.Equal(t, "a|c", texts(givenUp[0]))
	require.Equal(t, epoch, givenUp[0].First)
	require.Equal(t, "x", texts(r.Expire(epoch.Add(time.Hour))[0]))
	require.Zero(t, r.bytes)
}

// A process that reads what another has kept adds parts with the times they had.
func TestReassembleInAnyOrderOfTime(t *testing.T) {
	r := NewReassembler(Limits{Age: time.Minute})
	for i, seconds := range []int{30, 0, 50, 10} {
		r.Add(epoch.Add(time.Duration(seconds)*time.Second), "1", "9", part(uint16(i), 2, 1, fmt.Sprint(seconds)))
	}
	next, ok := r.NextExpiry()
	require.True(t, ok)
	require.Equal(t, epoch.Add(time.Minute), next)
	for _, seconds := range []int{0, 10, 30, 50} {
		givenUp := r.Expire(epoch.Add(time.Minute + time.Duration(seconds)*time.Second))
		require.Len(t, givenUp, 1)
		require.Equal(t, fmt.Sprint(seconds), texts(givenUp[0]))
	}
	// A message that is too old gets no further parts, even if nobody has looked.
	r.Add(epoch, "1", "9", part(7, 2, 1, "a"))
	result := r.Add(epoch.Add(time.Minute), "1", "9", part(7, 2, 2, "b"))
	require.Equal(t, Waiting, result.Outcome)
	require.Equal(t, "a", texts(result.GivenUp[0]))
	require.Equal(t, "b", texts(r.Expire(epoch.Add(time.Hour))[0]))
}

func TestReassembleWithdraw(t *testing.T) {
	tagged := func(number uint8, text string, tag uint64) Part {
		p := part(7, 2, number, text)
		p.Tag = tag
		return p
	}
	r := NewReassembler(Limits{})
	a, b := tagged(1, "a", 10), tagged(2, "b", 20)
	require.False(t, r.Withdraw("1", "9", a))
	r.Add(epoch, "1", "9", a)
	require.True(t, r.Withdraw("1", "9", a))
	require.Empty(t, r.messages)
	require.Zero(t, r.bytes)

	require.EqualValues(t, 10, r.Add(epoch, "1", "9", a).Tag)
	again := r.Add(epoch, "1", "9", tagged(1, "a", 11))
	require.Equal(t, Repeated, again.Outcome)
	require.EqualValues(t, 10, again.Tag, "it is there already")
	require.False(t, r.Withdraw("1", "9", tagged(1, "a", 11)))
	require.False(t, r.Withdraw("1", "9", b))
	whole := r.Add(epoch, "1", "9", b).Whole
	require.True(t, r.Withdraw("1", "9", b))
	require.Equal(t, "a|b", texts(whole), "what was given away stays as it is")
	require.Equal(t, Repeated, r.Add(epoch, "1", "9", a).Outcome)
	r.Confirm(whole)
	result := r.Add(epoch, "1", "9", tagged(2, "c", 21))
	require.Equal(t, "a|c", texts(result.Whole))
	r.Confirm(result.Whole)
	// What is remembered of it outlives a part that is withdrawn.
	r.Add(epoch, "1", "9", a)
	require.True(t, r.Withdraw("1", "9", a))
	r.Add(epoch, "1", "9", a)
	require.True(t, r.Expire(epoch.Add(time.Hour))[0].Repeat)
	require.Zero(t, r.bytes)
}

func TestReassembleForgetsBeforeItGivesUp(t *testing.T) {
	r := NewReassembler(Limits{Messages: 2})
	r.Add(epoch, "1", "9", part(1, 2, 1, "a"))
	r.Add(epoch, "1", "9", part(2, 2, 1, "a"))
	r.Confirm(r.Add(epoch, "1", "9", part(2, 2, 2, "b")).Whole)
	require.Empty(t, r.Add(epoch, "1", "9", part(3, 2, 1, "a")).GivenUp)
	require.Equal(t, 2, r.open.Len())
	require.Zero(t, r.safe.Len())
}

func TestReassembleLimitOfMessages(t *testing.T) {
	r := NewReassembler(Limits{Messages: 2})
	r.Add(epoch, "1", "9", part(1, 2, 1, "a"))
	r.Add(epoch, "1", "9", part(2, 2, 1, "b"))
	result := r.Add(epoch, "1", "9", part(3, 2, 1, "c"))
	require.Equal(t, Waiting, result.Outcome)
	require.Len(t, result.GivenUp, 1)
	require.Equal(t, "a", texts(result.GivenUp[0]))
	require.Len(t, r.messages, 2)
}

func TestReassembleLimitOfBytes(t *testing.T) {
	const limit = 10_000
	r := NewReassembler(Limits{Bytes: limit})
	given := 0
	for i := range 1000 {
		// Every part is the first of a message of 255, in turn small and large.
		size := 1 + i%3*500
		result := r.Add(epoch, fmt.Sprint(i), "9", part(1, 255, 1, strings.Repeat("x", size)))
		require.LessOrEqual(t, r.bytes, limit)
		given += len(result.GivenUp)
	}
	require.Equal(t, 1000, given+len(r.messages), "nothing gets lost")
	// One message may not exceed the limit, either.
	r = NewReassembler(Limits{Bytes: limit})
	r.Add(epoch, "1", "9", part(1, 3, 1, strings.Repeat("x", 5000)))
	result := r.Add(epoch, "1", "9", part(1, 3, 2, strings.Repeat("x", 5000)))
	require.Equal(t, Waiting, result.Outcome)
	require.Len(t, result.GivenUp, 1)
	require.Len(t, result.GivenUp[0].Parts, 2)
	require.Empty(t, r.messages)
	// Unless it is complete.
	r.Add(epoch, "1", "9", part(1, 2, 1, strings.Repeat("x", 5000)))
	result = r.Add(epoch, "1", "9", part(1, 2, 2, strings.Repeat("x", 5000)))
	require.Equal(t, Complete, result.Outcome)
	require.Empty(t, result.GivenUp)
	require.Zero(t, r.bytes)
	r.Confirm(result.Whole)
}

func TestTextAcrossParts(t *testing.T) {
	coder := newCoder(t, Config{})
	p := func(number uint8, dataCoding byte, data string) Part {
		p := part(1, 3, number, data)
		p.DataCoding = dataCoding
		return p
	}
	for name, c := range map[string]struct {
		parts []Part
		want  string
	}{
		"pair cut by the sender":   {[]Part{p(1, 8, "\x00a\xd8\x3d"), p(2, 8, "\xde\x00")}, "a😀"},
		"escape cut by the sender": {[]Part{p(1, 0, "a\x1b"), p(2, 0, "e"), p(3, 0, "b")}, "a€b"},
		"a part is missing":        {[]Part{p(1, 8, "\xd8\x3d"), p(3, 8, "\xde\x00")}, "\ufffd\ufffd"},
		"codings differ":           {[]Part{p(1, 0, "\x00"), p(2, 8, "\x04\x36"), p(3, 0xf0, "\x00")}, "@ж@"},
		"an octet too many":        {[]Part{p(1, 8, "\x00a\x00"), p(2, 8, "\x00b")}, "a\ufffdb"},
		"none":                     {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, string(coder.AppendText(nil, c.parts...)))
		})
	}
	a, b := part(1, 2, 1, "\x07"), part(1, 2, 2, "\x07")
	a.Header.Locking = Turkish
	require.Equal(t, "ıì", string(coder.AppendText(nil, a, b)))
}

func TestReferences(t *testing.T) {
	r := NewReferences()
	seen := make(map[uint16]bool)
	first := r.Next("1", "2")
	for range 255 {
		n := r.Next("1", "2")
		require.False(t, seen[n&0xff])
		seen[n&0xff] = true
	}
	require.NotContains(t, seen, first&0xff)
	require.Equal(t, first, r.Next("1", "2")&0xff|first&0xff00, "an 8-bit reference comes again after 256")
}
