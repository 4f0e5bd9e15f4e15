package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/caddy-relay/caddy-relay/relay"
)

func init() {
	caddy.RegisterModule(App{})
}

const (
	defaultHistory     = 7 * 24 * time.Hour
	defaultConcurrency = 64
	maxConcurrency     = 10_000
)

// App keeps events until each of their destinations has taken them. Events
// come in through the `relay` handler and are durable before it answers; they
// go out to destinations, each with its own schedule of retries. What can't be
// delivered becomes a dead letter.
//
// The queue is opened when the app starts, and stays open and working while
// one configuration replaces another.
type App struct {
	// Where events are kept. Default: the engine `sqlite` in the directory
	// `relay` of Caddy's data directory.
	QueueRaw json.RawMessage `json:"queue,omitempty" caddy:"namespace=relay.queues inline_key=engine"`

	// How long finished deliveries are kept; dead letters are kept until they
	// are dropped. Default: 7 days.
	History caddy.Duration `json:"history,omitempty"`

	// When failed deliveries are tried again, unless a destination says
	// otherwise.
	Retry *Retry `json:"retry,omitempty"`

	// The ways out, by name.
	Destinations map[string]*Destination `json:"destinations,omitempty"`

	// The ways in besides the handler `relay`, by name.
	SourcesRaw map[string]json.RawMessage `json:"sources,omitempty" caddy:"namespace=relay.sources inline_key=type"`

	log     *slog.Logger
	ctx     caddy.Context
	config  relay.Config
	queue   QueueModule
	sources sources
	smpp    map[string]*SMPP // the destinations of that type, by name

	// ready is closed when Start has opened the queue, so that requests which
	// come in earlier wait for it instead of failing.
	ready      chan struct{}
	engine     *pooledEngine
	attachment *relay.Attachment
	started    bool // the app holds a reference to the engine
}

// Destination is a way out for events.
type Destination struct {
	// The number of deliveries tried at a time, at most. Default: 64; for `smpp`,
	// what its windows and rate allow.
	Concurrency int `json:"concurrency,omitempty"`

	// When failed deliveries are tried again. What is not set here is as in
	// the app's `retry`.
	Retry *Retry `json:"retry,omitempty"`

	// What to deliver to. Required.
	ToRaw json.RawMessage `json:"to,omitempty" caddy:"namespace=relay.destinations inline_key=type"`

	token caddyfile.Token // its place in the Caddyfile, while that is parsed
}

// DestinationModule is what modules in the namespace `relay.destinations`
// implement.
type DestinationModule interface {
	// Destination returns what delivers, at most concurrency at a time. It is
	// called once, after the module was provisioned.
	Destination(concurrency int) (relay.Destination, error)
}

// CaddyModule returns the Caddy module information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "relay",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision sets up the app. It does not touch the queue.
func (a *App) Provision(ctx caddy.Context) error {
	a.ctx = ctx
	a.log = ctx.Slogger()
	a.ready = make(chan struct{})
	if err := a.provisionQueue(ctx); err != nil {
		return err
	}
	if a.History == 0 {
		a.History = caddy.Duration(defaultHistory)
	}
	a.config.Logger = a.log
	a.config.Limits = relay.Limits{History: time.Duration(a.History), MaxSize: a.queue.SizeLimit()}
	if err := a.provisionSources(ctx); err != nil {
		return err
	}
	for name, d := range a.Destinations {
		if err := a.provisionDestination(ctx, name, d); err != nil {
			return fmt.Errorf("destination %s: %w", name, err)
		}
	}
	if err := a.checkSMPP(); err != nil {
		return err
	}
	if err := a.registerMetrics(ctx); err != nil {
		return err
	}
	events, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("getting the events app: %w", err)
	}
	return events.(*caddyevents.App).On("started", startedHandler{a})
}

func (a *App) provisionQueue(ctx caddy.Context) error {
	if a.QueueRaw == nil {
		a.QueueRaw = json.RawMessage(`{"engine":"sqlite"}`)
	}
	mod, err := ctx.LoadModule(a, "QueueRaw")
	if err != nil {
		return fmt.Errorf("loading the queue: %w", err)
	}
	a.queue = mod.(QueueModule)
	return nil
}

func (a *App) provisionDestination(ctx caddy.Context, name string, d *Destination) error {
	if d == nil || d.ToRaw == nil {
		return errors.New("nothing to deliver to")
	}
	schedule, err := a.Retry.merged(d.Retry).schedule()
	if err != nil {
		return err
	}
	mod, err := ctx.LoadModule(d, "ToRaw")
	if err != nil {
		return err
	}
	standard := defaultConcurrency
	if s, ok := mod.(*SMPP); ok {
		a.joinSMPP(s, name)
		standard = s.defaultConcurrency()
	}
	if d.Concurrency == 0 {
		d.Concurrency = standard
	}
	if s, ok := mod.(*SMSCDestination); ok {
		if err := a.joinSMSC(s); err != nil {
			return err
		}
	}
	dest, err := mod.(DestinationModule).Destination(d.Concurrency)
	if err != nil {
		return err
	}
	a.config.Destinations = append(a.config.Destinations, relay.DestinationConfig{
		Name: name, Destination: dest, Schedule: schedule, Concurrency: d.Concurrency,
	})
	return nil
}

// Validate implements caddy.Validator.
func (a *App) Validate() error {
	if a.History < 0 {
		return errors.New("history must not be negative")
	}
	for name, d := range a.Destinations {
		if err := checkName(name, "destination"); err != nil {
			return err
		}
		if d.Concurrency < 1 || d.Concurrency > maxConcurrency {
			return fmt.Errorf("destination %s: concurrency must be from 1 to %d", name, maxConcurrency)
		}
	}
	return nil
}

// Start opens the queue, or joins the config that has it open. Deliveries are
// made only once Caddy reports that all apps have started: until then the
// config may still be given up.
func (a *App) Start() error {
	engine, err := openEngine(a.queue, a.log)
	if err != nil {
		return err
	}
	a.started = true
	a.engine = engine
	a.attachment = engine.Attach(a.config)
	if err := a.openSources(); err != nil {
		return err
	}
	close(a.ready)
	return nil
}

// Stop leaves the deliveries to the config that replaces this one, if any.
// Requests that are still under way can go on accepting events.
func (a *App) Stop() error {
	a.detach()
	return nil
}

// Cleanup lets go of the queue, which is closed if no other config uses it, and
// then of the sessions that deliveries under way still need.
func (a *App) Cleanup() error {
	a.detach()
	a.closeSources()
	defer a.closeDestinations()
	for _, d := range a.config.Destinations {
		if c, ok := d.Destination.(interface{ CloseIdleConnections() }); ok {
			c.CloseIdleConnections()
		}
	}
	if !a.started {
		return nil
	}
	a.started = false
	_, err := engines.Delete(a.queue.Location())
	return err
}

// openedEngine returns the engine, or nil before Start.
func (a *App) openedEngine() *pooledEngine {
	select {
	case <-a.ready:
		return a.engine
	default:
		return nil
	}
}

func (a *App) detach() {
	if a.attachment != nil {
		a.attachment.Detach()
	}
}

// startedHandler activates the app when Caddy has started all apps. It is a
// type of its own because Caddy logs event handlers as JSON.
type startedHandler struct{ app *App }

// Handle implements caddyevents.Handler.
func (h startedHandler) Handle(context.Context, caddy.Event) error {
	if h.app.attachment != nil {
		grace := gracePeriod(h.app.ctx)
		h.app.engine.setGrace(grace)
		h.app.activateDestinations(grace)
		h.app.attachment.Activate()
		h.app.activateSources()
	}
	return nil
}

// Interface guards
var (
	_ caddy.App           = (*App)(nil)
	_ caddy.Provisioner   = (*App)(nil)
	_ caddy.Validator     = (*App)(nil)
	_ caddy.CleanerUpper  = (*App)(nil)
	_ caddyevents.Handler = startedHandler{}
)
