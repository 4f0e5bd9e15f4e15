package session_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// A message is sent over whichever session has room. What Submit returns tells
// whether it may be sent again without being sent twice.
func ExamplePool() {
	smsc, ours := net.Pipe()
	go sink(smsc) // stands for an SMSC
	pool, err := session.NewPool(session.PoolConfig{
		Connector: session.Connector{
			Dial: func(context.Context, string, string) (net.Conn, error) { return ours, nil }, // instead of Address
			Bind: pdu.Bind{SystemID: "esme", Password: "secret"},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := pool.Submit(context.Background(), &pdu.SubmitSM{
		DestAddr:     pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIISDN, Addr: "491700000001"},
		ShortMessage: []byte("Hello"),
	}, session.Submission{Wait: time.Minute})
	var failed *session.Error
	switch {
	case errors.As(err, &failed) && failed.MaybeSent:
		fmt.Println("may have been sent:", failed.Err)
	case err != nil:
		fmt.Println("try again:", err)
	default:
		fmt.Println(resp)
	}
	_ = pool.Stop(context.Background())
	// Output: submit_sm_resp sequence_number=2 command_status=ESME_ROK message_id=1234567890
}
