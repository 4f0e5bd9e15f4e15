package coding

// Part is one received short message without its user data header.
type Part struct {
	Header     Header
	DataCoding byte
	// Data is the text's octets.
	Data []byte
	// Tag is the receiver's own and given back as it was: a row, a sequence number.
	Tag uint64
	// Answered is the tag by which the sender knows the part: another one than Tag
	// if it repeats a part of a message before, see [Result]. [Reassembler.Add]
	// sets it.
	Answered uint64
}

// AppendText appends the text of parts that are in order, as UTF-8. Octets that
// cannot be read become U+FFFD; what is binary is appended unchanged.
//
// Adjacent parts of one coding are read as one text: some senders cut between the
// halves of a surrogate pair, or behind an escape.
func (c *Coder) AppendText(dst []byte, parts ...Part) []byte {
	for len(parts) > 0 {
		n := 1
		for n < len(parts) && c.continues(parts[n-1], parts[n]) {
			n++
		}
		octets := parts[0].Data
		if n > 1 {
			octets = nil
			for _, p := range parts[:n] {
				octets = append(octets, p.Data...)
			}
		}
		dst = c.appendOctets(dst, parts[0], octets)
		parts = parts[n:]
	}
	return dst
}

// continues says whether the octets of two parts make one text.
func (c *Coder) continues(a, b Part) bool {
	if a.DataCoding != b.DataCoding || a.Header.Locking != b.Header.Locking || a.Header.Single != b.Header.Single {
		return false
	}
	// Behind a part that is missing nothing goes on. The numbers need no check for
	// an overflow: nothing follows the last.
	if a.Header.Concat.Total > 0 && b.Header.Concat.Number != a.Header.Concat.Number+1 {
		return false
	}
	switch c.Meaning(a.DataCoding).Charset {
	case GSM7Packed, ISO2022JP: // They start anew with every part.
		return false
	case UCS2: // An octet too many would spoil all that follows.
		return len(a.Data)%2 == 0
	}
	return true
}

func (c *Coder) appendOctets(dst []byte, p Part, octets []byte) []byte {
	charset := c.Meaning(p.DataCoding).Charset
	switch charset {
	case GSM7:
		return alphabetOf(p.Header.Locking, p.Header.Single).decode(dst, octets)
	case GSM7Packed:
		var buf [256]byte
		septets := unpack(buf[:0], octets, fillBits(p.Header.Octets))
		return alphabetOf(p.Header.Locking, p.Header.Single).decode(dst, septets)
	}
	return decodeOctets(dst, charset, octets)
}
