package httpsig

import (
	"errors"
	"slices"
	"strings"

	"github.com/dunglas/httpsfv"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-relay/caddy-relay/verify"
)

// maxComponents bounds what one signature covers.
const maxComponents = 32

// component is something of a request that a signature can cover (RFC 9421,
// section 2). Two are the same, whatever the order of their parameters, if they
// are equal.
type component struct {
	// name is that of a header field, in lower case, or of a derived component,
	// with an @.
	name string
	// What the parameters say: sf, bs, key and name.
	structured, binary bool
	member, param      string
}

// covered is a component as it is written in the list of a signature.
type covered struct {
	component
	// identifier is the name and the parameters, in the order of the list.
	identifier string
}

// String returns the component as it is written in a configuration.
func (c *covered) String() string { return c.name + c.identifier[len(c.name)+len(`""`):] }

// covers reports whether c is in the list.
func covers(list []covered, c component) bool {
	return slices.ContainsFunc(list, func(other covered) bool { return other.component == c })
}

func coversName(list []covered, name string) bool { return covers(list, component{name: name}) }

// The names of derived components (RFC 9421, section 2.2) that requests have.
const (
	methodComponent        = "@method"
	targetURIComponent     = "@target-uri"
	authorityComponent     = "@authority"
	schemeComponent        = "@scheme"
	requestTargetComponent = "@request-target"
	pathComponent          = "@path"
	queryComponent         = "@query"
	queryParamComponent    = "@query-param"
)

var derived = []string{
	methodComponent, targetURIComponent, authorityComponent, schemeComponent,
	requestTargetComponent, pathComponent, queryComponent, queryParamComponent,
}

// parseComponent reads a component of the configuration.
func parseComponent(text string) (covered, error) {
	name, params, found := strings.Cut(text, ";")
	if found {
		params = ";" + params
	}
	item, err := httpsfv.UnmarshalItem([]string{`"` + name + `"` + params})
	if err != nil || item.Value != name {
		return covered{}, errors.New(`not a name, with parameters like ;key="value" (RFC 9421, section 2)`)
	}
	return newCovered(item)
}

func newCovered(item httpsfv.Item) (covered, error) {
	c, err := newComponent(item)
	if err != nil {
		return covered{}, err
	}
	identifier, err := httpsfv.Marshal(item)
	return covered{component: c, identifier: identifier}, err
}

// newComponent returns the component that an item of the list stands for. The
// parameters req and tr are for responses and for what comes after a body. The
// errors hold nothing of the item.
func newComponent(item httpsfv.Item) (component, error) {
	name, ok := item.Value.(string)
	if !ok {
		return component{}, errors.New("its name is not a string")
	}
	c := component{name: name}
	for _, param := range item.Params.Names() {
		value, _ := item.Params.Get(param)
		ok := false
		switch param {
		case "sf":
			c.structured, ok = true, value == true
		case "bs":
			c.binary, ok = true, value == true
		case "key":
			c.member, ok = value.(string)
			ok = ok && c.member != ""
		case "name":
			c.param, ok = value.(string)
			ok = ok && name == queryParamComponent
		}
		if !ok {
			return component{}, errors.New("a parameter of it is not supported, or can't be on it")
		}
	}
	if strings.HasPrefix(name, "@") {
		return c, c.checkDerived(item.Params)
	}
	return c, c.checkField()
}

func (c *component) checkDerived(params *httpsfv.Params) error {
	if !slices.Contains(derived, c.name) {
		return errors.New("there is no such derived component of a request (RFC 9421, section 2.2)")
	}
	if c.structured || c.binary || c.member != "" {
		return errors.New("the parameters sf, bs and key are for header fields")
	}
	if _, ok := params.Get("name"); c.name == queryParamComponent && !ok {
		return errors.New("the parameter name is missing")
	}
	return nil
}

func (c *component) checkField() error {
	switch {
	case !httpguts.ValidHeaderFieldName(c.name) || c.name != strings.ToLower(c.name):
		return errors.New("not the name of a header field, in lower case")
	case c.binary && (c.structured || c.member != ""):
		return errors.New("bs excludes sf and key (RFC 9421, section 2.1)")
	case c.structured && c.member == "" && structuredFields[c.name] == nil:
		return errors.New("sf on a header field that is not known to be structured")
	}
	return nil
}

// appendValue appends the value of c in r to dst. The reason says why there is
// none.
func (c *component) appendValue(dst []byte, r *verify.Request) ([]byte, verify.Reason) {
	start := len(dst)
	var reason verify.Reason
	if strings.HasPrefix(c.name, "@") {
		dst, reason = c.appendDerived(dst, r)
	} else {
		dst, reason = c.appendField(dst, r)
	}
	if reason != "" {
		return dst, reason
	}
	// A line break would let one component pretend to be several. Section 2.5
	// of the RFC has no place for what is not ASCII either.
	for _, b := range dst[start:] {
		if b != '\t' && (b < ' ' || b > '~') {
			return dst, verify.ReasonMalformed
		}
	}
	return dst, ""
}
