package receipt

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDates(t *testing.T) {
	for raw, want := range map[string]time.Time{
		"1807110700":              date(7, 11, 7, 0, 0),
		"180711070003":            date(7, 11, 7, 0, 3),
		"201807110700":            date(7, 11, 7, 0, 0),
		"20180711070003":          date(7, 11, 7, 0, 3),
		"20180711070003123":       date(7, 11, 7, 0, 3),
		"180711070003912+":        date(7, 11, 4, 0, 3).Add(900 * time.Millisecond),
		"180711070003004-":        date(7, 11, 8, 0, 3),
		"180711070003999+":        date(7, 11, 7, 0, 3), // no such zone
		"180711070003000R":        {},
		"2018-07-11 07:00:03":     date(7, 11, 7, 0, 3),
		"2018-07-11T07:00":        date(7, 11, 7, 0, 0),
		"2018/07/11 07:00:03.123": date(7, 11, 7, 0, 3),
		"18-07-11 07:00":          date(7, 11, 7, 0, 0),
		"2018071107000312345":     date(7, 11, 7, 0, 3),
		"201212010203":            time.Date(2020, 12, 12, 1, 2, 3, 0, time.UTC),
		"261122024259":            time.Date(2026, 11, 22, 2, 42, 59, 0, time.UTC),
		"2402290000":              time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC),
		"2302290000":              {}, // no leap year
		"0000000000":              {},
		"000000000000":            {},
		"1807112400":              {},
		"1807110760":              {},
		"180711070060":            {},
		"1813110700":              {},
		"1800110700":              {},
		"1807000700":              {},
		"180711070":               {},
		"18071107":                {},
		"":                        {},
		"now":                     {},
		"18071107000312345678999": {},
		"1531292403":              {}, // a Unix time is no date
	} {
		d := newDate(raw, time.UTC)
		require.Equal(t, raw, d.Raw)
		require.True(t, want.Equal(d.Time), "%q: %s", raw, d.Time)
	}
}

func TestStates(t *testing.T) {
	for text, want := range map[string]State{
		"DELIVRD": Delivered, "delivrd": Delivered, "Delivered": Delivered, "EXPIRED": Expired, "DELETED": Deleted, "UNDELIV": Undeliverable,
		"FAILED": Undeliverable, "ACCEPTD": Accepted, "ACKED": Accepted, "BUFFRED": Enroute, "BUFFERD": Enroute, "ENROUTE": Enroute,
		"UNKNOWN": Unknown, "REJECTD": Rejected, "SCHEDULED": Scheduled, "SKIPPED": Skipped,
	} {
		got, ok := ParseState(text)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "DELIVRD ", "DELIVRDDELIVRDDELIVRD", "D\xc3\xa9LIVRD", "2"} {
		got, ok := ParseState(text)
		require.False(t, ok, text)
		require.Equal(t, Unknown, got)
	}
	for s := Unknown; s <= Skipped; s++ {
		text, err := s.MarshalText()
		require.NoError(t, err)
		again := State(99)
		require.NoError(t, again.UnmarshalText(text))
		require.Equal(t, s, again)
		kinds := 0
		for _, is := range []bool{s == Unknown, s.onTheWay(), s == Delivered, s.Failed()} {
			if is {
				kinds++
			}
		}
		require.Equal(t, 1, kinds, s)
		require.Equal(t, s == Delivered || s.Failed(), s.Definite())
	}
	var s State
	require.EqualError(t, s.UnmarshalText([]byte("DELIVRD")), "unknown state 'DELIVRD'")
	require.Equal(t, "state(10)", State(10).String())
	require.False(t, State(10).Definite())
}
