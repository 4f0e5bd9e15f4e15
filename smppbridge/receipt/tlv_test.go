package receipt

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

func TestTLVsCountMoreThanText(t *testing.T) {
	p := newParser(t, coding.Config{})
	for _, tt := range []struct {
		name   string
		class  pdu.ESMClass
		id     string // octets of receipted_message_id
		state  []byte
		text   string
		want   State
		wantID string
		textID string
		final  bool
		inter  bool
	}{
		{"the same", 4, "a1\x00", []byte{2}, "id:a1 stat:DELIVRD", Delivered, "a1", "", true, false},
		{"no NUL", 4, "a1", []byte{2}, "", Delivered, "a1", "", true, false},
		{"padding", 4, " a1 \x00\x00", []byte{2}, "", Delivered, "a1", "", true, false},
		{"0xFF at the end", 4, "a1\xff", []byte{2}, "", Delivered, "a1", "", true, false},
		{"another id", 4, "a1\x00", []byte{2}, "id:161 stat:DELIVRD", Delivered, "a1", "161", true, false},
		{"an empty id", 4, "\x00", []byte{2}, "id:161 stat:DELIVRD", Delivered, "161", "", true, false},
		{"another state", 4, "a1\x00", []byte{5}, "id:a1 stat:DELIVRD", Undeliverable, "a1", "", true, false},
		{"a state that tells nothing", 4, "a1\x00", []byte{7}, "id:a1 stat:REJECTD", Rejected, "a1", "", true, false},
		{"a reserved state", 4, "a1\x00", []byte{10}, "id:a1 stat:EXPIRED", Expired, "a1", "", true, false},
		{"a reserved state alone", 4, "a1\x00", []byte{255}, "", Unknown, "a1", "", true, false},
		{"unknown", 4, "a1\x00", []byte{7}, "", Unknown, "a1", "", true, false},
		{"a state of the wrong length", 4, "a1\x00", []byte{0, 2}, "", Unknown, "a1", "", false, false},
		{"only an id", 4, "a1\x00", nil, "", Unknown, "a1", "", false, false},
		{"nothing of esm_class", 0, "a1\x00", []byte{2}, "", Delivered, "a1", "", true, false},
		{"nothing of esm_class, free text", 0, "a1\x00", []byte{3}, "It took too long.", Expired, "a1", "", true, false},
		{"a mode in esm_class", 3, "a1\x00", []byte{2}, "", Delivered, "a1", "", true, false},
		{"a notification", 0x20, "a1\x00", []byte{1}, "", Enroute, "a1", "", false, true},
		{"a notification of a failed try", 0x20, "a1\x00", []byte{5}, "", Undeliverable, "a1", "", false, true},
		{"a notification without a state", 0x20, "a1\x00", nil, "", Unknown, "a1", "", false, true},
		{"a notification that it is delivered", 0x20, "a1\x00", []byte{2}, "", Delivered, "a1", "", true, false},
		{"a receipt that it is on the way", 4, "a1\x00", []byte{6}, "", Accepted, "a1", "", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := deliver(tt.class, tt.text)
			require.NoError(t, d.TLVs.Add(pdu.TagReceiptedMessageID, []byte(tt.id)))
			if tt.state != nil {
				require.NoError(t, d.TLVs.Add(pdu.TagMessageState, tt.state))
			}
			r, ok := p.Parse(d)
			require.True(t, ok)
			require.Equal(t, tt.want, r.State)
			require.Equal(t, tt.wantID, r.MessageID)
			require.Equal(t, tt.textID, r.TextID)
			require.Equal(t, tt.final, r.Final)
			require.Equal(t, tt.inter, r.Intermediate)
		})
	}
}

func TestNetworkError(t *testing.T) {
	p := newParser(t, coding.Config{})
	for _, tt := range []struct {
		value string
		want  pdu.NetworkErrorCode
		ok    bool
	}{
		{"\x03\x00\x2a", pdu.NetworkErrorCode{Network: 3, Code: 42}, true},
		{"\x08\xff\xff", pdu.NetworkErrorCode{Network: 8, Code: 0xffff}, true},
		{"042", pdu.NetworkErrorCode{Code: 42}, true},
		{"42", pdu.NetworkErrorCode{}, false},
	} {
		d := deliver(4, "id:1")
		require.NoError(t, d.TLVs.Add(pdu.TagNetworkErrorCode, []byte(tt.value)))
		d.TLVs.AddUint16(pdu.TagUserMessageReference, 7)
		r, ok := p.Parse(d)
		require.True(t, ok)
		require.Equal(t, tt.ok, r.HasNetworkError)
		require.Equal(t, tt.want, r.NetworkError)
		require.True(t, r.HasReference)
		require.EqualValues(t, 7, r.UserMessageReference)
	}
}

func TestWhatIsNoReceipt(t *testing.T) {
	p := newParser(t, coding.Config{})
	packed := newParser(t, coding.Config{Default: coding.GSM7Packed})
	for _, text := range []string{
		"", "Hello", "id", "id:", "id:7", "id: 7 is my number", "id:7 stat:X", "id:7 text:hello", "Id:7, please", "stat:DELIVRD",
		"the id:7 stat:DELIVRD err:000", "idea: stat:DELIVRD", "i d:7 stat:DELIVRD",
	} {
		for _, class := range []pdu.ESMClass{0x00, 0x01, 0x03, 0x10, 0x18, 0x40, 0x80, 0xc0} {
			_, ok := p.Parse(deliver(class, text))
			require.False(t, ok, "%q 0x%02x", text, class)
			_, ok = packed.Parse(deliver(class, text))
			require.False(t, ok, "%q 0x%02x", text, class)
		}
	}
	for _, text := range []string{"id:7 stat:DELIVRD", " ID:7 STAT:FAILED", "id:7 stat:X err:001", "id:7 stat:X done date:0", "id:7 stat:X sub:1"} {
		for _, class := range []pdu.ESMClass{0x00, 0x03, 0x10, 0x18, 0x40} {
			r, ok := p.Parse(deliver(class, text))
			require.True(t, ok, "%q", text)
			require.Equal(t, "7", r.MessageID)
		}
	}
	for _, message := range []pdu.PDU{nil, (*pdu.SubmitSM)(deliver(4, "id:7")), &pdu.EnquireLink{}} {
		_, ok := p.Parse(message)
		require.False(t, ok)
	}
}

func TestReceiptsAreBounded(t *testing.T) {
	p := newParser(t, coding.Config{})
	d := deliver(4, "")
	long := strings.Repeat("7", 60_000)
	require.NoError(t, d.TLVs.Add(pdu.TagReceiptedMessageID, []byte(long)))
	require.NoError(t, d.TLVs.Add(pdu.TagMessagePayload, []byte("id:1"+long)))
	r, ok := p.Parse(d)
	require.True(t, ok)
	require.Len(t, r.MessageID, MaxID+1)
	require.Len(t, r.TextID, MaxID+1)
	require.Len(t, r.Raw, maxOctets)
	require.Empty(t, NewMatcher(Auto).Keys(nil, &r), "nothing has such an id")
	_, ok = NewMatcher(Auto).Match(&r, []Message{{ID: r.MessageID}})
	require.False(t, ok)
}

func TestLocation(t *testing.T) {
	zone := time.FixedZone("SMSC", 2*60*60)
	coder, err := coding.New(coding.Config{})
	require.NoError(t, err)
	r, ok := NewParser(coder, zone).Parse(deliver(4, "id:1 submit date:1807110700 done date:180711070003000+"))
	require.True(t, ok)
	require.True(t, r.SubmitDate.Time.Equal(date(7, 11, 5, 0, 0)))
	require.True(t, r.DoneDate.Time.Equal(date(7, 11, 7, 0, 3)), "it has a zone of its own")
}

// The receipts among PDUs that another implementation has made.
func TestVectors(t *testing.T) {
	type vector struct{ Name, Hex string }
	type outcome struct {
		id    string
		state State
		err   string
		final bool
	}
	want := map[string]outcome{
		"deliver_sm receipt, text only":                      {"0123456789", Delivered, "000", true},
		"deliver_sm receipt with TLVs":                       {"0123456789", Undeliverable, "042", true},
		"deliver_sm receipt, TLVs only, empty short_message": {"abcdef", Expired, "", true},
		"deliver_sm intermediate notification ENROUTE":       {"0123456789", Enroute, "000", false},
		"data_sm receipt":                                    {"99", Delivered, "", true},
	}
	b, err := os.ReadFile("../pdu/testdata/smpp.json")
	require.NoError(t, err)
	var vectors []vector
	require.NoError(t, json.Unmarshal(b, &vectors))
	p := newParser(t, coding.Config{})
	for _, v := range vectors {
		frame, err := hex.DecodeString(v.Hex)
		require.NoError(t, err)
		var d pdu.Decoder
		message, err := d.Decode(frame)
		require.NoError(t, err)
		r, ok := p.Parse(message)
		expected, isReceipt := want[v.Name]
		require.Equal(t, isReceipt, ok, v.Name)
		if ok {
			require.Equal(t, expected, outcome{r.MessageID, r.State, r.Err, r.Final}, v.Name)
			require.Equal(t, !r.Final, r.Intermediate, v.Name)
			delete(want, v.Name)
		}
	}
	require.Empty(t, want, "all were there")
}
