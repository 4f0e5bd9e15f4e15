package peertest

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Alphabets that Wireshark can take data_coding 0 for.
const (
	WiresharkNone       = "None"
	WiresharkGSM7       = "GSM 7-bit"
	WiresharkGSM7Packed = "GSM 7-bit (packed)"
	WiresharkASCII      = "ASCII"
	WiresharkLatin1     = "ISO-8859-1"
)

// Wireshark has Wireshark decode PDUs, with data_coding 0 as an alphabet, and
// returns what it shows of each: by the name of the field, without "smpp.", a
// string, or an object, or a list of these if the field is there more than once.
// The test fails if Wireshark has anything to say against a PDU, and is skipped
// without Wireshark.
func Wireshark(t *testing.T, frames [][]byte, alphabet string) []map[string]any {
	t.Helper()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		missing(t, "tshark is not installed (apt-get install tshark)")
	}
	file := filepath.Join(t.TempDir(), "pdus.pcap")
	require.NoError(t, os.WriteFile(file, capture(frames), 0o600))
	cmd := exec.Command(tshark, "-r", file, "-n", "-d", "tcp.port==2775,smpp", "-o", "smpp.reassemble_smpp_over_tcp:FALSE", //nolint:gosec // The test's own arguments.
		"-o", "smpp.decode_sms_over_smpp:"+alphabet,
		// It takes ports of WAP for more than they are.
		"--disable-protocol", "wsp",
		"-T", "json", "--no-duplicate-keys", "-J", "smpp _ws.malformed _ws.expert")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var packets []struct {
		Source struct{ Layers map[string]any } `json:"_source"`
	}
	require.NoError(t, json.Unmarshal(out, &packets))
	require.Len(t, packets, len(frames))
	all := make([]map[string]any, len(packets))
	for i, p := range packets {
		for name := range p.Source.Layers {
			require.False(t, strings.HasPrefix(name, "_ws."), "PDU %d, %x: %v", i, frames[i], p.Source.Layers)
		}
		layer, ok := p.Source.Layers["smpp"].(map[string]any)
		require.True(t, ok, "PDU %d, %x: %v", i, frames[i], p.Source.Layers)
		all[i] = unprefixed(t, layer)
	}
	return all
}

// unprefixed returns the fields with shorter names. None may be a note of an
// expert.
func unprefixed(t *testing.T, fields map[string]any) map[string]any {
	t.Helper()
	short := make(map[string]any, len(fields))
	for name, value := range fields {
		require.False(t, strings.HasPrefix(name, "_ws."), "%v", fields)
		switch v := value.(type) {
		case map[string]any:
			value = unprefixed(t, v)
		case []any:
			for i := range v {
				if m, ok := v[i].(map[string]any); ok {
					v[i] = unprefixed(t, m)
				}
			}
		}
		short[strings.TrimPrefix(name, "smpp.")] = value
	}
	return short
}

// capture is a pcap file with one TCP segment for each PDU.
func capture(frames [][]byte) []byte {
	const linkRawIP = 101
	le, be := binary.LittleEndian, binary.BigEndian
	file := le.AppendUint32(nil, 0xa1b2c3d4)
	file = append(file, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0) // version 2.4
	file = le.AppendUint32(file, 1<<16)
	file = le.AppendUint32(file, linkRawIP)
	for i, frame := range frames {
		packet := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1}
		packet = be.AppendUint16(packet, uint16(30_000+i)) //nolint:gosec // A connection each, of some hundreds.
		packet = be.AppendUint16(packet, 2775)
		packet = append(packet, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0)
		packet = append(packet, frame...)
		be.PutUint16(packet[2:], uint16(len(packet)))                        //nolint:gosec // It is shorter.
		file = append(file, 0, 0, 0, 0, 0, 0, 0, 0)                          // the time
		file = le.AppendUint32(file, uint32(len(packet)))                    //nolint:gosec // It is shorter.
		file = append(le.AppendUint32(file, uint32(len(packet))), packet...) //nolint:gosec // It is shorter.
	}
	return file
}
