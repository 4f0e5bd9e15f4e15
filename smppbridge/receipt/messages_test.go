package receipt

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

func newParser(t testing.TB, c coding.Config) *Parser {
	t.Helper()
	coder, err := coding.New(c)
	require.NoError(t, err)
	return NewParser(coder, nil)
}

// deliver returns a deliver_sm with a text.
func deliver(class pdu.ESMClass, text string) *pdu.DeliverSM {
	return &pdu.DeliverSM{
		SourceAddr: pdu.Address{TON: 1, NPI: 1, Addr: "491700000001"},
		DestAddr:   pdu.Address{TON: 5, Addr: "ACME"},
		ESMClass:   class, ShortMessage: []byte(text),
	}
}
