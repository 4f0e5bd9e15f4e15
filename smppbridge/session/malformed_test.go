package session_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// reaction is what octets of a peer lead to, on a session that is bound and, as
// an ESME, waits for the response to a message with the number 2.
type reaction struct {
	// answers are what the peer gets: type, status and sequence_number.
	answers []string
	// handled are the requests that the handler got.
	handled []string
	// outcome is that of the message: an id, a status, or empty while it waits.
	outcome string
	// events has how many responses were for nobody, and requests refused.
	events string
	// closed is whether the session ends by that.
	closed bool
}

// probe has a number that nothing else has.
const probe = 0x0ffffffe

// reactAs has a bound session read octets, and the same once more in as many
// writes as there are octets. That makes no difference, but that a length which is
// impossible is refused before the number has come.
func reactAs(t *testing.T, mode pdu.BindMode, client bool, octets []byte) (got reaction) {
	t.Helper()
	for _, size := range []int{len(octets), 1} {
		synctest.Test(t, func(t *testing.T) {
			r := reactTo(t, mode, client, slices.Chunk(octets, size))
			if size == len(octets) {
				got = r
				return
			}
			want := got
			if last := len(got.answers) - 1; last >= 0 && strings.HasPrefix(got.answers[last], "generic_nack ESME_RINVCMDLEN ") {
				want.answers = append(slices.Clone(got.answers[:last]), "generic_nack ESME_RINVCMDLEN 0")
			}
			require.Equal(t, want, r, "octet by octet")
		})
	}
	return got
}

func reactTo(t *testing.T, mode pdu.BindMode, client bool, writes func(func([]byte) bool)) (r reaction) {
	t.Helper()
	seen := &events{}
	taken := handler(func(request *session.Request) {
		r.handled = append(r.handled, fmt.Sprintf("%s %d", request.PDU.CommandID(), request.PDU.Head().Sequence))
		_ = request.Refuse(pdu.StatusOK)
	})
	var s *session.Session
	var p *peer
	var result <-chan outcome
	if client {
		s, p = bound(t, mode, session.Config{Handler: taken, Observer: seen, EnquireInterval: -1})
		if mode != pdu.BindReceiver {
			result = submit(s)
			require.EqualValues(t, 2, p.next().Head().Sequence)
		}
	} else {
		var accepting <-chan accepted
		server := &session.Server{
			Authenticator: accounts{"esme": {Handler: taken}}, Config: session.Config{Observer: seen, EnquireInterval: -1},
		}
		p, accepting = accept(context.Background(), t, server)
		p.send(bind("esme", "secret", mode))
		p.next()
		s = (<-accepting).session
	}
	go func() {
		for b := range writes {
			_, _ = p.conn.Write(b)
		}
		b, _ := (&pdu.EnquireLink{Header: pdu.Header{Sequence: probe}}).AppendTo(nil)
		_, _ = p.conn.Write(b)
	}()
	for !r.closed {
		frame, err := p.frames.ReadFrame()
		if errors.Is(err, io.EOF) {
			r.closed = true
			break
		}
		require.NoError(t, err)
		answer, err := p.decoder.Decode(frame)
		require.NoError(t, err)
		h := answer.Head()
		if h.Sequence == probe {
			break
		}
		r.answers = append(r.answers, fmt.Sprintf("%s %s %d", answer.CommandID(), h.Status, h.Sequence))
	}
	synctest.Wait()
	r.events = fmt.Sprintf("%d %d", len(seen.of(session.EventUnexpected)), len(seen.of(session.EventRefused)))
	select {
	case o := <-result:
		r.outcome = describeOutcome(t, o)
	default:
	}
	require.NoError(t, s.Close())
	return r
}

func describeOutcome(t *testing.T, o outcome) string {
	t.Helper()
	if o.err != nil {
		requireFailed(t, o, true, nil)
		return "unknown"
	}
	if h := o.response.Head(); h.Status != pdu.StatusOK {
		return h.Status.String()
	}
	resp, ok := o.response.(*pdu.SubmitSMResp)
	require.True(t, ok)
	return "id " + resp.MessageID
}

// These are common reactions.
var (
	nothing    = reaction{events: "0 0"}
	unexpected = reaction{events: "1 0"}
	unnumbered = reaction{answers: []string{"generic_nack ESME_RINVCMDLEN 0"}, events: "0 1", closed: true}
)

// taken is the reaction to a request that the handler takes.
func taken(request string, sequence uint32) reaction {
	return reaction{
		answers: []string{fmt.Sprintf("%s_resp ESME_ROK %d", request, sequence)},
		handled: []string{fmt.Sprintf("%s %d", request, sequence)}, events: "0 0",
	}
}

// answered is the reaction to a request that the session answers itself.
func answered(answer string) reaction { return reaction{answers: []string{answer}, events: "0 0"} }

// refused is the reaction to a request that the handler does not see.
func refused(answer string) reaction { return reaction{answers: []string{answer}, events: "0 1"} }

// with returns the reaction if it also settles the message.
func (r reaction) with(outcome string) reaction {
	r.outcome = outcome
	return r
}

// TestMalformedVectors has an SMSC send the vectors.
func TestMalformedVectors(t *testing.T) {
	numbered := unnumbered
	numbered.answers = []string{"generic_nack ESME_RINVCMDLEN 1"}
	reactions := map[string]reaction{
		"command_length 0":  unnumbered,
		"command_length 15": unnumbered,
		"command_length 0xffffffff (negative as int32)":           numbered,
		"unknown response command_id 0x800000f7":                  {events: "0 1"},
		"deliver_sm: body ends inside the mandatory part":         refused("deliver_sm_resp ESME_RINVCMDLEN 80"),
		"deliver_sm: TLV length runs past the end":                taken("deliver_sm", 0x52),
		"deliver_sm: UDHI set, UDHL 0x40 longer than the message": taken("deliver_sm", 0x54),
		"deliver_sm: concat total 0":                              taken("deliver_sm", 0x56),
		"submit_sm_resp with sequence nobody asked for":           unexpected,
		"submit_sm_resp error with body":                          unexpected,
		"enquire_link with 4 extra octets":                        answered("enquire_link_resp ESME_ROK 91"),
		"enquire_link with sequence 0x80000001":                   answered("enquire_link_resp ESME_ROK 2147483649"),
		"deliver_sm receipt with NUL inside short_message":        taken("deliver_sm", 0x5c),
	}
	b, err := os.ReadFile("../pdu/testdata/smpp-malformed.json")
	require.NoError(t, err)
	var vectors []struct{ Name, Hex, Expect string }
	require.NoError(t, json.Unmarshal(b, &vectors))
	require.Len(t, vectors, len(reactions))
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			want, ok := reactions[v.Name]
			require.True(t, ok, "there is no reaction for %q", v.Expect)
			octets, err := hex.DecodeString(v.Hex)
			require.NoError(t, err)
			got := reactAs(t, pdu.BindTransceiver, true, octets)
			if want.closed {
				want.outcome = "unknown"
			}
			require.Equal(t, want, got)
		})
	}
	// The error is for the message, if it has the number of one.
	got := reactAs(t, pdu.BindTransceiver, true, frame(t, pdu.CommandSubmitSMResp, 0x58, 2, "3100"))
	require.Equal(t, nothing.with("ESME_RTHROTTLED"), got)
}

// frame returns a PDU with a body in hex, in which spaces don't count, and texts
// stand in quotes.
func frame(t *testing.T, id pdu.CommandID, status pdu.CommandStatus, sequence uint32, body string) []byte {
	t.Helper()
	var octets []byte
	for i, piece := range strings.Split(body, "'") {
		if i%2 == 1 {
			octets = append(octets, piece...)
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(piece, " ", ""))
		require.NoError(t, err)
		octets = append(octets, b...)
	}
	length := uint32(len(octets) + pdu.HeaderLength)
	return append(head(length, id, status, sequence), octets...)
}

func head(length uint32, id pdu.CommandID, status pdu.CommandStatus, sequence uint32) []byte {
	var b []byte
	for _, n := range []uint32{length, uint32(id), uint32(status), sequence} {
		b = append(b, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return b
}

// The mandatory fields of a message from 4917 to 123, without sm_length, and what
// stands behind them.
const (
	addresses = "00 0101'4917'00 0101'123'00 "
	settings  = "000000 00 00 0000 0000 "
	plainText = addresses + settings + "02'hi' "
)

// TestPeers has both sides send what they should not, or seldom do.
func TestPeers(t *testing.T) {
	long := func(n int) string { return "'" + strings.Repeat("a", n) + "'00 " }
	tooMuch := uint32(pdu.DefaultMaxLength + 1)
	lost := func(sequence uint32) reaction {
		return reaction{answers: []string{fmt.Sprintf("generic_nack ESME_RINVCMDLEN %d", sequence)}, events: "0 1", closed: true}
	}
	submitting := func(name, body string, want string) peerCase {
		return peerCase{name, false, frame(t, pdu.CommandSubmitSM, 0, 9, body), refused("submit_sm_resp " + want + " 9")}
	}
	delivering := func(name, body string) peerCase {
		return peerCase{name, true, frame(t, pdu.CommandDeliverSM, 0, 9, body), taken("deliver_sm", 9)}
	}
	responding := func(name string, id pdu.CommandID, status pdu.CommandStatus, body string, want reaction) peerCase {
		return peerCase{name, true, frame(t, id, status, 2, body), want}
	}
	asking := func(name string, id pdu.CommandID, body, want string) peerCase {
		return peerCase{name, false, frame(t, id, 0, 9, body), refused(want)}
	}
	submit, deliver, resp := pdu.CommandSubmitSM, pdu.CommandDeliverSM, pdu.CommandSubmitSMResp
	for _, c := range []peerCase{
		// Framing: nothing after an impossible length is read.
		{"a header that says 8", true, head(8, pdu.CommandEnquireLink, 0, 9)[:8], unnumbered},
		{"an enquire_link of 8 octets", false, head(8, pdu.CommandEnquireLink, 0, 9), unnumbered},
		{"a message above the limit", true, head(tooMuch, deliver, 0, 9), lost(9)},
		{"a message of 2 GiB", false, head(0x7fffffff, submit, 0, 9), lost(9)},
		{"a response above the limit", true, head(tooMuch, resp, 0, 2), unnumbered},
		{"a negative length in the middle", true, slices.Concat(
			frame(t, pdu.CommandEnquireLink, 0, 9, ""), head(0x80000010, deliver, 0, 10), frame(t, deliver, 0, 11, plainText),
		), reaction{answers: []string{"enquire_link_resp ESME_ROK 9", "generic_nack ESME_RINVCMDLEN 10"}, events: "0 1", closed: true}},
		{"several PDUs at once", true, slices.Concat(
			frame(t, pdu.CommandEnquireLink, 0, 9, ""), frame(t, deliver, 0, 10, plainText), frame(t, resp, 0, 2, "'7'00"),
		), reaction{
			answers: []string{"enquire_link_resp ESME_ROK 9", "deliver_sm_resp ESME_ROK 10"},
			handled: []string{"deliver_sm 10"}, outcome: "id 7", events: "0 0",
		}},

		// Decoding, as a server, which is strict: each field has its own status.
		submitting("no body", "", "ESME_RINVCMDLEN"),
		submitting("service_type too long", long(6), "ESME_RINVSERTYP"),
		submitting("source_addr too long", "00 0101"+long(21), "ESME_RINVSRCADR"),
		submitting("destination_addr too long", "00 010100 0101"+long(21), "ESME_RINVDSTADR"),
		submitting("schedule_delivery_time too long", addresses+"000000"+long(17), "ESME_RINVSCHED"),
		submitting("validity_period too long", addresses+"00000000"+long(17), "ESME_RINVEXPIRY"),
		submitting("no NUL at the end", "00 0101'4917'", "ESME_RINVCMDLEN"),
		submitting("no NUL at all", strings.Repeat("41", 200), "ESME_RINVSERTYP"),
		submitting("no sm_length", addresses+settings, "ESME_RINVCMDLEN"),
		submitting("sm_length past the end", addresses+settings+"03'hi'", "ESME_RINVMSGLEN"),
		submitting("sm_length 255 past the end", addresses+settings+"ff"+strings.Repeat("61", 254), "ESME_RINVMSGLEN"),
		submitting("one stray octet", plainText+"00", "ESME_RINVTLVSTREAM"),
		submitting("two stray octets", plainText+"0204", "ESME_RINVTLVSTREAM"),
		submitting("three stray octets", plainText+"020400", "ESME_RINVTLVSTREAM"),
		submitting("a TLV without a value", plainText+"02040002", "ESME_RINVTLVSTREAM"),
		submitting("a TLV past the end", plainText+"02040002 00", "ESME_RINVTLVSTREAM"),
		submitting("a TLV past the end, behind others", plainText+"0204 0002 0001 001dffff 41", "ESME_RINVTLVSTREAM"),
		asking("submit_multi to nobody", pdu.CommandSubmitMulti, "00 0101'4917'00 00", "submit_multi_resp ESME_RINVNUMDESTS 9"),
		asking("submit_multi to more than there are", pdu.CommandSubmitMulti, "00 0101'4917'00 ff 01 0101'1'00", "submit_multi_resp ESME_RINVCMDLEN 9"),
		asking("submit_multi to a dest_flag 3", pdu.CommandSubmitMulti, "00 0101'4917'00 01 03 0101'1'00", "submit_multi_resp ESME_RINVDESTFLAG 9"),
		asking("query_sm that ends early", pdu.CommandQuerySM, "'1'00", "query_sm_resp ESME_RINVCMDLEN 9"),
		asking("replace_sm whose text is missing", pdu.CommandReplaceSM, "'1'00 000000 00 00 00 00 05'hi'", "replace_sm_resp ESME_RINVMSGLEN 9"),
		asking("deliver_sm to a server", deliver, plainText, "deliver_sm_resp ESME_RINVBNDSTS 9"),
		asking("another bind", pdu.CommandBindTransceiver, "'esme'00 'secret'00 00 34 000000", "bind_transceiver_resp ESME_RALYBND 9"),
		asking("a bind with a system_id too long", pdu.CommandBindReceiver, long(16), "bind_receiver_resp ESME_RINVSYSID 9"),
		asking("command_id 0", 0, "", "generic_nack ESME_RINVCMDID 9"),
		asking("command_id 0x0a, which is reserved", 0x0a, "00", "generic_nack ESME_RINVCMDID 9"),
		{"outbind by a client", false, frame(t, pdu.CommandOutbind, 0, 9, "'x'00 00"), nothing},
		{"alert_notification by a client", false, frame(t, pdu.CommandAlertNotification, 0, 9, "0101'1'00 0101'2'00"), reaction{events: "0 1"}},
		{"TLVs of any order and length", false, frame(t, submit, 0, 9, plainText+"0204 0000 020c 0001 05 0204 0002 0001 1500 0003 616263 0005 0000"), taken("submit_sm", 9)},
		{"a status in a request", false, frame(t, submit, 0x58, 9, plainText), taken("submit_sm", 9)},
		{"text of 255 octets", false, frame(t, submit, 0, 9, addresses+settings+"ff"+strings.Repeat("61", 255)), taken("submit_sm", 9)},

		// As a client, which is lenient, so that no receipt is lost.
		delivering("service_type too long", long(6)+addresses[3:]+settings+"02'hi'"),
		delivering("source_addr too long", "00 0101"+long(64)+"0101'123'00"+settings+"00"),
		delivering("stray octets", plainText+"0204"),
		delivering("the same TLV twice", plainText+"0204 0002 0001 0204 0002 0002"),
		delivering("short_message and message_payload", plainText+"0424 0005 'hello'"),
		delivering("sar TLVs of no length", plainText+"020c0000 020e0000 020f0000"),
		delivering("a header of no length", addresses+"40 0000 00 00 0000 0000 0100"),
		delivering("an element longer than the header", addresses+"40 0000 00 00 0000 0000 06 0500 09010201"),
		delivering("part 0", addresses+"40 0000 00 00 0000 0000 07 050003010200'a'"),
		delivering("part 3 of 2", addresses+"40 0000 00 00 0000 0000 07 050003010203'a'"),
		delivering("a header in message_payload", addresses+"40 0000 00 00 0000 0000 00 0424 0007 050003010201'a'"),
		{"no NUL at all", true, frame(t, deliver, 0, 9, strings.Repeat("41", 30)), refused("deliver_sm_resp ESME_RINVCMDLEN 9")},
		{"no NUL in 254 octets", true, frame(t, deliver, 0, 9, strings.Repeat("41", 300)), refused("deliver_sm_resp ESME_RINVSERTYP 9")},
		{"sm_length past the end, to a client", true, frame(t, deliver, 0, 9, addresses+settings+"03'hi'"), refused("deliver_sm_resp ESME_RINVMSGLEN 9")},
		{"data_sm that ends early", true, frame(t, pdu.CommandDataSM, 0, 9, "00 0101'1'00"), refused("data_sm_resp ESME_RINVCMDLEN 9")},
		{"submit_sm to a client", true, frame(t, submit, 0, 9, plainText), refused("submit_sm_resp ESME_RINVBNDSTS 9")},
		{"unknown request", true, frame(t, 0xf7, 0, 77, ""), refused("generic_nack ESME_RINVCMDID 77")},
		{"unknown request with a body", true, frame(t, 0x00010001, 0, 78, "'whatever'"), refused("generic_nack ESME_RINVCMDID 78")},
		{"alert_notification", true, frame(t, pdu.CommandAlertNotification, 0, 9, "0101'1'00 0101'2'00"), nothing},
		{"alert_notification that ends early", true, frame(t, pdu.CommandAlertNotification, 0, 9, "01"), reaction{events: "0 1"}},
		{"outbind", true, frame(t, pdu.CommandOutbind, 0, 9, "'smsc'00 00"), nothing},
		{"outbind that ends early", true, frame(t, pdu.CommandOutbind, 0, 9, "'smsc'"), reaction{events: "0 1"}},

		// Responses settle the message, whatever their body is.
		responding("without a body", resp, 0, "", nothing.with("id ")),
		responding("an error without a body", resp, 0x14, "", nothing.with("ESME_RMSGQFUL")),
		responding("an error with a body", resp, 0x14, "'9'00", nothing.with("ESME_RMSGQFUL")),
		responding("an error with half a TLV", resp, 0x14, "00 001d00", nothing.with("ESME_RMSGQFUL")),
		responding("an error that is not in the specification", resp, 0x94, "", nothing.with("0x00000094")),
		responding("no NUL behind the id", resp, 0, "'7'", nothing.with("id 7")),
		responding("an id of 65 characters", resp, 0, long(65), nothing.with("id "+strings.Repeat("a", 65))),
		responding("stray octets behind the id", resp, 0, "'7'00 0000", nothing.with("id 7")),
		responding("generic_nack", pdu.CommandGenericNack, 3, "", nothing.with("ESME_RINVCMDID")),
		responding("generic_nack with a body", pdu.CommandGenericNack, 3, "00", nothing.with("ESME_RINVCMDID")),
		responding("generic_nack without an error", pdu.CommandGenericNack, 0, "", nothing.with("ESME_RUNKNOWNERR")),
		responding("of another type", pdu.CommandDataSMResp, 0, "'7'00", unexpected),
		responding("of a type that we answer with", pdu.CommandDeliverSMResp, 0, "00", unexpected),
		responding("to a bind long ago", pdu.CommandBindTransceiverResp, 0, "'smsc'00", unexpected),
		responding("to an unbind that never was", pdu.CommandUnbindResp, 0, "", unexpected),
		responding("to an enquire_link that never was", pdu.CommandEnquireLinkResp, 0, "", nothing),
		{"twice", true, slices.Concat(frame(t, resp, 0, 2, "'7'00"), frame(t, resp, 0, 2, "'8'00")), unexpected.with("id 7")},
		{"generic_nack for nobody", true, frame(t, pdu.CommandGenericNack, 3, 77, ""), unexpected},
		{"generic_nack without a number", true, frame(t, pdu.CommandGenericNack, 3, 0, ""), unexpected},
		{
			"generic_nack of a peer that is lost", true, frame(t, pdu.CommandGenericNack, 2, 0, ""),
			reaction{events: "1 0", closed: true},
		},

		// Sequence: theirs are not ours, and any is echoed.
		{"their request has the number of ours", true, slices.Concat(
			frame(t, deliver, 0, 2, plainText), frame(t, resp, 0, 2, "'7'00"),
		), taken("deliver_sm", 2).with("id 7")},
		{"number 0", true, frame(t, deliver, 0, 0, plainText), taken("deliver_sm", 0)},
		{"number 0xffffffff", true, frame(t, deliver, 0, 0xffffffff, plainText), taken("deliver_sm", 0xffffffff)},
		{"number 0x80000002, to a server", false, frame(t, submit, 0, 0x80000002, plainText), taken("submit_sm", 0x80000002)},
		{"the same number again", false, slices.Concat(frame(t, submit, 0, 5, plainText), frame(t, submit, 0, 5, plainText)), reaction{
			answers: []string{"submit_sm_resp ESME_ROK 5", "submit_sm_resp ESME_ROK 5"}, handled: []string{"submit_sm 5", "submit_sm 5"}, events: "0 0",
		}},
		{"a response for nobody, to a server", false, frame(t, pdu.CommandDeliverSMResp, 0, 1, "00"), unexpected},
	} {
		side := "server "
		if c.client {
			side = "client "
		}
		t.Run(side+c.name, func(t *testing.T) {
			got := reactAs(t, pdu.BindTransceiver, c.client, c.octets)
			if c.want.closed && c.client {
				c.want.outcome = "unknown"
			}
			require.Equal(t, c.want, got)
		})
	}
}

// peerCase is what a peer sends to one of our sides.
type peerCase struct {
	name   string
	client bool // we are
	octets []byte
	want   reaction
}

// TestBindResponses has SMSCs answer the bind in unusual ways.
func TestBindResponses(t *testing.T) {
	for name, tt := range map[string]struct {
		status  pdu.CommandStatus
		body    string
		version pdu.InterfaceVersion
		id      string
	}{
		"header only":           {version: pdu.Version33},
		"no NUL":                {body: "'smsc'", version: pdu.Version33, id: "smsc"},
		"without a TLV":         {body: "'smsc'00", version: pdu.Version33, id: "smsc"},
		"a lower version":       {body: "'smsc'00 0210000133", version: pdu.Version33, id: "smsc"},
		"a higher version":      {body: "'smsc'00 0210000150", version: pdu.Version50, id: "smsc"},
		"a version of 2 octets": {body: "'smsc'00 021000020034", version: pdu.Version33, id: "smsc"},
		"half a TLV":            {body: "'smsc'00 0210", version: pdu.Version33, id: "smsc"},
		"an error":              {status: pdu.StatusBindFail},
		"an error with a body":  {status: pdu.StatusAlyBnd, body: "'smsc'00 0210000134"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &session.Connector{Bind: pdu.Bind{SystemID: "esme"}}
				p := connectTo(t, c)
				go func() {
					p.next()
					p.write(frame(t, pdu.CommandBindTransceiverResp, tt.status, 1, tt.body))
					if tt.status != pdu.StatusOK {
						p.end()
					}
				}()
				s, err := c.Connect(context.Background(), pdu.BindTransceiver)
				if tt.status != pdu.StatusOK {
					var refused *session.BindError
					require.ErrorAs(t, err, &refused)
					require.Equal(t, tt.status, refused.Status)
					return
				}
				require.NoError(t, err)
				require.Equal(t, tt.version, s.PeerVersion())
				require.Equal(t, tt.id, s.PeerSystemID())
				require.NoError(t, s.Close())
			})
		})
	}
}
