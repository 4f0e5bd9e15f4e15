package caddymodule

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/smsc"
)

// SourceModule is what modules in the namespace `relay.sources` implement.
type SourceModule interface {
	// Destinations returns the names of the destinations that events go to.
	Destinations() []string
	// Open is called when the app starts. Nothing must come in before the source
	// is activated, since the config may still be given up. A source of an earlier
	// config may have the same name.
	Open(name string, engine *relay.Engine) (Source, error)
}

// Source is a way in that is open.
type Source interface {
	// Activate lets events come in, instead of through the source of an earlier
	// config.
	Activate()
	// Close returns when no more events come in.
	Close() error
}

// sources are the ways in of an app besides its handlers.
type sources struct {
	modules map[string]SourceModule
	opened  map[string]Source
}

func (a *App) provisionSources(ctx caddy.Context) error {
	if len(a.SourcesRaw) == 0 {
		return nil
	}
	mods, err := ctx.LoadModule(a, "SourcesRaw")
	if err != nil {
		return fmt.Errorf("loading the sources: %w", err)
	}
	a.sources.modules = make(map[string]SourceModule)
	for name, mod := range mods.(map[string]any) {
		if err := checkName(name, "source"); err != nil {
			return err
		}
		source, ok := mod.(SourceModule)
		if !ok {
			return fmt.Errorf("source %s: %T is no way in", name, mod)
		}
		if err := checkDestinations(source.Destinations(), a.Destinations); err != nil {
			return fmt.Errorf("source %s: %w", name, err)
		}
		a.sources.modules[name] = source
	}
	return checkSMSCAddresses(a.sources.modules)
}

// checkSMSCAddresses refuses two on one address: the system would let them share
// it, and clients would be connected to either.
func checkSMSCAddresses(sources map[string]SourceModule) error {
	names := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		s, ok := sources[name].(*SMSC)
		if !ok {
			continue
		}
		address := s.address.String()
		if other, ok := names[address]; ok {
			return fmt.Errorf("source %s: it listens on %s, as %s does", name, address, other)
		}
		names[address] = name
	}
	return nil
}

// checkDestinations refuses names of destinations that do not exist.
func checkDestinations(names []string, destinations map[string]*Destination) error {
	for _, name := range names {
		if _, ok := destinations[name]; !ok {
			known := strings.Join(slices.Sorted(maps.Keys(destinations)), ", ")
			return fmt.Errorf("there is no destination '%s'; there are: %s", name, known)
		}
	}
	return nil
}

// openSources has all sources ready to be activated.
func (a *App) openSources() error {
	a.sources.opened = make(map[string]Source)
	for _, name := range slices.Sorted(maps.Keys(a.sources.modules)) {
		source, err := a.sources.modules[name].Open(name, a.engine.Engine)
		if err != nil {
			return fmt.Errorf("source %s: %w", name, err)
		}
		a.sources.opened[name] = source
	}
	return nil
}

func (a *App) activateSources() {
	for _, source := range a.sources.opened {
		source.Activate()
	}
}

// closeSources ends what comes in, while it can still be kept.
func (a *App) closeSources() {
	for name, source := range a.sources.opened {
		if err := source.Close(); err != nil {
			a.log.Warn("closing a source", slog.String("source", name), slog.Any("error", err))
		}
	}
}

// joinSMSC gives a destination the server of one of the sources.
func (a *App) joinSMSC(d *SMSCDestination) error {
	if err := d.checkSource(a.sources.modules); err != nil {
		return err
	}
	d.serve(func() *smsc.Server {
		if o, ok := a.sources.opened[d.SMSC].(*openedSMSC); ok {
			return o.server.Server
		}
		return nil
	})
	if s, ok := a.sources.modules[d.SMSC].(*SMSC); ok && d.Receipts {
		s.sendsReceipts()
	}
	return nil
}

// checkSource refuses an SMSC that does not exist, and accounts that get no
// messages.
func (d *SMSCDestination) checkSource(sources map[string]SourceModule) error {
	s, ok := sources[d.SMSC].(*SMSC)
	if !ok {
		return fmt.Errorf("there is no smsc '%s'", d.SMSC)
	}
	if d.Receipts {
		if !slices.ContainsFunc(s.Accounts, (*SMSCAccount).receives) {
			return errors.New("no account may bind in a way that it gets receipts")
		}
		return nil
	}
	for _, account := range s.Accounts {
		if account.SystemID != d.SystemID {
			continue
		}
		if !account.receives() {
			return fmt.Errorf("the account '%s' may not bind in a way that it gets messages", d.SystemID)
		}
		return nil
	}
	return errors.New("the smsc '" + d.SMSC + "' has no account '" + d.SystemID + "'")
}
