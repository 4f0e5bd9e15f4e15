package caddymodule

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge"
	"github.com/caddy-relay/caddy-relay/smppbridge/assembly"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// smppPool has the sessions in use by [smppbridge.BindConfig.Key]. They outlive
// the configs that use them: a reload that leaves their settings alone finds them
// bound.
var smppPool = caddy.NewUsagePool()

// longMessages has the parts of long messages that sessions and servers wait for.
// While one config replaces another, both may get some.
var longMessages assembly.Lists

// smppClosing are the sessions that no config uses any more, and which are being
// ended. A reload does not wait for that, but the end of the process does.
var smppClosing sync.WaitGroup

func init() {
	caddy.OnExit(func(context.Context) { smppClosing.Wait() })
}

// defaultSMPPGrace is how long sessions have to end if there is no grace_period.
const defaultSMPPGrace = 30 * time.Second

// pooledBinds are sessions that end when no config uses them.
type pooledBinds struct {
	*smppbridge.Binds
	bound   boundSessions
	grace   atomic.Int64 // nanoseconds
	log     atomic.Pointer[slog.Logger]
	working sync.RWMutex // held for reading by deliveries
}

// Destruct implements [caddy.Destructor]. It returns at once.
func (b *pooledBinds) Destruct() error {
	smppClosing.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(b.grace.Load()))
		defer cancel()
		b.settle(ctx)
		if err := b.Close(ctx); err != nil {
			b.log.Load().Warn("SMPP sessions were ended before all messages were answered", slog.Any("error", err))
		}
	})
	return nil
}

// settle waits until the deliveries under way have come to an end: those that
// still wait for their turn would count as failed. Without a session, they have
// none to wait for, and are better tried again by the next config.
func (b *pooledBinds) settle(ctx context.Context) {
	if b.bound.none() {
		return
	}
	idle := make(chan struct{})
	go func() {
		b.working.Lock()
		close(idle)
		b.working.Unlock()
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// smppDestination is a destination with its share of the sessions.
type smppDestination struct {
	*smppbridge.Destination
	binds *pooledBinds
	key   string
	once  sync.Once
	// takesMessages is set if messages are wanted.
	takesMessages bool
	modes         []pdu.BindMode // each once
}

// openSMPP returns a destination that is not started. It opens no connection.
func openSMPP(config smppbridge.Config, bind smppbridge.BindConfig) (*smppDestination, error) {
	bind.Parts = &longMessages
	key := bind.Key()
	value, _, err := smppPool.LoadOrNew(key, func() (caddy.Destructor, error) {
		binds, err := smppbridge.NewBinds(bind)
		if err != nil {
			return nil, err
		}
		b := &pooledBinds{Binds: binds}
		b.grace.Store(int64(defaultSMPPGrace))
		b.log.Store(config.Logger)
		return b, nil
	})
	if err != nil {
		return nil, err
	}
	d := &smppDestination{
		binds: value.(*pooledBinds), key: key, takesMessages: config.Messages.To != nil,
		modes: slices.Compact(slices.Clone(bind.Modes)),
	}
	config.Observer = smppObserver{overrides: config.Overrides, bound: &d.binds.bound}
	if d.Destination, err = smppbridge.New(config, d.binds.Binds); err != nil {
		_, _ = smppPool.Delete(key)
		return nil, err
	}
	return d, nil
}

// Deliver implements [relay.Destination].
func (d *smppDestination) Deliver(ctx context.Context, delivery *relay.Delivery) relay.Result {
	d.binds.working.RLock()
	defer d.binds.working.RUnlock()
	return d.Destination.Deliver(ctx, delivery)
}

// activate binds, unless the sessions are up, and takes over what comes back from
// the destinations of earlier configs.
func (d *smppDestination) activate(log *slog.Logger, grace time.Duration) error {
	d.binds.log.Store(log)
	if grace > 0 {
		d.binds.grace.Store(int64(grace))
	}
	return d.Start()
}

// close gives up the share of the sessions. It can be called twice, and without
// activate.
func (d *smppDestination) close() {
	d.once.Do(func() {
		d.Stop()
		_, _ = smppPool.Delete(d.key) // Destruct returns no error.
	})
}
