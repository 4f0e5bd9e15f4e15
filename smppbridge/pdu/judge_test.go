package pdu_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// judged returns what other implementations must be able to decode: all types of
// PDUs, data codings, TLVs and ways to send a message.
func judged(t *testing.T) []pdu.PDU {
	t.Helper()
	all := samples()
	for _, mode := range []pdu.BindMode{pdu.BindReceiver, pdu.BindTransmitter} {
		all = append(all,
			&pdu.Bind{Mode: mode, SystemID: "esme01", Password: "secret08", InterfaceVersion: pdu.Version34},
			&pdu.BindResp{Mode: mode, SystemID: strings.Repeat("x", 15)})
	}
	for _, coding := range []pdu.DataCoding{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0a, 0x0d, 0x0e, 0x10, 0x18, 0xc8, 0xd0, 0xe0, 0xf0, 0xf4} {
		p := submitSM()
		p.DataCoding, p.ShortMessage = coding, []byte("\x04\x1f\x04\x40\x04\x38")
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

// TestWireshark has Wireshark decode what is encoded here.
func TestWireshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed (apt-get install tshark)")
	}
	all := judged(t)
	file := filepath.Join(t.TempDir(), "pdus.pcap")
	require.NoError(t, os.WriteFile(file, capture(t, all), 0o600))
	cmd := exec.Command(tshark, "-r", file, "-n", "-d", "tcp.port==2775,smpp", "-o", "smpp.reassemble_smpp_over_tcp:FALSE",
		"-T", "fields", "-E", "separator=|", "-E", "aggregator=,", "-e", "smpp.command_length", "-e", "smpp.command_id",
		"-e", "smpp.command_status", "-e", "smpp.sequence_number", "-e", "smpp.data_coding", "-e", "smpp.sm_length", "-e", "smpp.opt_param_tag",
		"-e", "_ws.malformed", "-e", "_ws.expert.message")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	require.Len(t, lines, len(all))
	for i, p := range all {
		require.Equal(t, wiresharkLine(t, p), lines[i], p)
	}
}

// wiresharkLine is what Wireshark should say of a PDU: neither malformed nor
// any note of an expert.
func wiresharkLine(t *testing.T, p pdu.PDU) string {
	t.Helper()
	b, err := p.AppendTo(nil)
	require.NoError(t, err)
	coding, length, tlvs := "", "", pdu.TLVs{}
	switch p := p.(type) {
	case *pdu.SubmitSM:
		coding, length, tlvs = fmt.Sprintf("0x%02x", uint8(p.DataCoding)), fmt.Sprint(len(p.ShortMessage)), p.TLVs
	case *pdu.DeliverSM:
		coding, length, tlvs = fmt.Sprintf("0x%02x", uint8(p.DataCoding)), fmt.Sprint(len(p.ShortMessage)), p.TLVs
	case *pdu.SubmitMulti:
		coding, length = "0x00", fmt.Sprint(len(p.ShortMessage))
	case *pdu.ReplaceSM:
		length = fmt.Sprint(len(p.ShortMessage))
	case *pdu.DataSM:
		coding, tlvs = "0x00", p.TLVs
	case *pdu.BroadcastSM:
		coding, tlvs = "0x00", p.TLVs
	case *pdu.BindResp:
		tlvs = p.TLVs
	case *pdu.QueryBroadcastSMResp:
		tlvs = p.TLVs
	case *pdu.AlertNotification:
		tlvs = p.TLVs
	}
	var tags []string
	for tag := range tlvs.All() {
		tags = append(tags, fmt.Sprintf("0x%04x", uint16(tag)))
	}
	h, status := p.Head(), ""
	if p.CommandID().IsResponse() {
		status = fmt.Sprintf("0x%08x", uint32(h.Status))
	}
	return fmt.Sprintf("%d|0x%08x|%s|%d|%s|%s|%s||", len(b), uint32(p.CommandID()), status, h.Sequence, coding, length, strings.Join(tags, ","))
}

// capture is a pcap file with one TCP segment for each PDU.
func capture(t *testing.T, all []pdu.PDU) []byte {
	t.Helper()
	const linkRawIP = 101
	le, be := binary.LittleEndian, binary.BigEndian
	file := le.AppendUint32(nil, 0xa1b2c3d4)
	file = append(file, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0) // version 2.4
	file = le.AppendUint32(file, 1<<16)
	file = le.AppendUint32(file, linkRawIP)
	for i, p := range all {
		packet := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1}
		packet = be.AppendUint16(packet, uint16(40_000+i)) // a connection each
		packet = be.AppendUint16(packet, 2775)
		packet = append(packet, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0)
		packet, err := p.AppendTo(packet)
		require.NoError(t, err)
		be.PutUint16(packet[2:], uint16(len(packet)))
		file = append(file, 0, 0, 0, 0, 0, 0, 0, 0)
		file = le.AppendUint32(file, uint32(len(packet)))
		file = le.AppendUint32(file, uint32(len(packet)))
		file = append(file, packet...)
	}
	return file
}

// TestLibSMPP34 has libsmpp34, a strict decoder of 3.4, decode what is encoded
// here.
func TestLibSMPP34(t *testing.T) {
	judge := filepath.Join(t.TempDir(), "judge")
	if out, err := exec.Command("gcc", "-o", judge, "testdata/libsmpp34.c", "-I/usr/include/libsmpp34", "-lsmpp34").CombinedOutput(); err != nil {
		t.Skipf("libsmpp34 can't be used (apt-get install gcc libsmpp34-dev): %s%v", out, err)
	}
	var lines, want strings.Builder
	for _, p := range judged(t) {
		// It knows nothing of 5.0, and wants the body that 3.4 leaves out of some errors.
		if id := p.CommandID() &^ 0x80000000; id >= pdu.CommandBroadcastSM && id <= pdu.CommandCancelBroadcastSM {
			continue
		}
		b, err := p.AppendTo(nil)
		require.NoError(t, err)
		fmt.Fprintln(&lines, hex.EncodeToString(b))
		fmt.Fprintf(&want, "%08x ok\n", uint32(p.CommandID()))
	}
	cmd := exec.Command(judge)
	cmd.Stdin = strings.NewReader(lines.String())
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, want.String(), string(out))
}
