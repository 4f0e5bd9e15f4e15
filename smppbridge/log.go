package smppbridge

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// Observe implements [session.Observer].
func (b *Binds) Observe(e session.Event) {
	b.mu.Lock()
	b.count(e)
	destinations := slices.Clone(b.destinations)
	b.mu.Unlock()
	if len(destinations) == 0 {
		return
	}
	for _, d := range destinations {
		d.cfg.Observer.Session(d.cfg.Name, e)
	}
	logSession(destinations[len(destinations)-1].cfg.Logger, b.smsc, e)
}

// count keeps track of the sessions that can submit, and of why there is none. It
// is called with the lock held.
func (b *Binds) count(e session.Event) {
	if e.Err != nil && (e.Kind == session.EventFailed || e.Kind == session.EventLost) {
		b.lastFailure = e.Err.Error()
	}
	if e.Kind == session.EventBound {
		b.lastFailure = ""
	}
	switch {
	case e.Mode == pdu.BindReceiver:
	case e.Kind == session.EventBound:
		b.live++
		close(b.bound)
		b.bound = make(chan struct{})
	case e.Kind == session.EventLost:
		b.live--
	}
}

// logSession writes what happened to a session. Single timeouts and the like are
// left to metrics, and show with debug.
func logSession(log *slog.Logger, smsc string, e session.Event) {
	level := slog.LevelDebug
	switch e.Kind {
	case session.EventBound, session.EventThrottled:
		level = slog.LevelInfo
	case session.EventLost, session.EventFailed:
		level = slog.LevelWarn
		if errors.Is(e.Err, session.ErrStopped) {
			level = slog.LevelInfo
		}
	default:
	}
	ctx := context.Background()
	if !log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("smsc", smsc), slog.String("mode", sessionKey(e.Mode))}
	if e.Status != pdu.StatusOK {
		attrs = append(attrs, slog.String("command_status", e.Status.String()))
	}
	if e.Kind == session.EventThrottled {
		attrs = append(attrs, slog.Float64("rate", float64(e.Rate)))
	}
	if e.Delay > 0 {
		attrs = append(attrs, slog.Duration("retry_in", e.Delay))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.Any("error", e.Err))
	}
	log.LogAttrs(ctx, level, "smpp session "+e.Kind.String(), attrs...)
}
