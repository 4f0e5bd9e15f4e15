package provider

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

func TestGraph(t *testing.T) {
	v, err := newGraph("ms_graph", "old", "secretClientValue")
	require.NoError(t, err)
	const good = `{"subscriptionId":"7f105c7d","clientState":"secretClientValue","changeType":"updated","resource":"me/messages"}`
	for name, c := range map[string]struct {
		body   string
		reason verify.Reason
		field  string
		key    int
	}{
		"one":                {`{"value":[` + good + `]}`, "", "", 2},
		"lifecycle and more": {`{"validationTokens":["x"],"value":[{"clientState":"old","lifecycleEvent":"missed"},` + good + `]}`, "", "", 1},
		"escaped":            {`{"v\u0061lue":[{"clientS\u0074ate":"\u006fld"}]}`, "", "", 1},
		"wrong":              {`{"value":[{"clientState":"secretClientValu"}]}`, verify.ReasonCredentials, "clientState", 0},
		"second wrong":       {`{"value":[` + good + `,{"clientState":"x"}]}`, verify.ReasonCredentials, "clientState", 0},
		"first wrong":        {`{"value":[{"clientState":"x"},` + good + `]}`, verify.ReasonCredentials, "clientState", 0},
		"second without":     {`{"value":[` + good + `,{}]}`, verify.ReasonMissing, "clientState", 0},
		"null":               {`{"value":[{"clientState":null}]}`, verify.ReasonMissing, "clientState", 0},
		"empty":              {`{"value":[{"clientState":""}]}`, verify.ReasonMissing, "clientState", 0},
		"other case":         {`{"value":[{"clientstate":"old"}]}`, verify.ReasonMissing, "clientState", 0},
		"a list":             {`{"value":[{"clientState":["old"]}]}`, verify.ReasonMalformed, "clientState", 0},
		"duplicate":          {`{"value":[{"clientState":"old","clientState":"old"}]}`, verify.ReasonDuplicate, "clientState", 0},
		"escaped duplicate":  {`{"value":[{"clientState":"old","client\u0053tate":"x"}]}`, verify.ReasonDuplicate, "clientState", 0},
		"null duplicate":     {`{"value":[{"clientState":"old","clientState":null}]}`, verify.ReasonDuplicate, "clientState", 0},
		"two lists":          {`{"value":[` + good + `],"value":[]}`, verify.ReasonDuplicate, "value", 0},
		"no list":            {`{"value":` + good + `}`, verify.ReasonMalformed, "value", 0},
		"no items":           {`{"value":[]}`, verify.ReasonMissing, "value", 0},
		"a string":           {`{"value":["old"]}`, verify.ReasonMalformed, "value", 0},
		"too many":           {`{"value":[` + strings.Repeat(good+",", 1000) + good + `]}`, verify.ReasonMalformed, "value", 0},
		"absent":             {`{}`, verify.ReasonMissing, "value", 0},
		"an array":           {`[{"value":[]}]`, verify.ReasonMalformed, "body", 0},
		"no json":            {`{"value":[` + good + `]`, verify.ReasonMalformed, "body", 0},
		"more":               {`{"value":[` + good + `]}{}`, verify.ReasonMalformed, "body", 0},
		"nothing":            {``, verify.ReasonMalformed, "body", 0},
		"deep":               {strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), verify.ReasonMalformed, "body", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRequest(t, http.MethodPost, "https://example.com/", c.body)
			if c.reason != "" {
				requireRefused(t, v, r, time.Time{}, c.reason, c.field)
				return
			}
			identity, err := v.Verify(t.Context(), r, time.Time{})
			require.NoError(t, err)
			require.Equal(t, verify.Identity{Scheme: "ms_graph", Key: c.key}, identity)
		})
	}
}

func FuzzGraph(f *testing.F) {
	v, err := newGraph("ms_graph", "state")
	require.NoError(f, err)
	f.Add([]byte(`{"value":[{"clientState":"state"},{"clientState":"state"}]}`))
	f.Add([]byte(`{"value":[{"clientState":"state","clientState":1}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, err := v.Verify(t.Context(), &verify.Request{Body: body}, time.Time{})
		if err != nil {
			require.ErrorAs(t, err, new(*verify.Error))
		}
	})
}
