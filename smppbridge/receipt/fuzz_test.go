package receipt

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		standard, "id:1", "id:7 stat:DELIVRD", "ID: 7,STAT:x,done date:180711070003912+", "\x00i\x00d\x00:\x007", "text:",
		"\x05\x00\x03\x07\x02\x01id:7 stat:UNDELIV err:00A3 Text:\x00", "submit date:::id:id:stat:", "\xe9\xb2\x1d", "id",
	} {
		for _, class := range []byte{0, 4, 0x20, 0x44} {
			f.Add(class, byte(0), false, []byte(text), []byte(nil), byte(2))
			f.Add(class, byte(8), true, []byte(text), []byte("00a1\x00"), byte(255))
		}
	}
	f.Fuzz(func(t *testing.T, class, dataCoding byte, packed bool, text, id []byte, state byte) {
		c := coding.Config{}
		if packed {
			c.Default = coding.GSM7Packed
		}
		p := newParser(t, c)
		d := deliver(pdu.ESMClass(class), string(text))
		d.DataCoding = pdu.DataCoding(dataCoding)
		if id != nil {
			require.NoError(t, d.TLVs.Add(pdu.TagReceiptedMessageID, id[:min(len(id), 1000)]))
			d.TLVs.AddUint8(pdu.TagMessageState, state)
		}
		r, ok := p.Parse(d)
		if announced := class&0x24 != 0 || class&0x3c == 0x08; announced || len(tlvID(d.TLVs)) > 0 {
			require.True(t, ok)
		}
		if !ok {
			require.Equal(t, Receipt{}, r)
			return
		}
		require.False(t, r.Final && r.Intermediate)
		require.False(t, r.Final && r.State.onTheWay())
		require.Contains(t, stateNames[:], r.State.String())
		require.LessOrEqual(t, len(r.MessageID), MaxID+1)
		require.LessOrEqual(t, len(r.TextID), MaxID+1)
		require.GreaterOrEqual(t, min(r.Submitted, r.Delivered), -1)
		require.True(t, utf8.ValidString(r.Raw))
		if len(tlvID(d.TLVs)) > 0 {
			require.NotEmpty(t, r.MessageID)
		}
		// What was read, it says again.
		if r.MessageID != "" && len(id) == 0 && printable(r.MessageID) {
			again, ok := p.Parse(deliver(4, "id:"+r.MessageID+" stat:"+r.State.String()))
			require.True(t, ok)
			if !packed {
				require.Equal(t, r.MessageID, again.MessageID)
				require.Equal(t, r.State, again.State)
			}
		}
		var keys [6]Key
		require.LessOrEqual(t, len(NewMatcher(Auto).Keys(keys[:0], &r)), len(keys))
	})
}

func FuzzScan(f *testing.F) {
	f.Add(standard)
	f.Add("id:1 stat:")
	f.Add("done date:2018-07-11 07:00 err:")
	f.Fuzz(func(t *testing.T, text string) {
		fields := scan(text)
		for key, value := range fields {
			require.Contains(t, text, value)
			newDate(value, epoch.Location())
			if key != keyText && key != keySubmitDate && key != keyDoneDate {
				require.NotContains(t, value, " ")
			}
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add("a1", "161", "491700000001", "01700000001")
	f.Add("0", "000", "", "+")
	f.Fuzz(func(t *testing.T, response, receipt, destination, source string) {
		r := &Receipt{MessageID: receipt, Source: pdu.Address{Addr: source}}
		for _, rule := range rules {
			m := NewMatcher(rule)
			m.Submitted(response)
			match, ok := m.Match(r, []Message{{ID: response, Destination: destination}})
			if !ok {
				continue
			}
			require.Zero(t, match.Index)
			require.True(t, same(Strip, response, receipt) || equalInBases(response, receipt), "%s %s", rule, match.Rule)
			key, stored := StoreKey(response)
			require.True(t, stored)
			require.Contains(t, m.Keys(nil, r), key)
		}
	})
}

func equalInBases(response, receipt string) bool {
	var f forms
	f.set(receipt)
	return equalFold(normal(response), f.hex.get()) || equalFold(normal(response), f.decimal.get())
}
