package pdu_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

var epoch = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func TestParseTime(t *testing.T) {
	for s, want := range map[string]string{
		"260102030405000+":  "2026-01-02T03:04:05Z",
		"260102030405900+":  "2026-01-02T03:04:05.9Z",
		"260102030405004+":  "2026-01-02T02:04:05Z",
		"260102030405004-":  "2026-01-02T04:04:05Z",
		"991231235959048-":  "2100-01-01T11:59:59Z",
		"240229000000000+":  "2024-02-29T00:00:00Z",
		"000001000000000R":  "2026-02-01T12:00:00Z",
		"000000000000000R":  "2026-01-31T12:00:00Z",
		"010203040506000R":  "2027-04-03T16:05:06Z",
		"":                  "",
		"260102030405000":   "",
		"260102030405000+ ": "",
		"260102030405000R+": "",
		"260102030405000Z":  "",
		"26010203040500x+":  "",
		"2601020304050-0+":  "",
		"261302030405000+":  "",
		"260002030405000+":  "",
		"260230030405000+":  "",
		"260100030405000+":  "",
		"260102240405000+":  "",
		"260102036005000+":  "",
		"260102030460000+":  "",
		"260102030405049+":  "",
	} {
		got, err := pdu.ParseTime(s, epoch)
		if want == "" {
			require.Error(t, err, s)
			continue
		}
		require.NoError(t, err, s)
		require.Equal(t, want, got.UTC().Format(time.RFC3339Nano), s)
	}
}

func TestFormatTime(t *testing.T) {
	zone := time.FixedZone("", 5*3600+1800)
	s, err := pdu.FormatTime(time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, zone))
	require.NoError(t, err)
	require.Equal(t, "260101213405600+", s)
	for _, year := range []int{1999, 2100} {
		_, err = pdu.FormatTime(time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC))
		require.ErrorContains(t, err, "2000 to 2099")
	}
}

func TestFormatPeriod(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		day:                      "000001000000000R",
		time.Nanosecond:          "000000000001000R",
		90 * time.Second:         "000000000130000R",
		90*time.Second + 1:       "000000000131000R",
		32*day - time.Second:     "000031235959000R",
		32*day - time.Second + 1: "",
		0:                        "",
		-time.Second:             "",
	} {
		s, err := pdu.FormatPeriod(d)
		if want == "" {
			require.Error(t, err, d)
			continue
		}
		require.NoError(t, err, d)
		require.Equal(t, want, s)
	}
}

// TestTimeRoundTrip: what is written is read as the same time.
func TestTimeRoundTrip(t *testing.T) {
	first, last := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2099, 12, 31, 23, 59, 59, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(first.Unix(), last.Unix()).Draw(t, "at"), 0)
		s, err := pdu.FormatTime(at)
		require.NoError(t, err)
		got, err := pdu.ParseTime(s, first)
		require.NoError(t, err)
		require.True(t, got.Equal(at), s)

		period := time.Duration(rapid.Int64Range(1, 32*86400-1).Draw(t, "seconds")) * time.Second
		s, err = pdu.FormatPeriod(period)
		require.NoError(t, err)
		got, err = pdu.ParseTime(s, first)
		require.NoError(t, err)
		require.Equal(t, first.Add(period), got, s)
	})
}
