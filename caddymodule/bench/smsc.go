//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// smsc is the SMSC behind Kannel and behind the relay. Like the sink, it shares
// the machine with what is measured, and does as little as it can: it takes each
// message, and behind the answer it sends the receipt that says it was delivered.
type smsc struct {
	// window is how many receipts of a session may wait for their answers. Those
	// beyond wait here.
	window int

	mu     sync.Mutex
	counts smscCounts
	lastID uint64
}

// smscCounts are those since the start.
type smscCounts struct {
	// Bound sessions are there now.
	Bound int `json:"bound"`
	// Submits is the number of messages taken, and Receipts that of receipts
	// answered with success.
	Submits  uint64 `json:"submits"`
	Receipts uint64 `json:"receipts"`
	// Refused is how often a receipt was answered with an error. It is sent again
	// at once.
	Refused uint64 `json:"refused"`
}

// firstID is the first message_id. They have ten digits, so none of them read as
// a hexadecimal number is another one.
const firstID = 1_000_000_000

// serve accepts connections until l is closed.
func (s *smsc) serve(l net.Listener) error {
	s.lastID = firstID
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			c := smscSession{center: s, open: make(map[uint32]*receiptOf)}
			c.run(conn)
		}()
	}
}

// receiptOf is the receipt of a message.
type receiptOf struct {
	messageID        string
	source, receiver pdu.Address // of the message
}

// smscSession is one session, which one goroutine serves.
type smscSession struct {
	center   *smsc
	bound    bool
	sequence uint32
	out      []byte
	waiting  []*receiptOf          // not sent yet
	open     map[uint32]*receiptOf // not answered yet, by sequence_number
	counted  smscCounts            // not yet added to those of the SMSC
}

// run answers what comes until the peer ends the connection, or breaks the rules.
func (c *smscSession) run(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // nothing is buffered in it
	defer func() {
		if c.bound {
			c.counted.Bound--
		}
		c.addCounts()
	}()
	frames := pdu.NewReader(conn, 0)
	decoder := pdu.Decoder{Lenient: true, Reuse: true}
	for {
		frame, err := frames.ReadFrame()
		if err != nil {
			return
		}
		p, err := decoder.Decode(frame)
		if err != nil {
			return
		}
		if err := c.handle(p); err != nil {
			return
		}
		if frames.Buffered() >= pdu.HeaderLength {
			continue // More answers can leave together.
		}
		c.addCounts()
		if len(c.out) == 0 {
			continue
		}
		if _, err := conn.Write(c.out); err != nil {
			return
		}
		c.out = c.out[:0]
	}
}

func (c *smscSession) addCounts() {
	c.center.mu.Lock()
	defer c.center.mu.Unlock()
	c.center.counts.Bound += c.counted.Bound
	c.center.counts.Submits += c.counted.Submits
	c.center.counts.Receipts += c.counted.Receipts
	c.center.counts.Refused += c.counted.Refused
	c.counted = smscCounts{}
}

var errUnexpected = errors.New("unexpected PDU")

func (c *smscSession) handle(p pdu.PDU) (err error) {
	head := pdu.Header{Sequence: p.Head().Sequence}
	switch p := p.(type) {
	case *pdu.Bind:
		c.bound = true
		c.counted.Bound++
		r := pdu.BindResp{Header: head, Mode: p.Mode, SystemID: "bench"}
		r.TLVs.AddUint8(pdu.TagSCInterfaceVersion, uint8(pdu.Version34))
		c.out, err = r.AppendTo(c.out)
	case *pdu.EnquireLink:
		c.out, err = (&pdu.EnquireLinkResp{Header: head}).AppendTo(c.out)
	case *pdu.EnquireLinkResp:
	case *pdu.Unbind:
		c.out, err = (&pdu.UnbindResp{Header: head}).AppendTo(c.out)
	case *pdu.SubmitSM:
		err = c.submit(p)
	case *pdu.DeliverSMResp:
		err = c.answered(p)
	default:
		err = fmt.Errorf("%w: %s", errUnexpected, p.CommandID())
	}
	return err
}

func (c *smscSession) submit(p *pdu.SubmitSM) error {
	c.center.mu.Lock()
	c.center.lastID++
	id := strconv.FormatUint(c.center.lastID, 10)
	c.center.mu.Unlock()
	c.counted.Submits++
	var err error
	c.out, err = (&pdu.SubmitSMResp{Header: pdu.Header{Sequence: p.Sequence}, MessageID: id}).AppendTo(c.out)
	if err != nil || p.RegisteredDelivery == pdu.RegisteredDeliveryNone {
		return err
	}
	c.waiting = append(c.waiting, &receiptOf{messageID: id, source: p.SourceAddr, receiver: p.DestAddr})
	return c.sendReceipts()
}

// answered makes room for another receipt.
func (c *smscSession) answered(p *pdu.DeliverSMResp) error {
	r := c.open[p.Sequence]
	if r == nil {
		return errUnexpected
	}
	delete(c.open, p.Sequence)
	if p.Status == pdu.StatusOK {
		c.counted.Receipts++
	} else {
		c.counted.Refused++
		c.waiting = append(c.waiting, r)
	}
	return c.sendReceipts()
}

// sendReceipts sends those that the window has room for.
func (c *smscSession) sendReceipts() error {
	for len(c.waiting) > 0 && len(c.open) < c.center.window {
		r := c.waiting[0]
		c.waiting = c.waiting[1:]
		c.sequence++
		c.open[c.sequence] = r
		p := r.deliverSM(time.Now())
		p.Sequence = c.sequence
		var err error
		if c.out, err = p.AppendTo(c.out); err != nil {
			return err
		}
	}
	return nil
}

// deliverSM returns the receipt with both of its forms: parameters, and text as
// in appendix B of the specification.
func (r *receiptOf) deliverSM(now time.Time) *pdu.DeliverSM {
	text := make([]byte, 0, 160)
	text = append(text, "id:"+r.messageID+" sub:001 dlvrd:001 submit date:"...)
	text = now.UTC().AppendFormat(text, "0601021504")
	text = append(text, " done date:"...)
	text = now.UTC().AppendFormat(text, "0601021504")
	text = append(text, " stat:DELIVRD err:000 text:"+messageText[:20]...)
	p := &pdu.DeliverSM{
		SourceAddr: r.receiver, DestAddr: r.source,
		ESMClass: pdu.ESMClassDeliveryReceipt, ShortMessage: text,
	}
	_ = p.TLVs.AddCString(pdu.TagReceiptedMessageID, r.messageID) // never too long
	p.TLVs.AddUint8(pdu.TagMessageState, uint8(pdu.MessageStateDelivered))
	return p
}
