// Package pdu encodes and decodes the protocol data units of SMPP 3.4 (issue
// 1.2) and the additions of SMPP 5.0. Names follow the specification; "3.4" and
// "5.0" in comments refer to these two documents.
//
// Each PDU is a struct, for example [SubmitSM], that appends its octets with
// AppendTo. A [Reader] cuts a stream into frames of one PDU each, and a
// [Decoder] turns a frame into a struct:
//
//	frame, err := reader.ReadFrame()
//	if err == nil {
//		p, err = decoder.Decode(frame)
//	}
//
// What a peer sends is never trusted: each length and count is checked before
// anything is allocated for it, and whatever can't be decoded gives an [*Error]
// that says which answer the peer is due and whether the session can go on.
//
// # Memory
//
// Text fields (C-octet strings) of a decoded PDU are copies. Octet strings (the
// short message and the values of TLVs) alias the frame, so whoever keeps them
// must own the frame; one that comes from a [Reader] is only valid until the
// next one is read. Encoding allocates nothing but what the given slice lacks.
//
// # Secrets
//
// String and LogValue of each PDU are meant for logs: they show no password and
// no text of a message, only lengths.
package pdu
