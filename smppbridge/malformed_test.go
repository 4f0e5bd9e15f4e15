package smppbridge

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// TestMalformedVectors covers those whose body is a message or a receipt: what
// the event says that they become.
func TestMalformedVectors(t *testing.T) {
	b, err := os.ReadFile("pdu/testdata/smpp-malformed.json")
	require.NoError(t, err)
	var vectors []struct{ Name, Hex string }
	require.NoError(t, json.Unmarshal(b, &vectors))
	texts := map[string]string{
		"deliver_sm: TLV length runs past the end":                "hi",
		"deliver_sm: UDHI set, UDHL 0x40 longer than the message": "¡é", // 40 05 is no header, so it is text
		"deliver_sm: concat total 0":                              "a",
		"deliver_sm receipt with NUL inside short_message":        "id:1",
	}
	met := 0
	for _, v := range vectors {
		want, ok := texts[v.Name]
		if !ok {
			continue
		}
		met++
		t.Run(v.Name, func(t *testing.T) {
			frame, err := hex.DecodeString(v.Hex)
			require.NoError(t, err)
			d := pdu.Decoder{Lenient: true}
			p, err := d.Decode(frame)
			require.NoError(t, err)
			synctest.Test(t, func(t *testing.T) {
				b := start(t, take)
				defer b.close()
				require.Equal(t, pdu.StatusOK, b.smsc.send(p))
				require.Len(t, b.store.all(), 1)
				if strings.Contains(v.Name, "receipt") {
					require.Equal(t, want, b.receipts()[0].Raw)
					require.Equal(t, "1", b.receipts()[0].MessageID)
					return
				}
				body := b.messages()[0]
				require.Equal(t, want, body.Text)
				require.Equal(t, 1, body.Parts)
				require.True(t, body.Complete)
			})
		})
	}
	require.Equal(t, len(texts), met)
}

// TestOddMessages has headers and parameters contradict themselves or each other.
// No message is lost for that.
func TestOddMessages(t *testing.T) {
	tlv := func(tag pdu.Tag, value string) func(*pdu.DeliverSM) {
		return func(p *pdu.DeliverSM) { _ = p.TLVs.Add(tag, []byte(value)) }
	}
	header := func(p *pdu.DeliverSM) { p.ESMClass |= pdu.ESMClassUDHI }
	sar := func(total, number uint8) func(*pdu.DeliverSM) {
		return func(p *pdu.DeliverSM) { p.TLVs.AddSAR(pdu.SAR{Ref: 7, Total: total, Seq: number}) }
	}
	for _, tt := range []struct {
		name, short string
		change      []func(*pdu.DeliverSM)
		want        string
		parts       int
	}{
		{"an empty message", "", nil, "", 1},
		{"an empty message with a header", "", []func(*pdu.DeliverSM){header}, "", 1},
		{"a header of no length", "\x00hi", []func(*pdu.DeliverSM){header}, "hi", 1},
		{"a header and no text", "\x05\x00\x03\x01\x01\x01", []func(*pdu.DeliverSM){header}, "", 1},
		{"an element longer than the header", "\x03\x00\x09\x01hi", []func(*pdu.DeliverSM){header}, "hi", 1},
		{"half an element", "\x01\x00hi", []func(*pdu.DeliverSM){header}, "hi", 1},
		{"an element that nobody knows", "\x04\xee\x02xxhi", []func(*pdu.DeliverSM){header}, "hi", 1},
		{"part 0", "\x05\x00\x03\x01\x02\x00hi", []func(*pdu.DeliverSM){header}, "hi", 1},
		{"part 3 of 2", "\x05\x00\x03\x01\x02\x03hi", []func(*pdu.DeliverSM){header}, "hi", 1},
		{"the only part", "\x05\x00\x03\x01\x01\x01hi", []func(*pdu.DeliverSM){header}, "hi", 1},
		{"the only part, of 16 bits", "\x06\x08\x04\x01\x01\x01\x01hi", []func(*pdu.DeliverSM){header}, "hi", 1},
		{"sar part 0", "hi", []func(*pdu.DeliverSM){sar(2, 0)}, "hi", 1},
		{"sar part 3 of 2", "hi", []func(*pdu.DeliverSM){sar(2, 3)}, "hi", 1},
		{"sar without a total", "hi", []func(*pdu.DeliverSM){tlv(pdu.TagSARMsgRefNum, "\x00\x07"), tlv(pdu.TagSARSegmentSeqnum, "\x01")}, "hi", 1},
		{"sar of a wrong size", "hi", []func(*pdu.DeliverSM){tlv(pdu.TagSARMsgRefNum, "\x07"), tlv(pdu.TagSARTotalSegments, "\x02"), tlv(pdu.TagSARSegmentSeqnum, "\x01")}, "hi", 1},
		{"text and payload", "short", []func(*pdu.DeliverSM){tlv(pdu.TagMessagePayload, "payload")}, "short", 1},
		{"payload only", "", []func(*pdu.DeliverSM){tlv(pdu.TagMessagePayload, "payload")}, "payload", 1},
		{"an empty payload", "", []func(*pdu.DeliverSM){tlv(pdu.TagMessagePayload, "")}, "", 1},
		{"two payloads", "", []func(*pdu.DeliverSM){tlv(pdu.TagMessagePayload, "first"), tlv(pdu.TagMessagePayload, "second")}, "first", 1},
		{"a header in the payload", "", []func(*pdu.DeliverSM){header, tlv(pdu.TagMessagePayload, "\x04\xee\x02xxhi")}, "hi", 1},
		{"a UCS2 text of odd length", "\x00h\x00i\x00", []func(*pdu.DeliverSM){func(p *pdu.DeliverSM) { p.DataCoding = 8 }}, "hi\ufffd", 1},
		{"half a surrogate pair", "\x00h\xd8\x3d", []func(*pdu.DeliverSM){func(p *pdu.DeliverSM) { p.DataCoding = 8 }}, "h\ufffd", 1},
		{"an escape at the end", "hi\x1b", nil, "hi ", 1},
		{"a reserved data_coding", "hi", []func(*pdu.DeliverSM){func(p *pdu.DeliverSM) { p.DataCoding = 0x85 }}, "hi", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, take)
				defer b.close()
				p := messageOf(tt.short)
				for _, change := range tt.change {
					change(p)
				}
				require.Equal(t, pdu.StatusOK, b.smsc.send(p))
				require.Len(t, b.messages(), 1)
				body := b.messages()[0]
				require.Equal(t, tt.want, body.Text)
				require.Equal(t, tt.parts, body.Parts)
				require.True(t, body.Complete)
			})
		})
	}
}

// TestPartsOfOddMessages has parts that belong together say so in different ways,
// or not belong together although they look so.
func TestPartsOfOddMessages(t *testing.T) {
	for _, tt := range []struct {
		name  string
		parts []string // with their headers
		want  []string // the texts that are complete
	}{
		{"references of 8 and 16 bits", []string{"\x05\x00\x03\x01\x02\x01a", "\x06\x08\x04\x00\x01\x02\x02b"}, nil},
		{"another total", []string{"\x05\x00\x03\x01\x02\x01a", "\x05\x00\x03\x01\x03\x02b"}, nil},
		{"another reference", []string{"\x05\x00\x03\x01\x02\x01a", "\x05\x00\x03\x02\x02\x02b"}, nil},
		{"both elements in one header", []string{"\x0a\x00\x03\x01\x02\x01\x24\x01\x01\x25\x00a", "\x0a\x00\x03\x01\x02\x02\x24\x01\x01\x25\x00b"}, []string{"ab"}},
		{"an unknown element before", []string{"\x08\xee\x01x\x00\x03\x01\x02\x01a", "\x05\x00\x03\x01\x02\x02b"}, []string{"ab"}},
		{"the last one first, and twice", []string{"\x05\x00\x03\x01\x02\x02b", "\x05\x00\x03\x01\x02\x02b", "\x05\x00\x03\x01\x02\x01a"}, []string{"ab"}},
		{"all again", []string{"\x05\x00\x03\x01\x02\x01a", "\x05\x00\x03\x01\x02\x02b", "\x05\x00\x03\x01\x02\x01a", "\x05\x00\x03\x01\x02\x02b"}, []string{"ab"}},
		{"two messages mixed", []string{"\x05\x00\x03\x01\x02\x01a", "\x05\x00\x03\x09\x02\x02d", "\x05\x00\x03\x01\x02\x02b", "\x05\x00\x03\x09\x02\x01c"}, []string{"ab", "cd"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, take)
				defer b.close()
				for _, part := range tt.parts {
					p := messageOf(part)
					p.ESMClass = pdu.ESMClassUDHI
					require.Equal(t, pdu.StatusOK, b.smsc.send(p))
				}
				var texts []string
				for _, body := range b.messages() {
					require.True(t, body.Complete)
					texts = append(texts, body.Text)
				}
				require.Equal(t, tt.want, texts)
			})
		})
	}
}
