package provider

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/caddy-relay/caddy-relay/verify"
)

// differentialCase is a request that both must judge alike.
type differentialCase struct {
	name    string
	request *verify.Request
	secret  string // that the receiver has
}

// differentialCases makes cases of one random message.
type differentialCases struct {
	t       *rapid.T
	sender  *differentialSender
	message *verify.Request // before signing
	now     time.Time       // when it is received
	cases   []differentialCase
}

// all returns the message as it was signed, signed in other circumstances, and
// changed after signing.
func (c *differentialCases) all(withBodies bool) []differentialCase {
	signed := c.sender.sign(c.t, clone(c.message), c.now)
	c.add("signed", signed)
	c.cases = append(c.cases, differentialCase{"other secret", signed, c.sender.other.secret})
	c.changeTime()
	if withBodies {
		for name, body := range map[string]string{
			"empty body": "", "byte order mark": "\ufeff{}", "body that is not UTF-8": "\xff\xfe\x00\x80", "body ends in CRLF": "{}\r\n",
		} {
			r := clone(c.message)
			r.Body = []byte(body)
			c.add(name, c.sender.sign(c.t, r, c.now))
		}
		r := clone(c.message)
		r.Body = []byte("\ufffd")
		c.changed("body of bytes that read the same", c.sender.sign(c.t, r, c.now), func(r *verify.Request) { r.Body = []byte("\xff") })
	}
	c.changeBody(signed)
	c.changeURL(signed)
	for _, name := range slices.Sorted(maps.Keys(signed.Header)) {
		if _, before := c.message.Header[name]; !before {
			c.changeField(signed, name)
		}
	}
	return c.cases
}

func (c *differentialCases) add(name string, r *verify.Request) {
	c.cases = append(c.cases, differentialCase{name, r, c.sender.secret})
}

// changed adds a case in which a copy of r was changed.
func (c *differentialCases) changed(name string, r *verify.Request, change func(r *verify.Request)) {
	r = clone(r)
	change(r)
	c.add(name, r)
}

// changeTime signs the message at the borders of the tolerance, and changes the
// time of what is signed.
func (c *differentialCases) changeTime() {
	tolerance := c.sender.verifier.Tolerance()
	if tolerance == 0 {
		tolerance = verify.DefaultTolerance
	}
	for name, shift := range map[string]time.Duration{
		"old":            -tolerance,
		"too old":        -tolerance - time.Second,
		"from later":     tolerance,
		"from too late":  tolerance + time.Second,
		"a second ago":   -time.Second,
		"a second ahead": time.Second,
	} {
		c.add(name, c.sender.sign(c.t, clone(c.message), c.now.Add(shift)))
	}
	later := c.sender.sign(c.t, clone(c.message), c.now)
	for name, values := range later.Header {
		for _, format := range []func(time.Time) string{unixText, unixMilliText, rfc3339Text} {
			values[0] = strings.Replace(values[0], format(c.now), format(c.now.Add(-time.Second)), 1)
		}
		later.Header[name] = values
	}
	c.add("other time", later)
}

// signatureInBody is the signature of schemes that have it there. How libraries
// read base64 that is none is seen where it is in the header.
var signatureInBody = regexp.MustCompile(`(?i)signature":"[^"]*"`)

func (c *differentialCases) changeBody(signed *verify.Request) {
	if len(signed.Body) > 0 {
		i := rapid.IntRange(0, len(signed.Body)-1).Draw(c.t, "byte")
		bit := rapid.IntRange(0, 6).Draw(c.t, "bit")
		isIn := func(place []int) bool { return place[0] <= i && i < place[1] }
		if !slices.ContainsFunc(signatureInBody.FindAllIndex(signed.Body, -1), isIn) {
			c.changed("body changed", signed, func(r *verify.Request) { r.Body[i] ^= 1 << bit })
		}
		c.changed("body cut", signed, func(r *verify.Request) { r.Body = r.Body[:len(r.Body)-1] })
	}
	c.changed("body with a line break more", signed, func(r *verify.Request) { r.Body = append(r.Body, '\n') })
	c.changed("body with a space more", signed, func(r *verify.Request) { r.Body = append([]byte(" "), r.Body...) })
}

func (c *differentialCases) changeURL(signed *verify.Request) {
	c.changed("other path", signed, func(r *verify.Request) { r.Target = "/x" + r.Target })
	c.changed("other query", signed, func(r *verify.Request) {
		if strings.Contains(r.Target, "?") {
			r.Target += "&added=1"
		} else {
			r.Target += "?added=1"
		}
	})
	c.changed("other host", signed, func(r *verify.Request) { r.Host = "other.example.com" })
	c.changed("other method", signed, func(r *verify.Request) { r.Method = http.MethodPut })
}

// changeField changes a field that was added by signing.
func (c *differentialCases) changeField(signed *verify.Request, name string) {
	value := signed.Header[name][0]
	set := func(change string, values ...string) {
		if len(values) == 1 && values[0] == value {
			return
		}
		c.changed(name+" "+change, signed, func(r *verify.Request) { r.Header[name] = values })
	}
	c.changed(name+" missing", signed, func(r *verify.Request) { delete(r.Header, name) })
	set("empty", "")
	set("twice", value, value)
	set("and another", value, "x")
	set("cut", value[:len(value)/2])
	set("longer", value+"A")
	set("in upper case", strings.ToUpper(value))
	// The last character may have bits that mean nothing.
	i := rapid.IntRange(0, len(value)/2).Draw(c.t, name)
	digit := "7"
	if value[i] == '7' {
		digit = "8"
	}
	set("changed", value[:i]+digit+value[i+1:])
	if strings.ContainsAny(value, "+/") {
		set("in the alphabet of URLs", strings.NewReplacer("+", "-", "/", "_").Replace(value))
	}
	if strings.HasSuffix(value, "=") {
		unpadded := strings.TrimRight(value, "=")
		set("without padding", unpadded)
		padding := value[len(unpadded):]
		set("with stray bits", unpadded[:len(unpadded)-1]+strayBits(unpadded[len(unpadded)-1])+padding)
	}
	c.changeList(signed, name)
}

// changeList adds the signature with another secret, as senders do in the middle
// of a rotation.
func (c *differentialCases) changeList(signed *verify.Request, name string) {
	separator, prefix := c.sender.list(name)
	if separator == "" {
		return
	}
	value := signed.Header[name][0]
	var other string
	for member := range strings.SplitSeq(c.sender.other.sign(c.t, clone(c.message), c.now).Header[name][0], separator) {
		if strings.HasPrefix(member, prefix) {
			other = member
		}
	}
	require.NotEmpty(c.t, other)
	c.changed(name+" after another", signed, func(r *verify.Request) { r.Header[name] = []string{other + separator + value} })
	c.changed(name+" before another", signed, func(r *verify.Request) { r.Header[name] = []string{value + separator + other} })
}

// strayBits returns the digit of base64 after c, which differs from it in a bit
// that is not part of the last byte.
func strayBits(c byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	return string(digits[(strings.IndexByte(digits, c)+1)%len(digits)])
}
