package smppbridge_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// An event becomes a short message. In production, the store is a relay.Engine,
// which also calls Deliver.
func ExampleDestination() {
	address := listen() // stands for an SMSC
	binds, err := smppbridge.NewBinds(smppbridge.BindConfig{Addresses: []string{address}, SystemID: "esme", Password: "secret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	to, _ := relay.ParseTemplate("{event.json.to}", nil)
	text, _ := relay.ParseTemplate("Your code is {event.json.code}", nil)
	d, err := smppbridge.New(smppbridge.Config{Name: "sms", DestAddr: to, Text: text, Store: memory{}}, binds)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := d.Start(); err != nil {
		fmt.Println(err)
		return
	}
	result := d.Deliver(context.Background(), &relay.Delivery{
		ID: "1", Attempt: 1, Destination: "sms",
		Event: &relay.Event{ID: "e1", Time: time.Now(), Body: []byte(`{"to":"+49 170 0000001","code":"4711"}`)},
	})
	fmt.Println(result.Outcome == relay.Delivered, result.Detail)
	d.Stop()
	_ = binds.Close(context.Background())
	// Output:
	// 491700000001: Your code is 4711
	// true message_id 7
}

// smsc shows the messages that it gets.
type smsc struct{}

func (smsc) HandleRequest(r *session.Request) {
	if m, ok := r.PDU.(*pdu.SubmitSM); ok {
		fmt.Printf("%s: %s\n", m.DestAddr.Addr, m.ShortMessage)
	}
	_ = r.Respond(&pdu.SubmitSMResp{MessageID: "7"})
}

func (s smsc) Authenticate(context.Context, *pdu.Bind, net.Addr) (session.Account, error) {
	return session.Account{Handler: s}, nil
}

// listen accepts one session, and returns its address.
func listen() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return ""
	}
	go func() {
		defer l.Close() //nolint:errcheck // There is nothing to do about it.
		if conn, err := l.Accept(); err == nil {
			_, _ = (&session.Server{SystemID: "smsc", Authenticator: smsc{}}).Accept(context.Background(), conn)
		}
	}()
	return l.Addr().String()
}

// memory is a store that forgets everything.
type memory struct{}

func (memory) Keep(relay.Acceptance) (bool, error) { return false, nil }

func (memory) Report(context.Context, string) ([]byte, error) { return nil, nil }

func (memory) Linked(context.Context, relay.LinkHash) ([][]byte, error)             { return nil, nil }
func (memory) EachLinked(context.Context, relay.LinkHash, func([]byte) error) error { return nil }
func (memory) Remembered(context.Context, relay.MarkHash) (uint16, bool, error)     { return 0, false, nil }
