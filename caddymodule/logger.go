package caddymodule

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// currentHandler passes log records on to the logger of the config that is
// active. An engine outlives the config that opened it, and that config's log
// files are closed with it.
type currentHandler struct {
	current atomic.Pointer[slog.Logger]
}

func newCurrentHandler(log *slog.Logger) *currentHandler {
	h := new(currentHandler)
	h.set(log)
	return h
}

func (h *currentHandler) set(log *slog.Logger) { h.current.Store(log) }

// Enabled implements slog.Handler.
func (h *currentHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.current.Load().Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *currentHandler) Handle(ctx context.Context, record slog.Record) error {
	return h.current.Load().Handler().Handle(ctx, record)
}

// WithAttrs implements slog.Handler. What it returns stays with the config.
func (h *currentHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.current.Load().Handler().WithAttrs(attrs)
}

// WithGroup implements slog.Handler. What it returns stays with the config.
func (h *currentHandler) WithGroup(name string) slog.Handler {
	return h.current.Load().Handler().WithGroup(name)
}

// Interface guard
var _ slog.Handler = (*currentHandler)(nil)
