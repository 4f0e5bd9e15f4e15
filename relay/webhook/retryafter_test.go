package webhook

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	tests := []struct {
		value string
		want  time.Duration
	}{
		{"", 0},
		{"0", 0},
		{"120", 2 * time.Minute},
		{"0000000000000000000000000000120", 2 * time.Minute},
		{"-1", 0},
		{"+1", 0},
		{"1.5", 0},
		{" 1", 0},
		{"1s", 0},
		{"soon", 0},
		{"2592000", maxRetryAfter},
		{"2592001", maxRetryAfter},
		{"9223372036", maxRetryAfter},
		{"9223372037", maxRetryAfter},
		{"18446744073709551617", maxRetryAfter},
		{"99999999999999999999999999999999", maxRetryAfter},
		{"Wed, 06 May 2026 07:08:39 GMT", 30 * time.Second},
		{"Wednesday, 06-May-26 07:08:39 GMT", 30 * time.Second},
		{"Wed May  6 07:08:39 2026", 30 * time.Second},
		{"Wed, 06 May 2026 07:08:00 GMT", 0},
		{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
		{"Fri, 31 Dec 9999 23:59:59 GMT", maxRetryAfter},
		{"Wed, 06 May 2026 07:08:39 CET", 0},
	}
	for _, tt := range tests {
		t.Run(tt.value, func(t *testing.T) {
			require.Equal(t, tt.want, parseRetryAfter(tt.value, now))
		})
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	for _, seed := range []string{"", "120", "-1", "99999999999999999999", now.Format(http.TimeFormat), "Sun Nov  6 08:49:37 1994"} {
		f.Add(seed, now.Unix())
	}
	f.Fuzz(func(t *testing.T, value string, unix int64) {
		if got := parseRetryAfter(value, time.Unix(unix, 0)); got < 0 || got > maxRetryAfter {
			t.Errorf("%q at %d: %s", value, unix, got)
		}
	})
}
