package smsc

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// The limits of what a message is made of.
const (
	maxAddress      = 20       // 3.4 section 4.6.1
	maxAlphanumeric = 11       // 3GPP TS 23.040 section 9.1.2.5
	maxText         = 64 << 10 // more than 255 parts of anything
)

// message is what a delivery is made of, but for its parts.
type message struct {
	source, dest pdu.Address
	text         string // or octets
}

// render executes the templates. Its errors hold no values, which may be texts of
// messages.
func (d *Destination) render(delivery *relay.Delivery) (*message, error) {
	m := new(message)
	var err error
	if m.source, err = address("source_addr", execute(d.cfg.SourceAddr, delivery)); err != nil {
		return nil, err
	}
	if m.dest, err = address("dest_addr", execute(d.cfg.DestAddr, delivery)); err != nil {
		return nil, err
	}
	if m.dest.Addr == "" {
		return nil, errors.New("dest_addr is empty")
	}
	m.text = execute(d.cfg.Text, delivery)
	if d.cfg.Hex != nil {
		octets, err := hex.DecodeString(strings.Join(strings.Fields(execute(d.cfg.Hex, delivery)), ""))
		if err != nil {
			return nil, errors.New("hex has something else than pairs of hexadecimal digits")
		}
		m.text = string(octets)
	}
	if len(m.text) > maxText {
		return nil, fmt.Errorf("the message has more than %d octets", maxText)
	}
	return m, nil
}

func execute(t *relay.Template, d *relay.Delivery) string {
	if t == nil {
		return ""
	}
	return t.Execute(d)
}

// address reads an address as it is: digits, an international number with "+"
// before it, or text. What an operator told us about a short code or a national
// number is not known here, so that its type is.
func address(field, s string) (pdu.Address, error) {
	s = strings.TrimSpace(s)
	digits, international := strings.CutPrefix(s, "+")
	numeric := digits != "" && strings.Trim(digits, "0123456789") == ""
	limit := maxAddress
	a := pdu.Address{Addr: s}
	switch {
	case s == "":
		return a, nil
	case numeric && international:
		a = pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIISDN, Addr: digits}
	case numeric:
		a = pdu.Address{TON: pdu.TONUnknown, NPI: pdu.NPIISDN, Addr: digits}
	default:
		a.TON, limit = pdu.TONAlphanumeric, maxAlphanumeric
	}
	if !printable(a.Addr) {
		return a, fmt.Errorf("%s has characters that are not ASCII", field)
	}
	if len(a.Addr) > limit {
		return a, fmt.Errorf("%s has %d characters, the limit is %d", field, len(a.Addr), limit)
	}
	return a, nil
}

// request returns the PDU of a part.
func (m *message) request(encoded *coding.Message, i int, dataSM bool) (pdu.PDU, error) {
	s := &encoded.Segments[i]
	class, dataCoding := pdu.ESMClass(0), pdu.DataCoding(encoded.DataCoding)
	if s.UDHI {
		class |= pdu.ESMClassUDHI
	}
	var tlvs pdu.TLVs
	if s.Concat.Transport == coding.SAR && s.Concat.Total > 1 {
		tlvs.AddSAR(pdu.SAR{Ref: s.Concat.Reference, Total: s.Concat.Total, Seq: s.Concat.Number})
	}
	if s.Payload || dataSM {
		if err := tlvs.Add(pdu.TagMessagePayload, s.Data); err != nil {
			return nil, err
		}
	}
	if dataSM {
		return &pdu.DataSM{SourceAddr: m.source, DestAddr: m.dest, ESMClass: class, DataCoding: dataCoding, TLVs: tlvs}, nil
	}
	p := &pdu.DeliverSM{SourceAddr: m.source, DestAddr: m.dest, ESMClass: class, DataCoding: dataCoding, TLVs: tlvs}
	if !s.Payload {
		p.ShortMessage = s.Data
	}
	return p, nil
}
