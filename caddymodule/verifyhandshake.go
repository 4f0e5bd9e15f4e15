package caddymodule

import (
	"cmp"
	"maps"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
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
		clientIP, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
		c.Write(zap.String("scheme", h.name), zap.Int("status", status), zap.String("client_ip", clientIP))
	}
	maps.Copy(w.Header(), response.Header)
	w.WriteHeader(status)
	if len(response.Body) == 0 {
		return nil
	}
	_, err := w.Write(response.Body)
	return err
}
