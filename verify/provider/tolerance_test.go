package provider

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTolerance keeps messages from being accepted for longer than they are
// remembered, which follows from the tolerance.
func TestTolerance(t *testing.T) {
	for name, want := range map[string]time.Duration{
		"aws_sns": 65 * time.Minute, "paypal": 72*time.Hour + 5*time.Minute, "vonage_legacy": 5 * time.Minute, "betstack": 5 * time.Minute,
		"vonage": 5*time.Minute + 30*time.Second, "messagebird": 0,
		"twitch": 10 * time.Minute, "linear": time.Minute, "github": 0, "twilio": 0,
	} {
		profile := Lookup(name)
		settings, _ := settingsFor(t, profile)
		v, err := profile.New(settings)
		require.NoError(t, err)
		require.Equal(t, want, v.Tolerance(), name)
	}
}
