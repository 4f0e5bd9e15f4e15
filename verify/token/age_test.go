package token

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

func TestMaxAge(t *testing.T) {
	now := time.Unix(1700000000, 0)
	r := Rules{MaxAge: 5 * time.Minute, Leeway: 10 * time.Second, ExpirationOptional: true}
	for age, reason := range map[int]verify.Reason{
		0: "", 310: "", 311: verify.ReasonStale, -10: "", -11: verify.ReasonFuture,
	} {
		err := r.Check(Claims{"iat": json.Number(strconv.Itoa(1700000000 - age))}, now)
		if reason == "" {
			require.NoError(t, err, age)
		} else {
			require.Equal(t, &verify.Error{Reason: reason, Field: "iat"}, err, age)
		}
	}
	require.Equal(t, &verify.Error{Reason: verify.ReasonMissing, Field: "iat"}, r.Check(Claims{}, now))
	require.Equal(t, &verify.Error{Reason: verify.ReasonMalformed, Field: "iat"}, r.Check(Claims{"iat": "1700000000"}, now))
	require.Error(t, (&Rules{MaxAge: -1}).Validate())
}
