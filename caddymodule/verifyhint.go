package caddymodule

import (
	"context"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/time/rate"
)

const (
	// hintInterval is the least time between two refusals of a handler that are
	// explained in the log, since that takes the time of some dozens of
	// verifications.
	hintInterval = time.Second
	// hintTimeout bounds that time further.
	hintTimeout = 100 * time.Millisecond
	// maxHintBody is the size of the largest body of a request that is
	// explained, in bytes.
	maxHintBody = 64 << 10
)

func newHintLimiter() *rate.Limiter { return rate.NewLimiter(rate.Every(hintInterval), 1) }

// hint returns what the log says of a refusal beside its reason, if that can be
// afforded.
func (h *Verify) hint(r *http.Request, refused error) []zap.Field {
	v, ok := caddyhttp.GetVar(r.Context(), verificationVar).(*verification)
	if !ok || len(v.request.Body) > maxHintBody || !h.logger.Core().Enabled(zapcore.InfoLevel) || !h.hints.AllowN(h.now(), 1) {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), hintTimeout)
	defer cancel()
	hint, ok := explain(ctx, h.verifier, &v.request, h.now(), refused)
	if !ok {
		return nil
	}
	return []zap.Field{zap.String("cause", string(hint.Cause)), zap.String("hint", hint.Sentence)}
}
