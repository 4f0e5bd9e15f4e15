package receipt

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

func date(month time.Month, day, hour, minute, second int) time.Time {
	return time.Date(2018, month, day, hour, minute, second, 0, time.UTC)
}

// full is what the receipts of TestText that have everything tell.
func full() Receipt {
	return Receipt{
		MessageID: "0123456789", State: Delivered, StateText: "DELIVRD", Final: true, Err: "000", Submitted: 1, Delivered: 1,
		SubmitDate: Date{"1807110700", date(7, 11, 7, 0, 0)}, DoneDate: Date{"1807110701", date(7, 11, 7, 1, 0)}, Text: "Hello",
	}
}

func with(change func(*Receipt)) Receipt {
	r := full()
	change(&r)
	return r
}

func TestText(t *testing.T) {
	p := newParser(t, coding.Config{})
	for _, tt := range []struct {
		name, text string
		want       Receipt
	}{
		{"standard", "id:0123456789 sub:001 dlvrd:001 submit date:1807110700 done date:1807110701 stat:DELIVRD err:000 text:Hello", full()},
		{"capital Text", "id:0123456789 sub:001 dlvrd:001 submit date:1807110700 done date:1807110701 stat:DELIVRD err:000 Text:Hello", full()},
		{"upper case", "ID:0123456789 SUB:001 DLVRD:001 SUBMIT DATE:1807110700 DONE DATE:1807110701 STAT:DELIVRD ERR:000 TEXT:Hello", full()},
		{"lower case state", "id:0123456789 sub:001 dlvrd:001 submit date:1807110700 done date:1807110701 stat:delivrd err:000 text:Hello", with(func(r *Receipt) { r.StateText = "delivrd" })},
		{"commas", "id:0123456789, sub:001, dlvrd:001, submit date:1807110700, done date:1807110701, stat:DELIVRD, err:000, text:Hello", full()},
		{"commas without spaces", "id:0123456789,sub:001,dlvrd:001,submit date:1807110700,done date:1807110701,stat:DELIVRD,err:000,text:Hello", full()},
		{"semicolons", "id:0123456789;sub:001;dlvrd:001;submit date:1807110700;done date:1807110701;stat:DELIVRD;err:000;text:Hello", full()},
		{"lines", "id:0123456789\r\nsub:001\r\ndlvrd:001\r\nsubmit date:1807110700\r\ndone date:1807110701\r\nstat:DELIVRD\r\nerr:000\r\ntext:Hello", full()},
		{"spaces", "  id: 0123456789  sub: 001  dlvrd: 001  submit date: 1807110700  done date: 1807110701  stat: DELIVRD  err: 000  text:Hello", full()},
		{"underscores", "id:0123456789 sub:001 dlvrd:001 submit_date:1807110700 done_date:1807110701 stat:DELIVRD err:000 text:Hello", full()},
		{"joined keys", "id:0123456789 sub:001 dlvrd:001 submitdate:1807110700 donedate:1807110701 status:DELIVRD error:000 text:Hello", full()},
		{"another order", "stat:DELIVRD err:000 done date:1807110701 submit date:1807110700 dlvrd:001 sub:001 id:0123456789 text:Hello", full()},
		{"words before", "Delivery report: id:0123456789 sub:001 dlvrd:001 submit date:1807110700 done date:1807110701 stat:DELIVRD err:000 text:Hello", full()},
		{"NUL at the end", "id:0123456789 sub:001 dlvrd:001 submit date:1807110700 done date:1807110701 stat:DELIVRD err:000 text:Hello\x00", full()},
		{"NULs and 0xFF at the end", "id:0123456789 sub:001 dlvrd:001 submit date:1807110700 done date:1807110701 stat:DELIVRD err:000 text:Hello\x00\xff\x00", full()},
		{"no text", "id:0123456789 sub:001 dlvrd:001 submit date:1807110700 done date:1807110701 stat:DELIVRD err:000", with(func(r *Receipt) { r.Text = "" })},
		{"empty text", "id:0123456789 sub:001 dlvrd:001 submit date:1807110700 done date:1807110701 stat:DELIVRD err:000 text:", with(func(r *Receipt) { r.Text = "" })},
		{"keys in the text", "id:0123456789 sub:001 dlvrd:001 submit date:1807110700 done date:1807110701 stat:DELIVRD text:id:7 stat:REJECTD err:1", with(func(r *Receipt) { r.Err, r.Text = "", "id:7 stat:REJECTD err:1" })},
		{"the first counts", "id:0123456789 id:7 sub:001 dlvrd:001 submit date:1807110700 done date:1807110701 stat:DELIVRD stat:REJECTD err:000 text:Hello", full()},
		{"no sub and dlvrd", "id:0123456789 submit date:1807110700 done date:1807110701 stat:DELIVRD err:000 text:Hello", with(func(r *Receipt) { r.Submitted, r.Delivered = -1, -1 })},
		{"odd sub and dlvrd", "id:0123456789 sub:x dlvrd:9999999999 submit date:1807110700 done date:1807110701 stat:DELIVRD err:000 text:Hello", with(func(r *Receipt) { r.Submitted, r.Delivered = -1, -1 })},
		{"no dates", "id:0123456789 sub:001 dlvrd:001 stat:DELIVRD err:000 text:Hello", with(func(r *Receipt) { r.SubmitDate, r.DoneDate = Date{}, Date{} })},
		{"empty dates", "id:0123456789 sub:001 dlvrd:001 submit date: done date: stat:DELIVRD err:000 text:Hello", with(func(r *Receipt) { r.SubmitDate, r.DoneDate = Date{}, Date{} })},
		{"dates of words", "id:0123456789 sub:001 dlvrd:001 submit date:2018-07-11 07:00:03 done date:yesterday noon stat:DELIVRD err:000 text:Hello", with(func(r *Receipt) {
			r.SubmitDate, r.DoneDate = Date{"2018-07-11 07:00:03", date(7, 11, 7, 0, 3)}, Date{Raw: "yesterday noon"}
		})},
		{"4-digit years and zones", "id:0123456789 sub:001 dlvrd:001 submit date:20180711070003 done date:180711070003912+ stat:DELIVRD err:000 text:Hello", with(func(r *Receipt) {
			r.SubmitDate = Date{"20180711070003", date(7, 11, 7, 0, 3)}
			// 12 quarters of an hour ahead of UTC.
			r.DoneDate = Date{"180711070003912+", date(7, 11, 4, 0, 3).Add(900 * time.Millisecond)}
		})},
		{"failed", "id:0123456789 sub:001 dlvrd:000 submit date:1807110700 done date:0000000000 stat:FAILED err:000 text:Hello", with(func(r *Receipt) {
			r.State, r.StateText, r.DoneDate, r.Delivered = Undeliverable, "FAILED", Date{Raw: "0000000000"}, 0
		})},
		{"4 characters of err", "id:0123456789 sub:001 dlvrd:001 submit date:1807110700 done date:1807110701 stat:DELIVRD err:00A3 Text:Hello", with(func(r *Receipt) { r.Err = "00A3" })},
		{"hex err", "id:0123456789 sub:001 dlvrd:001 submit date:1807110700 done date:1807110701 stat:DELIVRD err:0x1f Text:Hello", with(func(r *Receipt) { r.Err = "0x1f" })},
		{"id and state", "id:0123456789 stat:UNDELIV", Receipt{MessageID: "0123456789", State: Undeliverable, StateText: "UNDELIV", Final: true, Submitted: -1, Delivered: -1}},
		{"only an id", "id:0123456789", Receipt{MessageID: "0123456789", Submitted: -1, Delivered: -1}},
		{"only an id, with NULs", "id:0123456789\x00\x00", Receipt{MessageID: "0123456789", Submitted: -1, Delivered: -1}},
		{"unknown state", "id:0123456789 stat:LOST_IT", Receipt{MessageID: "0123456789", StateText: "LOST_IT", Final: true, Submitted: -1, Delivered: -1}},
		{"on the way", "id:0123456789 stat:ACCEPTD", Receipt{MessageID: "0123456789", State: Accepted, StateText: "ACCEPTD", Intermediate: true, Submitted: -1, Delivered: -1}},
		{"UUID", "id:9b2d5f3e-7c1a-4b6e-8f00-00a1b2c3d4e5 stat:DELIVRD", Receipt{MessageID: "9b2d5f3e-7c1a-4b6e-8f00-00a1b2c3d4e5", State: Delivered, StateText: "DELIVRD", Final: true, Submitted: -1, Delivered: -1}},
		{"signs in an id", "id:SAR-1a_b@c$[d] stat:DELIVRD", Receipt{MessageID: "SAR-1a_b@c$[d]", State: Delivered, StateText: "DELIVRD", Final: true, Submitted: -1, Delivered: -1}},
		{"signs in an id, as GSM 03.38", "id:a\x11b stat:DELIVRD", Receipt{MessageID: "a_b", State: Delivered, StateText: "DELIVRD", Final: true, Submitted: -1, Delivered: -1}},
		{"no id", "sub:001 stat:DELIVRD", Receipt{State: Delivered, StateText: "DELIVRD", Final: true, Submitted: 1, Delivered: -1}},
		{"empty id", "id: stat:DELIVRD", Receipt{State: Delivered, StateText: "DELIVRD", Final: true, Submitted: -1, Delivered: -1}},
		{"no keys", "Your message has been delivered.", Receipt{Submitted: -1, Delivered: -1}},
		{"keys within words", "paid:7 bestat:DELIVRD", Receipt{Submitted: -1, Delivered: -1}},
		{"nothing", "", Receipt{Submitted: -1, Delivered: -1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, class := range []pdu.ESMClass{0x04, 0x08, 0x44, 0x84} {
				m := deliver(class, tt.text)
				got, ok := p.Parse(m)
				require.True(t, ok)
				want := tt.want
				want.Source, want.Destination, want.Raw = m.SourceAddr, m.DestAddr, got.Raw
				require.Equal(t, want, got, "esm_class 0x%02x", class)

				payload := deliver(class, "")
				require.NoError(t, payload.TLVs.Add(pdu.TagMessagePayload, []byte(tt.text)))
				again, ok := p.Parse(payload)
				require.True(t, ok)
				require.Equal(t, got, again, "in message_payload")
			}
		})
	}
}

func TestRawIsTheWholeText(t *testing.T) {
	p := newParser(t, coding.Config{})
	text := "id:1 stat:DELIVRD err:000 text:@\x00 \xff"
	r, ok := p.Parse(deliver(0x04, text))
	require.True(t, ok)
	require.Equal(t, "id:1 stat:DELIVRD err:000 text:¡@ ", r.Raw)
	require.Equal(t, "¡@ ", r.Text)
}

func TestBinaryTextIsMadeValid(t *testing.T) {
	p := newParser(t, coding.Config{})
	d := deliver(0x04, "id:1 stat:DELIVRD text:a\x80b")
	d.DataCoding = pdu.DataCodingOctet
	r, ok := p.Parse(d)
	require.True(t, ok)
	require.Equal(t, "1", r.MessageID)
	require.Equal(t, "a\ufffdb", r.Text)
}

// Each way in which a text can be written gives the same receipt.
func TestCodings(t *testing.T) {
	const text = "id:00c0ffee sub:001 dlvrd:001 submit date:1807110700 done date:1807110701 stat:DELIVRD err:000 text:Hello"
	for _, tt := range []struct {
		name         string
		config       coding.Config
		write        byte // data_coding with which it is written
		dataCoding   pdu.DataCoding
		littleEndian bool
	}{
		{name: "GSM 03.38"},
		{name: "packed default alphabet", config: coding.Config{Default: coding.GSM7Packed}},
		{name: "Latin-1 default alphabet", config: coding.Config{Default: coding.Latin1}},
		{name: "UTF-8 default alphabet", config: coding.Config{Default: coding.UTF8}},
		{name: "ASCII", write: 1, dataCoding: 1},
		{name: "Latin-1", write: 3, dataCoding: 3},
		{name: "binary", write: 1, dataCoding: 4},
		{name: "UCS2", write: 8, dataCoding: 8},
		{name: "UCS2 of a class", write: 8, dataCoding: 0x18},
		{name: "UCS2 that says nothing of it", write: 8},
		{name: "UCS2 in the wrong order", write: 8, dataCoding: 8, littleEndian: true},
		{name: "ASCII that says UCS2", write: 1, dataCoding: 8},
		{name: "ASCII with a packed default alphabet", config: coding.Config{Default: coding.GSM7Packed}, write: 1},
		{name: "ISO 2022-JP", write: 10, dataCoding: 10},
		{name: "KS C 5601", write: 14, dataCoding: 14},
	} {
		t.Run(tt.name, func(t *testing.T) {
			writing := tt.config
			if tt.write != 0 {
				writing = coding.Config{DataCoding: &tt.write}
			}
			writing.Transport = coding.Payload
			coder, err := coding.New(writing)
			require.NoError(t, err)
			var m coding.Message
			require.NoError(t, coder.Encode(&m, text, 1))
			octets := m.Segments[0].Data
			if tt.littleEndian {
				for i := 0; i+1 < len(octets); i += 2 {
					octets[i], octets[i+1] = octets[i+1], octets[i]
				}
			}
			p := newParser(t, tt.config)
			for _, class := range []pdu.ESMClass{0x04, 0x00} {
				d := deliver(class, "")
				d.DataCoding = tt.dataCoding
				require.NoError(t, d.TLVs.Add(pdu.TagMessagePayload, octets))
				r, ok := p.Parse(d)
				require.True(t, ok, "esm_class %d", class)
				require.Equal(t, "00c0ffee", r.MessageID)
				require.Equal(t, Delivered, r.State)
				require.Equal(t, "000", r.Err)
				require.Equal(t, "Hello", r.Text)
				require.Equal(t, date(7, 11, 7, 1, 0), r.DoneDate.Time)
			}
		})
	}
}

func TestPackedFillIsNoText(t *testing.T) {
	p := newParser(t, coding.Config{Default: coding.GSM7Packed})
	// One septet less than fits, so seven bits are left over.
	octets := pack("id:1 stat:UNDELIV e:000")
	require.Zero(t, len(octets)%7)
	r, ok := p.Parse(deliver(0x04, string(octets)))
	require.True(t, ok)
	require.Equal(t, "id:1 stat:UNDELIV e:000", r.Raw)
}

// pack packs septets like an SMSC that does not know of the carriage return.
func pack(septets string) []byte {
	octets := make([]byte, (len(septets)*7+7)/8)
	for i := range len(septets) {
		for bit := range 7 {
			at := i*7 + bit
			octets[at/8] |= septets[i] >> bit & 1 << (at % 8)
		}
	}
	return octets
}

func TestHeaderBeforeTheText(t *testing.T) {
	p := newParser(t, coding.Config{})
	for _, class := range []pdu.ESMClass{0x44, 0x40} {
		r, ok := p.Parse(deliver(class, "\x05\x00\x03\x07\x01\x01id:12 stat:EXPIRED"))
		require.True(t, ok)
		require.Equal(t, "12", r.MessageID)
		require.Equal(t, Expired, r.State)
		require.Equal(t, "id:12 stat:EXPIRED", r.Raw)
	}
}

// The formats and the TLVs that the peer of the system tests can send, in all
// combinations.
func TestPeerFormats(t *testing.T) {
	p := newParser(t, coding.Config{})
	formats := map[string]string{
		"std":      "id:%[1]s sub:001 dlvrd:%[3]s submit date:%[4]s done date:%[5]s stat:%[2]s err:%[6]s text:Hello",
		"nosub":    "id:%[1]s submit date:%[4]s done date:%[5]s stat:%[2]s err:%[6]s text:Hello",
		"upper":    "ID:%[1]s SUB:001 DLVRD:%[3]s SUBMIT DATE:%[4]s DONE DATE:%[5]s STAT:%[2]s ERR:%[6]s TEXT:Hello",
		"commas":   "id:%[1]s, sub:001, dlvrd:%[3]s, submit date:%[4]s, done date:%[5]s, stat:%[2]s, err:%[6]s, text:Hello",
		"nul":      "id:%[1]s sub:001 dlvrd:%[3]s submit date:%[4]s done date:%[5]s stat:%[2]s err:%[6]s text:Hello\x00",
		"err4":     "id:%[1]s sub:001 dlvrd:%[3]s submit date:%[4]s done date:%[5]s stat:%[2]s err:00A3 Text:Hello",
		"textlast": "id:%[1]s sub:001 dlvrd:%[3]s submit date:%[4]s done date:%[5]s stat:%[2]s err:%[6]s",
		"jasmin":   "id:%[1]s submit date:%[4]s done date:%[5]s stat:%[2]s err:%[6]s",
		"idonly":   "id:%[1]s stat:%[2]s",
	}
	states := map[string]struct {
		wire pdu.MessageState
		want State
	}{
		"SCHEDULED": {0, Scheduled}, "ENROUTE": {1, Enroute}, "DELIVRD": {2, Delivered}, "EXPIRED": {3, Expired}, "DELETED": {4, Deleted},
		"UNDELIV": {5, Undeliverable}, "ACCEPTD": {6, Accepted}, "UNKNOWN": {7, Unknown}, "REJECTD": {8, Rejected}, "SKIPPED": {9, Skipped},
	}
	dates := [][2]string{{"1807110700", "1807110701"}, {"180711070003", "180711070103"}, {"20180711070003", "20180711070103"}}
	n := 0
	for format, pattern := range formats {
		for stat, state := range states {
			for _, dates := range dates {
				delivered, failure := "001", "000"
				if stat != "DELIVRD" {
					delivered, failure = "000", "042"
				}
				text := fmt.Sprintf(pattern, "00a1", stat, delivered, dates[0], dates[1], failure)
				text, _, _ = strings.Cut(text, "%!(EXTRA")
				for _, class := range []pdu.ESMClass{0x04, 0x08, 0x44, 0x00} {
					for _, how := range []string{"text", "tlv", "both", "payload", "data_sm"} {
						n++
						var tlvs pdu.TLVs
						if how == "payload" {
							require.NoError(t, tlvs.Add(pdu.TagMessagePayload, []byte(text)))
						}
						if how == "tlv" || how == "both" || how == "data_sm" {
							require.NoError(t, tlvs.AddCString(pdu.TagReceiptedMessageID, "00a1"))
							tlvs.AddUint8(pdu.TagMessageState, uint8(state.wire))
							require.NoError(t, tlvs.Add(pdu.TagNetworkErrorCode, []byte{3, 0, 42}))
						}
						d := deliver(class, "")
						d.TLVs = tlvs
						var message pdu.PDU = d
						switch how {
						case "text", "both":
							d.ShortMessage = []byte(text)
						case "data_sm":
							message = &pdu.DataSM{SourceAddr: d.SourceAddr, DestAddr: d.DestAddr, ESMClass: class, TLVs: tlvs}
						}
						r, ok := p.Parse(message)
						about := fmt.Sprintf("%s %s esm_class 0x%02x %s", format, stat, class, how)
						require.True(t, ok, about)
						require.Equal(t, "00a1", r.MessageID, about)
						require.Empty(t, r.TextID, about)
						require.Equal(t, state.want, r.State, about)
						onTheWay := state.want.onTheWay()
						require.Equal(t, onTheWay, r.Intermediate, about)
						require.Equal(t, !onTheWay, r.Final, about)
						require.Equal(t, "491700000001", r.Source.Addr)
						require.Equal(t, "ACME", r.Destination.Addr)
						if how != "tlv" && how != "data_sm" && format != "idonly" {
							require.False(t, r.SubmitDate.Time.IsZero(), about)
							require.Equal(t, time.Minute, r.DoneDate.Time.Sub(r.SubmitDate.Time), about)
						}
						require.Equal(t, how == "tlv" || how == "both" || how == "data_sm", r.HasNetworkError, about)
					}
				}
			}
		}
	}
	require.Equal(t, 9*10*3*4*5, n)
}
