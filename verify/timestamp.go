package verify

import (
	"fmt"
	"strconv"
	"time"
)

// DefaultTolerance is what most providers recommend.
const DefaultTolerance = 5 * time.Minute

// TimestampFormat is how a sender writes the time of sending.
type TimestampFormat string

// The timestamp formats.
const (
	Unix      TimestampFormat = "unix"    // seconds since 1970, the default
	UnixMilli TimestampFormat = "unix_ms" // milliseconds since 1970
	RFC3339   TimestampFormat = "rfc3339" // with or without fractional seconds
)

// Validate returns an error if there is no such format.
func (f TimestampFormat) Validate() error {
	return oneOf(f, Unix, UnixMilli, RFC3339)
}

// parse reads a timestamp. Numbers have at most 13 digits and nothing else:
// a sign or a space would be a second way to write the same time.
func (f TimestampFormat) parse(s string) (t time.Time, ok bool) {
	if f == RFC3339 {
		t, err := time.Parse(time.RFC3339, s)
		return t, err == nil
	}
	if len(s) > 13 {
		return time.Time{}, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return time.Time{}, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	if f == UnixMilli {
		return time.UnixMilli(n), true
	}
	return time.Unix(n, 0), true
}

// format writes a timestamp.
func (f TimestampFormat) format(t time.Time) string {
	switch f {
	case RFC3339:
		return t.UTC().Format(time.RFC3339)
	case UnixMilli:
		return strconv.FormatInt(t.UnixMilli(), 10)
	default:
		return strconv.FormatInt(t.Unix(), 10)
	}
}

// TimestampConfig says where the time of sending is, and how old it may be.
type TimestampConfig struct {
	Selector Selector
	// Format defaults to [Unix].
	Format TimestampFormat
	// Tolerance is the largest accepted distance from our clock, in both
	// directions and inclusive. It defaults to [DefaultTolerance].
	Tolerance time.Duration
}

func (c TimestampConfig) compile() (*TimestampConfig, error) {
	var err error
	if c.Selector, err = c.Selector.compileSingle(); err != nil {
		return nil, err
	}
	if c.Format == "" {
		c.Format = Unix
	}
	if err := c.Format.Validate(); err != nil {
		return nil, err
	}
	if c.Tolerance == 0 {
		c.Tolerance = DefaultTolerance
	}
	if c.Tolerance < 0 {
		return nil, fmt.Errorf("negative tolerance %s", c.Tolerance)
	}
	return &c, nil
}

// find returns the timestamp as it was written and as a time, if that time is
// close enough to now.
func (c *TimestampConfig) find(r *Request, body *jsonBody, now time.Time) (string, time.Time, error) {
	text, field, err := c.Selector.single(r, body)
	if err != nil {
		return "", time.Time{}, err
	}
	t, ok := c.Format.parse(text)
	if !ok {
		return "", time.Time{}, &Error{Reason: ReasonMalformed, Field: field}
	}
	// Sub saturates, so absurd times stay on their side of the tolerance.
	switch age := now.Sub(t); {
	case age > c.Tolerance:
		return "", time.Time{}, &Error{Reason: ReasonStale, Field: field}
	case age < -c.Tolerance:
		return "", time.Time{}, &Error{Reason: ReasonFuture, Field: field}
	}
	return text, t, nil
}
