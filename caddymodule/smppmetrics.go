package caddymodule

import (
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-relay/caddy-relay/smppbridge"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
	"github.com/caddy-relay/caddy-relay/smppbridge/status"
)

// The collectors live in package scope, so that counters go on over reloads. The
// values of their labels are names of destinations, or from closed sets.
var (
	smppSubmits = smppCounter("submits_total",
		"Parts of messages that the SMSC has answered, by destination; result is delivered or the class of the command_status.", "destination", "result")
	smppUnknown = smppCounter("unknown_total",
		"Parts of messages of which it is unknown whether the SMSC has taken them, by destination.", "destination")
	smppReceived = smppCounter("received_total",
		"Requests of the SMSC, by destination; kind is receipt, message or other, and result is ok, repeat or refused.", "destination", "kind", "result")
	smppReceiptStates = smppCounter("receipts_total",
		"Receipts that became events, by destination and state, which is unknown if they did not come.", "destination", "state")
	smppSessionEvents = smppCounter("session_events_total",
		"What happened to sessions, by destination.", "destination", "event")
	smppSubmitTime = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "caddy", Subsystem: "relay", Name: "smpp_submit_duration_seconds",
		Help:    "How long parts of messages took until they were answered, waiting for their turn included.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 17), // to 65 s
	}, []string{"destination"})
	smppSessionsDesc = prometheus.NewDesc("caddy_relay_smpp_sessions", "Sessions that are bound, by destination and mode.", []string{"destination", "mode"}, nil)
)

func smppCounter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "caddy", Subsystem: "relay", Name: "smpp_" + name, Help: help}, labels)
}

// smppCollectors returns what an app with such destinations shows.
func (a *App) smppCollectors() []prometheus.Collector {
	if len(a.smpp) == 0 {
		return nil
	}
	return []prometheus.Collector{
		smppSubmits, smppUnknown, smppReceived, smppReceiptStates, smppSessionEvents, smppSubmitTime, smppSessionCollector{a},
	}
}

// smppObserver counts what a destination does.
type smppObserver struct {
	overrides status.Overrides
	bound     *boundSessions
}

// Submitted implements [smppbridge.Observer].
func (o smppObserver) Submitted(destination string, code pdu.CommandStatus, took time.Duration) {
	smppSubmits.WithLabelValues(destination, o.overrides.Classify(code, pdu.TLVs{}).Class.String()).Inc()
	smppSubmitTime.WithLabelValues(destination).Observe(took.Seconds())
}

// Unknown implements [smppbridge.Observer].
func (smppObserver) Unknown(destination string) { smppUnknown.WithLabelValues(destination).Inc() }

// Received implements [smppbridge.Observer].
func (smppObserver) Received(destination, kind string, code pdu.CommandStatus) {
	result := "refused"
	switch code {
	case pdu.StatusOK:
		result = "ok"
	case pdu.StatusRxTAppn:
		result = "repeat"
	}
	smppReceived.WithLabelValues(destination, kind, result).Inc()
}

// Session implements [smppbridge.Observer].
func (o smppObserver) Session(destination string, e session.Event) {
	smppSessionEvents.WithLabelValues(destination, e.Kind.String()).Inc()
	switch e.Kind {
	case session.EventBound:
		o.bound.add(e.Session)
	case session.EventLost:
		o.bound.remove(e.Session)
	default:
	}
}

// Reported implements [smppbridge.Observer].
func (smppObserver) Reported(destination string, state receipt.State) {
	smppReceiptStates.WithLabelValues(destination, state.String()).Inc()
}

// boundSessions are the sessions of an SMSC that are bound. Each destination that
// shares them tells of each.
type boundSessions struct {
	mu  sync.Mutex
	set map[*session.Session]struct{}
}

func (b *boundSessions) add(s *session.Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.set == nil {
		b.set = make(map[*session.Session]struct{})
	}
	b.set[s] = struct{}{}
}

func (b *boundSessions) remove(s *session.Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.set, s)
}

func (b *boundSessions) none() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.set) == 0
}

func (b *boundSessions) count(mode pdu.BindMode) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.set {
		if s.Mode() == mode {
			n++
		}
	}
	return n
}

// smppSessionCollector counts sessions when it is asked.
type smppSessionCollector struct{ app *App }

// Describe implements [prometheus.Collector].
func (smppSessionCollector) Describe(ch chan<- *prometheus.Desc) { ch <- smppSessionsDesc }

// Collect implements [prometheus.Collector].
func (c smppSessionCollector) Collect(ch chan<- prometheus.Metric) {
	for i := range c.app.config.Destinations {
		d, ok := c.app.config.Destinations[i].Destination.(*smppDestination)
		if !ok {
			continue
		}
		for _, mode := range d.modes {
			name := strings.TrimPrefix(mode.String(), "bind_")
			ch <- prometheus.MustNewConstMetric(smppSessionsDesc, prometheus.GaugeValue,
				float64(d.binds.bound.count(mode)), c.app.config.Destinations[i].Name, name)
		}
	}
}

// Interface guards
var (
	_ smppbridge.Observer  = smppObserver{}
	_ prometheus.Collector = smppSessionCollector{}
)
