package caddymodule

import (
	"context"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-relay/caddy-relay/relay"
)

// observer counts what engines do. The collectors live in package scope, so
// that counters go on over reloads.
type observer struct {
	accepted     *prometheus.CounterVec
	deliveries   *prometheus.CounterVec
	attempts     *prometheus.CounterVec
	attemptTime  *prometheus.HistogramVec
	commitEvents prometheus.Histogram
	commitTime   prometheus.Histogram
	syncTime     prometheus.Histogram
}

var metrics = newObserver()

func newObserver() *observer {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "caddy", Subsystem: "relay", Name: name, Help: help}
	}
	histogram := func(name, help string, buckets []float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Namespace: "caddy", Subsystem: "relay", Name: name, Help: help, Buckets: buckets}
	}
	return &observer{
		accepted: prometheus.NewCounterVec(prometheus.CounterOpts(
			opts("accepted_total", "Events that were accepted, by source; result is stored or duplicate.")), []string{"source", "result"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts(
			opts("deliveries_total", "Deliveries that came to an end, by destination; result is delivered, dead or dropped.")), []string{"destination", "result"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts(
			opts("attempts_total", "Attempts to deliver, by destination; result is ok or the reason of the failure.")), []string{"destination", "result"}),
		attemptTime: prometheus.NewHistogramVec(
			histogram("attempt_duration_seconds", "How long attempts took.", prometheus.DefBuckets), []string{"destination"}),
		commitEvents: prometheus.NewHistogram(
			histogram("commit_batch_size", "Events and outcomes of attempts in a commit.", prometheus.ExponentialBuckets(1, 2, 11))),
		commitTime: prometheus.NewHistogram(
			histogram("commit_duration_seconds", "How long commits took, without the sync to disk.", prometheus.ExponentialBuckets(0.0001, 2, 15))),
		syncTime: prometheus.NewHistogram(
			histogram("sync_duration_seconds", "How long syncs of commits to disk took.", prometheus.ExponentialBuckets(0.0001, 2, 15))),
	}
}

// Accepted implements relay.Observer.
func (o *observer) Accepted(source string, duplicate bool) {
	result := "stored"
	if duplicate {
		result = "duplicate"
	}
	o.accepted.WithLabelValues(source, result).Inc()
}

// Attempted implements relay.Observer.
func (o *observer) Attempted(destination string, reason relay.Reason, took time.Duration) {
	result := "ok"
	if reason != "" {
		result = string(reason)
	}
	o.attempts.WithLabelValues(destination, result).Inc()
	o.attemptTime.WithLabelValues(destination).Observe(took.Seconds())
}

// Finished implements relay.Observer.
func (o *observer) Finished(destination string, state relay.State) {
	result := "delivered"
	switch state {
	case relay.StateDead:
		result = "dead"
	case relay.StateDropped:
		result = "dropped"
	case relay.StateDelivered, relay.StatePending:
	}
	o.deliveries.WithLabelValues(destination, result).Inc()
}

// Committed implements relay.Observer.
func (o *observer) Committed(events, outcomes int, took time.Duration) {
	o.commitEvents.Observe(float64(events + outcomes))
	o.commitTime.Observe(took.Seconds())
}

// Synced implements relay.Observer.
func (o *observer) Synced(took time.Duration) { o.syncTime.Observe(took.Seconds()) }

// registerMetrics adds the metrics of the engines and of the app's own queue
// to the registry of its config.
func (a *App) registerMetrics(ctx caddy.Context) error {
	collectors := []prometheus.Collector{
		rejectedTotal, metrics.accepted, metrics.deliveries, metrics.attempts, metrics.attemptTime,
		metrics.commitEvents, metrics.commitTime, metrics.syncTime,
		queueCollector{a},
	}
	return registerMetrics(ctx.GetMetricsRegistry(), append(append(collectors, a.smppCollectors()...), a.smscCollectors()...)...)
}

var (
	pendingDesc = prometheus.NewDesc("caddy_relay_pending_deliveries", "Deliveries that are not finished, by destination.", []string{"destination"}, nil)
	runningDesc = prometheus.NewDesc("caddy_relay_running_attempts", "Attempts under way, by destination.", []string{"destination"}, nil)
	deadDesc    = prometheus.NewDesc("caddy_relay_dead_letters", "Dead letters, by destination.", []string{"destination"}, nil)
	oldestDesc  = prometheus.NewDesc("caddy_relay_oldest_pending_age_seconds", "Age of the oldest event with an unfinished delivery, by destination; 0 if there is none.", []string{"destination"}, nil)
)

// queueCollector reads the state of a queue when it is asked.
type queueCollector struct{ app *App }

// Describe implements prometheus.Collector.
func (queueCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{pendingDesc, runningDesc, deadDesc, oldestDesc} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (c queueCollector) Collect(ch chan<- prometheus.Metric) {
	engine := c.app.openedEngine()
	if engine == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, l := range engine.Lanes() {
		gauge := func(desc *prometheus.Desc, value float64) {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, l.Destination)
		}
		gauge(pendingDesc, float64(l.Pending))
		gauge(runningDesc, float64(l.Running))
		gauge(deadDesc, float64(l.Dead))
		if l.Pending == 0 {
			gauge(oldestDesc, 0)
			continue
		}
		oldest, err := engine.Oldest(ctx, l.Destination)
		switch {
		case err != nil: // Better no figure than a wrong one.
		case oldest.IsZero():
			gauge(oldestDesc, 0)
		default:
			gauge(oldestDesc, time.Since(oldest).Seconds())
		}
	}
}

// Interface guards
var (
	_ relay.Observer       = (*observer)(nil)
	_ prometheus.Collector = queueCollector{}
)
