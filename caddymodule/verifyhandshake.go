package caddymodule

import (
	"cmp"
	"maps"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-relay/caddy-relay/verify"
)

// handshakesTotal counts the tries of endpoints that were answered. Those that
// were refused are rejections.
var handshakesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
	Namespace: "caddy",
	Subsystem: "relay",
	Name:      "handshakes_total",
	Help:      "Handshakes of senders that were answered, by scheme.",
}, []string{"scheme"})

// answerHandshake writes the answer of a scheme to a handshake.
func (h *Verify) answerHandshake(w http.ResponseWriter, r *http.Request, response *verify.Response) error {
	handshakesTotal.WithLabelValues(h.name).Inc()
	status := cmp.Or(response.Status, http.StatusOK)
	if c := h.logger.Check(zapcore.InfoLevel, "handshake answered"); c != nil {
		c.Write(append([]zap.Field{zap.String("scheme", h.name), zap.Int("status", status)}, whichRequest(r)...)...)
	}
	maps.Copy(w.Header(), response.Header)
	w.WriteHeader(status)
	if len(response.Body) == 0 {
		return nil
	}
	_, err := w.Write(response.Body)
	return err
}
