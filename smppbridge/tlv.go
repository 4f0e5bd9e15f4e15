package smppbridge

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// maxTLVs and maxTLVValue keep a message within what an SMSC takes.
const (
	maxTLVs     = 64
	maxTLVValue = 1024
)

// TLVType is how the value of a TLV is written.
type TLVType uint8

// The types of values.
const (
	TLVString  TLVType = iota // octets, as they are
	TLVCString                // octets with a NUL behind
	TLVHex                    // octets in hexadecimal digits
	TLVUint8
	TLVUint16
	TLVUint32
)

var tlvTypeNames = [...]string{"string", "cstring", "hex", "uint8", "uint16", "uint32"}

// UnmarshalText reads one of string, cstring, hex, uint8, uint16 and uint32.
func (t *TLVType) UnmarshalText(text []byte) error { return parseName(t, tlvTypeNames[:], text) }

// MarshalText writes the name.
func (t TLVType) MarshalText() ([]byte, error) { return []byte(tlvTypeNames[t]), nil }

// TLV is an optional parameter of messages. It is left out if its value is empty.
type TLV struct {
	Tag   pdu.Tag
	Type  TLVType
	Value *relay.Template
}

// own are the tags that the bridge itself needs.
var own = []pdu.Tag{pdu.TagMessagePayload, pdu.TagSARMsgRefNum, pdu.TagSARTotalSegments, pdu.TagSARSegmentSeqnum}

func (t *TLV) check(reference bool) error {
	switch {
	case t.Type > TLVUint32:
		return fmt.Errorf("TLV %s has an unknown type", t.Tag)
	case t.Value == nil:
		return fmt.Errorf("TLV %s has no value", t.Tag)
	case slices.Contains(own, t.Tag), reference && t.Tag == pdu.TagUserMessageReference:
		return fmt.Errorf("TLV %s is set by the bridge itself", t.Tag)
	default:
		return nil
	}
}

// add appends the TLV of a delivery.
func (t *TLV) add(tlvs *pdu.TLVs, d *relay.Delivery) error {
	value := t.Value.Execute(d)
	if value == "" {
		return nil
	}
	field := "TLV " + t.Tag.String()
	if err := checkLength(field, value, maxTLVValue); err != nil {
		return err
	}
	switch t.Type {
	case TLVString:
		return tlvs.Add(t.Tag, []byte(value))
	case TLVCString:
		if strings.IndexByte(value, 0) >= 0 {
			return fieldError(field, "has a NUL")
		}
		return tlvs.AddCString(t.Tag, value)
	case TLVHex:
		octets, err := hex.DecodeString(removeSpace(value))
		if err != nil {
			return fieldError(field, "has something else than pairs of hexadecimal digits")
		}
		return tlvs.Add(t.Tag, octets)
	default:
		return t.addNumber(tlvs, field, value)
	}
}

func (t *TLV) addNumber(tlvs *pdu.TLVs, field, value string) error {
	most := map[TLVType]uint64{TLVUint8: math.MaxUint8, TLVUint16: math.MaxUint16, TLVUint32: math.MaxUint32}[t.Type]
	n, err := strconv.ParseUint(strings.TrimSpace(value), 0, 32)
	if err != nil || n > most {
		return fieldError(field, fmt.Sprintf("is no number from 0 to %d", most))
	}
	switch t.Type {
	case TLVUint8:
		tlvs.AddUint8(t.Tag, uint8(n)) //nolint:gosec // Checked above.
	case TLVUint16:
		tlvs.AddUint16(t.Tag, uint16(n)) //nolint:gosec // Checked above.
	default:
		tlvs.AddUint32(t.Tag, uint32(n)) //nolint:gosec // Checked above.
	}
	return nil
}
