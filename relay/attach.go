package relay

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// Config is what a loaded configuration wants of an engine.
type Config struct {
	Destinations []DestinationConfig
	Limits       Limits
	// Logger is used while the config is active; nil keeps the one before.
	Logger *slog.Logger
}

// DestinationConfig is a destination and how it is used.
type DestinationConfig struct {
	Name        string
	Destination Destination
	Schedule    Schedule
	// Concurrency is the number of attempts made at a time, at most.
	Concurrency int
}

// Attachment ties a [Config] to an engine. Several can be attached at a time,
// as while one configuration replaces another: the one activated last counts,
// so a delivery is never worked on by two.
type Attachment struct {
	engine  *Engine
	targets map[string]*target
	// splitters are those destinations of the targets that are a [Splitter].
	splitters map[string]Splitter
	limits    Limits
	log       *slog.Logger
	active    bool
}

// Attach announces a config without any effect yet.
func (e *Engine) Attach(c Config) *Attachment {
	a := &Attachment{engine: e, targets: make(map[string]*target), limits: c.Limits, log: c.Logger}
	for _, d := range c.Destinations {
		a.targets[d.Name] = &target{
			destination: d.Destination,
			schedule:    d.Schedule,
			concurrency: max(d.Concurrency, 1),
		}
	}
	a.splitters = findSplitters(a.targets)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.attachments = append(e.attachments, a)
	return a
}

// Activate makes the attachment the one that counts.
func (a *Attachment) Activate() {
	e := a.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.Index(e.attachments, a)
	if i < 0 {
		return
	}
	a.active = true
	e.attachments = append(slices.Delete(e.attachments, i, i+1), a)
	e.apply()
}

// Detach takes the attachment away. The one activated before it counts again
// if it is still attached; otherwise nothing is delivered until another is
// activated. Events are still accepted.
func (a *Attachment) Detach() {
	e := a.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := slices.Index(e.attachments, a); i >= 0 {
		e.attachments = slices.Delete(e.attachments, i, i+1)
		e.apply()
	}
}

// apply gives the lanes the targets of the attachment that counts. It is
// called with the engine locked.
func (e *Engine) apply() {
	var active *Attachment
	for _, a := range e.attachments {
		if a.active {
			active = a
		}
	}
	if active == e.active {
		return
	}
	e.active = active
	if active == nil {
		for _, l := range e.lanes {
			l.setTarget(nil)
		}
		return
	}
	e.limits = active.limits
	if active.log != nil {
		e.log.Store(active.log)
	}
	for name := range active.targets {
		if e.lanes[name] == nil {
			e.lanes[name] = newLane(e, name)
		}
	}
	for name, l := range e.lanes {
		t := active.targets[name]
		l.setTarget(t)
		if n := l.pending.Load(); t == nil && n > 0 {
			e.log.Load().Warn("destination is not configured; its deliveries wait until it is, or until they are dropped",
				slog.String("destination", name), slog.Int64("pending", n))
		}
	}
}

// LaneStats are the figures of a destination.
type LaneStats struct {
	Destination string
	Configured  bool
	// Pending and Dead count deliveries, those that await their report among the
	// pending ones. Running counts the attempts under way.
	Pending, Dead, Running int64
}

// Lanes returns the figures of all destinations that are configured or have
// deliveries, in no particular order.
func (e *Engine) Lanes() []LaneStats {
	e.mu.Lock()
	defer e.mu.Unlock()
	stats := make([]LaneStats, 0, len(e.lanes))
	for name, l := range e.lanes {
		l.mu.Lock()
		s := LaneStats{
			Destination: name,
			Configured:  l.target != nil,
			Pending:     l.pending.Load(),
			Dead:        l.dead.Load(),
			Running:     int64(l.running),
		}
		l.mu.Unlock()
		if s.Configured || s.Pending > 0 || s.Dead > 0 {
			stats = append(stats, s)
		}
	}
	return stats
}

// Oldest returns when the oldest event with a pending delivery for a
// destination was received, or the zero time if there is none.
func (e *Engine) Oldest(ctx context.Context, destination string) (time.Time, error) {
	if !e.background.begin() {
		return time.Time{}, ErrClosed
	}
	defer e.background.end()
	return e.queue.Oldest(ctx, destination)
}
