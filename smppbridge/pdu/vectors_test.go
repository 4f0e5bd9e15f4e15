package pdu_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// vector is a PDU that another implementation has made, with its fields.
type vector struct {
	Name   string         `json:"name"`
	Hex    string         `json:"hex"`
	Fields map[string]any `json:"fields"`
	Expect string         `json:"expect"`
}

func readVectors(t testing.TB, file string) []vector {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	var vectors []vector
	require.NoError(t, json.Unmarshal(b, &vectors))
	require.NotEmpty(t, vectors)
	return vectors
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestVectors(t *testing.T) {
	reused := pdu.Decoder{Reuse: true}
	for _, v := range readVectors(t, "testdata/smpp.json") {
		t.Run(v.Name, func(t *testing.T) {
			frame := unhex(t, v.Hex)
			var d pdu.Decoder
			p, err := d.Decode(frame)
			require.NoError(t, err)
			bodyAbsent := v.Fields["_body"] == "absent"
			require.Equal(t, expected(v), specification(t, p, len(frame), bodyAbsent))

			encoded, err := p.AppendTo([]byte("before"))
			require.NoError(t, err)
			require.Equal(t, "before"+string(frame), string(encoded))

			again, err := reused.Decode(frame)
			require.NoError(t, err)
			encoded, err = again.AppendTo(nil)
			require.NoError(t, err)
			require.Equal(t, frame, encoded)
		})
	}
}

// expected is the fields of a vector without the comments on them.
func expected(v vector) map[string]any {
	delete(v.Fields, "_body")
	tlvs, _ := v.Fields["tlvs"].([]any)
	for _, tlv := range tlvs {
		// The specification calls this one "destination_port".
		delete(tlv.(map[string]any), "name")
	}
	return v.Fields
}

// specification returns all that a PDU holds, with the names and types of the
// vectors.
func specification(t *testing.T, p pdu.PDU, length int, bodyAbsent bool) map[string]any {
	t.Helper()
	m := map[string]any{
		"command_length":  float64(length),
		"command_id":      fmt.Sprintf("0x%08x", uint32(p.CommandID())),
		"command":         p.CommandID().String(),
		"command_status":  float64(p.Head().Status),
		"sequence_number": float64(p.Head().Sequence),
	}
	v := reflect.ValueOf(p).Elem()
	for field, value := range v.Fields() {
		if field.Name == "Header" || field.Name == "Mode" {
			continue
		}
		if bodyAbsent {
			require.Zero(t, value.Interface(), field.Name)
			continue
		}
		addField(m, field.Name, value.Interface())
	}
	return m
}

// names are those of the fields in the specification that don't follow from
// ours.
var names = map[string]string{
	"ReplaceIfPresent": "replace_if_present_flag", "SMDefaultMsgID": "sm_default_msg_id", "SystemID": "system_id",
	"MessageID": "message_id", "ESMClass": "esm_class", "ProtocolID": "protocol_id",
}

func addField(m map[string]any, name string, value any) {
	switch value := value.(type) {
	case pdu.Address:
		prefix, addr := addressNames(name)
		m[prefix+"_ton"], m[prefix+"_npi"], m[addr] = float64(value.TON), float64(value.NPI), value.Addr
	case []byte:
		m["sm_length"], m["short_message"] = float64(len(value)), hex.EncodeToString(value)
	case pdu.TLVs:
		var tlvs []any
		for tag, v := range value.All() {
			tlvs = append(tlvs, map[string]any{"tag": fmt.Sprintf("0x%04x", uint16(tag)), "length": float64(len(v)), "value": hex.EncodeToString(v)})
		}
		if tlvs != nil {
			m["tlvs"] = tlvs
		}
	case []pdu.Destination:
		m["dest_address"] = destinations(value)
	case []pdu.Unsuccess:
		var failures []any
		for _, u := range value {
			item := map[string]any{"error_status_code": float64(u.Status)}
			addField(item, "DestAddr", u.Addr)
			failures = append(failures, item)
		}
		m["unsuccess_sme"] = failures
	case string:
		m[snake(name)] = value
	default:
		m[snake(name)] = float64(reflect.ValueOf(value).Uint())
	}
}

func destinations(dests []pdu.Destination) []any {
	var items []any
	for _, d := range dests {
		item := map[string]any{"dest_flag": float64(d.Flag)}
		if d.Flag == pdu.DestFlagAddress {
			addField(item, "DestAddr", d.Addr)
		} else {
			item["dl_name"] = d.ListName
		}
		items = append(items, item)
	}
	return items
}

func addressNames(field string) (prefix, addr string) {
	switch field {
	case "AddressRange":
		return "addr", "address_range"
	case "DestAddr":
		return "dest_addr", "destination_addr"
	case "ESMEAddr":
		return "esme_addr", "esme_addr"
	default:
		return "source_addr", "source_addr"
	}
}

func snake(name string) string {
	if s, ok := names[name]; ok {
		return s
	}
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}
