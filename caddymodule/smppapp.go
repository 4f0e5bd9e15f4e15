package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// joinSMPP gives the module what it needs of the app.
func (a *App) joinSMPP(s *SMPP, name string) {
	s.join(a, name)
	if a.smpp == nil {
		a.smpp = make(map[string]*SMPP)
	}
	a.smpp[name] = s
}

// activateDestinations connects those that keep connections. The one that wants
// messages is activated last, since what belongs to nobody goes to the latest of
// those that share sessions.
func (a *App) activateDestinations(grace time.Duration) {
	for _, takesMessages := range []bool{false, true} {
		for i := range a.config.Destinations {
			c := &a.config.Destinations[i]
			d, ok := c.Destination.(*smppDestination)
			if !ok || d.takesMessages != takesMessages {
				continue
			}
			if err := d.activate(a.log, grace); err != nil {
				a.log.Error("can't bind to the SMSC", slog.String("destination", c.Name), slog.Any("error", err))
			}
		}
	}
}

// closeDestinations ends what destinations keep open.
func (a *App) closeDestinations() {
	for i := range a.config.Destinations {
		if d, ok := a.config.Destinations[i].Destination.(*smppDestination); ok {
			d.close()
		}
	}
}

// checkSMPP checks what several destinations say together.
func (a *App) checkSMPP() error {
	if err := checkSMPPRoutes(a.Destinations, a.smpp); err != nil {
		return err
	}
	takers := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(a.smpp)) {
		s := a.smpp[name]
		if s.Messages == nil {
			continue
		}
		key := s.bind.Key()
		if other, ok := takers[key]; ok {
			return fmt.Errorf("destination %s: it shares its sessions with %s, and only one of them can have messages", name, other)
		}
		takers[key] = name
	}
	return nil
}

// smppRouteError is one of a destination.
type smppRouteError struct {
	destination string
	err         error
}

func (e *smppRouteError) Error() string { return "destination " + e.destination + ": " + e.err.Error() }

func (e *smppRouteError) Unwrap() error { return e.err }

// checkSMPPCaddyfile checks routes before the destinations are provisioned. Errors
// have the line of the destination.
func checkSMPPCaddyfile(destinations map[string]*Destination) error {
	modules := make(map[string]*SMPP)
	for name, destination := range destinations {
		var module struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal(destination.ToRaw, &module); err != nil {
			return err
		}
		if module.Type != "smpp" {
			continue
		}
		modules[name] = new(SMPP)
		if err := json.Unmarshal(destination.ToRaw, modules[name]); err != nil {
			return err
		}
	}
	err := checkSMPPRoutes(destinations, modules)
	if e, ok := errors.AsType[*smppRouteError](err); ok {
		here := caddyfile.NewDispenser([]caddyfile.Token{destinations[e.destination].token})
		here.Next()
		return here.WrapErr(err)
	}
	return err
}

// checkSMPPRoutes refuses routes to destinations that do not exist, and those by
// which a receipt would lead to another message, whose receipt leads to another
// one, and so on for ever.
func checkSMPPRoutes(destinations map[string]*Destination, modules map[string]*SMPP) error {
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		s := modules[name]
		for _, target := range slices.Concat(s.receiptsTo(), s.messagesTo()) {
			if _, ok := destinations[target]; !ok {
				known := strings.Join(slices.Sorted(maps.Keys(destinations)), ", ")
				return &smppRouteError{name, fmt.Errorf("there is no destination '%s'; there are: %s", target, known)}
			}
		}
		if slices.Contains(s.messagesTo(), name) {
			return &smppRouteError{name, errors.New("messages: they can't go back to the destination they come from; answer them with another one")}
		}
		if way := wayBack(modules, name, name, make(map[string]bool)); way != nil {
			return &smppRouteError{name, fmt.Errorf("receipts: each would cause another message without end, by way of %s", strings.Join(way, ", "))}
		}
	}
	return nil
}

// wayBack returns the destinations by which receipts of from come to home, or
// nil.
func wayBack(modules map[string]*SMPP, home, from string, seen map[string]bool) []string {
	s := modules[from]
	if s == nil || seen[from] {
		return nil
	}
	seen[from] = true
	for _, next := range s.receiptsTo() {
		if next == home {
			return []string{home}
		}
		if way := wayBack(modules, home, next, seen); way != nil {
			return append([]string{next}, way...)
		}
	}
	return nil
}

func (s *SMPP) receiptsTo() []string {
	if s.Receipts == nil {
		return nil
	}
	return routeNames(s.Receipts.To)
}

func (s *SMPP) messagesTo() []string {
	if s.Messages == nil {
		return nil
	}
	return routeNames(s.Messages.To)
}
