package coding_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

// A long text is cut for the SMSC, and its parts are joined at the other end.
func Example() {
	coder, err := coding.New(coding.Config{Transport: coding.UDH16})
	if err != nil {
		panic(err)
	}
	references := coding.NewReferences()
	var m coding.Message
	text := strings.Repeat("Ein Gruß für 5 €. ", 12)
	if err := coder.Encode(&m, text, references.Next("ACME", "491700000001")); err != nil {
		panic(err)
	}
	fmt.Println(m.Charset, m.DataCoding, len(m.Segments))

	reassembler := coding.NewReassembler(coding.Limits{})
	for _, s := range m.Segments {
		header, data, err := coding.ParseHeader(s.Data)
		if err != nil {
			panic(err)
		}
		part := coding.Part{Header: header, DataCoding: m.DataCoding, Data: data}
		result := reassembler.Add(time.Now(), "ACME", "491700000001", part)
		if result.Outcome == coding.Complete {
			fmt.Println(string(coder.AppendText(nil, result.Whole.Parts...)) == text)
			reassembler.Confirm(result.Whole)
		}
	}
	// Output:
	// gsm7 0 2
	// true
}
