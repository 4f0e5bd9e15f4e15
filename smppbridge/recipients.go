package smppbridge

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// Split implements [relay.Splitter]: each recipient has a delivery of its own. A
// list that can't be read, or is too long, has one that says so.
func (d *Destination) Split(e *relay.Event) int {
	all, err := recipients(execute(d.cfg.DestAddr, &relay.Delivery{Event: e, Destination: d.cfg.Name, Attempt: 1}))
	if err != nil {
		return 1
	}
	return len(all)
}

// renderDest fills in the recipient of a delivery. Without one, all that are in
// the config are checked.
func (c *Config) renderDest(f *fields, d *relay.Delivery) error {
	all, err := recipients(execute(c.DestAddr, d))
	if err != nil {
		return err
	}
	if d == nil {
		for _, one := range all {
			if f.dest, err = destAddress(one, c.DestKind); err != nil {
				return err
			}
		}
		return nil
	}
	if d.Index >= len(all) {
		return fieldError("dest_addr", fmt.Sprintf("has no recipient %d any more", d.Index+1))
	}
	f.dest, err = destAddress(all[d.Index], c.DestKind)
	return err
}

// recipient is renderDest for a message of which something was sent already, as
// its note says: what the list is now does not matter.
func (c *Config) recipient(f *fields, n *note, d *relay.Delivery) (err error) {
	if n.Recipient == "" || !n.sent() {
		return c.renderDest(f, d)
	}
	f.dest, err = destAddress(n.Recipient, c.DestKind)
	return err
}

// recipients reads a list of recipients: a JSON array, or with commas, semicolons
// or line breaks in between. Each is there once, and there is at least one, which
// may be empty.
func recipients(s string) ([]string, error) {
	s = strings.TrimSpace(s)
	if !strings.ContainsAny(s, "[,;\n") {
		return []string{s}, nil
	}
	list := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ';' || r == '\n' })
	if strings.HasPrefix(s, "[") {
		var err error
		if list, err = recipientsOfJSON(s); err != nil {
			return nil, err
		}
	}
	all := make([]string, 0, len(list))
	known := make(map[pdu.Address]bool, len(list))
	for _, one := range list {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		// The same number can be written in several ways.
		a, ok := number(one)
		if !ok {
			a = pdu.Address{Addr: one}
		}
		if !known[a] {
			known[a] = true
			all = append(all, one)
		}
	}
	switch {
	case len(all) == 0:
		return []string{""}, nil
	case len(all) > relay.MaxSplit:
		return nil, fieldError("dest_addr", fmt.Sprintf("has %d recipients, the limit is %d", len(all), relay.MaxSplit))
	}
	return all, nil
}

func recipientsOfJSON(s string) ([]string, error) {
	var values []any
	decoder := json.NewDecoder(strings.NewReader(s))
	decoder.UseNumber() // A number must not become a float.
	if err := decoder.Decode(&values); err != nil || decoder.More() {
		return nil, fieldError("dest_addr", "is neither a telephone number nor a list of some")
	}
	list := make([]string, 0, len(values))
	for _, value := range values {
		switch v := value.(type) {
		case string:
			list = append(list, v)
		case json.Number:
			list = append(list, v.String())
		default:
			return nil, fieldError("dest_addr", "is a list of something else than telephone numbers")
		}
	}
	return list, nil
}
