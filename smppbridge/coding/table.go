package coding

import (
	"slices"
	"sync"
)

// escape says that the next septet is of the extension table (3GPP TS 23.038
// section 6.2.1.1).
const escape = 0x1b

// noSeptet marks a character that a table does not have.
const noSeptet = 0xff

// defaultAlphabet is the GSM 7 bit default alphabet (3GPP TS 23.038 section
// 6.2.1). A row is 16 septets.
const defaultAlphabet = "" +
	"@£$¥èéùìòÇ\nØø\rÅå" +
	"Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ" +
	" !\"#¤%&'()*+,-./" +
	"0123456789:;<=>?" +
	"¡ABCDEFGHIJKLMNO" +
	"PQRSTUVWXYZÄÖÑÜ§" +
	"¿abcdefghijklmno" +
	"pqrstuvwxyzäöñüà"

// defaultExtension is what septets mean after an escape (3GPP TS 23.038 section
// 6.2.1.1); 0x0A is a page break. NUL is a place without a character.
const defaultExtension = "" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\f\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00^\x00\x00\x00\x00\x00\x00\x1b\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00{}\x00\x00\x00\x00\x00\\" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00[~]\x00" +
	"|\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00€\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// table is 128 characters with their way back.
type table struct {
	chars [128]rune
	// low has the septets of the characters below U+0100; high has the others in
	// order, and highSeptets their septets.
	low         [256]byte
	high        []rune
	highSeptets []byte
}

// newTable makes a table of 128 characters. A character that stands at several
// places is written as the first of them.
func newTable(chars string) *table {
	t := new(table)
	for i := range t.low {
		t.low[i] = noSeptet
	}
	septet := byte(0)
	for _, r := range chars {
		t.chars[septet] = r
		switch {
		case r == 0, r == escape:
		case r >= 256:
			i, _ := slices.BinarySearch(t.high, r)
			t.high = slices.Insert(t.high, i, r)
			t.highSeptets = slices.Insert(t.highSeptets, i, septet)
		case t.low[r] == noSeptet:
			t.low[r] = septet
		}
		septet++
	}
	return t
}

// septet returns where a character stands, or noSeptet.
func (t *table) septet(r rune) byte {
	if r < 256 {
		return t.low[r&0xff] // Small enough to be inlined.
	}
	return t.highSeptet(r)
}

func (t *table) highSeptet(r rune) byte {
	if i, ok := slices.BinarySearch(t.high, r); ok {
		return t.highSeptets[i]
	}
	return noSeptet
}

// alphabet is the two tables that are in force for a short message.
type alphabet struct {
	locking *table // what a septet means
	single  *table // what it means after an escape
}

var gsm = alphabet{locking: newTable(defaultAlphabet), single: newTable(defaultExtension)}

// national has the national language tables, made when they are first needed.
var national = sync.OnceValue(func() *[languages]alphabet {
	var all [languages]alphabet
	for l := range all {
		all[l] = gsm
		if chars := lockingShift[l]; chars != "" {
			all[l].locking = newTable(chars)
		}
		if chars := singleShift[l]; chars != "" {
			all[l].single = newTable(chars)
		}
	}
	return &all
})

// alphabetOf returns the tables that two national language identifiers ask for.
// Unknown ones ask for the default tables (3GPP TS 23.038 section 6.2.1.2.4).
func alphabetOf(locking, single Language) alphabet {
	if locking >= languages {
		locking = NoLanguage
	}
	if single >= languages {
		single = NoLanguage
	}
	if locking == NoLanguage && single == NoLanguage {
		return gsm
	}
	all := national()
	return alphabet{locking: all[locking].locking, single: all[single].single}
}
