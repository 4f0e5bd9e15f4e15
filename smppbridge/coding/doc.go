// Package coding turns text into the user data of short messages and back.
//
// A [Coder] is made once from a [Config], which says what an SMSC understands.
// [Coder.Encode] chooses the coding that carries a text in the fewest short
// messages and cuts the text into [Segment] values: as they are sent, with a
// user data header, sar_* parameters or message_payload. In the other direction
// [ParseHeader] takes a user data header off, [Reassembler] joins the parts of a
// long message, and [Coder.AppendText] reads them.
//
// The package knows no PDUs: it takes and gives octets, data_coding and esm_class
// bits, so it imports only the standard library and golang.org/x/text. It reads
// no clock, logs nothing and never panics on what a peer sends.
//
// The character tables are those of 3GPP TS 23.038: the default alphabet with its
// extension, and the national language tables of Turkish, Spanish, Portuguese,
// Bengali, Gujarati, Hindi, Kannada, Malayalam, Oriya, Punjabi, Tamil, Telugu and
// Urdu.
package coding
