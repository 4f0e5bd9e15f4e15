package caddymodule

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// registerMetrics adds collectors to a registry. Caddy makes a new registry
// each time it loads a config, and many modules of a config share collectors,
// so these live in package scope and may be registered already.
func registerMetrics(registry *prometheus.Registry, collectors ...prometheus.Collector) error {
	for _, c := range collectors {
		if err := registry.Register(c); err != nil && !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
			return err
		}
	}
	return nil
}

// rejectedTotal counts the requests that were refused before there was an
// event. The reason is from a closed set.
var rejectedTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
	Namespace: "caddy",
	Subsystem: "relay",
	Name:      "rejected_total",
	Help:      "Requests that were rejected, by reason.",
}, []string{"reason"})
