package pdu_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/peertest"
)

// judged returns what other implementations must be able to decode: all types of
// PDUs, data codings and ways to send a message.
func judged(t *testing.T) []pdu.PDU {
	t.Helper()
	all := samples()
	for _, mode := range []pdu.BindMode{pdu.BindReceiver, pdu.BindTransmitter} {
		all = append(all,
			&pdu.Bind{Mode: mode, SystemID: "esme01", Password: "secret08", InterfaceVersion: pdu.Version34},
			&pdu.BindResp{Mode: mode, SystemID: strings.Repeat("x", 15)})
	}
	for coding := range 256 {
		p := submitSM()
		p.DataCoding, p.ShortMessage = pdu.DataCoding(coding), []byte("\x04\x1f\x04\x40\x04\x38")
		all = append(all, p)
	}
	full := submitSM()
	full.ServiceType, full.ScheduleDeliveryTime, full.ValidityPeriod = "CMT", "260102030405000+", "000001000000000R"
	full.ProtocolID, full.PriorityFlag, full.ReplaceIfPresent, full.SMDefaultMsgID = 0x41, 2, 1, 7
	full.RegisteredDelivery = pdu.RegisteredDeliveryFinal + pdu.RegisteredDeliveryIntermediate
	header := submitSM()
	header.ESMClass, header.ShortMessage = pdu.ESMClassUDHI, []byte("\x05\x00\x03\xa7\x02\x01first of two")
	parts, payload, longest := submitSM(), submitSM(), submitSM()
	parts.TLVs.AddSAR(pdu.SAR{Ref: 0x1234, Total: 3, Seq: 2})
	payload.ShortMessage = nil
	require.NoError(t, payload.TLVs.Add(pdu.TagMessagePayload, bytes.Repeat([]byte("p"), 1000)))
	longest.ShortMessage = bytes.Repeat([]byte("x"), 254)
	all = append(all, full, header, parts, payload, longest, withTLVs(t))
	for _, status := range []pdu.CommandStatus{pdu.StatusThrottled, pdu.StatusMsgQFul, pdu.StatusInvTLVStream, pdu.StatusDeliveryFailure} {
		all = append(all, &pdu.SubmitSMResp{Header: pdu.Header{Status: status}})
	}
	for i, p := range all {
		p.Head().Sequence = uint32(i + 1)
	}
	return all
}

// withTLVs has a value of the right size for TLVs that a submit_sm may have.
func withTLVs(t *testing.T) *pdu.SubmitSM {
	t.Helper()
	p := submitSM()
	for _, tag := range []pdu.Tag{
		pdu.TagDestAddrSubunit, pdu.TagSourceAddrSubunit, pdu.TagPayloadType, pdu.TagPrivacyIndicator, pdu.TagUserResponseCode,
		pdu.TagLanguageIndicator, pdu.TagCallbackNumPresInd, pdu.TagNumberOfMessages, pdu.TagMoreMessagesToSend, pdu.TagDisplayTime,
		pdu.TagMSValidity, pdu.TagITSReplyType, pdu.TagUSSDServiceOp, pdu.TagMSMsgWaitFacilities,
	} {
		p.TLVs.AddUint8(tag, 1)
	}
	for _, tag := range []pdu.Tag{
		pdu.TagUserMessageReference, pdu.TagSourcePort, pdu.TagDestinationPort, pdu.TagSMSSignal, pdu.TagITSSessionInfo,
	} {
		p.TLVs.AddUint16(tag, 0x0102)
	}
	require.NoError(t, p.TLVs.Add(pdu.TagSourceSubaddress, []byte("\x80123")))
	require.NoError(t, p.TLVs.Add(pdu.TagCallbackNum, []byte("\x01\x01\x015551234")))
	require.NoError(t, p.TLVs.Add(pdu.TagAlertOnMessageDelivery, nil))
	require.NoError(t, p.TLVs.Add(0x1401, []byte("vendor")))
	return p
}

// TestSamplesAreOfAllTypes keeps a new type from being left out.
func TestSamplesAreOfAllTypes(t *testing.T) {
	met := make(map[pdu.CommandID]bool)
	for _, p := range judged(t) {
		met[p.CommandID()] = true
	}
	for _, id := range pdu.CommandIDs() {
		require.NotNil(t, pdu.NewPDU(id), id)
		require.True(t, met[id], "there is no sample of %s", id)
	}
}

func frames(t *testing.T, all []pdu.PDU) [][]byte {
	t.Helper()
	var frames [][]byte
	for _, p := range all {
		b, err := p.AppendTo(nil)
		require.NoError(t, err)
		frames = append(frames, b)
	}
	return frames
}

// TestWireshark has Wireshark decode what is encoded here. It must show all fields
// as they are.
func TestWireshark(t *testing.T) {
	all := judged(t)
	encoded := frames(t, all)
	for i, shown := range peertest.Wireshark(t, encoded, peertest.WiresharkNone) {
		p := all[i]
		want := specification(t, p, len(encoded[i]), false)
		requireTLVs(t, want, shown)
		for name, value := range want {
			want[name] = asShown(t, value)
		}
		timesAsShown(t, want)
		leaveOut(p, want)
		require.Equal(t, want, fieldsOf(t, shown), "%s", p)
	}
}

// asShown returns a field as fieldsOf does.
func asShown(t *testing.T, value any) any {
	t.Helper()
	items, ok := value.([]any)
	if !ok {
		return fmt.Sprint(value)
	}
	shown := make(map[string][]string) // Wireshark lists each field of a list by itself.
	for _, item := range items {
		m, ok := item.(map[string]any)
		require.True(t, ok)
		for name, field := range m {
			shown[name] = append(shown[name], fmt.Sprint(field))
		}
	}
	return shown
}

// timesAsShown replaces times by seconds from now, or since 1970.
func timesAsShown(t *testing.T, fields map[string]any) {
	t.Helper()
	for _, name := range []string{"schedule_delivery_time", "validity_period", "final_date"} {
		text, ok := fields[name].(string)
		switch {
		case !ok:
		case text == "":
			delete(fields, name)
			fields[name+"_r"] = "0"
		default:
			at, err := pdu.ParseTime(text, epoch)
			require.NoError(t, err)
			delete(fields, name)
			if strings.HasSuffix(text, "R") {
				fields[name+"_r"] = fmt.Sprint(at.Sub(epoch).Seconds())
			} else {
				fields[name] = fmt.Sprint(float64(at.Unix()))
			}
		}
	}
}

// leaveOut takes out what Wireshark does not show.
func leaveOut(p pdu.PDU, fields map[string]any) {
	delete(fields, "command") // which is the command_id once more
	delete(fields, "tlvs")    // see requireTLVs
	if !p.CommandID().IsResponse() {
		delete(fields, "command_status")
	}
	maps.DeleteFunc(fields, isEmpty)
	if list, ok := fields["dest_address"].(map[string][]string); ok {
		delete(list, "dest_flag")
	}
}

// isEmpty tells whether a field is empty. Of such ones, Wireshark shows some only.
func isEmpty(_ string, value any) bool { return value == "" }

// fieldsOf returns what Wireshark shows as the fields of the specification: all
// numbers decimal, and the flags of a field together.
func fieldsOf(t *testing.T, shown map[string]any) map[string]any {
	t.Helper()
	fields := make(map[string]any)
	flags := func(name string, shift int, text string) {
		n, err := strconv.ParseUint(text, 0, 8)
		require.NoError(t, err)
		before, _ := fields[name].(string)
		sum, _ := strconv.Atoi(before)
		fields[name] = strconv.Itoa(sum + int(n)<<shift)
	}
	for name, value := range shown {
		text, _ := value.(string)
		switch name {
		case "opt_params", "message_text":
		case "esm.submit.msg_mode":
			flags("esm_class", 0, text)
		case "esm.submit.msg_type":
			flags("esm_class", 2, text)
		case "esm.submit.features":
			flags("esm_class", 6, text)
		case "regdel.receipt":
			flags("registered_delivery", 0, text)
		case "regdel.acks":
			flags("registered_delivery", 2, text)
		case "regdel.notif":
			flags("registered_delivery", 4, text)
		case "command_id":
			fields[name] = text
		case "service_type":
			fields[name] = strings.TrimSuffix(text, "(Default)")
		case "message":
			fields["short_message"] = strings.ReplaceAll(text, ":", "")
		case "dlist":
			fields["dest_address"] = listOf(t, value)
		case "dlist_resp":
			fields["unsuccess_sme"] = listOf(t, value)
		case "schedule_delivery_time_r":
			times := oneOrMore(value)
			fields[name] = decimal(times[0].(string))
			if len(times) > 1 { // In submit_multi, it is both.
				fields["validity_period_r"] = decimal(times[1].(string))
			}
		default:
			if !strings.HasPrefix(name, "dcs.") { // which is the data_coding once more
				fields[name] = decimal(text)
			}
		}
	}
	maps.DeleteFunc(fields, isEmpty)
	return fields
}

// listOf returns the fields of a list.
func listOf(t *testing.T, value any) map[string][]string {
	t.Helper()
	items, ok := value.(map[string]any)
	require.True(t, ok, "%v", value)
	list := make(map[string][]string)
	for name, field := range items {
		for _, v := range oneOrMore(field) {
			text, _ := v.(string)
			list[name] = append(list[name], decimal(text))
		}
	}
	return list
}

// decimal returns a number or a time as a decimal number, and all else as it is.
// An address is a text even if it looks like a number, and has no leading zero
// here.
func decimal(text string) string {
	if at, err := time.Parse("Jan _2, 2006 15:04:05.000000000 MST", text); err == nil {
		return fmt.Sprint(float64(at.Unix()))
	}
	if n, err := strconv.ParseUint(text, 0, 64); err == nil && strings.HasPrefix(text, "0x") {
		return strconv.FormatUint(n, 10)
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil && strings.Contains(text, ".") {
		return fmt.Sprint(n)
	}
	return text
}

func oneOrMore(value any) []any {
	if list, ok := value.([]any); ok {
		return list
	}
	return []any{value}
}

// requireTLVs checks that Wireshark shows the TLVs with their values.
func requireTLVs(t *testing.T, want, shown map[string]any) {
	t.Helper()
	tlvs, _ := want["tlvs"].([]any)
	params, _ := shown["opt_params"].(map[string]any)
	var list []any
	if params != nil {
		list = oneOrMore(params["opt_param"])
	}
	require.Len(t, list, len(tlvs))
	for i, item := range list {
		param, ok := item.(map[string]any)
		require.True(t, ok)
		tlv, ok := tlvs[i].(map[string]any)
		require.True(t, ok)
		require.Equal(t, tlv["tag"], param["opt_param_tag"])
		require.Equal(t, fmt.Sprint(tlv["length"]), param["opt_param_len"], tlv["tag"])
		value := unhex(t, tlv["value"].(string))
		for _, name := range slices.Sorted(maps.Keys(param)) {
			text, _ := param[name].(string)
			if !strings.HasPrefix(name, "opt_param_") {
				require.True(t, saysTheSame(name, text, value), "%s: %s is shown for %x", name, text, value)
			}
		}
	}
}

// saysTheSame tells whether Wireshark shows the value of a TLV, or a field of it.
func saysTheSame(name, text string, value []byte) bool {
	// Fields that are only some of the octets or bits.
	switch name {
	case "network_error.type", "broadcast_content_type.nw", "broadcast_frequency_interval.unit", "its_session.number", "broadcast_area_identifier.format":
		value = value[:1]
	case "network_error.code", "broadcast_content_type.type", "broadcast_frequency_interval.value":
		value = value[1:]
	case "its_session.sequence":
		value = []byte{value[1] >> 1}
	case "its_session.ind":
		value = []byte{value[1] & 1}
	case "msg_wait.ind":
		value = []byte{value[0] >> 7}
	case "msg_wait.type":
		value = []byte{value[0] & 3}
	case "callback_num.pres":
		value = []byte{value[0] >> 2 & 3}
	case "callback_num.scrn":
		value = []byte{value[0] & 3}
	case "callback_num", "callback_num_atag", "alert_on_message_delivery_null":
		return text == "" // It has no value of its own.
	}
	if strings.ReplaceAll(text, ":", "") == hex.EncodeToString(value) || text == strings.TrimSuffix(string(value), "\x00") {
		return true
	}
	if n, err := strconv.ParseUint(text, 0, 64); err == nil && len(value) <= 8 {
		var number uint64
		for _, octet := range value {
			number = number<<8 | uint64(octet)
		}
		return n == number
	}
	at, err := pdu.ParseTime(strings.TrimSuffix(string(value), "\x00"), epoch)
	return err == nil && decimal(text) == fmt.Sprint(float64(at.Unix()))
}

// values are of the size that each tag wants.
var values = map[pdu.Tag]string{
	pdu.TagDestTelematicsID: "\x01\x02", pdu.TagQOSTimeToLive: "\x00\x00\x0e\x10", pdu.TagAdditionalStatusInfoText: "no credit\x00",
	pdu.TagReceiptedMessageID: "1a2b\x00", pdu.TagSourceSubaddress: "\x80123", pdu.TagDestSubaddress: "\x80456",
	pdu.TagUserMessageReference: "\xbe\xef", pdu.TagSourcePort: "\x23\xf0", pdu.TagDestinationPort: "\x0b\x84", pdu.TagSARMsgRefNum: "\x12\x34",
	pdu.TagCallbackNumATag: "\x08me", pdu.TagCallbackNum: "\x01\x01\x015551234", pdu.TagNetworkErrorCode: "\x03\x00\x2a",
	pdu.TagMessagePayload: "a text", pdu.TagSMSSignal: "\x00\x07", pdu.TagAlertOnMessageDelivery: "", pdu.TagITSSessionInfo: "\x05\x09",
	pdu.TagBroadcastContentType: "\x01\x00\x22", pdu.TagBroadcastContentTypeInfo: "info", pdu.TagBroadcastRepNum: "\x00\x05",
	pdu.TagBroadcastFrequencyInterval: "\x09\x00\x0a", pdu.TagBroadcastAreaIdentifier: "\x00Berlin", pdu.TagBroadcastErrorStatus: "\x00\x00\x01\x0d",
	pdu.TagBroadcastEndTime: "260102030405000+\x00", pdu.TagBroadcastServiceGroup: "group", pdu.TagBillingIdentification: "\x01bill",
	pdu.TagSourceNetworkID: "123456\x00", pdu.TagDestNetworkID: "654321\x00", pdu.TagSourceNodeID: "123456", pdu.TagDestNodeID: "654321",
	pdu.TagDestAddrNPInformation: "0123456789", pdu.TagDestAddrNPCountry: "\x00\x49",
}

// TestWiresharkTLVs has Wireshark decode all TLVs that are known, and those of
// vendors.
func TestWiresharkTLVs(t *testing.T) {
	var all []pdu.PDU
	add := func(tag pdu.Tag, value string) {
		p := &pdu.DataSM{Header: pdu.Header{Sequence: uint32(tag)}, SourceAddr: sender, DestAddr: subscriber}
		require.NoError(t, p.TLVs.Add(tag, []byte(value)))
		all = append(all, p)
	}
	for _, tag := range pdu.Tags() {
		if tag == pdu.TagBroadcastRepNum {
			continue // Wireshark 4.0 takes it for longer than it is (5.0 section 4.8.4.9).
		}
		value, ok := values[tag]
		if !ok {
			value = "\x01"
		}
		add(tag, value)
	}
	add(0x1400, "")
	add(0x1400, "vendor")
	add(0x3fff, strings.Repeat("v", 40_000))
	encoded := frames(t, all)
	for i, shown := range peertest.Wireshark(t, encoded, peertest.WiresharkNone) {
		requireTLVs(t, specification(t, all[i], len(encoded[i]), false), shown)
	}
}

// TestLibSMPP34 has libsmpp34, a strict decoder of 3.4, decode what is encoded
// here.
func TestLibSMPP34(t *testing.T) {
	var all []pdu.PDU
	var want []string
	for _, p := range judged(t) {
		// It knows nothing of 5.0.
		if id := p.CommandID() &^ 0x80000000; id < pdu.CommandBroadcastSM || id > pdu.CommandCancelBroadcastSM {
			all = append(all, p)
			want = append(want, fmt.Sprintf("%08x ok", uint32(p.CommandID())))
		}
	}
	require.Equal(t, want, peertest.LibSMPP34(t, frames(t, all)))
}

// TestJudges has the scripts decode what is encoded here.
func TestJudges(t *testing.T) {
	for _, script := range []string{"tsdecode.sh", "judge34.c"} {
		peertest.Judge(t, script, frames(t, judged(t)))
	}
}
