package caddymodule

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("relay", parseRelay)
	httpcaddyfile.RegisterDirectiveOrder("relay", httpcaddyfile.Before, "respond")
}

func parseRelay(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Relay)
	// The destinations of the global options are known by now, so that a
	// wrong name can be reported with its line.
	app := App{Destinations: make(map[string]*Destination)}
	if option, ok := h.Option("relay").(httpcaddyfile.App); ok {
		if err := json.Unmarshal(option.Value, &app); err != nil {
			return nil, h.WrapErr(err)
		}
	}
	return handler, handler.unmarshal(h.Dispenser, app.Destinations)
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	relay [<matcher>] <source> {
//		id <placeholder>
//		type <placeholder>
//		key <placeholder>
//		dedup <duration>|off
//		to <destination>...
//		ack durable
//		respond accepted|duplicate|full <status> [<body>]
//		max_body <size>
//	}
//
// Several `to` add up. The options are explained at the JSON fields.
func (h *Relay) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return h.unmarshal(d, nil)
}

// unmarshal parses the directive. With destinations, it refuses names that are
// not among them.
func (h *Relay) unmarshal(d *caddyfile.Dispenser, destinations map[string]*Destination) error {
	d.Next() // consume the directive's name
	if !d.AllArgs(&h.Source) {
		return d.ArgErr()
	}
	if err := checkName(h.Source, "source"); err != nil {
		return d.WrapErr(err)
	}
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if option == "to" {
			if err := h.unmarshalTo(d, destinations); err != nil {
				return err
			}
			continue
		}
		args := d.RemainingArgs()
		if option == "respond" && len(args) > 0 {
			option += " " + args[0]
		}
		if seen[option] {
			return d.Errf("%s is already set", option)
		}
		seen[option] = true
		if err := h.unmarshalOption(d, option, args); err != nil {
			return err
		}
	}
	if len(h.To) == 0 {
		return d.Errf("relay %s has no destination: add 'to <destination>'", h.Source)
	}
	return nil
}

func (h *Relay) unmarshalTo(d *caddyfile.Dispenser, destinations map[string]*Destination) error {
	names := d.RemainingArgs()
	if len(names) == 0 {
		return d.ArgErr()
	}
	for _, name := range names {
		if name == "when" {
			return d.Err("to has no conditions yet; match requests before relay instead")
		}
		if _, ok := destinations[name]; !ok && destinations != nil {
			known := slices.Sorted(maps.Keys(destinations))
			if len(known) == 0 {
				return d.Errf("there is no destination '%s'; destinations are set in the global option relay", name)
			}
			return d.Errf("there is no destination '%s'; the global option relay has: %s", name, strings.Join(known, ", "))
		}
	}
	h.To = append(h.To, Route{Destinations: names})
	return nil
}

func (h *Relay) unmarshalOption(d *caddyfile.Dispenser, option string, args []string) error {
	if name, ok := strings.CutPrefix(option, "respond "); ok {
		return h.Respond.unmarshal(d, name, args[1:])
	}
	switch option {
	case "id", "type", "key", "dedup", "ack", "max_body":
	default:
		return d.Errf("unrecognized option '%s'", option)
	}
	if len(args) != 1 {
		return d.ArgErr()
	}
	value := args[0]
	if value == "" {
		return d.Errf("%s must not be empty", option)
	}
	switch option {
	case "id":
		h.ID = value
	case "type":
		h.Type = value
	case "key":
		h.Key = value
	case "dedup":
		if value == "off" {
			h.Dedup = -1
			return nil
		}
		return parseDuration(d, value, &h.Dedup)
	case "ack":
		if value != "durable" {
			return d.Errf("unknown ack '%s'; it can be durable", value)
		}
		h.Ack = value
	case "max_body":
		return parseSize(d, value, largestBody, &h.MaxBody)
	}
	if err := checkTemplate(value); err != nil {
		return d.Errf("%s: %v", option, err)
	}
	return nil
}

func (rs *Responses) unmarshal(d *caddyfile.Dispenser, name string, args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return d.ArgErr()
	}
	status, err := strconv.Atoi(args[0])
	if err != nil {
		return d.Errf("respond %s: '%s' is not a status code", name, args[0])
	}
	response := &Response{Status: status}
	if len(args) == 2 {
		response.Body = args[1]
	}
	switch name {
	case "accepted":
		rs.Accepted = response
	case "duplicate":
		rs.Duplicate = response
	case "full":
		rs.Full = response
	default:
		return d.Errf("unknown response '%s'; it can be accepted, duplicate or full", name)
	}
	if err := checkResponse(name, status, response.Body); err != nil {
		return d.WrapErr(err)
	}
	if err := checkTemplate(response.Body); err != nil {
		return d.Errf("respond %s: %v", name, err)
	}
	return nil
}
