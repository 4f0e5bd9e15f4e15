package caddymodule

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/smsc"
)

// The collectors live in package scope, so that counters go on over reloads. The
// values of their labels are names of the config, or from closed sets.
var (
	smscBinds = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "caddy", Subsystem: "relay", Name: "smsc_binds_total",
		Help: "Binds of clients, by SMSC; result is ok or why the client may not bind.",
	}, []string{"smsc", "result"})
	smscMessages = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "caddy", Subsystem: "relay", Name: "smsc_messages_total",
		Help: "Messages that clients submitted, by SMSC; result is ok, full, throttled, unavailable or refused.",
	}, []string{"smsc", "result"})
	smscSessionsDesc = prometheus.NewDesc("caddy_relay_smsc_sessions", "Sessions that are bound, by SMSC and account.", []string{"smsc", "system_id"}, nil)
)

// smscCollectors returns what an app with such sources shows.
func (a *App) smscCollectors() []prometheus.Collector {
	for _, mod := range a.sources.modules {
		if _, ok := mod.(*SMSC); ok {
			return []prometheus.Collector{smscBinds, smscMessages, smscSessionCollector{a}}
		}
	}
	return nil
}

// smscObserver counts what servers do.
type smscObserver struct{}

// Bind implements [smsc.Observer].
func (smscObserver) Bind(name string, result smsc.BindResult) {
	smscBinds.WithLabelValues(name, string(result)).Inc()
}

// Answered implements [smsc.Observer].
func (smscObserver) Answered(name string, status pdu.CommandStatus) {
	result := "refused"
	switch status {
	case pdu.StatusOK:
		result = "ok"
	case pdu.StatusMsgQFul:
		result = "full"
	case pdu.StatusThrottled:
		result = "throttled"
	case pdu.StatusRxTAppn:
		result = "unavailable"
	}
	smscMessages.WithLabelValues(name, result).Inc()
}

// smscSessionCollector counts sessions when it is asked.
type smscSessionCollector struct{ app *App }

// Describe implements [prometheus.Collector].
func (smscSessionCollector) Describe(ch chan<- *prometheus.Desc) { ch <- smscSessionsDesc }

// Collect implements [prometheus.Collector].
func (c smscSessionCollector) Collect(ch chan<- prometheus.Metric) {
	if c.app.openedEngine() == nil {
		return // The sources are not open yet.
	}
	for name, source := range c.app.sources.opened {
		o, ok := source.(*openedSMSC)
		if !ok {
			continue
		}
		for systemID, n := range o.server.Bound() {
			ch <- prometheus.MustNewConstMetric(smscSessionsDesc, prometheus.GaugeValue, float64(n), name, systemID)
		}
	}
}

// Interface guards
var (
	_ smsc.Observer        = smscObserver{}
	_ prometheus.Collector = smscSessionCollector{}
)
