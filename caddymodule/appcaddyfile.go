package caddymodule

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("relay", parseApp)
}

// validName is what destinations and sources may be called, since their names
// become labels of metrics and parts of URLs.
var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// checkName returns an error if a name is not one for what it is to name.
func checkName(name, what string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("'%s' can't be the name of a %s: use letters, digits, '-', '_' and '.'", name, what)
	}
	return nil
}

func parseApp(d *caddyfile.Dispenser, existing any) (any, error) {
	if existing != nil {
		d.Next() // the error is to have the line of the second block
		return nil, d.Err("the relay option is already set; put everything into one block")
	}
	app := new(App)
	if err := app.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "relay", Value: caddyconfig.JSON(app, nil)}, nil
}

// UnmarshalCaddyfile sets up the app from Caddyfile tokens. Syntax:
//
//	relay {
//		queue <engine> [<args>...] { ... }
//		history <duration>
//		retry off | { ... }
//		destination <name> <type> [<args>...] {
//			concurrency <number>
//			retry off | { ... }
//			<options of the type>
//		}
//		smsc <name> <listen address> { ... }
//	}
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the option's name
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if seen[option] && option != "destination" && option != "smsc" {
			return d.Errf("%s is already set", option)
		}
		seen[option] = true
		if err := a.unmarshalOption(d, option); err != nil {
			return err
		}
	}
	// How often a destination retries may be said in two places, so it can be
	// checked only now.
	if _, err := a.Retry.merged(nil).schedule(); err != nil && len(a.Destinations) == 0 {
		return d.WrapErr(err)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Destinations)) {
		if _, err := a.Retry.merged(a.Destinations[name].Retry).schedule(); err != nil {
			return d.Errf("destination %s: %v", name, err)
		}
	}
	if err := checkSMPPCaddyfile(a.Destinations); err != nil {
		return err
	}
	return a.checkSMSCCaddyfile(d)
}

func (a *App) unmarshalOption(d *caddyfile.Dispenser, option string) (err error) {
	switch option {
	case "queue":
		if !d.NextArg() {
			return d.ArgErr()
		}
		a.QueueRaw, err = unmarshalModule(d, "relay.queues", "engine", "queue engine")
		return err
	case "history":
		var text string
		if !d.AllArgs(&text) {
			return d.ArgErr()
		}
		return parseDuration(d, text, &a.History)
	case "retry":
		a.Retry, err = unmarshalRetry(d)
		return err
	case "destination":
		return a.unmarshalDestination(d)
	case "smsc":
		return a.unmarshalSMSC(d)
	default:
		return d.Errf("unrecognized option '%s'", option)
	}
}

func (a *App) unmarshalDestination(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	name := d.Val()
	if err := checkName(name, "destination"); err != nil {
		return d.WrapErr(err)
	}
	if _, ok := a.Destinations[name]; ok {
		return d.Errf("there is already a destination '%s'", name)
	}
	if !d.NextArg() {
		return d.ArgErr()
	}
	dest := &Destination{token: d.Token()}
	tokens, err := splitSegment(d, dest.unmarshalOption)
	if err != nil {
		return err
	}
	own := caddyfile.NewDispenser(tokens)
	own.Next()
	if dest.ToRaw, err = unmarshalModule(own, "relay.destinations", "type", "type of destination"); err != nil {
		return err
	}
	if a.Destinations == nil {
		a.Destinations = make(map[string]*Destination)
	}
	a.Destinations[name] = dest
	return nil
}

// unmarshalOption parses an option that all types of destinations have.
func (dest *Destination) unmarshalOption(d *caddyfile.Dispenser) (common bool, err error) {
	switch option := d.Val(); option {
	case "concurrency":
		var text string
		if !d.AllArgs(&text) {
			return true, d.ArgErr()
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxConcurrency {
			return true, d.Errf("concurrency: '%s' is not a number from 1 to 10000", text)
		}
		if dest.Concurrency != 0 {
			return true, d.Errf("%s is already set", option)
		}
		dest.Concurrency = n
		return true, nil
	case "retry":
		if dest.Retry != nil {
			return true, d.Errf("%s is already set", option)
		}
		dest.Retry, err = unmarshalRetry(d)
		return true, err
	default:
		return false, nil
	}
}

// unmarshalModule parses the module whose name is under the cursor, and
// returns its JSON with the name under key. what says in errors what it is.
func unmarshalModule(d *caddyfile.Dispenser, namespace, key, what string) (json.RawMessage, error) {
	name := d.Val()
	if _, err := caddy.GetModule(namespace + "." + name); err != nil {
		return nil, d.Errf("there is no %s '%s'; %s", what, name, suggestModules(namespace, name))
	}
	mod, err := caddyfile.UnmarshalModule(d, namespace+"."+name)
	if err != nil {
		return nil, err
	}
	return caddyconfig.JSONModuleObject(mod, key, name, nil), nil
}

// suggestModules says which modules there are in a namespace. Of many, it names
// only those that begin like the name that is not one of them.
func suggestModules(namespace, name string) string {
	known := modulesIn(namespace)
	if len(known) <= 20 {
		return "there are: " + strings.Join(known, ", ")
	}
	start := strings.ToLower(name[:min(1, len(name))])
	alike := slices.DeleteFunc(known, func(other string) bool { return !strings.HasPrefix(other, start) })
	if len(alike) == 0 {
		return "the documentation lists what there is"
	}
	return fmt.Sprintf("those that begin with %s are: %s", start, strings.Join(alike, ", "))
}

func modulesIn(namespace string) (names []string) {
	for _, info := range caddy.GetModules(namespace) {
		names = append(names, info.ID.Name())
	}
	return names
}

// Interface guard
var _ caddyfile.Unmarshaler = (*App)(nil)
