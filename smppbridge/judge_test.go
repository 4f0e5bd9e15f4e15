package smppbridge

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/peertest"
)

// names of a kind that package coding knows, in order.
func namesOf[T ~uint8](named func(T) string) []T {
	var all []T
	for v := T(0); !strings.HasPrefix(named(v), "unknown"); v++ {
		all = append(all, v)
	}
	return all
}

// judgedText is a message that other implementations must be able to read.
type judgedText struct {
	name   string
	text   string
	change func(*Config)
	// unread tells that Wireshark does not know how to read the text.
	unread bool
}

// letters are of each charset.
var letters = map[coding.Charset]string{
	coding.GSM7: "Où €5 [x]~ Ω@\n", coding.GSM7Packed: "Où €5 [x]~ Ω@!", coding.ASCII: "plain {text}", coding.Latin1: "Grüße ê [x]",
	coding.Cyrillic: "Привет", coding.Hebrew: "שלום", coding.UCS2: "漢字 ж", coding.UTF8: "Grüße 漢字", coding.ShiftJIS: "日本語 ｱ",
	coding.ISO2022JP: "日本語", coding.EUCJP: "日本語", coding.EUCKR: "한국어", coding.Binary: "\x01\x02binary",
}

// national are texts which the tables of a language make shorter.
var national = map[coding.Language]string{
	coding.Turkish: "ığş İĞŞ", coding.Spanish: "áíóú Á", coding.Portuguese: "êçãõ Ê", coding.Bengali: "কখগ", coding.Gujarati: "કખગ",
	coding.Hindi: "कखग", coding.Kannada: "ಕಖಗ", coding.Malayalam: "കഖഗ", coding.Oriya: "କଖଗ", coding.Punjabi: "ਕਖਗ",
	coding.Tamil: "கஙச", coding.Telugu: "కఖగ", coding.Urdu: "ابپ",
}

// judgedTexts has all charsets, data codings, languages and ways to divide a long
// message, at an SMSC with a default alphabet.
func judgedTexts(t *testing.T, alphabet coding.Charset) []judgedText {
	t.Helper()
	var all []judgedText
	for _, transport := range namesOf(coding.Transport.String) {
		for _, charset := range []coding.Charset{alphabet, coding.UCS2} {
			for _, n := range []int{1, 40} {
				text := strings.TrimSpace(strings.Repeat(letters[charset]+" ", n))
				all = append(all, judgedText{
					name: fmt.Sprintf("%s, %d times %s", transport, n, charset), text: text,
					change: func(c *Config) { c.Coding.Transport, c.Coding.MaxParts = transport, 255 },
				})
			}
		}
	}
	coder, err := coding.New(coding.Config{Default: alphabet})
	require.NoError(t, err)
	for dataCoding := range 256 {
		octet := byte(dataCoding)
		charset := coder.Meaning(octet).Charset
		require.Contains(t, letters, charset)
		all = append(all, judgedText{
			name: fmt.Sprintf("data_coding 0x%02x", dataCoding), text: letters[charset],
			change: func(c *Config) { c.Coding.DataCoding = &octet },
			unread: !wiresharkReads(octet, charset),
		})
	}
	if alphabet <= coding.GSM7Packed {
		for _, language := range namesOf(coding.Language.String)[1:] {
			for _, n := range []int{1, 60} {
				require.Contains(t, national, language)
				all = append(all, judgedText{
					name: fmt.Sprintf("%d times %s", n, language), text: strings.Repeat(national[language], n),
					change: func(c *Config) { c.Coding.Languages = []coding.Language{language} }, unread: true,
				})
			}
		}
		all = append(all,
			judgedText{name: "flash", text: letters[alphabet], change: func(c *Config) { c.Coding.Flash = true }, unread: alphabet != coding.GSM7},
			judgedText{name: "flash in UCS2", text: letters[coding.UCS2], change: func(c *Config) { c.Coding.Flash = true }, unread: true})
	}
	all = append(all,
		judgedText{name: "Latin-1", text: letters[coding.Latin1], change: func(c *Config) { c.Coding.Latin1 = true }},
		judgedText{name: "data_sm", text: letters[alphabet], change: func(c *Config) { c.Operation = DataSM }, unread: true},
		judgedText{name: "all fields", text: letters[alphabet], change: func(c *Config) {
			c.UserMessageReference, c.ReplaceIfPresent = true, true
			c.ServiceType, c.ProtocolID, c.Priority = template(t, "CMT"), template(t, "65"), template(t, "2")
			c.ValidityPeriod, c.ScheduleDeliveryTime = template(t, "90m"), template(t, "2026-12-01T09:00:00Z")
		}},
		judgedText{name: "hex with a header", change: func(c *Config) {
			c.Text, c.Hex, c.ESMClass = nil, template(t, "0605040b8423f0dead"), pdu.ESMClassUDHI
		}, unread: true})
	if alphabet == coding.UTF8 {
		for i := range all {
			all[i].unread = all[i].unread || !strings.HasPrefix(all[i].name, "data_coding") || all[i].text == letters[coding.UTF8]
		}
	}
	return all
}

// wiresharkReads tells whether Wireshark reads text of a data_coding with that
// meaning: it takes all of some groups for GSM 03.38, and knows nothing of others.
func wiresharkReads(dataCoding byte, charset coding.Charset) bool {
	switch charset {
	case coding.Binary, coding.ShiftJIS, coding.ISO2022JP, coding.EUCJP:
		return false
	case coding.UCS2:
		return dataCoding == 8 || dataCoding >= 0x80
	default:
		return dataCoding < 0x10 || dataCoding >= 0x40 && charset == coding.GSM7
	}
}

// submissions returns what is submitted for a text.
func submissions(t *testing.T, alphabet coding.Charset, j judgedText) (all [][]byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take, func(c *Config, _ *BindConfig) {
			c.Coding.Default = alphabet
			j.change(c)
		})
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, j.text))
		require.Equal(t, relay.Delivered, r.Outcome, "%s: %s", j.name, r.Detail)
		for _, p := range b.smsc.requests {
			frame, err := p.AppendTo(nil)
			require.NoError(t, err)
			all = append(all, frame)
		}
	})
	return all
}

// TestJudgesReadMessages has Wireshark read the texts that are submitted, and
// libsmpp34 decode them.
func TestJudgesReadMessages(t *testing.T) {
	for alphabet, name := range map[coding.Charset]string{
		coding.GSM7: peertest.WiresharkGSM7, coding.GSM7Packed: peertest.WiresharkGSM7Packed, coding.ASCII: peertest.WiresharkASCII,
		coding.Latin1: peertest.WiresharkLatin1, coding.UTF8: peertest.WiresharkNone,
	} {
		t.Run(alphabet.String(), func(t *testing.T) {
			var frames [][]byte
			var counts []int
			texts := judgedTexts(t, alphabet)
			for _, j := range texts {
				submitted := submissions(t, alphabet, j)
				frames = append(frames, submitted...)
				counts = append(counts, len(submitted))
			}
			for i, verdict := range peertest.LibSMPP34(t, frames) {
				require.True(t, strings.HasSuffix(verdict, " ok"), "%s: %x", verdict, frames[i])
			}
			shown := peertest.Wireshark(t, frames, name)
			for i, j := range texts {
				var text strings.Builder
				for _, fields := range shown[:counts[i]] {
					part, _ := fields["message_text"].(string)
					text.WriteString(part)
				}
				shown = shown[counts[i]:]
				got := text.String()
				if alphabet == coding.GSM7Packed {
					// It fills seven bits that are left (3GPP TS 23.038 section 6.1.2.3.1).
					got = strings.ReplaceAll(got, "\r", "")
				}
				if !j.unread {
					require.Equal(t, j.text, got, j.name)
				}
			}
			require.Empty(t, shown)
		})
	}
}
