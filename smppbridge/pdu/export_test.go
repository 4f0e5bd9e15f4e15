package pdu

import (
	"maps"
	"slices"
)

// CommandIDs returns all types of PDUs that are known.
func CommandIDs() []CommandID { return slices.Sorted(maps.Keys(commandNames)) }

// Tags returns all tags that are known.
func Tags() []Tag { return slices.Sorted(maps.Keys(tagNames)) }

// NewPDU returns an empty PDU of a type.
func NewPDU(id CommandID) PDU { return newPDU(id) }
