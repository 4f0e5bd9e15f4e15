package smppbridge

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/relay/queue/sqlite"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/peertest"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

// ends are how many events ended in which way.
type ends struct {
	delivered, dead, queued int
	// taken is how many messages the SMSC has taken.
	taken int
	// joined and unjoined are the receipts that were found a message for, or not,
	// and messages those of phones.
	joined, unjoined, messages int
}

// exactly these ends are wanted.
func exactly(want ends) func(ends) bool { return func(got ends) bool { return got == want } }

// repeated are ends with at least so many copies of messages, and receipts of
// which that of a copy may find no message.
func repeated(want ends) func(ends) bool {
	return func(got ends) bool {
		return got.delivered == want.delivered && got.dead == want.dead && got.queued == want.queued && got.taken >= want.taken && got.joined >= want.joined
	}
}

// faultCase is what becomes of events if the SMSC has a fault.
type faultCase struct {
	// name is that in the self-test of the SMSC, whose mode it has unless there is
	// another one. It is empty for what the self-test leaves out.
	name, mode string
	// events is how many there are; 0 is 6.
	events int
	bind   func(*BindConfig)
	// meanwhile is done once the events are accepted.
	meanwhile func(*faultBench)
	// avoid tells whether they have ended as they should if duplicates are to be
	// avoided, and allow, if they may be, where that makes a difference.
	avoid, allow func(ends) bool
	check        func(*faultBench)
}

// faultBench is an engine with a queue on disk, a destination, and node-smpp as an
// SMSC with a fault.
type faultBench struct {
	*testing.T
	engine  *relay.Engine
	dest    *Destination
	control string

	mu  sync.Mutex
	got []*relay.Event
}

// Deliver takes what comes back.
func (b *faultBench) Deliver(_ context.Context, d *relay.Delivery) relay.Result {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, d.Event)
	return relay.Result{}
}

func startFault(t *testing.T, mode string, duplicates Duplicates, change func(*BindConfig)) *faultBench {
	t.Helper()
	b := &faultBench{T: t}
	var address string
	address, b.control = peertest.NodeSMSC(t, mode)
	queue, err := sqlite.Open(t.TempDir())
	require.NoError(t, err)
	b.engine, err = relay.NewEngine(context.Background(), relay.Options{Queue: queue})
	require.NoError(t, err)
	bind := BindConfig{Addresses: []string{address}, SystemID: "t", Password: "p", MinBackoff: 50 * time.Millisecond, MaxBackoff: 200 * time.Millisecond}
	bind.Session.ResponseTimeout, bind.Session.UnbindTimeout = 2*time.Second, time.Second
	if change != nil {
		change(&bind)
	}
	binds, err := NewBinds(bind)
	require.NoError(t, err)
	crm := func(*relay.Event) []string { return []string{"crm"} }
	b.dest, err = New(Config{
		Name: "sms", SourceAddrs: []*relay.Template{template(t, "ACME")}, DestAddr: template(t, "{event.json.to}"),
		Text: template(t, "{event.json.text}"), RegisteredDelivery: pdu.RegisteredDeliveryFinal, Store: b.engine,
		Receipts: Route{To: crm}, Messages: Route{To: crm}, Duplicates: duplicates,
	}, binds)
	require.NoError(t, err)
	require.NoError(t, b.dest.Start())
	schedule := relay.Schedule{Waits: make([]time.Duration, 1000)}
	for i := range schedule.Waits {
		schedule.Waits[i] = 20 * time.Millisecond
	}
	b.engine.Attach(relay.Config{Destinations: []relay.DestinationConfig{
		{Name: "sms", Destination: b.dest, Concurrency: 100, Schedule: schedule}, {Name: "crm", Destination: b, Concurrency: 10},
	}}).Activate()
	t.Cleanup(func() {
		b.dest.Stop()
		// What is in flight here may not be answered any more.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = b.engine.Close(ctx)
		_ = binds.Close(ctx)
	})
	return b
}

// ends returns how things stand now.
func (b *faultBench) ends(accepted int) (e ends) {
	b.Helper()
	for _, lane := range b.engine.Lanes() {
		if lane.Destination == "sms" {
			e.queued, e.dead = int(lane.Pending), int(lane.Dead)
		}
	}
	e.delivered = accepted - e.queued - e.dead
	e.taken = peertest.StatsOf(b.T, b.control).Taken()
	for _, r := range b.receipts() {
		if r.Event != nil {
			e.joined++
		} else {
			e.unjoined++
		}
	}
	e.messages = len(b.messages())
	return e
}

func bodies[T any](b *faultBench, eventType string) (all []T) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.got {
		if e.Type == eventType {
			var body T
			require.NoError(b, json.Unmarshal(e.Body, &body))
			all = append(all, body)
		}
	}
	return all
}

func (b *faultBench) receipts() []receiptBody { return bodies[receiptBody](b, DefaultReceiptType) }
func (b *faultBench) messages() []messageBody { return bodies[messageBody](b, DefaultMessageType) }

// waitFor polls, since nothing else can be done with another process. Its limit
// only ends tests that fail.
func (b *faultBench) waitFor(what string, condition func() bool) {
	b.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(10 * time.Millisecond) {
		require.True(b, time.Now().Before(deadline), what)
	}
}

// all is how six events end that nothing happens to.
var all = exactly(ends{delivered: 6, joined: 6, taken: 6})

// states checks how often each state was in a receipt.
func states(want map[receipt.State]int) func(*faultBench) {
	return func(b *faultBench) {
		got := make(map[receipt.State]int)
		for _, r := range b.receipts() {
			got[r.State]++
		}
		require.Equal(b, want, got)
	}
}

// phone has a phone send a text.
func phone(mode, text string) faultCase {
	return faultCase{
		name: "MO " + mode, events: 1, avoid: exactly(ends{delivered: 1, joined: 1, taken: 1, messages: 1}),
		meanwhile: func(b *faultBench) {
			b.waitFor("the bind", func() bool { return len(b.receipts()) == 1 })
			peertest.Control(b.T, b.control+"/mo", fmt.Sprintf(`{"mode":%q,"text":%q}`, mode, text))
		},
		check: func(b *faultBench) {
			require.Equal(b, text, b.messages()[0].Text)
			require.True(b, b.messages()[0].Complete)
		},
	}
}

// evil has an SMSC send what no session outlives, until it is told to stop. Then
// everything is delivered that may be sent again.
func evil(kind string) faultCase {
	return faultCase{
		name: "evil " + kind,
		avoid: func(got ends) bool {
			return got.delivered+got.dead == 6 && got.joined == got.delivered && got.taken <= 6
		},
		allow: repeated(ends{delivered: 6, taken: 6}),
		meanwhile: func(b *faultBench) {
			b.waitFor("another bind", func() bool { return peertest.StatsOf(b.T, b.control).Binds >= 3 })
			peertest.Control(b.T, b.control+"/set", `{"evil":""}`)
		},
	}
}

func oneByOne(c *BindConfig) { c.Session.Window = 1 }

func quickToFindOut(c *BindConfig) {
	c.Session.EnquireInterval, c.Session.EnquireTimeout = time.Second, time.Second
}

var faultCases = []faultCase{
	{name: "plain", avoid: all},
	{name: "bad password", avoid: exactly(ends{queued: 6}), meanwhile: func(b *faultBench) {
		b.waitFor("the refusal", func() bool { return peertest.StatsOf(b.T, b.control).Binds == 1 })
	}},
	{name: "throttle 100%", avoid: exactly(ends{queued: 6}), meanwhile: func(b *faultBench) {
		b.waitFor("the throttling", func() bool { return peertest.StatsOf(b.T, b.control).Throttled >= 6 })
	}},
	// Those that are refused wait for three minutes.
	{name: "throttle 50% RMSGQFUL", events: 10, avoid: func(got ends) bool {
		return got.delivered+got.queued == 10 && got.delivered == got.taken && got.joined == got.taken
	}, meanwhile: func(b *faultBench) {
		b.waitFor("an answer for each", func() bool { return peertest.StatsOf(b.T, b.control).Submit == 10 })
	}},
	{name: "tps=10", events: 12, avoid: exactly(ends{delivered: 12, joined: 12, taken: 12})},
	{name: "error with body", avoid: exactly(ends{dead: 6})},
	{mode: "error_pct=100 error_status=11", avoid: exactly(ends{dead: 6})},
	{mode: "error_pct=100 error_status=8", avoid: exactly(ends{queued: 6}), meanwhile: func(b *faultBench) {
		b.waitFor("an answer for each", func() bool { return peertest.StatsOf(b.T, b.control).Errors == 6 })
	}},
	{name: "generic_nack", avoid: exactly(ends{dead: 6})},
	{name: "delay 150ms", avoid: all},
	{name: "out of order", avoid: all},
	// The late answers find dead letters.
	{
		name: "late", mode: "late_every=2 late_ms=3000", avoid: all,
		allow: repeated(ends{delivered: 6, taken: 7}),
	},
	{
		name: "lost responses", avoid: exactly(ends{delivered: 3, dead: 3, joined: 3, unjoined: 3, taken: 6}),
		allow: repeated(ends{delivered: 6, taken: 9}),
	},
	{name: "duplicate responses", avoid: all},
	{
		name: "drop every 3rd", bind: oneByOne, avoid: exactly(ends{delivered: 4, dead: 2, joined: 4, unjoined: 2, taken: 6}),
		allow: repeated(ends{delivered: 6, taken: 8}),
	},
	{
		name: "drop with RST", events: 1, avoid: exactly(ends{dead: 1, unjoined: 1, taken: 1}),
		allow: repeated(ends{queued: 1, taken: 3}),
	},
	{
		mode: "drop_every=4 drop_rst=1", events: 8, bind: oneByOne, avoid: exactly(ends{delivered: 6, dead: 2, joined: 6, unjoined: 2, taken: 8}),
	},
	{
		name: "mute (half-open)", events: 2, bind: quickToFindOut, avoid: exactly(ends{delivered: 1, dead: 1, joined: 1, taken: 2}),
		allow: repeated(ends{delivered: 2, joined: 2, taken: 3}),
	},
	// The receipts come when it is bound again: behind an unbind, they don't count.
	{name: "SMSC unbind", mode: "unbind_after=2 dlr_delay_ms=1500", avoid: all},
	{name: "DLR before resp", avoid: all},
	{mode: "dlr_before_resp=1 delay_ms=100", avoid: all},
	{mode: "dlr_before_resp=1 delay_ms=50 dlr_other_session=1", avoid: all, bind: func(c *BindConfig) {
		c.Modes = []pdu.BindMode{pdu.BindTransceiver, pdu.BindTransceiver}
	}},
	{name: "hex id in resp, dec in DLR", avoid: all},
	{mode: "id=hex dlr_id=dec first_id=11259375", avoid: all},
	{mode: "id=dec dlr_id=hex first_id=11259375", avoid: all},
	{mode: "id=HEX dlr_id=hex first_id=11259375", avoid: all},
	{mode: "id=uuid", avoid: all},
	{name: "pad10 id, stripped in DLR", avoid: all},
	{name: "DLR format std", avoid: all},
	{name: "DLR format secs", avoid: all},
	{name: "DLR format year4", avoid: all},
	{name: "DLR format nosub", avoid: all},
	{name: "DLR format upper", avoid: all},
	{name: "DLR format commas", avoid: all},
	{name: "DLR format nul", avoid: all},
	{name: "DLR format err4", avoid: all},
	{name: "DLR format textlast", avoid: all},
	{name: "DLR format jasmin", avoid: all},
	{name: "DLR format idonly", avoid: all},
	{name: "DLR tlv only", avoid: all},
	{name: "DLR data_sm", avoid: all},
	{name: "DLR in message_payload", avoid: all},
	{mode: "dlr_esm=8", avoid: all},
	{
		name: "DLR intermediate + final", avoid: exactly(ends{delivered: 6, joined: 12, taken: 6}),
		check: states(map[receipt.State]int{receipt.Enroute: 6, receipt.Delivered: 6}),
	},
	{name: "DLR duplicated", avoid: all},
	{name: "DLR states", avoid: all, check: states(map[receipt.State]int{receipt.Undeliverable: 3, receipt.Expired: 3})},
	{name: "fragmented writes", avoid: all},
	{name: "coalesced writes", avoid: all},
	// Without an id, no receipt can be matched.
	{name: "resp without body", avoid: exactly(ends{delivered: 6, unjoined: 6, taken: 6})},
	{name: "empty message_id", avoid: exactly(ends{delivered: 6, unjoined: 6, taken: 6})},
	evil("short"),
	evil("zero"),
	evil("huge"),
	{name: "evil unknown", avoid: all},
	{name: "evil nonul", avoid: all},
	{name: "evil tlvover", avoid: exactly(ends{delivered: 6, joined: 6, taken: 6, messages: 1}), check: func(b *faultBench) {
		require.Equal(b, "hi", b.messages()[0].Text)
	}},
	{name: "evil badseq", avoid: all},
	phone("gsm", "Lorem ipsum"),
	phone("ucs2", "Lorem ipsum"),
	phone("gsm+udh8", loremIpsum),
	phone("gsm+udh16", loremIpsum),
	phone("ucs2+udh8+shuffle", loremIpsum),
	phone("gsm+sar", loremIpsum),
	phone("gsm+payload", loremIpsum),
	phone("gsm+data_sm", loremIpsum),
	{name: "enquire_link from SMSC", avoid: all, meanwhile: func(b *faultBench) {
		peertest.Control(b.T, b.control+"/enquire", "{}")
	}},
}

var loremIpsum = strings.Repeat("Lorem ipsum dolor sit amet, ", 10)

// TestFaultsOfNodeSMPP has a case for each fault that the SMSC can have, says its
// self-test. Whatever it does, no event is lost, and with duplicates avoid, no
// message is sent twice.
func TestFaultsOfNodeSMPP(t *testing.T) {
	modes := make(map[string]string)
	for _, fault := range peertest.Faults(t) {
		modes[fault.Name] = fault.Mode
	}
	for i := range faultCases {
		tt := &faultCases[i]
		if tt.mode == "" {
			tt.mode = modes[tt.name]
		}
		if tt.name != "" {
			require.Contains(t, modes, tt.name)
			delete(modes, tt.name)
		}
	}
	require.Empty(t, modes, "what happens is not said")

	// Most of their time they wait, so more than there are processors run at once.
	var running errgroup.Group
	running.SetLimit(6)
	for _, tt := range faultCases {
		run := func(suffix string, duplicates Duplicates, ended func(ends) bool) {
			running.Go(func() error {
				t.Run(strings.ReplaceAll("mode "+tt.name+" "+tt.mode+suffix, " ", "_"), func(t *testing.T) { testFault(t, tt, duplicates, ended) })
				return nil
			})
		}
		run("", AvoidDuplicates, tt.avoid)
		if tt.allow != nil {
			run(" again", AllowDuplicates, tt.allow)
		}
	}
	require.NoError(t, running.Wait())
}

func testFault(t *testing.T, tt faultCase, duplicates Duplicates, ended func(ends) bool) {
	t.Helper()
	events := cmp.Or(tt.events, 6)
	b := startFault(t, tt.mode, duplicates, tt.bind)
	for i := range events {
		_, err := b.engine.Accept(&relay.Event{
			ID: fmt.Sprintf("e%d", i), Source: "github", Time: time.Now().Truncate(time.Millisecond),
			Body: []byte(`{"to":"+491700000001","text":"Hello"}`),
		}, []string{"sms"}, time.Hour)
		require.NoError(t, err)
	}
	if tt.meanwhile != nil {
		tt.meanwhile(b)
	}
	var got ends
	defer func() {
		if t.Failed() {
			t.Logf("%+v", got)
		}
	}()
	b.waitFor("the events to end", func() bool {
		got = b.ends(events)
		return ended(got)
	})
	if duplicates == AvoidDuplicates {
		require.LessOrEqual(t, got.taken, events, "a message was sent twice")
	}
	seen := make(map[string]bool)
	for _, r := range b.receipts() {
		if r.Event != nil {
			key := r.Event.ID + r.MessageID + r.State.String()
			require.False(t, seen[key], "an event has two receipts of one kind: %+v", r)
			seen[key] = true
		}
	}
	if tt.check != nil {
		tt.check(b)
	}
}
