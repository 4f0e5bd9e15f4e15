package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-relay/caddy-relay/relay"
)

// engines has the engines in use by their queue's location. They outlive the
// configs that use them: a reload finds its queue open and at work.
var engines = caddy.NewUsagePool()

// pooledEngine is an engine that closes itself when no config uses it.
type pooledEngine struct {
	*relay.Engine
	grace atomic.Int64 // nanoseconds; 0 means no limit
}

// openEngine returns the engine of a queue, opened or shared. The caller must
// give it back with engines.Delete.
func openEngine(queue QueueModule, log *slog.Logger) (*pooledEngine, error) {
	value, _, err := engines.LoadOrNew(queue.Location(), func() (caddy.Destructor, error) {
		q, err := queue.Open()
		if err != nil {
			return nil, err
		}
		engine, err := relay.NewEngine(context.Background(), relay.Options{Queue: q, Logger: log, Observer: metrics})
		if err != nil {
			return nil, errors.Join(err, q.Close())
		}
		return &pooledEngine{Engine: engine}, nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*pooledEngine), nil
}

// setGrace sets how long attempts under way may take when the engine closes.
func (e *pooledEngine) setGrace(d time.Duration) { e.grace.Store(int64(d)) }

// Destruct implements caddy.Destructor. It waits for the attempts under way
// within the grace period; what is not delivered stays in the queue.
func (e *pooledEngine) Destruct() error {
	ctx := context.Background()
	if grace := time.Duration(e.grace.Load()); grace > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, grace)
		defer cancel()
	}
	return e.Close(ctx)
}

// gracePeriod returns the global option grace_period, which is a setting of
// the HTTP app, or 0 if there is none.
func gracePeriod(ctx caddy.Context) time.Duration {
	app, err := ctx.AppIfConfigured("http")
	if err != nil {
		return 0
	}
	return time.Duration(app.(*caddyhttp.App).GracePeriod)
}

// Interface guard
var _ caddy.Destructor = (*pooledEngine)(nil)
