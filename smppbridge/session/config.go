package session

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// The settings of a [Config] that are not set.
const (
	DefaultWindow            = 10
	DefaultResponseTimeout   = time.Minute
	DefaultLateTimeout       = 15 * time.Minute
	DefaultMaxLate           = 10_000
	DefaultMaxUnanswered     = 100
	DefaultEnquireInterval   = 30 * time.Second
	DefaultEnquireTimeout    = 10 * time.Second
	DefaultInactivityTimeout = 5 * time.Minute
	DefaultBindTimeout       = 30 * time.Second
	DefaultUnbindTimeout     = 5 * time.Second
	DefaultWriteTimeout      = 10 * time.Second
	DefaultReadTimeout       = 10 * time.Second
)

const (
	// maxWindow bounds what one session holds. At a round trip of a second it
	// still allows 10,000 messages a second.
	maxWindow = 10_000
	// maxUnread is how many octets of answers may wait for a peer that sends
	// but does not read: more than the answers to everything that fits into the
	// buffers of a connection.
	maxUnread = 1 << 20
	// lingerTime is how long the peer has to read our last PDU before the
	// connection is closed, since closing with unread input may discard it.
	lingerTime = time.Second
)

// Config is how a session behaves. The zero value has the defaults.
type Config struct {
	// Window is how many requests may wait for a response, from 1 to 10,000;
	// the default is 10.
	Window int
	// ResponseTimeout is how long a request waits for its response. The default
	// is a minute. Do not make it short: a peer that answers late has taken the
	// message nevertheless.
	ResponseTimeout time.Duration
	// LateTimeout is how long after that a response is still reported, as long
	// as the session lives. The default is 15 minutes; a negative one reports
	// none.
	LateTimeout time.Duration
	// MaxLate is how many late responses are waited for, before the oldest is
	// given up. The default is 10,000.
	MaxLate int
	// MaxUnanswered is how many requests of the peer may wait for our answer.
	// Those beyond are refused for now: with ESME_RX_T_APPN by an ESME, and with
	// ESME_RTHROTTLED by an SMSC. The default is 100.
	MaxUnanswered int
	// EnquireInterval is how long nothing may come from the peer before it is
	// asked with enquire_link. The default is 30 seconds; a negative one never
	// asks.
	EnquireInterval time.Duration
	// EnquireTimeout is how long the peer has to show any sign of life after
	// that, before the connection is closed. The default is 10 seconds.
	EnquireTimeout time.Duration
	// InactivityTimeout is how long nothing at all may come from the peer,
	// not even an answer to enquire_link, before the session is unbound. It
	// matters if EnquireInterval is longer, or off. The default is 5 minutes,
	// but none for an ESME bound as transmitter, to which nothing comes by
	// itself; a negative one is none for all.
	InactivityTimeout time.Duration
	// BindTimeout is how long an ESME waits for the response to its bind, and
	// how long an SMSC waits for the bind (session_init_timer of 3.4 section
	// 7.2). The default is 30 seconds.
	BindTimeout time.Duration
	// UnbindTimeout is how long the peer has to answer unbind, and how long our
	// answer to its unbind waits for open requests of both sides. The default
	// is 5 seconds.
	UnbindTimeout time.Duration
	// WriteTimeout is how long the peer may not read. The default is 10 seconds.
	WriteTimeout time.Duration
	// ReadTimeout is how long a PDU may take to come once its first octet is
	// there. The default is 10 seconds.
	ReadTimeout time.Duration
	// MaxPDU is the largest command_length that is accepted, in octets. The
	// default is [pdu.DefaultMaxLength].
	MaxPDU int
	// Handler gets the requests of the peer. Without one, they are refused for
	// now, as if too many were unanswered. The handler of a server's session
	// comes from its [Account].
	Handler Handler
	// Observer is told what happens. It may be nil.
	Observer Observer
}

// withDefaults returns the settings with those that are zero set.
func (c Config) withDefaults() (Config, error) {
	setDefault(&c.Window, DefaultWindow)
	setDefault(&c.ResponseTimeout, DefaultResponseTimeout)
	setDefault(&c.LateTimeout, DefaultLateTimeout)
	setDefault(&c.MaxLate, DefaultMaxLate)
	setDefault(&c.MaxUnanswered, DefaultMaxUnanswered)
	setDefault(&c.EnquireInterval, DefaultEnquireInterval)
	setDefault(&c.EnquireTimeout, DefaultEnquireTimeout)
	setDefault(&c.BindTimeout, DefaultBindTimeout)
	setDefault(&c.UnbindTimeout, DefaultUnbindTimeout)
	setDefault(&c.WriteTimeout, DefaultWriteTimeout)
	setDefault(&c.ReadTimeout, DefaultReadTimeout)
	setDefault(&c.MaxPDU, pdu.DefaultMaxLength)
	return c, c.check()
}

func setDefault[T int | time.Duration](v *T, value T) {
	if *v == 0 {
		*v = value
	}
}

// check refuses settings that make no sense.
func (c *Config) check() error {
	switch {
	case c.Window < 1 || c.Window > maxWindow:
		return fmt.Errorf("the window is %d, and must be from 1 to %d", c.Window, maxWindow)
	case c.MaxPDU < pdu.HeaderLength:
		return fmt.Errorf("the longest PDU is %d octets, and a header alone has %d", c.MaxPDU, pdu.HeaderLength)
	case c.MaxLate < 1:
		return errors.New("the number of late responses must be positive")
	case c.MaxUnanswered < 1:
		return errors.New("the number of unanswered requests must be positive")
	case min(c.ResponseTimeout, c.EnquireTimeout, c.BindTimeout, c.UnbindTimeout, c.WriteTimeout, c.ReadTimeout) < 0:
		return errors.New("a timeout that can't be switched off is negative")
	}
	return nil
}

// inactivity returns the InactivityTimeout of a session, or zero if there is
// none.
func (c *Config) inactivity(r role, m pdu.BindMode) time.Duration {
	switch {
	case c.InactivityTimeout != 0:
		return max(c.InactivityTimeout, 0)
	case r == esme && m == pdu.BindTransmitter:
		return 0
	default:
		return DefaultInactivityTimeout
	}
}
