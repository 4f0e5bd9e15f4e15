package pdu

import (
	"log/slog"
	"strconv"
	"strings"
)

// describe returns the PDU on one line for logs, without secrets and empty
// fields.
func describe(p PDU) string {
	var b strings.Builder
	b.WriteString(p.CommandID().String())
	for _, a := range attrs(p) {
		b.WriteByte(' ')
		b.WriteString(a.Key)
		b.WriteByte('=')
		// What a peer sent could break the line otherwise. TLVs are quoted where needed.
		if s := a.Value.String(); a.Key == "tlvs" || plain(s) {
			b.WriteString(s)
		} else {
			b.WriteString(strconv.Quote(s))
		}
	}
	return b.String()
}

// logValue returns the PDU as a group for logs, without secrets and empty
// fields.
func logValue(p PDU) slog.Value {
	return slog.GroupValue(append([]slog.Attr{slog.String("command", p.CommandID().String())}, attrs(p)...)...)
}

// attrs returns the header and the fields of a PDU.
func attrs(p PDU) []slog.Attr {
	h := p.Head()
	c := coder{mode: describing, id: p.CommandID(), header: *h}
	c.attrs = append(c.attrs, slog.Uint64("sequence_number", uint64(h.Sequence)))
	if c.id.IsResponse() || h.Status != StatusOK {
		c.attrs = append(c.attrs, slog.String("command_status", h.Status.String()))
	}
	p.fields(&c)
	return c.attrs
}

// plain tells whether a value needs no quotes.
func plain(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '=' || r > '~' }) < 0
}
