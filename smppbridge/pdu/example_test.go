package pdu_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

func Example() {
	// An ESME submits a message ...
	submit := &pdu.SubmitSM{
		Header:             pdu.Header{Sequence: 1},
		SourceAddr:         pdu.Address{TON: pdu.TONAlphanumeric, Addr: "ACME"},
		DestAddr:           pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIISDN, Addr: "491700000001"},
		RegisteredDelivery: pdu.RegisteredDeliveryFinal,
		ShortMessage:       []byte("Hello"),
	}
	submit.TLVs.AddUint16(pdu.TagUserMessageReference, 42)
	wire, err := submit.AppendTo(nil)
	if err != nil {
		log.Fatal(err)
	}

	// ... and the SMSC reads it.
	reader := pdu.NewReader(bytes.NewReader(wire), pdu.DefaultMaxLength)
	frame, err := reader.ReadFrame()
	if err != nil {
		log.Fatal(err)
	}
	var decoder pdu.Decoder
	p, err := decoder.Decode(frame)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p)
	fmt.Printf("%s\n", p.(*pdu.SubmitSM).Message())
	// Output:
	// submit_sm sequence_number=1 source_addr_ton=alphanumeric source_addr=ACME dest_addr_ton=international dest_addr_npi=isdn destination_addr=491700000001 registered_delivery=1 sm_length=5 tlvs=user_message_reference=0x002a
	// Hello
}
